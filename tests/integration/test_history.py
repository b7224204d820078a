"""`show kubevip history`: what changed last, why, and how long each part of the way took."""

from __future__ import annotations

from tests.lab import poll

from .faillab import VIP, Scene, web


def changes(scene: Scene, prefix: str = VIP) -> list[dict]:
    """Newest first."""
    return scene.show(f"history {prefix}")["changes"]


def test_the_life_of_a_vip(watched: Scene) -> None:
    """Announced, changed, withdrawn; each once, with times that add up."""
    watched.wait_state("installed")
    watched.api.put(*web(VIP, nodes=("kube1",), policy="Local"))
    watched.wait_up(VIP, hops=watched.hops("kube1"))
    poll(lambda: changes(watched)[0]["sentToInstalledMs"] is not None, 10, "it was confirmed")
    watched.remove(VIP)
    watched.wait_gone(VIP)
    found = changes(watched)
    assert [c["change"] for c in found] == ["withdrawn", "changed", "announced"]
    assert [c["nextHops"] for c in found] == [0, 1, 3]
    assert {c["cluster"] for c in found} == {"lab"}
    for change in found[1:]:
        parts = change["eventToSentMs"] + change["sentToInstalledMs"]
        assert change["eventToInstalledMs"] == parts >= 0
    numbers = [c["number"] for c in found]
    assert numbers == sorted(numbers, reverse=True)


def test_what_somebody_else_did(watched: Scene) -> None:
    """staticd's end sweeps static routes: that it was not us is in the history."""
    watched.wait_state("installed")
    watched.r1.restore_static_routes()
    watched.wait_up(VIP)
    poll(lambda: changes(watched)[0]["change"] == "announced", 10, "sent again")
    assert changes(watched)[1]["change"] == "removed-by-somebody-else"


def test_flush_is_a_reason(watched: Scene) -> None:
    """`kubevip flush` is an order, and the history says so."""
    watched.wait_state("installed")
    watched.order("kubevip flush")
    watched.wait_gone(VIP)
    assert (changes(watched)[0]["change"], changes(watched)[0]["reason"]) == ("withdrawn", "flushed")


def test_only_that_prefix(watched: Scene) -> None:
    """A prefix limits it; without one everything is there."""
    watched.add("192.168.77.129/32")
    assert {c["prefix"] for c in changes(watched)} == {VIP}
    everything = {c["prefix"] for c in watched.show("history")["changes"]}
    assert {VIP, "192.168.77.129/32"} <= everything
