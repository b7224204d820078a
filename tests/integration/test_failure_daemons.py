"""FRR's daemons die without watchfrr, and VIPs that change in that moment (facts/frr-zebra.md).

A lone zebra that is killed takes bgpd's subscription with it: bgpd hears nothing of later changes
until it is restarted. So only our side is looked at there: the kernel, and what is shown.
"""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import Iterator

import pytest

from tests.lab import poll
from tests.lab.wait import holds

from .faillab import CONFIG, URL, VIP, Scene, TypedRoutes, prefix_of
from .test_failure_config import generation

VIP6 = prefix_of(128, 6)
OTHERS = tuple(prefix_of(number) for number in range(130, 140))
OPERATORS = {"0.0.0.0/0", "10.20.0.0/16"}

pytestmark = pytest.mark.usefixtures("zebra_may_die")


@pytest.fixture
def lone_zebra(watched: Scene) -> Iterator[Scene]:
    """zebra may be killed; afterwards the daemons that cannot live with that are started anew."""
    watched.add(VIP6, *OTHERS)
    yield watched
    for daemon in ("bgpd", "staticd", "zebra"):
        if watched.r1.pid(daemon):
            watched.r1.kill(daemon, signal.SIGKILL)
    for daemon in ("zebra", "staticd", "bgpd"):
        watched.r1.start(daemon)
    for peer in ("192.168.99.11", "fd00:99::11"):
        poll(lambda p=peer: watched.r1.bgp_established(p), 30, f"the session with {peer} is back")


def wait_in_kernel(scene: Scene, *prefixes: str) -> None:
    """Only r1's kernel: the peer is not asked."""
    for prefix in prefixes:
        scene.wait_hops(scene.hops(family=6 if ":" in prefix else 4), prefix)


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL], ids=["term", "kill"])
def test_lone_zebra(lone_zebra: Scene, sig: int) -> None:
    scene = lone_zebra
    scene.r1.kill("zebra", sig)
    poll(lambda: "zebra-down" in scene.trouble(), 10, "said on the first page")
    assert scene.show()["zebraConnected"] is False
    scene.r1.start("zebra")
    poll(lambda: scene.show()["zebraConnected"], 10, "connected again")
    wait_in_kernel(scene, VIP, VIP6, *OTHERS)
    scene.wait_state("installed")
    assert scene.trouble() == set()


def test_changes_while_zebra_is_down(lone_zebra: Scene) -> None:
    """One more, one less, one node less: what is sent afterwards is the present."""
    scene, new = lone_zebra, prefix_of(150)
    scene.r1.kill("zebra", signal.SIGKILL)
    scene.add(new, wait=False)
    scene.remove(OTHERS[0])
    scene.api.delete("nodes", "kube3")
    poll(lambda: len(scene.vip()["nextHops"]) == 2, 10, "decided")
    poll(lambda: not scene.vip(OTHERS[0]).get("routed"), 10, "decided")
    scene.r1.start("zebra")
    scene.wait_hops(scene.hops("kube1", "kube2"))
    scene.wait_hops(scene.hops("kube1", "kube2"), new)
    poll(lambda: scene.route(OTHERS[0]) is None, 10, "withdrawn")
    poll(lambda: OTHERS[0] not in scene.r1.zebra_routes(), 10, "in zebra, too")


def test_address_goes_while_zebra_is_down(lone_zebra: Scene) -> None:
    """A zebra that comes back does not say so: it only does not tell it."""
    scene, vip = lone_zebra, "10.77.0.1/32"
    scene.r1.space.ip(
        "link add port9 type bridge", "addr add 10.77.0.1/24 dev port9", "link set port9 up"
    )
    scene.add(vip, wait=False)
    poll(lambda: scene.claim_reason(vip) == "own-address", 10, "it is this router's")
    scene.r1.kill("zebra")
    scene.r1.space.ip("link del port9")
    assert scene.claim_reason(vip) == "own-address"
    scene.r1.start("zebra")
    scene.wait_hops(scene.hops(), vip)
    assert scene.claim_reason(vip) == "selected"


def test_shell_restarts_while_zebra_is_down(lone_zebra: Scene) -> None:
    """It starts without zebra, and with the API down: the record is all it has."""
    scene = lone_zebra
    scene.wait_identity_recorded()
    scene.r1.kill("zebra", signal.SIGKILL)
    scene.api.refuse()
    scene.api.close_connections()
    scene.restart(synchronised=False)
    poll(lambda: "zebra-down" in scene.trouble(), 10, "said on the first page")
    scene.r1.start("zebra")
    wait_in_kernel(scene, VIP, VIP6, *OTHERS)
    assert scene.wait_state("installed")["restored"] is True
    scene.api.accept()
    scene.wait_synchronised()


def test_zebra_is_slow(watched: Scene) -> None:
    """Stopped for a while: what piles up is sent, the newest of it."""
    pid = watched.r1.kill("zebra", signal.SIGSTOP)
    watched.add(*OTHERS, wait=False)
    watched.remove(OTHERS[0])
    watched.api.delete("nodes", "kube3")
    poll(lambda: len(watched.vip()["nextHops"]) == 2, 10, "decided")
    poll(lambda: not watched.vip(OTHERS[0]).get("routed"), 10, "decided")
    with watched.unharmed(VIP):
        os.kill(pid, signal.SIGCONT)
        watched.wait_up(VIP, *OTHERS[1:], hops=watched.hops("kube1", "kube2"))
    assert watched.route(OTHERS[0]) is None


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL], ids=["term", "kill"])
def test_staticd_dies(watched: Scene, sig: int) -> None:
    """Its sweep takes our routes along. They are back so soon that the peer hears nothing."""
    watched.add(VIP6, *OTHERS)
    with watched.unharmed(VIP, *OTHERS, kernel=False):
        watched.r1.kill("staticd", sig)
        wait_in_kernel(watched, VIP, VIP6, *OTHERS)
        watched.wait_state("installed")
        watched.r1.start("staticd")
    assert OPERATORS <= watched.r1.kernel_routes(4).keys()
    assert watched.vip()["sweptCount"] > 0
    assert watched.show()["routes"]["swept"] >= 2 + len(OTHERS)


def test_staticd_dies_again_and_again(watched: Scene) -> None:
    watched.add(*OTHERS)
    for _ in range(5):
        watched.r1.kill("staticd", signal.SIGKILL)
        watched.r1.start("staticd")
    watched.wait_up(VIP, *OTHERS)
    watched.wait_state("installed")
    assert OPERATORS <= watched.r1.kernel_routes(4).keys()


@contextmanager
def zebra_busy(scene: Scene) -> Iterator[None]:
    """zebra does nothing meanwhile; afterwards it meets everything at once."""
    pid = scene.r1.kill("zebra", signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("turn", range(2))
def test_staticd_dies_while_vips_are_in_flight(watched: Scene, turn: int) -> None:
    """Whichever zebra looks at first, the sweep or the routes."""
    with zebra_busy(watched):
        watched.add(*OTHERS, wait=False)
        poll(lambda: watched.vip(OTHERS[-1]).get("state") == "sent", 10, "on its way")
        watched.r1.kill("staticd", signal.SIGKILL)
    watched.wait_up(VIP, *OTHERS)
    watched.wait_state("installed", OTHERS[-1])
    watched.r1.start("staticd")


def test_staticd_dies_while_next_hops_change(watched: Scene) -> None:
    with zebra_busy(watched):
        watched.api.delete("nodes", "kube3")
        poll(lambda: len(watched.vip()["nextHops"]) == 2, 10, "decided")
        watched.r1.kill("staticd", signal.SIGKILL)
    watched.wait_up(VIP, hops=watched.hops("kube1", "kube2"))
    watched.r1.start("staticd")


def test_staticd_dies_while_vips_are_withdrawn(watched: Scene) -> None:
    """What was on its way out must not be brought back."""
    watched.add(*OTHERS)
    with zebra_busy(watched):
        watched.remove(*OTHERS[:5])
        poll(lambda: not watched.vip(OTHERS[4]).get("routed"), 10, "decided")
        watched.r1.kill("staticd", signal.SIGKILL)
    watched.wait_up(VIP, *OTHERS[5:])
    watched.r1.start("staticd")
    watched.send_witness()
    assert not watched.r1.kernel_routes(4).keys() & set(OTHERS[:5])
    assert watched.show()["routes"]["total"] == 6


def test_staticd_dies_with_a_table(scene: Scene) -> None:
    """Routes of another table are swept, too, and the feed never speaks of them."""
    scene.configure("kubevip cluster lab advertise web table 100")
    scene.start()
    scene.add(VIP, wait=False)
    poll(lambda: table_100(scene), 10, "the VIP is in table 100")
    scene.r1.kill("staticd", signal.SIGKILL)
    scene.r1.start("staticd")
    poll(lambda: OPERATORS <= scene.r1.kernel_routes(4).keys(), 10, "staticd is back")
    poll(lambda: table_100(scene), 10, "the VIP is in table 100")


def table_100(scene: Scene) -> list:
    """The VIP's next hops in table 100; an empty table does not exist."""
    if "table 100" not in scene.r1.space.run(["ip", "route", "show", "table", "all"]):
        return []
    return scene.r1.kernel_routes(4, "100").get(VIP, {}).get("nexthops", [])


def test_staticd_dies_while_flushed(watched: Scene) -> None:
    """Healing must not undo an order."""
    watched.order("kubevip flush")
    watched.wait_gone(VIP)
    watched.r1.kill("staticd", signal.SIGKILL)
    watched.r1.start("staticd")
    watched.send_operators_witness()
    assert watched.route() is None
    watched.order("clear kubevip flush")
    watched.wait_up(VIP)


def test_bgpd_dies(watched: Scene) -> None:
    """The kernel keeps the VIP and his routes, and the peer has the VIP with the new session."""
    with watched.r1.monitor() as monitor:
        watched.r1.kill("bgpd", signal.SIGKILL)
        watched.send_operators_witness()
        assert watched.route(VIP) and OPERATORS <= watched.r1.kernel_routes(4).keys()
        watched.r1.start("bgpd")
        for peer in ("192.168.99.11", "fd00:99::11"):
            poll(lambda p=peer: watched.r1.bgp_established(p), 30, f"the session with {peer}")
        watched.wait_up(VIP)
    touched = {prefix: monitor.deleted(prefix) for prefix in (VIP, *OPERATORS)}
    assert touched == dict.fromkeys(touched, [])


def test_somebody_deletes_the_kernel_route(watched: Scene, operator: TypedRoutes) -> None:
    """zebra hears of it and keeps quiet; a change of next hops puts it right, as for any route."""
    watched.r1.space.ip(f"route del {VIP}")
    watched.api.delete("nodes", "kube3")
    watched.wait_up(VIP, hops=watched.hops("kube1", "kube2"))
    assert set(watched.lab.client_get(URL, 20)) == {"kube1", "kube2"}


def test_two_change_while_one_is_in_flight(watched: Scene) -> None:
    """The first is on its way to zebra when the others change: none is forgotten or mixed up."""
    first, second, third = OTHERS[:3]
    with watched.unharmed(VIP):
        with zebra_busy(watched):
            watched.add(first, wait=False)
            poll(lambda: watched.vip(first).get("state") == "sent", 10, "on its way")
            watched.add(second, nodes=["kube1"], wait=False)
            watched.add(third, wait=False)
            watched.remove(third)
            watched.add(first, nodes=["kube1", "kube2"], wait=False)
            poll(lambda: watched.vip(second).get("routed"), 10, "decided")
        watched.wait_up(first, second)
    assert watched.route(third) is None


# ---- lines and a zebra that keeps quiet --------------------------------------------------------


def test_lines_typed_after_the_start_are_one_configuration(watched: Scene) -> None:
    """The first configuration, too, is whole: nothing is in force before a second of quiet."""
    watched.kill()
    watched.configure(lines=[])
    with watched.unharmed(VIP):
        with zebra_busy(watched):
            watched.start(synchronised=False)
            for line in [*CONFIG, *(f"kubevip reserved-prefix 10.99.{n}.0/24" for n in range(3))]:
                watched.type(line)
                holds(lambda: generation(watched) == 0, 0.6, "nothing is in force yet")
            poll(lambda: generation(watched) == 1, 10, "the configuration is in force")
        watched.wait_synchronised()
