"""bgpd between our routes and the peer: its policy changes, its sessions, its instances.

Whichever shell injects, bgpd has the VIPs by `redistribute static`. What the operator does to that is
followed at the peer at once, undone as soon as it is taken back, and never touches r1's kernel.
"""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import pytest

from tests.fakeapi import objects
from tests.lab import KubewatchSetup, poll
from tests.lab.router import Router

from .faillab import CONFIG, NODES, UPSTREAM, VIP, Scene, TypedRoutes, prefix_of, web
from .shells import TWO_PROCESSES, module_only

VIP6 = prefix_of(128, 6)
OTHERS = tuple(prefix_of(number) for number in range(130, 134))
ALL = (VIP, VIP6, *OTHERS)
OWN = f"ip route {VIP} {UPSTREAM}"
HIS_HOPS = [(UPSTREAM, "uplink")]
OPERATORS = {4: {"0.0.0.0/0", "10.20.0.0/16"}, 6: {"::/0", "fd00:20::/48"}}
PEERS = ("192.168.99.11", "fd00:99::11")
AS = 62112


def families(*lines: str) -> list[str]:
    """The same lines in both address families of `router bgp`."""
    text = [f"router bgp {AS}"]
    for afi in ("ipv4", "ipv6"):
        text += [f"address-family {afi} unicast", *lines, "exit-address-family"]
    return [*text, "exit"]


WITH = families("redistribute static route-map KUBEVIP")
WITHOUT = families("no redistribute static")


@pytest.fixture
def policy(scene: Scene) -> Iterator[None]:
    """bgpd's policy may change, and is followed; afterwards there is a bgpd that knows nothing of it."""
    yield
    if scene.r1.pid("bgpd"):
        scene.r1.kill("bgpd", signal.SIGKILL)
    if not scene.shell.carries_bgp:
        scene.r1.start("bgpd")


@pytest.fixture
def busy(policy: None, watched: Scene) -> Scene:
    """VIPs of both families, everywhere."""
    watched.r1.config(["bgp route-map delay-timer 1"])  # the lab's 0 means never
    watched.add(VIP6, *OTHERS)
    return watched


@contextmanager
def kernel_untouched(scene: Scene, *prefixes: str) -> Iterator[None]:
    """Nothing is said of these routes, or of the operator's, in r1's kernel."""
    with scene.r1.monitor() as monitor:
        yield
    watched = {*prefixes, *OPERATORS[4], *OPERATORS[6]}
    said = {prefix: lines for prefix in watched if (lines := monitor.about(prefix))}
    assert said == {}


def operators_stay_at_home(scene: Scene) -> None:
    """r1 has the operator's static routes, and r2 never heard of one."""
    for family in (4, 6):
        assert OPERATORS[family] <= scene.r1.kernel_routes(family).keys()
    told = {update.prefix for update in scene.lab.peerlog.updates()}
    assert not told & (OPERATORS[4] | OPERATORS[6])


# ---- redistribution --------------------------------------------------------------------------------


def test_redistribution_removed_and_back(busy: Scene) -> None:
    with kernel_untouched(busy, *ALL):
        busy.r1.config(WITHOUT)
        busy.wait_peer_lost(*ALL)
        busy.r1.config(WITH)
        busy.wait_peer(*ALL)
    operators_stay_at_home(busy)


def test_redistribution_comes_later(policy: None, scene: Scene) -> None:
    """The VIPs were there first, and one more came meanwhile."""
    scene.start()
    scene.r1.config(WITHOUT)
    scene.add(VIP, VIP6, wait=False)
    scene.wait_hops(scene.hops())
    assert scene.at_peer(VIP, VIP6) == set()
    scene.r1.config(WITH)
    scene.wait_peer(VIP, VIP6)
    scene.add(*OTHERS)
    operators_stay_at_home(scene)


def test_vip_goes_while_nothing_is_redistributed(busy: Scene) -> None:
    busy.r1.config(WITHOUT)
    busy.wait_peer_lost(*ALL)
    busy.remove(OTHERS[0])
    poll(lambda: busy.route(OTHERS[0]) is None, 10, "it is withdrawn")
    busy.r1.config(WITH)
    busy.wait_peer(*(set(ALL) - {OTHERS[0]}))
    assert busy.at_peer(OTHERS[0]) == set()


# ---- policy ----------------------------------------------------------------------------------------


def path(router: Router, prefix: str) -> dict:
    """The peer's one path for a prefix."""
    afi = "ipv6" if ":" in prefix else "ipv4"
    answer = router.vty_json("bgpd", f"show bgp {afi} unicast {prefix}")
    (found,) = answer["paths"]
    return found


def communities(scene: Scene, prefix: str) -> list[str]:
    """What the peer has been told with a VIP."""
    return path(scene.r2, prefix).get("community", {}).get("list", [])


def test_route_map_sets_something_else(busy: Scene) -> None:
    """Both entries change, and change back: told again, never withdrawn."""
    entries = ("route-map KUBEVIP permit 10", "route-map KUBEVIP permit 20")
    with kernel_untouched(busy, *ALL), busy.unharmed(*ALL, until=lambda: None):
        busy.r1.config([x for e in entries for x in (e, "set community 62112:77", "exit")])
        for prefix in ALL:
            poll(lambda p=prefix: communities(busy, p) == ["62112:77"], 10, f"{prefix} has it")
        busy.r1.config([x for e in entries for x in (e, "no set community", "exit")])
        for prefix in ALL:
            poll(lambda p=prefix: communities(busy, p) == [], 10, f"{prefix} is without it")
    operators_stay_at_home(busy)


def test_prefix_list_narrowed_and_widened(busy: Scene) -> None:
    narrow = f"ip prefix-list KUBEVIP seq 5 deny {VIP}"
    with kernel_untouched(busy, *ALL):
        busy.r1.config([narrow])
        busy.wait_peer_lost(VIP)
        assert busy.at_peer(*ALL) == set(ALL) - {VIP}
        busy.r1.config([f"no {narrow}"])
        busy.wait_peer(*ALL)
    operators_stay_at_home(busy)


def test_another_route_map(busy: Scene) -> None:
    """One that does not exist yet denies all; when it is there, it decides."""
    other = "redistribute static route-map OTHER"
    with kernel_untouched(busy, *ALL):
        busy.r1.config(families(other))
        busy.wait_peer_lost(*ALL)
        busy.r1.config(["route-map OTHER permit 10", "match ip address prefix-list KUBEVIP"])
        busy.wait_peer(VIP, *OTHERS)
        assert busy.at_peer(VIP6) == set()
        busy.r1.config(WITH)
        busy.wait_peer(*ALL)
        busy.r1.config(["no route-map OTHER"])
    assert busy.at_peer(*ALL) == set(ALL)
    operators_stay_at_home(busy)


AGAIN = ["match ip address prefix-list KUBEVIP", "match tag 77"]


@module_only("bgpd 8.4.4 runs into freed memory; only in bgpd can that be prevented")
@pytest.mark.parametrize("where", ["redistribution", "peer", "aggregate"])
def test_route_map_deleted_and_entered_again(busy: Scene, where: str) -> None:
    """While VIPs come: before bgpd looks at its route-maps, they pass through none that is freed."""
    pid = busy.r1.pid("bgpd")
    family = ["router bgp 62112", "address-family ipv4 unicast"]
    name, head = "KUBEVIP", "route-map KUBEVIP permit 10"
    if where != "redistribution":
        name, head = "OTHER", "route-map OTHER permit 10"
        busy.r1.config([head])
        busy.r1.config(
            [*family, "neighbor 192.168.99.11 route-map OTHER out"]
            if where == "peer"
            else [*family, "aggregate-address 192.168.77.0/24 route-map OTHER"]
        )
    busy.type("bgp route-map delay-timer 600")
    busy.type(f"no route-map {name}", head, *(AGAIN if name == "KUBEVIP" else []))
    more = [prefix_of(number) for number in range(1, 21)]
    for prefix in more:
        busy.add(prefix, wait=False)
    poll(lambda: set(more) <= set(busy.r1.kernel_routes(4)), 20, "they are in the kernel")
    assert busy.r1.pid("bgpd") == pid
    busy.type("bgp route-map delay-timer 1", f"route-map {name} permit 10", "set metric 7")
    busy.wait_peer(*more)
    assert busy.r1.pid("bgpd") == pid


# ---- sessions and instances ------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["clear bgp *", "clear bgp * soft out"])
def test_sessions_cleared(busy: Scene, how: str) -> None:
    """A hard reset takes them for a moment, a soft one does not; r1's kernel does not notice."""
    began = time.time()
    with kernel_untouched(busy, *ALL):
        busy.r1.vty("bgpd", how)
        busy.send_witness()
        busy.wait_peer(*ALL)
    told = busy.lab.peerlog.updates(began)
    assert {u.prefix for u in told if u.kind == "withdraw"} <= {prefix_of(254)}
    operators_stay_at_home(busy)


def test_no_router_bgp_and_again(busy: Scene) -> None:
    """What bgpd knew is gone with the instance; the next one gets it from zebra."""
    pid = busy.r1.pid("bgpd")
    with kernel_untouched(busy, *ALL):
        for _ in range(2):
            busy.r1.config([f"no router bgp {AS}"])
            busy.wait_peer_lost(*ALL)
            busy.r1.load_config("bgpd")
            busy.wait_peer(*ALL)
    assert busy.r1.pid("bgpd") == pid and busy.trouble() == set()
    operators_stay_at_home(busy)


def test_vips_change_without_any_instance(busy: Scene) -> None:
    busy.r1.config([f"no router bgp {AS}"])
    busy.wait_peer_lost(*ALL)
    busy.remove(OTHERS[0])
    busy.add(prefix_of(150), wait=False)
    busy.wait_hops(busy.hops(), prefix_of(150))
    busy.r1.load_config("bgpd")
    busy.wait_peer(VIP, VIP6, *OTHERS[1:], prefix_of(150))
    assert busy.at_peer(OTHERS[0]) == set()


def test_view_beside_the_instance(busy: Scene) -> None:
    """A view has no part in the routing table: no VIP comes to it, and none goes with it."""
    with kernel_untouched(busy, *ALL), busy.unharmed(*ALL):
        busy.r1.config(["router bgp 65099 view lookers", "bgp router-id 192.168.99.10", "exit"])
        busy.add(prefix_of(150))
        shown = busy.r1.vty_json("bgpd", "show bgp view lookers ipv4 unicast")
        assert shown.get("routes", {}) == {}
        assert prefix_of(150) in busy.r1.bgp_table()
        busy.r1.config(["no router bgp 65099 view lookers"])
    operators_stay_at_home(busy)


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL], ids=["term", "kill"])
def test_bgpd_ends(busy: Scene, sig: int) -> None:
    """While it is away the kernel has the VIPs and the operator's routes; then the peer has them."""
    with busy.r1.monitor() as monitor:
        busy.r1.kill("bgpd", sig)
        busy.wait_peer_lost(*ALL)
        busy.send_operators_witness()
        assert all(busy.route(prefix) for prefix in ALL)
        operators_stay_at_home(busy)
        busy.r1.start("bgpd")
        busy.wait_peer(*ALL)
    kept = {VIP, *OTHERS, *OPERATORS[4], *OPERATORS[6]}
    assert {prefix for prefix in kept if monitor.deleted(prefix)} == set()


# ---- a real static route of the same prefix ----------------------------------------------------------


@pytest.mark.parametrize("first", ["his", "ours"])
@pytest.mark.parametrize("leaves", ["his", "ours"])
def test_his_static_and_ours(
    scene: Scene, operator: TypedRoutes, first: str, leaves: str
) -> None:
    """His wins while it is there and stays at home, for it has no tag; ours is back at once."""
    scene.start()
    scene.add(OTHERS[0])
    if first == "his":
        operator.add(OWN)
        scene.wait_hops(HIS_HOPS)
        scene.add(VIP, wait=False)
    else:
        scene.add(VIP)
        operator.add(OWN)
    scene.wait_state("shadowed")
    scene.wait_hops(HIS_HOPS)
    scene.wait_peer_lost(VIP)
    if leaves == "his":
        operator.remove(OWN)
        scene.wait_up(VIP)
    else:
        scene.remove(VIP)
        poll(lambda: scene.vip() == {}, 10, "ours is gone")
        assert scene.route()["nexthops"] == HIS_HOPS and scene.at_peer(VIP) == set()
        operator.remove(OWN)
        scene.wait_gone(VIP)
    assert scene.at_peer(OTHERS[0])
    operators_stay_at_home(scene)


# ---- both shells on one router -------------------------------------------------------------------------


@module_only(TWO_PROCESSES)
def test_module_stands_by_and_takes_over(scene: Scene, kubewatch_binary: Path) -> None:
    """kubewatch was there first. (The other direction: test_ownership.py, second_takes_over.)"""
    module = scene.shell
    kubewatch = scene.r1.add_shell(KubewatchSetup(kubewatch_binary, "\n".join(CONFIG) + "\n"))
    try:
        kubewatch.start()
        scene.api.put(*web(*ALL))
        for prefix in ALL:
            scene.wait_hops(scene.hops(family=6 if ":" in prefix else 4), prefix)
        module.start()
        scene.wait_synchronised()
        page = scene.show()
        assert page["standby"] == f"kubewatch (pid {kubewatch.inner_pid()})"
        assert page["active"] is False and page["routes"]["announcements"] == 0
        assert "standby" in scene.trouble()
        scene.wait_peer(*ALL)
        with scene.unharmed(*ALL, until=scene.wait_synchronised):
            kubewatch.kill(signal.SIGKILL)
            poll(lambda: scene.show()["active"], 10, "the module injects")
            scene.wait_state("installed")
        assert scene.show()["standby"] is None and scene.trouble() == set()
        scene.send_witness()
        kubewatch.start()
        poll(lambda: kubewatch.vty_json("show kubevip")["standby"], 10, "now that one stands by")
        assert kubewatch.vty_json("show kubevip")["standby"] == f"bgpd (pid {module.inner_pid()})"
    finally:
        scene.r1.remove_shell(kubewatch)


# ---- many at once ----------------------------------------------------------------------------------

LIST = "ip prefix-list KUBEVIP seq 20 permit 10.77.0.0/16 ge 32"
MANY = 6000


@pytest.mark.slow
def test_bgpd_answers_while_thousands_come(watched: Scene) -> None:
    """vty answers and the sessions (hold time 9 s) live, from the first Service to the last VIP."""
    r1 = watched.r1
    r1.keep(LIST)
    sessions = {peer: sessions_with(r1, peer) for peer in PEERS}
    objs = objects.many_services(MANY, NODES, "10.77.0.0/16")
    watched.api.put(*objs)
    answers, seen = 0, set()
    deadline = time.monotonic() + 120
    while (installed := watched.show()["routes"]["byState"]["installed"]) <= MANY:
        assert time.monotonic() < deadline, f"{installed} of {MANY} are installed"
        r1.vty_json("bgpd", "show bgp summary")
        answers, seen = answers + 1, seen | {installed}
    assert answers >= 2 and len(seen) > 1, f"not looked at while they came: {seen}"
    last = prefix_of(77)
    watched.add(last)
    assert {peer: sessions_with(r1, peer) for peer in PEERS} == sessions
    r1.drop(LIST)


def sessions_with(router: Router, peer: str) -> tuple[str, int, int]:
    """The state, and how many sessions there were."""
    shown = router.vty_json("bgpd", f"show bgp neighbors {peer}")[peer]
    return shown["bgpState"], shown["connectionsEstablished"], shown["connectionsDropped"]
