"""Node mode: `kubevip inject bgp` in bgpd on the Kubernetes nodes themselves. Rules R1, R2, R4.

Who announces is read from the upstream router's table, whether it heard a withdrawal from its log.
"""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from typing import Iterator

import pytest

from tests.fakeapi import FakeApiProcess, Pki, objects
from tests.lab import poll
from tests.lab.nodelab import NodeLab
from tests.lab.seedlab import lan
from tests.lab.shell import KubewatchSetup, find_module

from .faillab import prefix_of
from .nodescene import FAR, NodeScene, lines_of

ALL = ("kube1", "kube2", "kube3")
LAN1 = lan(12)
RMAP = "redistribute static route-map KUBEVIP"


@pytest.fixture(scope="module")
def lab() -> Iterator[NodeLab]:
    """Three nodes with FRR, raised for this module."""
    setup = find_module(os.environ.get("KUBEVIP_MODULES", ""))
    if setup is None:
        pytest.skip("the module is not built; set KUBEVIP_MODULES to build/frr-module")
    with NodeLab(setup) as nodes:
        yield nodes


@pytest.fixture(scope="module")
def configured(lab: NodeLab, pki: Pki) -> Iterator[NodeScene]:
    """The same, every node configured and synchronised."""
    with FakeApiProcess(lan(20)[4], 6443, pki, lab.api) as api:
        scene = NodeScene(lab, api)
        scene.begin()
        yield scene


@pytest.fixture
def scene(configured: NodeScene) -> Iterator[NodeScene]:
    """The same, put back in order after each test."""
    yield configured
    configured.restore()


# ---- who announces -------------------------------------------------------------------------


@pytest.mark.parametrize("family", (4, 6))
def test_a_cluster_service_is_announced_by_all_and_spread_upstream(scene: NodeScene, family: int) -> None:
    """Every node is a next hop: the upstream router has ECMP over the three."""
    vip = prefix_of(1, family)
    scene.add(vip)
    scene.wait_announced(vip, *ALL)
    poll(
        lambda: len(scene.lab.up.kernel_routes(family)[vip]["nexthops"]) == 3,
        10,
        "ECMP over three nodes in the upstream router's kernel",
    )
    for name in ALL:
        assert scene.wait_state(name, vip, "announced")["throughThisNode"] is True
    scene.remove(vip)
    scene.wait_announced(vip)


@pytest.mark.parametrize("family", (4, 6))
def test_a_local_service_is_announced_by_its_node_and_moves_with_the_endpoint(
    scene: NodeScene, family: int
) -> None:
    """Rules R2: if and only if this node is in the next-hop set."""
    vip = prefix_of(2, family)
    scene.add(vip, on=("kube2",), policy="Local")
    scene.wait_announced(vip, "kube2")
    for name in ("kube1", "kube3"):
        shown = scene.wait_state(name, vip, "elsewhere", "not-through-this-node")
        assert shown["nextHops"] == [lan(13)[family]] and shown["throughThisNode"] is False
    scene.add(vip, on=("kube3",), policy="Local")
    scene.wait_announced(vip, "kube3")
    scene.add(vip, on=("kube1", "kube3"), policy="Local")
    scene.wait_announced(vip, "kube1", "kube3")
    scene.remove(vip)
    scene.wait_announced(vip)


@pytest.mark.parametrize("family", (4, 6))
def test_every_kind_of_peer_is_told_the_node_itself_as_next_hop(scene: NodeScene, family: int) -> None:
    """eBGP on the same LAN, eBGP in another subnet, iBGP: without next-hop-self."""
    vip = prefix_of(3, family)
    scene.add(vip, on=("kube1",), policy="Local")
    scene.wait_announced(vip, "kube1")
    far = FAR[family][0]
    poll(lambda: far in scene.paths("upstream", vip), 10, "the path over the far link")
    poll(lambda: scene.paths("mate", vip), 10, "the path at the iBGP neighbour")
    assert scene.paths("upstream", vip) == {LAN1[family]: {LAN1[family]}, far: {far}}
    assert scene.paths("mate", vip) == {LAN1[family]: {LAN1[family]}}
    found = {f["kind"] for f in scene.show("kube1", "check")["findings"]}
    assert "third-party-next-hop" not in found
    scene.remove(vip)
    scene.wait_announced(vip)


def test_nothing_goes_to_zebra_and_neither_lock_nor_record_is_needed(scene: NodeScene) -> None:
    """Rules R1. The node's own proxy delivers, so the kernel must not have a route."""
    vip = prefix_of(4)
    scene.add(vip)
    scene.wait_announced(vip, *ALL)
    assert vip not in scene.kube1.kernel_routes()
    assert vip not in scene.kube1.zebra_routes()
    assert scene.lock_is_free("kube1")
    assert vip not in scene.recorded("kube1")
    page = scene.show("kube1")
    assert page["inject"] == "bgp" and page["active"] and page["nodeName"] == "kube1"
    assert page["trouble"] == [] and page["standby"] is None
    scene.remove(vip)
    scene.wait_announced(vip)


def test_the_tag_is_there_to_be_matched(scene: NodeScene) -> None:
    """`match tag` in the redistribution's route-map, and what it sets."""
    vip, other = prefix_of(5), prefix_of(6)
    scene.type(
        "kube1",
        "kubevip cluster lab advertise alpha service-selector tier=gold",
        "kubevip cluster lab advertise alpha tag 4711",
        "route-map KUBEVIP permit 5",
        "match tag 4711",
        "set community 65000:4711",
    )
    gold = objects.service("gold", vip.split("/")[0], labels={"tier": "gold"})
    scene.api.put(gold, objects.endpoint_slice("gold", objects.endpoints_on(*ALL)))
    scene.add(other)
    scene.wait_announced(other, *ALL)
    scene.wait_announced(vip, "kube1")

    def communities(prefix: str) -> str:
        path = scene.lab.up.vty_json("bgpd", f"show bgp ipv4 unicast {prefix}")["paths"]
        return " ".join(p.get("community", {}).get("string", "") for p in path).strip()

    poll(lambda: communities(vip), 10, "the community of the entry that matches the tag")
    assert set(communities(vip).split()) == {"65000:4711"}
    assert communities(other) == ""
    scene.api.delete("services", "gold")
    scene.remove(other)
    scene.wait_announced(vip)
    scene.wait_announced(other)


# ---- which node this is ---------------------------------------------------------------------


def test_another_node_name_is_another_node(scene: NodeScene) -> None:
    """Decided again when it changes; a name that no Node has is said on the first page."""
    vip = prefix_of(10)
    scene.add(vip, on=("kube2",), policy="Local")
    scene.wait_announced(vip, "kube2")
    scene.type("kube1", "kubevip node-name kube2")
    scene.wait_announced(vip, "kube1", "kube2")
    assert scene.show("kube1")["nodeName"] == "kube2"
    nodes = {node["name"]: node["thisNode"] for node in scene.show("kube1", "node")["nodes"]}
    assert nodes == {"kube1": False, "kube2": True, "kube3": False}
    scene.type("kube1", "kubevip node-name nobody")
    scene.wait_announced(vip, "kube2")
    assert scene.trouble("kube1") == {"no-such-node"}
    scene.type("kube1", "no kubevip node-name nobody")
    poll(lambda: scene.trouble("kube1") == {"no-node-name"}, 10, "that there is no name is said")
    assert scene.announcers(vip) == {"kube2"}
    scene.type("kube1", "kubevip node-name kube1")
    poll(lambda: not scene.trouble("kube1"), 10, "nothing is said any more")
    scene.remove(vip)
    scene.wait_announced(vip)


def test_auto_is_the_host_name_as_the_kubelet_has_it(scene: NodeScene) -> None:
    """In lower case."""
    name, vip = socket.gethostname().strip().lower(), prefix_of(11)
    scene.api.put(objects.node(name, *LAN1.values()))
    scene.type("kube1", "kubevip node-name auto")
    scene.add(vip, on=(name,), policy="Local")
    poll(lambda: scene.show("kube1")["nodeName"] == name, 10, "its name is in force")
    scene.wait_state("kube1", vip, "announced")
    scene.wait_announced(vip, "kube1")
    scene.remove(vip)
    scene.api.delete("nodes", name)
    scene.wait_announced(vip)


def test_service_addresses_on_kube_ipvs0_are_no_addresses_of_this_router(scene: NodeScene) -> None:
    """kube-proxy in IPVS mode puts every VIP there; an own address elsewhere is refused."""
    vip, own = prefix_of(12), prefix_of(13)
    scene.kube1.space.ip(
        "link add kube-ipvs0 type bridge",
        f"addr add {vip} dev kube-ipvs0",
        f"addr add {own} dev lo",
    )
    try:
        scene.add(vip, own)
        scene.wait_announced(vip, *ALL)
        scene.wait_announced(own, "kube2", "kube3")
        assert scene.vip("kube1", own)["reason"] == "own-address"
    finally:
        scene.kube1.space.ip("link del kube-ipvs0", f"addr del {own} dev lo")
    scene.remove(vip, own)
    scene.wait_announced(vip)
    scene.wait_announced(own)


def test_explain_walks_the_way_of_this_node(scene: NodeScene) -> None:
    """To what each peer is sent, without zebra and kernel; or to the reason why not."""
    here, there = prefix_of(14), prefix_of(15)
    scene.add(here)
    scene.add(there, on=("kube2",), policy="Local")
    scene.wait_announced(here, *ALL)
    scene.wait_announced(there, "kube2")

    def explained(vip: str) -> tuple[dict[str, str], dict | None]:
        answer = scene.show("kube1", f"vip {vip.split('/')[0]} explain")
        return {step["step"]: step["mark"] for step in answer["steps"]}, answer["diagnosis"]

    marks, diagnosis = explained(here)
    assert diagnosis is None and not {"zebra", "kernel", "next-hops"} & set(marks)
    assert [marks[step] for step in ("node", "redistribute", "route-map", "bgp", "peer")] == ["ok"] * 5
    marks, diagnosis = explained(there)
    assert diagnosis is None and marks["node"] == "note" and "bgp" not in marks
    scene.bgp("kube1", "no redistribute static")
    scene.wait_state("kube1", here, "refused")
    diagnosis = explained(here)[1]
    assert diagnosis is not None and diagnosis["step"] == "redistribute"
    scene.bgp("kube1", RMAP)
    scene.kube1.config([f"ip route {here} {lan(13)[4]}"])
    scene.wait_state("kube1", here, "shadowed")
    diagnosis = explained(here)[1]
    assert diagnosis is not None and diagnosis["reason"] == "operator-route"
    scene.kube1.config([f"no ip route {here} {lan(13)[4]}"])
    scene.remove(here, there)
    scene.wait_announced(here)
    scene.wait_announced(there)


# ---- what happens to bgpd's policy ------------------------------------------------------------


@pytest.mark.parametrize("family", (4, 6))
def test_redistribute_static_is_removed_and_comes_later(scene: NodeScene, family: int) -> None:
    """Without it nothing is announced, and why is said; with it the VIPs are there by themselves."""
    vip = prefix_of(20, family)
    scene.add(vip)
    scene.wait_announced(vip, *ALL)
    scene.bgp("kube1", "no redistribute static", family=family)
    scene.wait_announced(vip, "kube2", "kube3")
    scene.wait_state("kube1", vip, "refused", "no-redistribute-static")
    assert scene.trouble("kube1") == {"no-redistribute-static"}
    scene.bgp("kube1", RMAP, family=family)
    scene.wait_announced(vip, *ALL)
    assert scene.trouble("kube1") == set()
    scene.remove(vip)
    scene.wait_announced(vip)


def test_redistribution_loses_gains_and_changes_its_route_map(scene: NodeScene) -> None:
    """bgpd withdraws every redistributed route at each of these; no peer notices."""
    vip = prefix_of(21)
    scene.add(vip)
    scene.wait_announced(vip, *ALL)
    scene.type("kube1", "route-map OTHER permit 10", "match tag 77", "set metric 5")

    def metric() -> int | None:
        paths = scene.lab.up.bgp_table()[vip]
        return next(p.get("metric") for p in paths if p["peerId"] == LAN1[4])

    with scene.no_withdrawal("kube1", vip):
        scene.bgp("kube1", "redistribute static route-map OTHER")
        poll(lambda: metric() == 5, 10, "what the other route-map sets")
        scene.bgp("kube1", "no redistribute static", "redistribute static metric 7")
        poll(lambda: metric() == 7, 10, "a metric and no route-map")
        scene.bgp("kube1", "redistribute static metric 8")
        poll(lambda: metric() == 8, 10, "another metric")
        scene.bgp("kube1", "no redistribute static", RMAP)
        poll(lambda: metric() == 0, 10, "the first route-map")
        scene.wait_announced(vip, *ALL)
    scene.remove(vip)
    scene.wait_announced(vip)


def test_a_route_map_and_a_prefix_list_change_their_content(scene: NodeScene) -> None:
    """What it denies is withdrawn, what it permits again comes back, with bgpd's own delay."""
    vip = prefix_of(22)
    scene.add(vip)
    scene.wait_announced(vip, *ALL)
    scene.type(
        "kube1",
        "bgp route-map delay-timer 1",
        f"ip prefix-list DENIED seq 5 permit {vip}",
        "route-map KUBEVIP deny 5",
        "match ip address prefix-list DENIED",
    )
    scene.wait_announced(vip, "kube2", "kube3")
    scene.wait_state("kube1", vip, "refused", "redistribute-route-map-denies")
    assert scene.trouble("kube1") == {"route-map-denies"}
    scene.type("kube1", f"ip prefix-list DENIED seq 5 permit {prefix_of(99)}")
    scene.wait_announced(vip, *ALL)
    scene.type("kube1", f"ip prefix-list DENIED seq 5 permit {vip}")
    scene.wait_announced(vip, "kube2", "kube3")
    scene.type("kube1", "no route-map KUBEVIP deny 5")
    scene.wait_announced(vip, *ALL)
    scene.remove(vip)
    scene.wait_announced(vip)


def test_a_half_typed_route_map_withdraws_nothing_and_lets_nothing_out(scene: NodeScene) -> None:
    """Rules R4: an edit is over when bgpd's delay-timer says so."""
    vip, denied = prefix_of(23), prefix_of(24)
    scene.type(
        "kube1",
        f"ip prefix-list DENIED seq 5 permit {denied}",
        "route-map KUBEVIP deny 5",
        "match ip address prefix-list DENIED",
        "bgp route-map delay-timer 0",
        "bgp route-map delay-timer 600",
    )
    scene.add(vip, denied)
    scene.wait_announced(vip, *ALL)
    scene.wait_announced(denied, "kube2", "kube3")
    scene.wait_state("kube1", denied, "refused", "redistribute-route-map-denies")
    with scene.no_withdrawal("kube1", vip):
        scene.type("kube1", "route-map KUBEVIP deny 4")  # denies everything, for now
        scene.wait_ticks("kube1")
        assert scene.vip("kube1", vip)["state"] == "announced"
        scene.type("kube1", "no route-map KUBEVIP deny 4", "no route-map KUBEVIP deny 5")
        scene.wait_ticks("kube1")
        assert scene.vip("kube1", denied)["state"] == "refused"
        scene.type("kube1", "bgp route-map delay-timer 0")  # ends the edit at once
        scene.wait_announced(denied, *ALL)
        scene.wait_announced(vip, *ALL)
    scene.remove(vip, denied)
    scene.wait_announced(vip)
    scene.wait_announced(denied)


def test_clear_bgp(scene: NodeScene) -> None:
    """Sessions go and come; the VIPs are told again."""
    vip = prefix_of(25)
    scene.add(vip)
    scene.wait_announced(vip, *ALL)
    scene.order("kube1", "clear bgp *")
    scene.wait_announced(vip, *ALL)
    assert scene.vip("kube1", vip)["state"] == "announced"
    scene.remove(vip)
    scene.wait_announced(vip)


def test_no_router_bgp_and_again(scene: NodeScene) -> None:
    """Nothing that belonged to the instance is touched after its end."""
    vip = prefix_of(26)
    scene.add(vip)
    scene.wait_announced(vip, *ALL)
    scene.type("kube1", "no router bgp 65000")
    scene.wait_announced(vip, "kube2", "kube3")
    scene.wait_state("kube1", vip, "refused", "no-redistribute-static")
    scene.kube1.config((scene.kube1.etc / "frr.conf").read_text(), daemon="bgpd")
    scene.wait_announced(vip, *ALL)
    scene.remove(vip)
    scene.wait_announced(vip)


def test_zebra_is_restarted(scene: NodeScene) -> None:
    """The VIPs stay; and what bgpd, deaf since then, does not withdraw, we do."""
    vip = prefix_of(27)
    scene.add(vip)
    scene.wait_announced(vip, *ALL)
    with scene.no_withdrawal("kube1", vip):
        scene.kube1.kill("zebra", signal.SIGKILL)
        poll(lambda: not scene.show("kube1")["zebraConnected"], 10, "zebra is missed")
        assert scene.vip("kube1", vip)["state"] == "announced"
        scene.kube1.start("zebra")
        poll(lambda: scene.show("kube1")["zebraConnected"], 10, "zebra is there again")
        scene.wait_ticks("kube1")
        assert scene.vip("kube1", vip)["state"] == "announced"
        assert "kube1" in scene.announcers(vip)
    scene.bgp("kube1", "no redistribute static")
    scene.wait_announced(vip, "kube2", "kube3")
    scene.remove(vip)
    scene.wait_announced(vip)
    scene.kube1.kill("bgpd")  # as watchfrr would have done
    scene.boot("kube1")
    scene.wait_settled("kube1")


def test_a_view_beside_the_default_instance(scene: NodeScene) -> None:
    """Each instance that says `redistribute static` has the VIPs, and loses them by itself."""
    vip = prefix_of(28)

    def in_view() -> bool:
        shown = scene.kube1.vty_json("bgpd", "show bgp view extra ipv4 unicast")
        return vip in shown.get("routes", {})

    def in_the_view(line: str) -> None:
        view = ("router bgp 65001 view extra", "address-family ipv4 unicast")
        # bgpd warns: for zebra, the view and the default instance are one (bgp_redistribute_set())
        scene.kube1.vty("bgpd", "configure terminal", *view, line, check=False)

    scene.add(vip)
    scene.wait_announced(vip, *ALL)
    with scene.no_withdrawal("kube1", vip):
        in_the_view("redistribute static")
        poll(in_view, 10, "the VIP in the view")
        in_the_view("no redistribute static")
        poll(lambda: not in_view(), 10, "the view is without it")
        in_the_view("redistribute static")
        poll(in_view, 10, "the VIP in the view again")
        scene.type("kube1", "no router bgp 65001 view extra")
        scene.wait_ticks("kube1")
        assert scene.vip("kube1", vip)["state"] == "announced"
    scene.bgp("kube1", "no redistribute static")
    in_the_view("redistribute static")
    poll(in_view, 10, "the VIP in the view alone")
    scene.wait_announced(vip, "kube2", "kube3")
    scene.wait_state("kube1", vip, "announced")
    scene.remove(vip)
    poll(lambda: not in_view(), 10, "and gone with its Service")
    scene.type("kube1", "no router bgp 65001 view extra")
    scene.bgp("kube1", RMAP)
    scene.wait_announced(vip)


# ---- the operator's own route of the same prefix ------------------------------------------------


def typed(scene: NodeScene, route: str, on: bool = True) -> None:
    """An operator's static route on kube1."""
    scene.kube1.config([("" if on else "no ") + route])


@pytest.mark.parametrize("family", (4, 6))
def test_the_operators_route_comes_second(scene: NodeScene, family: int) -> None:
    """Rules R1: his own wins while it is there; ours is back when it goes."""
    vip = prefix_of(30, family)
    route = f"{'ip' if family == 4 else 'ipv6'} route {vip} {lan(13)[family]} tag 77"
    scene.add(vip, on=("kube1",), policy="Local")
    scene.wait_announced(vip, "kube1")
    poll(lambda: scene.paths("mate", vip) == {LAN1[family]: {LAN1[family]}}, 10, "ours at the peer")
    typed(scene, route)
    poll(lambda: scene.paths("mate", vip) == {LAN1[family]: {lan(13)[family]}}, 10, "his at the peer")
    scene.wait_state("kube1", vip, "shadowed", "operator-route")
    scene.wait_ticks("kube1")
    assert scene.paths("mate", vip) == {LAN1[family]: {lan(13)[family]}}
    typed(scene, route, on=False)
    poll(lambda: scene.paths("mate", vip) == {LAN1[family]: {LAN1[family]}}, 10, "ours again")
    scene.wait_state("kube1", vip, "announced")
    scene.remove(vip)
    scene.wait_announced(vip)


def test_the_operators_route_was_first(scene: NodeScene) -> None:
    """And stays when the Service goes: a withdrawal takes exactly ours."""
    vip = prefix_of(31)
    route = f"ip route {vip} {lan(13)[4]} tag 77"
    typed(scene, route)
    scene.wait_announced(vip, "kube1")
    scene.add(vip)
    scene.wait_announced(vip, *ALL)
    scene.wait_state("kube1", vip, "shadowed", "operator-route")
    scene.remove(vip)
    scene.wait_announced(vip, "kube1")
    scene.wait_ticks("kube1")
    assert scene.paths("mate", vip) == {LAN1[4]: {lan(13)[4]}}
    scene.add(vip)
    scene.wait_announced(vip, *ALL)
    typed(scene, route, on=False)
    poll(lambda: scene.paths("mate", vip).get(LAN1[4]) == {LAN1[4]}, 10, "ours at the peer")
    scene.remove(vip)
    scene.wait_announced(vip)


def test_an_operators_route_that_policy_keeps_in_stands_in_our_place_too(scene: NodeScene) -> None:
    """It has no tag: the route-map denies it. The VIP is his while it is there, also then."""
    vip = prefix_of(32)
    scene.add(vip)
    scene.wait_announced(vip, *ALL)
    typed(scene, f"ip route {vip} {lan(13)[4]}")
    scene.wait_announced(vip, "kube2", "kube3")
    scene.wait_state("kube1", vip, "shadowed", "operator-route")
    typed(scene, f"ip route {vip} {lan(13)[4]}", on=False)
    scene.wait_announced(vip, *ALL)
    scene.remove(vip)
    scene.wait_announced(vip)


@pytest.mark.parametrize("kind", ("blackhole", "reject", "Null0"))
def test_an_operators_blackhole_is_not_taken_for_ours(scene: NodeScene, kind: str) -> None:
    """Ours look like blackholes to bgpd: it must tell the two apart, in whichever order they come."""
    vip = prefix_of(33)
    route = f"ip route {vip} {kind} tag 77"
    for first in ("ours", "his"):
        if first == "ours":
            scene.add(vip, on=("kube1",), policy="Local")
            scene.wait_state("kube1", vip, "announced")
        typed(scene, route)
        scene.wait_announced(vip, "kube1")
        scene.add(vip, on=("kube1",), policy="Local")
        scene.wait_state("kube1", vip, "shadowed", "operator-route")
        scene.wait_ticks("kube1", 1)
        scene.wait_announced(vip, "kube1")
        scene.remove(vip)
        poll(lambda: not scene.vip("kube1", vip), 10, "the VIP is forgotten")
        scene.wait_ticks("kube1", 1)
        assert scene.announcers(vip) == {"kube1"}
        typed(scene, route, on=False)
        scene.wait_announced(vip)


# ---- from one way to another --------------------------------------------------------------------


def via_kube2(scene: NodeScene, vip: str) -> bool:
    """kube1's kernel routes the VIP to kube2."""
    route = scene.kube1.kernel_routes().get(vip)
    return bool(route) and route["nexthops"] == [(lan(13)[4], "lan")]


def test_from_bgp_to_zebra_to_observe_and_back(scene: NodeScene) -> None:
    """Everything goes through the old way's end, then through the new way."""
    here, there = prefix_of(40), prefix_of(41)
    scene.add(here, on=("kube1",), policy="Local")
    scene.add(there, on=("kube2",), policy="Local")
    scene.wait_announced(here, "kube1")
    scene.wait_announced(there, "kube2")
    scene.type("kube1", "kubevip inject zebra")
    poll(lambda: via_kube2(scene, there), 15, "the VIP of the other node in kube1's kernel")
    scene.wait_announced(here)  # rules R2: refused by zebra's way
    scene.wait_announced(there, "kube1", "kube2")
    assert not scene.lock_is_free("kube1") and scene.recorded("kube1") == {there}
    scene.type("kube1", "kubevip inject observe")
    poll(lambda: there not in scene.kube1.kernel_routes(), 15, "the route has left the kernel")
    scene.wait_announced(there, "kube2")
    for vip in (here, there):
        scene.wait_state("kube1", vip, "observed", "observed")
    poll(lambda: scene.lock_is_free("kube1"), 10, "the lock is free")
    assert scene.recorded("kube1") == set() and scene.trouble("kube1") == set()
    scene.type("kube1", "kubevip inject zebra")
    poll(lambda: via_kube2(scene, there), 15, "the kernel has it again")
    scene.type("kube1", "kubevip inject bgp")
    scene.wait_announced(here, "kube1")
    scene.wait_announced(there, "kube2")
    poll(lambda: there not in scene.kube1.kernel_routes(), 15, "the route has left the kernel")
    poll(lambda: scene.lock_is_free("kube1"), 10, "the lock is free")
    scene.remove(here, there)
    scene.wait_announced(here)
    scene.wait_announced(there)


def test_a_restart_with_inject_bgp_withdraws_what_zebra_has_once_it_is_configured(
    scene: NodeScene,
) -> None:
    """Rules R4: bgpd starts empty; frr.conf comes later; nothing happens to routes before."""
    vip = prefix_of(42)
    scene.add(vip, on=("kube2",), policy="Local")
    scene.wait_announced(vip, "kube2")
    scene.type("kube1", "kubevip inject zebra")
    poll(lambda: via_kube2(scene, vip), 15, "the VIP in kube1's kernel")
    scene.kube1.kill("bgpd", signal.SIGKILL)
    scene.boot("kube1", [])
    with scene.kube1.monitor() as monitor:
        poll(lambda: scene.show("kube1")["routes"]["total"] == 1, 10, "the record is read")
        scene.wait_ticks("kube1")
        assert via_kube2(scene, vip) and monitor.deleted(vip) == []
    scene.type("kube1", *lines_of("kube1"))
    poll(lambda: vip not in scene.kube1.kernel_routes(), 15, "the route has left the kernel")
    scene.wait_state("kube1", vip, "elsewhere")
    poll(lambda: scene.lock_is_free("kube1"), 10, "the lock is free")
    assert scene.recorded("kube1") == set()
    scene.remove(vip)
    scene.wait_announced(vip)


def test_a_restart_with_the_same_way_harms_nothing(scene: NodeScene) -> None:
    """The empty configuration before frr.conf is no change from zebra to zebra."""
    vip = prefix_of(43)
    lines = [line for line in lines_of("kube1") if "inject" not in line and "node-name" not in line]
    scene.add(vip, on=("kube2",), policy="Local")
    scene.wait_announced(vip, "kube2")
    scene.type("kube1", "kubevip inject zebra")
    poll(lambda: via_kube2(scene, vip), 15, "the VIP in kube1's kernel")
    with scene.kube1.monitor() as monitor:
        scene.kube1.kill("bgpd", signal.SIGKILL)
        scene.boot("kube1", lines)
        scene.wait_settled("kube1")
        scene.wait_state("kube1", vip, "installed")
        assert monitor.deleted(vip) == []
    scene.kube1.kill("bgpd")
    scene.boot("kube1")
    poll(lambda: vip not in scene.kube1.kernel_routes(), 15, "the route has left the kernel")
    scene.remove(vip)
    scene.wait_announced(vip)


def test_half_a_configuration_is_none(scene: NodeScene) -> None:
    """Rules R4: before the line that says `inject bgp` has come, the way is not known."""
    vip = prefix_of(46)
    scene.add(vip, on=("kube2",), policy="Local")
    scene.wait_announced(vip, "kube2")
    late = [line for line in lines_of("kube1") if "inject" in line or "node-name" in line]
    early = [line for line in lines_of("kube1") if line not in late]
    scene.kube1.kill("bgpd")
    scene.boot("kube1", [])
    with scene.kube1.monitor() as monitor:
        scene.type("kube1", "XFRR_start_configuration", *early)
        scene.wait_ticks("kube1")
        assert scene.show("kube1")["clusters"] == {}
        scene.type("kube1", *late, "XFRR_end_configuration")
        scene.wait_state("kube1", vip, "elsewhere")
        assert monitor.about(vip) == []
    scene.remove(vip)
    scene.wait_announced(vip)


def test_what_kubewatch_has_put_into_zebra_is_not_ours_to_withdraw(
    scene: NodeScene, kubewatch_binary: Path
) -> None:
    """Beside `inject bgp` or `observe` kubewatch may inject, and may be restarting just now."""
    vip = prefix_of(44)
    config = "\n".join(line for line in lines_of("kube1") if "cluster" in line) + "\n"
    scene.add(vip, on=("kube2",), policy="Local")
    scene.wait_announced(vip, "kube2")
    scene.kube1.install(KubewatchSetup(kubewatch_binary, config))
    scene.kube1.start("kubewatch")
    poll(lambda: via_kube2(scene, vip), 15, "kubewatch's route in kube1's kernel")
    with scene.kube1.monitor() as monitor:
        scene.kube1.kill("kubewatch", signal.SIGKILL)
        for way in ("observe", "bgp"):
            scene.type("kube1", f"kubevip inject {way}")
            scene.kube1.kill("bgpd", signal.SIGKILL)
            scene.boot("kube1", [*lines_of("kube1"), f"kubevip inject {way}"])
            scene.wait_settled("kube1")
            scene.wait_ticks("kube1")
        assert via_kube2(scene, vip) and monitor.deleted(vip) == []
        assert scene.recorded("kube1") == {vip} and scene.lock_is_free("kube1")
        scene.kube1.start("kubewatch")
        poll(lambda: not scene.lock_is_free("kube1"), 10, "kubewatch injects again")
        assert monitor.deleted(vip) == []
    scene.kube1.kill("kubewatch")
    scene.order("kube1", "clear kubevip orphans")  # the operator says all
    poll(lambda: vip not in scene.kube1.kernel_routes(), 15, "the route has left the kernel")
    poll(lambda: scene.lock_is_free("kube1"), 10, "the lock is free")
    scene.remove(vip)
    scene.wait_announced(vip)


def test_flush_and_shutdown(scene: NodeScene) -> None:
    """The operator's orders are those of the other ways."""
    vip = prefix_of(45)
    scene.add(vip)
    scene.wait_announced(vip, *ALL)
    scene.order("kube1", "kubevip flush")
    scene.wait_announced(vip, "kube2", "kube3")
    scene.wait_state("kube1", vip, "flushed", "flushed")
    scene.order("kube1", "clear kubevip flush")
    scene.wait_announced(vip, *ALL)
    scene.type("kube1", "kubevip cluster lab shutdown")
    scene.wait_announced(vip, "kube2", "kube3")
    scene.type("kube1", "no kubevip cluster lab shutdown")
    scene.wait_announced(vip, *ALL)
    scene.remove(vip)
    scene.wait_announced(vip)
