"""`inject observe`: nothing is injected, and what others route today is compared with what we would.

The VIPs that Cilium or MetalLB announce come by BGP: here from r2, which redistributes static routes
of its own, so that r1 has them as a BGP speaker's.
"""

from __future__ import annotations

from typing import Iterator

import pytest

from tests.lab import poll

from .faillab import CONFIG, VIP, Scene, web

SAME, OTHER, MISSING, ONLY = (f"192.168.77.{n}/32" for n in (130, 131, 132, 133))
OBSERVE = [*CONFIG, "kubevip inject observe"]


@pytest.fixture
def observing(scene: Scene) -> Iterator[Scene]:
    """The shell of r1 observes."""
    scene.configure(lines=OBSERVE)
    scene.start(synchronised=False)
    poll(lambda: scene.cluster().get("state") == "live", 20, "cluster lab is live")
    yield scene


def rows(scene: Scene) -> dict[str, str]:
    """Prefix -> state."""
    return {p: row["state"] for p, row in scene.show("observe")["vips"].items()}


def others(scene: Scene, *routes: tuple[str, list[str]]) -> None:
    """Kernel routes of another speaker (protocol bgp), with these nodes as next hops."""
    for prefix, nodes in routes:
        hops = " ".join(f"nexthop via {address} dev lan" for address, _ in scene.hops(*nodes))
        scene.r1.space.ip(f"route replace {prefix} proto bgp metric 20 {hops}")


def test_each_answer(observing: Scene) -> None:
    """Same nodes, other nodes, nobody else, and somebody else only."""
    observing.api.put(*web(SAME, OTHER, MISSING))
    observing.api.put(*web(ONLY, labels={"app": "not-selected"}))
    others(
        observing,
        (SAME, ["kube1", "kube2", "kube3"]),
        (OTHER, ["kube1"]),
        (ONLY, ["kube2"]),
    )
    expected = {
        SAME: "same",
        OTHER: "other-next-hops",
        MISSING: "nowhere-else",
        ONLY: "only-elsewhere",
    }
    poll(lambda: rows(observing) == expected, 15, f"observe says {expected}")
    found = observing.show("observe")
    assert found["vips"][OTHER]["foundNextHops"] == [observing.hops("kube1")[0][0]]
    assert found["vips"][OTHER]["foundProtocol"] == "bgp"
    assert found["vips"][ONLY]["reason"] == "not-selected"
    assert found["counts"]["same"] == 1
    assert set(observing.show(f"observe {SAME}")["vips"]) == {SAME}
    # nothing of it is ours: what is in the kernel stays as the other speaker has it
    assert observing.route(MISSING) is None
    assert observing.route(OTHER)["proto"] == "bgp"
    for prefix in (SAME, OTHER, ONLY):
        observing.r1.space.ip(f"route del {prefix}")


def test_learned_by_bgp(observing: Scene) -> None:
    """A VIP that a peer really announces: r2 has a static route to a node and redistributes it."""
    observing.api.put(*web(VIP, nodes=("kube2",), policy="Local"))
    node = observing.hops("kube2")[0][0]
    lines = [f"ip route {VIP} {node} tag 77"]
    bgp = ["router bgp 62112", "address-family ipv4 unicast"]
    observing.r2.config([*lines, *bgp, "redistribute static"])
    try:
        poll(lambda: rows(observing).get(VIP) == "same", 20, "the peer's route leads to the same node")
        assert observing.show("observe")["vips"][VIP]["foundProtocol"] == "bgp"
        assert observing.route()["proto"] == "bgp"
    finally:
        observing.r2.config([f"no {lines[0]}", *bgp, "no redistribute static"])
    poll(lambda: rows(observing).get(VIP) == "nowhere-else", 20, "and then nobody has it")


def test_from_observing_to_injecting(observing: Scene) -> None:
    """The end of a migration: one line, and the VIPs are ours."""
    observing.api.put(*web(VIP))
    poll(lambda: rows(observing) == {VIP: "nowhere-else"}, 15, "nobody routes it")
    observing.type("kubevip inject zebra")
    observing.wait_up(VIP)
    poll(lambda: rows(observing) == {VIP: "ours"}, 15, "it is ours")
