"""Many VIPs at once: the same promises hold when there is a queue (rules R4, facts 5)."""

from __future__ import annotations

import signal
import time
from typing import Iterator

import pytest

from tests.fakeapi import objects
from tests.lab import poll

from .faillab import NODES, VIP, Scene

MANY = 2000
NETWORK = "10.77.0.0/16"
LIST = "ip prefix-list KUBEVIP seq 20 permit 10.77.0.0/16 ge 32"


@pytest.fixture
def wide(watched: Scene) -> Iterator[Scene]:
    """r1's route-map lets the test network pass."""
    watched.r1.keep(LIST)
    yield watched
    watched.r1.drop(LIST)


def services(count: int) -> list[dict]:
    """Services with a VIP each."""
    return objects.many_services(count, NODES, NETWORK)


def prefixes(objs: list[dict]) -> tuple[str, ...]:
    """The VIPs of these Services."""
    return tuple(
        f"{obj['status']['loadBalancer']['ingress'][0]['ip']}/32"
        for obj in objs
        if obj["kind"] == "Service"
    )


def delete(scene: Scene, objs: list[dict]) -> None:
    """Delete Services, their slices stay, as Kubernetes' garbage collector comes later."""
    for obj in objs:
        if obj["kind"] == "Service":
            scene.api.delete("services", obj["metadata"]["name"])


def withdrawn(scene: Scene, since: float) -> set[str]:
    """Whatever the peer has seen withdrawn."""
    return {u.prefix for u in scene.lab.peerlog.updates(since) if u.kind == "withdraw"}


def test_many_come_and_half_go(wide: Scene) -> None:
    """200 at once; then 100 of them, which is within the guard's percent."""
    objs = services(200)
    began = time.time()
    wide.api.put(*objs)
    wide.wait_up(VIP, *prefixes(objs))
    assert withdrawn(wide, began) == set(), "coming, none of them flapped"
    first = prefixes(objs)[:100]
    with wide.unharmed(VIP, *prefixes(objs)[100:]):
        delete(wide, objs[:200])
        wide.wait_gone(*first)
    assert withdrawn(wide, began) >= set(first)
    assert "withdraw-guard" not in wide.trouble()


def test_more_than_the_guard_lets_pass(wide: Scene) -> None:
    """Beyond half within its window the rest waits, whoever counts first; accepted, it goes."""
    objs = services(200)
    wide.api.put(*objs)
    wide.wait_up(VIP, *prefixes(objs))
    delete(wide, objs)
    poll(lambda: wide.cluster()["guardActive"], 10, "the guard holds")
    poll(lambda: held(wide) + len(gone(wide, objs)) == 200, 10, "each of them is held or gone")
    assert len(gone(wide, objs)) <= 101
    wide.order("clear kubevip withdraw-guard")
    wide.wait_gone(*prefixes(objs))
    wide.wait_up(VIP)


def held(scene: Scene) -> int:
    """How many VIPs the guard holds."""
    return scene.show()["vips"]["held"]


def gone(scene: Scene, objs: list[dict]) -> set[str]:
    """Those of the VIPs that r1's kernel no longer has."""
    return set(prefixes(objs)) - scene.r1.kernel_routes(4).keys()


def test_changes_of_one_vip_among_many(wide: Scene) -> None:
    """A VIP that changes again and again while hundreds are on their way ends as it should."""
    objs = services(500)
    wide.api.put(*objs)
    for nodes in (["kube1"], ["kube1", "kube2"], ["kube3"], list(NODES)):
        slice_ = objects.endpoints_on(*nodes)
        last = objects.service("svc-000000", "10.77.0.1", policy="Local")
        wide.api.put(last, objects.endpoint_slice("svc-000000", slice_))
    wide.wait_up(VIP, *prefixes(objs))


@pytest.mark.slow
def test_restart_with_many(wide: Scene) -> None:
    """kill -9 and restart, twice, in the middle of synchronising, too: no WITHDRAW of any."""
    objs = services(MANY)
    wide.api.put(*objs)
    wide.wait_up(VIP, *prefixes(objs), deadline=40)
    wide.wait_identity_recorded()
    with wide.unharmed(VIP, *prefixes(objs)):
        wide.restart(synchronised=False)
        wide.restart(signal.SIGTERM)
        poll(lambda: wide.show()["routes"]["byState"]["installed"] == MANY + 1, 20, "confirmed")
    assert wide.trouble() == set()


@pytest.mark.slow
def test_staticd_dies_with_many(wide: Scene) -> None:
    """Ours are swept by the thousand; each is healed. (The peer may see it: facts, 1.)"""
    objs = services(MANY)
    wide.api.put(*objs)
    wide.wait_up(VIP, *prefixes(objs), deadline=40)
    wide.r1.kill("staticd", signal.SIGKILL)
    wide.wait_up(VIP, *prefixes(objs), deadline=40)
    poll(lambda: wide.show()["routes"]["byState"]["installed"] == MANY + 1, 20, "confirmed")
    wide.r1.start("staticd")


@pytest.mark.slow
def test_flush_with_many(wide: Scene) -> None:
    objs = services(MANY)
    wide.api.put(*objs)
    wide.wait_up(VIP, *prefixes(objs), deadline=40)
    wide.order("kubevip flush")
    wide.wait_gone(VIP, *prefixes(objs), deadline=40)
    assert wide.show()["routes"]["byState"]["flushed"] == MANY + 1
    wide.order("clear kubevip flush")
    wide.wait_up(VIP, *prefixes(objs), deadline=40)
