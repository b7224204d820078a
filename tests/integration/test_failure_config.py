"""Configuration is applied as a whole, a second after its last line (rules R4).

What a line takes away and the next one gives back was never gone; what is really taken away goes,
and nothing else does.
"""

from __future__ import annotations

from typing import Iterator

import pytest

from tests.lab import poll
from tests.lab.wait import holds

from .faillab import CONFIG, VIP, Scene, prefix_of

OTHERS = tuple(prefix_of(number) for number in range(130, 145))
RANGE = "kubevip cluster lab vip-range 192.168.77.0/24"
DISTANCE = "kubevip cluster lab advertise web distance {}"
PREFIX_LIST = "kubevip cluster lab prefix-list VIPS"
PERMIT_ALL = "ip prefix-list VIPS seq 5 permit 192.168.77.0/24 ge 32"


def generation(scene: Scene) -> int:
    """Counts configurations that were put in force."""
    return scene.show()["configurationGeneration"]


def apply(scene: Scene, *lines: str) -> None:
    """Type lines; return when they are in force and everything about them is decided."""
    before = generation(scene)
    scene.type(*lines)
    poll(lambda: generation(scene) > before, 10, "the configuration is in force")
    scene.wait_synchronised()


def static_entries(scene: Scene, prefix: str = VIP) -> list[tuple[int, int]]:
    """(distance, tag) of zebra's static routes for a prefix."""
    entries = scene.r1.zebra_routes().get(prefix, [])
    return sorted((entry["distance"], entry.get("tag", 0)) for entry in entries)


@pytest.mark.parametrize(
    "lines",
    [
        [RANGE],
        [CONFIG[0]],
        [CONFIG[-1]],
        ["kubevip cluster lab"],
    ],
    ids=["range", "kubeconfig", "advertise", "cluster"],
)
def test_removed_and_back_at_once(watched: Scene, lines: list[str]) -> None:
    """As frr-reload does it: every `no` first."""
    watched.add(*OTHERS)
    with watched.unharmed(VIP, *OTHERS):
        watched.type(*(f"no {line}" for line in lines))
        apply(watched, *CONFIG)
    assert watched.trouble() == set()


def test_the_second_begins_with_the_last_line(watched: Scene) -> None:
    """Lines that keep coming keep the range's absence from being believed."""
    before = generation(watched)
    with watched.unharmed(VIP):
        watched.type(f"no {RANGE}")
        for number in range(12):
            watched.type(f"kubevip reserved-prefix 10.99.{number}.0/24")
            holds(lambda: generation(watched) == before, 0.15, "nothing is in force yet")
        watched.type(RANGE)
        poll(lambda: generation(watched) > before, 10, "the configuration is in force")


def test_nothing_in_the_middle_of_a_load(watched: Scene) -> None:
    """vtysh marks the beginning and the end of a load, which may take its time."""
    before = generation(watched)
    with watched.unharmed(VIP):
        watched.type("XFRR_start_configuration", f"no {RANGE}")
        holds(lambda: generation(watched) == before, 2.5, "nothing is in force yet")
        watched.type(RANGE, "XFRR_end_configuration")
        poll(lambda: generation(watched) > before, 10, "the configuration is in force")


def test_range_removed(watched: Scene) -> None:
    """The operator's own doing: no guard, and the VIP says why."""
    watched.add(*OTHERS)
    watched.type(f"no {RANGE}")
    watched.wait_gone(VIP, *OTHERS)
    assert watched.trouble() == set()
    services = watched.show("service prod/web-192-168-77-128")["services"]
    assert {service["reason"] for service in services} == {"out-of-range"}
    watched.type(RANGE)
    watched.wait_up(VIP, *OTHERS)


def test_cluster_removed(watched: Scene) -> None:
    """Typed while we run it withdraws that cluster's VIPs; another one's stay."""
    watched.add(*OTHERS)
    second = [line.replace("cluster lab", "cluster other") for line in CONFIG]
    apply(watched, *(line for line in second if "192.168.77.0" not in line))
    watched.type("no kubevip cluster lab")
    watched.wait_gone(VIP, *OTHERS)
    assert list(watched.show()["clusters"]) == ["other"]
    assert watched.show()["routes"]["total"] == 0


def test_cluster_handed_over(watched: Scene) -> None:
    """The same API under another name: one goes, the other comes; not asked to be smooth."""
    watched.type("no kubevip cluster lab")
    watched.type(*(line.replace("cluster lab", "cluster new") for line in CONFIG))
    poll(lambda: watched.vip().get("cluster") == "new", 10, "the new cluster holds it")
    watched.wait_up(VIP)
    assert watched.show()["routes"]["total"] == 1


def test_shutdown_and_back(watched: Scene) -> None:
    watched.add(*OTHERS)
    watched.type("kubevip cluster lab shutdown")
    watched.wait_gone(VIP, *OTHERS)
    assert watched.cluster()["state"] == "shutdown"
    watched.type("no kubevip cluster lab shutdown")
    watched.wait_up(VIP, *OTHERS)


@pytest.mark.parametrize("distance", [12, 18])
def test_distance_changed(watched: Scene, distance: int) -> None:
    """The new one is there before the old one goes, below it and above it."""
    with watched.unharmed(VIP):
        apply(watched, DISTANCE.format(distance))
        poll(lambda: static_entries(watched) == [(distance, 77)], 10, "only the new one is left")
        watched.wait_state("installed")
        watched.configure(DISTANCE.format(distance))
        watched.restart()
        assert static_entries(watched) == [(distance, 77)]
        apply(watched, "no " + DISTANCE.format(distance))
        poll(lambda: static_entries(watched) == [(15, 77)], 10, "as it was")
    watched.wait_state("installed")
    watched.remove(VIP)
    watched.order("clear kubevip withdraw-guard")
    watched.wait_gone(VIP)
    assert static_entries(watched) == []


def test_distance_changed_while_it_was_gone(watched: Scene) -> None:
    """The record knows the old identity."""
    with watched.unharmed(VIP):
        watched.kill()
        watched.configure(DISTANCE.format(17))
        watched.start()
        poll(lambda: static_entries(watched) == [(17, 77)], 10, "only the new one is left")


def test_killed_while_the_distance_changes(watched: Scene) -> None:
    """Whichever of the two was sent: afterwards there is one."""
    with watched.unharmed(VIP):
        for distance in (12, 18, 13):
            before = generation(watched)
            watched.type(DISTANCE.format(distance))
            poll(lambda b=before: generation(watched) > b, 10, "in force", interval=0.001)
            watched.configure(DISTANCE.format(distance))
            watched.restart()
            poll(
                lambda d=distance: static_entries(watched) == [(d, 77)], 10, "only the new one"
            )


def test_tag_changed(watched: Scene) -> None:
    """r1's route-map asks for tag 77, so the peer loses it, as configured; the kernel does not."""
    with watched.r1.monitor() as monitor:
        apply(watched, "kubevip cluster lab advertise web tag 78")
        poll(lambda: static_entries(watched) == [(15, 78)], 10, "zebra has the new tag")
        watched.wait_peer_lost(VIP)
        watched.wait_state("installed")
        apply(watched, "no kubevip cluster lab advertise web tag")
        watched.wait_up(VIP)
    assert monitor.deleted(VIP) == []
    assert static_entries(watched) == [(15, 77)]
    assert watched.trouble() == set()


@pytest.fixture
def in_table(scene: Scene) -> Scene:
    """A shell with routes for a kernel table, and a VIP there."""
    scene.configure("kubevip cluster lab advertise web table 100")
    scene.start()
    scene.add(VIP, wait=False)
    poll(lambda: in_table_100(scene), 10, "the VIP is in table 100")
    return scene


def in_table_100(scene: Scene, prefix: str = VIP) -> list | None:
    """The next hops in table 100; an empty table does not exist."""
    tables = scene.r1.space.run(["ip", "route", "show", "table", "all"])
    if "table 100" not in tables:
        return None
    return scene.r1.kernel_routes(4, "100").get(prefix, {}).get("nexthops")


def test_table_is_kernel_only(in_table: Scene) -> None:
    assert in_table_100(in_table) == in_table.hops()
    assert in_table.route() is None
    in_table.send_operators_witness()
    assert not in_table.at_peer(VIP) and in_table.trouble() == set()
    assert in_table.vip()["table"] == 100
    in_table.restart()
    assert in_table_100(in_table) == in_table.hops()
    in_table.remove(VIP)
    in_table.order("clear kubevip withdraw-guard")
    poll(lambda: in_table_100(in_table) is None, 10, "withdrawn")


def test_table_changed(in_table: Scene) -> None:
    """There and back; the old one is deleted under its own identity."""
    apply(in_table, "no kubevip cluster lab advertise web table")
    in_table.wait_up(VIP)
    poll(lambda: in_table_100(in_table) is None, 10, "left table 100")
    apply(in_table, "kubevip cluster lab advertise web table 100")
    poll(lambda: in_table_100(in_table) == in_table.hops(), 10, "in table 100")
    in_table.wait_gone(VIP)


def test_unconfirmed_is_not_said_of_a_table(in_table: Scene) -> None:
    """zebra never confirms such a route: that is no trouble."""
    holds(lambda: "unconfirmed" not in in_table.trouble(), 3.5, "no trouble is made of it")


@pytest.fixture
def listed(scene: Scene) -> Iterator[Scene]:
    """A shell with a prefix-list as a further guard."""
    scene.configure(PREFIX_LIST, PERMIT_ALL)
    scene.start()
    scene.add(VIP)
    yield scene


def test_undefined_list_denies_new_and_holds_present(listed: Scene) -> None:
    other = OTHERS[0]
    with listed.unharmed(VIP, until=listed.send_operators_witness):
        apply(listed, "no ip prefix-list VIPS")
        listed.add(other, wait=False)
        poll(lambda: listed.vip(other)["reason"] == "prefix-list-undefined", 10, "denied")
    assert listed.vip()["warning"] == "prefix-list-undefined-holds" and listed.vip()["held"]
    assert listed.trouble() == {"prefix-list-undefined-holds"}
    assert listed.route(other) is None
    apply(listed, PERMIT_ALL)
    listed.wait_up(VIP, other)
    assert listed.vip()["warning"] is None
    assert listed.trouble() == set()


def test_undefined_list_from_the_start(scene: Scene) -> None:
    scene.configure(PREFIX_LIST)
    scene.start()
    scene.add(VIP, wait=False)
    poll(lambda: scene.vip().get("reason") == "prefix-list-undefined", 10, "denied")
    assert scene.route() is None
    scene.type(PERMIT_ALL)
    scene.wait_up(VIP)


def test_list_undefined_after_a_restart(listed: Scene) -> None:
    """What was there before is present: held."""
    with listed.unharmed(VIP, until=listed.send_operators_witness):
        listed.kill()
        listed.configure(PREFIX_LIST)
        listed.start()
        poll(lambda: listed.vip()["warning"] == "prefix-list-undefined-holds", 10, "held")


def test_edited_list_takes_effect(listed: Scene) -> None:
    other = OTHERS[0]
    listed.add(other)
    with listed.unharmed(other, until=listed.send_operators_witness):
        apply(listed, f"ip prefix-list VIPS seq 3 deny {VIP}")
        listed.wait_gone(VIP)
    assert listed.vip()["reason"] == "prefix-list-denies"
    with listed.unharmed(other, until=listed.send_operators_witness):
        apply(listed, f"no ip prefix-list VIPS seq 3 deny {VIP}")
        listed.wait_up(VIP)


def test_list_edited_as_a_whole(listed: Scene) -> None:
    """Rewritten line by line within a second, it is undefined in between and nobody minds."""
    with listed.unharmed(VIP):
        listed.type("no ip prefix-list VIPS")
        listed.type(PERMIT_ALL)
        holds(lambda: listed.vip()["warning"] is None, 1.5, "nobody has noticed")
