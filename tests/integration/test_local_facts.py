"""This router's addresses: ours follow the kernel, and in bgpd its own view of them stays its own.

The module has a session to zebra beside bgpd's. What zebra says of interfaces must reach bgpd's
tables once: bgpd counts addresses and connected networks, and a second hand in them would leave an
address that has gone, or take away one that is there.
"""

from __future__ import annotations

import re
from typing import Iterator

import pytest

from tests.lab import Router, poll
from tests.lab.seedlab import CLIENT_NETWORKS

from .faillab import NODES, UPSTREAM, VIP, Scene, TypedRoutes, prefix_of, web
from .shells import module_only

BGPD = "bgpd's tables are no business of another process"
OWN, BESIDE = "10.77.0.1/32", "10.77.0.5/32"
PORT, ADDRESSES = "port9", ("10.77.0.1/24", "fd00:9::1/64")
LAN_PEER = "192.168.99.11"


def own_addresses(router: Router) -> dict[str, tuple[int, str]]:
    """bgpd's table of its own addresses: how often each is counted, and on which interfaces."""
    said = router.vty("bgpd", "show bgp martian next-hop")
    rows = re.findall(r"^addr: (\S+), count: (\d+) : *(.*),$", said, re.MULTILINE)
    return {address: (int(count), names) for address, count, names in rows}


def tracked(router: Router, address: str) -> str:
    """What bgpd knows of a next hop: "valid", "invalid" or "" (not tracked)."""
    said = router.vty("bgpd", "show bgp nexthop")
    found = re.search(rf"^ {re.escape(address)} (valid|invalid)", said, re.MULTILINE)
    return found.group(1) if found else ""


def clients_of(router: Router, address: str) -> set[str]:
    """The clients for which zebra tracks a next hop."""
    said = router.vty("zebra", "show ip nht")
    entry = rf"^{re.escape(address)}(?:\(.*\))?\n(?: .*\n)*? Client list: (.*)$"
    found = re.search(entry, said, re.MULTILINE)
    return set(re.findall(r"(\w+)\(fd", found.group(1))) if found else set()


@pytest.fixture
def port(watched: Scene) -> Iterator[Scene]:
    """The scene; an interface that a test has added to r1 is gone afterwards."""
    yield watched
    if f" {PORT}:" in watched.r1.space.run(["ip", "link"]):
        watched.r1.space.ip(f"link del {PORT}")


@pytest.fixture
def cable(watched: Scene) -> Iterator[Scene]:
    """The scene, whose cable may be pulled.

    Over a flap that the session outlives, zebra 8.4.4 takes r2's IPv6 route through its link-local
    address for installed, which the kernel has dropped. A new session puts that right.
    """
    yield watched
    watched.lab.set_cable("r1", True)
    watched.r1.vty("bgpd", "clear bgp *")
    for family, clients in CLIENT_NETWORKS.items():
        poll(
            lambda f=family, c=clients: c in watched.r1.kernel_routes(f),
            30,
            f"r1 has learned {clients} again",
        )


def add_port(scene: Scene) -> None:
    """An interface with addresses, up."""
    addresses = [f"addr add {address} dev {PORT}" for address in ADDRESSES]
    scene.r1.space.ip(f"link add {PORT} type bridge", *addresses, f"link set {PORT} up")


def wait_routed(scene: Scene) -> None:
    """Return when r1's kernel has both. r2 has not: the operator's prefix-list is in between."""
    for prefix in (OWN, BESIDE):
        scene.wait_hops(scene.hops(), prefix)


def wait_reasons(scene: Scene, own: str, beside: str) -> None:
    """Return when both addresses have these."""
    poll(
        lambda: (scene.claim_reason(OWN), scene.claim_reason(BESIDE)) == (own, beside),
        10,
        f"{OWN} is {own}, {BESIDE} is {beside}",
    )


def test_address_comes_and_goes(port: Scene) -> None:
    port.api.put(*web(OWN, BESIDE))
    for _ in range(3):
        wait_routed(port)
        port.r1.space.ip(f"link add {PORT} type bridge", f"link set {PORT} up")
        port.r1.space.ip(f"addr add {ADDRESSES[0]} dev {PORT}")
        wait_reasons(port, "own-address", "connected-prefix")
        port.wait_gone(OWN, BESIDE)
        port.r1.space.ip(f"addr del {ADDRESSES[0]} dev {PORT}")
        wait_routed(port)
        port.r1.space.ip(f"addr add {ADDRESSES[0]} dev {PORT}")
        wait_reasons(port, "own-address", "connected-prefix")
        port.r1.space.ip(f"link del {PORT}")
        wait_reasons(port, "selected", "selected")
    port.wait_up(VIP)


def test_second_address_in_a_network(port: Scene) -> None:
    """One of two goes: the network is still connected, and the other is still ours."""
    port.api.put(*web(OWN, BESIDE))
    add_port(port)
    port.r1.space.ip(f"addr add 10.77.0.5/24 dev {PORT}")
    wait_reasons(port, "own-address", "own-address")
    port.r1.space.ip(f"addr del 10.77.0.5/24 dev {PORT}")
    wait_reasons(port, "own-address", "connected-prefix")


def test_next_hops_are_let_go(watched: Scene) -> None:
    """zebra tracks a node as long as a VIP goes through it, and no longer."""
    addresses = {node.name: node.address[4] for node in watched.lab.nodes}
    poll(
        lambda: all("static" in clients_of(watched.r1, a) for a in addresses.values()),
        10,
        "every node is tracked",
    )
    watched.add(VIP, nodes=NODES[:2], wait=False)
    watched.api.put(*web(VIP, nodes=["kube1"], policy="Local"))
    watched.wait_hops(watched.hops("kube1"))
    poll(lambda: not clients_of(watched.r1, addresses["kube3"]), 10, "kube3 is let go")
    assert "static" in clients_of(watched.r1, addresses["kube1"])
    watched.remove(VIP)
    poll(lambda: not clients_of(watched.r1, addresses["kube1"]), 10, "kube1 is let go")


@module_only(BGPD)
def test_bgpd_sees_its_cable(cable: Scene) -> None:
    """Counts neither grow nor stay behind, and the session goes and comes with the link."""
    watched = cable
    before = own_addresses(watched.r1)
    assert {count for count, _ in before.values()} == {1}
    remaining = {a: row for a, row in before.items() if row[1] != "lan"}
    assert remaining and remaining != before
    for _ in range(3):
        watched.lab.set_cable("r1", False)
        poll(lambda: own_addresses(watched.r1) == remaining, 10, "bgpd knows that lan is down")
        poll(lambda: tracked(watched.r1, LAN_PEER) == "invalid", 10, "and its peer unreachable")
        watched.lab.set_cable("r1", True)
        poll(lambda: own_addresses(watched.r1) == before, 10, "bgpd knows that lan is up")
        poll(lambda: tracked(watched.r1, LAN_PEER) == "valid", 10, "and its peer reachable")
    poll(lambda: watched.r1.bgp_established(LAN_PEER), 20, "the session is back")
    watched.wait_up(VIP)


@module_only(BGPD)
def test_bgpd_sees_its_addresses(watched: Scene) -> None:
    before = own_addresses(watched.r1)
    address = "192.168.99.10"
    without = {a: row for a, row in before.items() if a != address}
    assert without != before
    for _ in range(3):
        watched.r1.space.ip(f"addr del {address}/24 dev lan")
        poll(lambda: own_addresses(watched.r1) == without, 10, "bgpd knows that it is gone")
        poll(lambda: tracked(watched.r1, LAN_PEER) == "invalid", 10, "and its peer unreachable")
        watched.r1.space.ip(f"addr add {address}/24 dev lan")
        poll(lambda: own_addresses(watched.r1) == before, 10, "bgpd knows that it is back")
        poll(lambda: tracked(watched.r1, LAN_PEER) == "valid", 10, "and its peer reachable")
    poll(lambda: watched.r1.bgp_established(LAN_PEER), 20, "the session is back")
    watched.wait_up(VIP)


@module_only(BGPD)
def test_bgpd_sees_its_interfaces(port: Scene) -> None:
    before = own_addresses(port.r1)
    added = {address.partition("/")[0]: (1, PORT) for address in ADDRESSES}
    for _ in range(3):
        add_port(port)
        poll(lambda: own_addresses(port.r1) == before | added, 10, "bgpd has the new addresses")
        port.r1.space.ip(f"link del {PORT}")
        poll(lambda: own_addresses(port.r1) == before, 10, "bgpd has let them go")
    port.add(prefix_of(129))


def test_bgpd_next_hop_that_is_a_node(cable: Scene, operator: TypedRoutes) -> None:
    """zebra 8.4 keeps one answer for all that track an address: ours must not change bgpd's."""
    watched = cable
    router, node = watched.r1, watched.lab.node("kube1").address[4]
    operator.add(f"ip route 0.0.0.0/0 {UPSTREAM} 50")
    session = [f"neighbor {node} remote-as 65001", "address-family ipv4 unicast"]
    session += [f"neighbor {node} activate", "exit-address-family"]
    router.config(["router bgp 62112", *session, "exit"])
    try:
        poll(lambda: tracked(router, node) == "valid", 10, "bgpd tracks a node")
        assert clients_of(router, node) == {"bgp", "static"}
        watched.lab.set_cable("r1", False)
        watched.wait_state("no-next-hop")
        poll(lambda: tracked(router, node) == "invalid", 10, "bgpd's next hop is gone")
        watched.lab.set_cable("r1", True)
        watched.wait_state("installed")
        poll(lambda: tracked(router, node) == "valid", 10, "and back")
    finally:
        router.config(["router bgp 62112", f"no neighbor {node}", "exit"])
