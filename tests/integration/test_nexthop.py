"""A next hop counts only if it is reached through a connected route (rules R2).

The trap: with the nodes' LAN down, a default route, an aggregate or a BGP route "resolves" the
nodes. The VIP then goes upstream while it is still announced, and packets circle between the
routers. r1 and r2 talk over the uplink here, so that r1 goes on announcing with its LAN down.
"""

from __future__ import annotations

from typing import Iterator

import pytest

from tests.fakeapi import objects
from tests.lab import Lab, ShellSetup, poll

from .faillab import (
    CONFIG,
    NODES,
    UPSTREAM,
    URL,
    VIP,
    Datagrams,
    Scene,
    SentPackets,
    TypedRoutes,
    node,
    prefix_of,
    web,
)

VIP6 = prefix_of(128, 6)
LAN_SESSIONS = {"r1": ("192.168.99.11", "fd00:99::11"), "r2": ("192.168.99.10", "fd00:99::10")}
SESSION = """\
router bgp 62112
 neighbor {peer} remote-as 62112
 neighbor {peer} timers 3 9
 neighbor {peer} timers connect 1
 neighbor {peer} advertisement-interval 0
 address-family ipv4 unicast
  neighbor {peer} activate
  neighbor {peer} next-hop-self
 exit-address-family
exit
"""
WAYS_UPSTREAM = {
    "default": ["ip nht resolve-via-default", f"ip route 0.0.0.0/0 {UPSTREAM} 50"],
    "aggregate": [f"ip route 192.168.0.0/16 {UPSTREAM}"],
    "ibgp": [],  # r2 announces the nodes' subnet over the uplink
}
WAYS = pytest.mark.parametrize("way", sorted(WAYS_UPSTREAM))
KERNEL_OBJECTS = "zebra nexthop kernel enable"
RESET = "error: Connection reset by peer"
RECURSIVE = "kubevip cluster lab advertise web next-hop-resolution any"


def bgp(*lines: str) -> list[str]:
    """Lines of `router bgp`."""
    return ["router bgp 62112", *lines, "exit"]


@pytest.fixture(scope="module")
def lab(shell: ShellSetup) -> Iterator[Lab]:
    """A lab of this module's own, whose r1 has no next-hop objects in the kernel.

    With them zebra 8.4.4, now and then, installs nothing any more after a short flap, no route of
    anybody: it takes objects for there that the kernel dropped. And a zebra that has run without
    them takes those for there that it never made, once it is told to use them.
    """
    with Lab(shell=shell, r1_extra=f"no {KERNEL_OBJECTS}\n") as own:
        yield own


@pytest.fixture(scope="module")
def uplink(lab: Lab) -> Iterator[None]:
    """The routers' session runs over the uplink alone, which stays up whatever the LAN does."""
    session = SESSION.format(peer="10.0.12.2").splitlines()
    shutdown = bgp(*(f"neighbor {peer} shutdown" for peer in LAN_SESSIONS["r1"]))
    lab.r1.keep(*session, *shutdown)
    lab.r1.config([f"no {KERNEL_OBJECTS}"])
    lab.r2.config(SESSION.format(peer="10.0.12.1"))
    poll(
        lambda: lab.r1.kernel_routes(4)["172.16.88.0/24"]["nexthops"] == [(UPSTREAM, "uplink")],
        20,
        "r1 learned the clients' network over the uplink",
    )
    yield
    lab.r1.start_missing()
    undo = bgp(*(f"no neighbor {peer} shutdown" for peer in LAN_SESSIONS["r1"]))
    lab.r1.drop(*session, *shutdown, no=[*undo, *bgp("no neighbor 10.0.12.2")])
    lab.r2.config(bgp("no neighbor 10.0.12.1"))
    for peer in LAN_SESSIONS["r1"]:
        poll(lambda p=peer: lab.r1.bgp_established(p), 20, f"the session with {peer} is back")


@pytest.fixture
def upstream(way: str, lab: Lab, operator: TypedRoutes) -> Iterator[None]:
    """Another way to the nodes' addresses, which is wrong: it leads to r2."""
    operator.add(*WAYS_UPSTREAM[way])
    network = [" address-family ipv4 unicast", "  {}network 192.168.99.0/24", " exit"]
    if way == "ibgp":
        lab.r2.config(bgp(*(line.format("") for line in network)))
        poll(
            lambda: "192.168.99.0/24" in lab.r1.zebra_routes(proto="bgp"),
            10,
            "r1 learned the nodes' subnet from r2",
        )
    yield
    if way == "ibgp":
        lab.r2.config(bgp(*(line.format("no ") for line in network)))


@WAYS
def test_never_upstream(watched: Scene, uplink: None, way: str, upstream: None) -> None:
    with watched.r1.monitor() as monitor:
        watched.lab.set_cable("r1", False)
        watched.wait_gone(VIP)
    assert [line for line in monitor.about(VIP) if "uplink" in line[1]] == []
    assert watched.vip()["reason"] == "no-next-hop-resolves"
    assert "no-next-hop" in watched.trouble()
    assert watched.vip()["state"] == "no-next-hop"
    poll(lambda: UPSTREAM in nodes_route(watched), 5, "the premise: another way is there")
    with SentPackets(watched.r1.space, "uplink", "192.168.77.128") as sent:
        answers = watched.lab.client_get(URL, 5, timeout=0.3)
    assert all(answer.startswith("error") for answer in answers)
    assert sent.ttls == [], "r1 sent the client's packets back to where they came from"
    watched.lab.set_cable("r1", True)
    watched.wait_up(VIP)
    assert watched.lab.client_get(URL, 9).keys() <= set(NODES)


def nodes_route(scene: Scene) -> str:
    """The route that zebra would take to a node."""
    return scene.r1.vty("zebra", "show ip route 192.168.99.12")


@pytest.mark.parametrize("way", ["default"])
def test_any_does_loop(scene: Scene, uplink: None, way: str, upstream: None) -> None:
    """Why the default is what it is, and that the packet counter above would have noticed."""
    scene.configure(RECURSIVE)
    scene.start()
    scene.add(VIP)
    scene.lab.set_cable("r1", False)
    scene.wait_hops([(UPSTREAM, "uplink")])
    assert scene.at_peer(VIP), "still announced"
    with SentPackets(scene.r1.space, "uplink", "192.168.77.128") as sent:
        scene.lab.client_get(URL, 1, timeout=0.3)
    assert len(sent.ttls) > 20 and len(set(sent.ttls)) > 20, "the same packet again and again"


@pytest.mark.parametrize("resolution", ["connected", "igp"])
def test_aggregate_counts_only_when_told(
    scene: Scene, uplink: None, operator: TypedRoutes, resolution: str
) -> None:
    operator.add(*WAYS_UPSTREAM["aggregate"])
    scene.configure(f"kubevip cluster lab advertise web next-hop-resolution {resolution}")
    scene.start()
    scene.add(VIP)
    scene.lab.set_cable("r1", False)
    if resolution == "igp":
        scene.wait_hops([(UPSTREAM, "uplink")])
    else:
        scene.wait_gone(VIP)


def test_started_with_the_lan_down(scene: Scene, uplink: None) -> None:
    """The seed's problem: a route sent before its interface is up stays inactive for ever."""
    scene.lab.set_cable("r1", False)
    scene.api.put(*web(VIP))
    scene.start(synchronised=False)
    poll(lambda: scene.show()["zebraConnected"], 10, "it runs")
    assert scene.route() is None
    scene.lab.set_cable("r1", True)
    scene.wait_up(VIP, deadline=60)  # the API server is on the nodes' LAN, too


def test_restarted_with_the_lan_down(watched: Scene, uplink: None) -> None:
    """zebra still has the route and bgpd announces it: restoring it blindly would keep that up."""
    watched.kill()
    watched.lab.set_cable("r1", False)
    watched.start(synchronised=False)
    assert watched.wait_state("no-next-hop")["restored"] is True
    watched.wait_gone(VIP)
    watched.lab.set_cable("r1", True)
    watched.wait_up(VIP)


def test_flapping_cable(watched: Scene, uplink: None) -> None:
    """After each flap the kernel must have all next hops: zebra itself forgets them."""
    watched.add(VIP6, wait=False)
    for _ in range(4):
        watched.lab.set_cable("r1", False)
        watched.wait_state("no-next-hop")
        watched.lab.set_cable("r1", True)
        watched.wait_up(VIP)
        watched.wait_hops(watched.hops(family=6), VIP6)
    assert watched.trouble() <= {"stale"}


def test_fast_flap(watched: Scene, uplink: None) -> None:
    """Down and up before anybody has done anything about it. Needs KERNEL_OBJECTS off: lab()."""
    for _ in range(4):
        watched.lab.set_cable("r1", False)
        watched.lab.set_cable("r1", True)
    watched.wait_up(VIP)
    watched.wait_state("installed")


def test_admin_down_and_up(watched: Scene, uplink: None) -> None:
    """Other than a pulled cable it takes the IPv6 addresses away, and they do not come back."""
    watched.api.put(*web(VIP6))
    watched.wait_hops(watched.hops(family=6), VIP6)
    watched.r1.space.ip("link set lan down")
    watched.wait_gone(VIP, VIP6)
    watched.r1.space.ip("link set lan up")
    watched.wait_up(VIP)
    assert watched.wait_state("no-next-hop", VIP6)["reason"] == "no-next-hop-resolves"
    watched.r1.space.ip("addr add fd00:99::10/64 dev lan")
    watched.wait_hops(watched.hops(family=6), VIP6)


def test_address_removed_and_back(watched: Scene, uplink: None) -> None:
    """The connected route can vanish with the link up."""
    watched.r1.space.ip("addr del 192.168.99.10/24 dev lan")
    watched.wait_gone(VIP)
    assert watched.vip()["reason"] == "no-next-hop-resolves"
    watched.r1.space.ip("addr add 192.168.99.10/24 dev lan")
    watched.wait_up(VIP)


def test_change_while_the_link_is_down(watched: Scene, uplink: None) -> None:
    """A VIP that comes, one that goes and a node that leaves meanwhile: right after link up."""
    other = prefix_of(129)
    watched.add(other)
    watched.lab.set_cable("r1", False)
    watched.wait_gone(VIP, other)
    poll(lambda: watched.show()["zebraConnected"], 5, "zebra is there")
    watched.lab.set_cable("r1", True)
    watched.api.put(node("kube3", "False"))
    watched.remove(other)
    watched.wait_up(VIP, hops=watched.hops("kube1", "kube2"))
    watched.wait_gone(other)


def test_nodes_cables_are_not_seen_but_ready_is(watched: Scene) -> None:
    """The subnet stays connected, so a dead node is known from Kubernetes alone."""
    with watched.unharmed(VIP):
        watched.lab.set_cable("kube1", False)
        watched.api.put(node("kube1", "Unknown"))
        watched.wait_hops(watched.hops("kube2", "kube3"))
        assert set(watched.lab.client_get(URL, 20)) == {"kube2", "kube3"}
        watched.lab.set_cable("kube1", True)
        watched.api.put(*watched.lab.node_objects())
        watched.wait_hops(watched.hops())


def test_all_nodes_dead(watched: Scene) -> None:
    """Ready narrows and never empties: kubelets that are cut off are no reason to withdraw."""
    with watched.unharmed(VIP):
        for name in NODES:
            watched.lab.set_cable(name, False)
            watched.api.put(node(name, "Unknown"))
        poll(lambda: node_reasons(watched) == {"node-kept"}, 10, "the last good nodes are kept")
        for name in NODES:
            watched.lab.set_cable(name, True)
        watched.api.put(*watched.lab.node_objects())
        watched.wait_hops(watched.hops())
    assert set(watched.lab.client_get(URL, 60)) == set(NODES)


def node_reasons(scene: Scene) -> set[str]:
    """Why the nodes that carry the VIP are used."""
    hops = set(scene.vip()["nextHops"])
    nodes = scene.show("node")["nodes"]
    return {
        block["reason"]
        for node in nodes
        if {item["address"] for item in node["addresses"]} & hops
        for block in node["blocks"].values()
    }


def test_own_address_as_next_hop(scene: Scene) -> None:
    """zebra never installs such a route, so it is not sent: this router is one of the nodes."""
    scene.api.put(objects.node("r1", "192.168.99.10"))
    scene.start()
    scene.add(VIP, wait=False)
    vip = scene.wait_state("refused")
    assert vip["reason"] == "this-router-is-the-node"
    assert "refused" in scene.trouble()
    assert scene.route() is None
    scene.api.delete("nodes", "r1")
    scene.wait_up(VIP)


def test_rolling_change_loses_nothing(watched: Scene) -> None:
    """Nodes leave and join one by one. They go on answering, as draining nodes do."""
    with watched.unharmed(VIP), Datagrams(watched.lab, "192.168.77.128") as datagrams:
        for _ in range(3):
            for name in NODES:
                watched.api.put(node(name, "False"))
                watched.wait_hops(watched.hops(*(other for other in NODES if other != name)))
                watched.api.put(node(name))
                watched.wait_hops(watched.hops())
    assert datagrams.lost == 0, datagrams.received
    assert all(datagrams.received[name] > 0 for name in NODES)


def test_new_connections_through_a_rolling_change(watched: Scene) -> None:
    """One that is under way may move to a node that does not know it; none is left unanswered."""
    with watched.unharmed(VIP), watched.lab.traffic(URL, parallel=8) as traffic:
        for name in NODES:
            watched.api.put(node(name, "False"))
            watched.wait_hops(watched.hops(*(other for other in NODES if other != name)))
            watched.api.put(node(name))
            watched.wait_hops(watched.hops())
    assert {what for _, what in traffic.failures} <= {RESET}
    assert set(traffic.answers) - {RESET} == set(NODES)


def test_losses_only_through_the_node_that_dies(watched: Scene) -> None:
    """And only until it has left the VIP. The first half shows that a loss would be seen."""
    kube3 = watched.lab.node("kube3")
    with watched.unharmed(VIP):
        kube3.set_link(False)
        with Datagrams(watched.lab, "192.168.77.128") as before:
            watched.lab.client_get(URL, 30, timeout=0.3)
        watched.api.put(node("kube3", "Unknown"))
        watched.wait_hops(watched.hops("kube1", "kube2"))
        with Datagrams(watched.lab, "192.168.77.128") as after:
            watched.lab.client_get(URL, 60)
    assert before.lost > 0
    assert after.lost == 0 and after.received["kube3"] == 0, after.received


def test_endpoint_moves_through_all_nodes(scene: Scene) -> None:
    """externalTrafficPolicy Local, one endpoint that wanders: each step is one replacement."""
    scene.start()
    scene.api.put(*web(VIP, nodes=["kube1"], policy="Local"))
    scene.wait_up(VIP, hops=scene.hops("kube1"))
    with scene.unharmed(VIP), Datagrams(scene.lab, "192.168.77.128") as datagrams:
        for name in (*NODES[1:], *NODES):
            scene.api.put(*web(VIP, nodes=[name], policy="Local"))
            scene.wait_hops(scene.hops(name))
    assert datagrams.lost == 0, datagrams.received


def test_configuration_is_the_default(watched: Scene) -> None:
    """That the tests above ran under the default, not under a line in their configuration."""
    assert not any("next-hop-resolution" in line for line in CONFIG)
    assert watched.vip()["nextHopResolution"] == "connected"
