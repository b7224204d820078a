"""`show kubevip check`: what is wrong with the host and the daemons beside us."""

from __future__ import annotations

import pytest

from tests.lab import poll

from .faillab import VIP, Scene

pytestmark = pytest.mark.usefixtures("zebra_may_die")


def kinds(scene: Scene) -> set[str]:
    """What it finds."""
    return {item["kind"] for item in scene.show("check")["findings"]}


def test_a_router_as_in_the_readme_has_nothing_to_find(watched: Scene) -> None:
    assert kinds(watched) == set()


def test_kernel_settings(watched: Scene) -> None:
    space = watched.r1.space
    space.sysctl({"net.ipv4.ip_forward": 0, "net.ipv4.fib_multipath_hash_policy": 0})
    try:
        assert kinds(watched) == {"ip-forward", "multipath-hash-policy"}
    finally:
        space.sysctl({"net.ipv4.ip_forward": 1, "net.ipv4.fib_multipath_hash_policy": 1})


def test_configuration(watched: Scene) -> None:
    watched.type("kubevip cluster other advertise web service-selector any")
    assert "configuration" in kinds(watched)


def test_bgpd_that_survived_zebra(watched: Scene) -> None:
    """It hears of no route any more (FRR 8.4.4), so somebody has to say it."""
    watched.r1.kill("zebra", 9)
    poll(lambda: kinds(watched) == {"zebra-down"}, 10, "the session to zebra is gone")
    watched.r1.start("zebra")
    poll(lambda: kinds(watched) == {"bgpd-older-than-zebra"}, 10, "bgpd is older than zebra")
    watched.r1.kill("bgpd", 9)
    watched.r1.start("bgpd")
    watched.r1.boot_config()
    poll(lambda: kinds(watched) == set(), 10, "both are new")
    watched.wait_up(VIP)
    watched.order("kubevip flush")  # staticd has not found the new zebra yet: its end sweeps nothing
    watched.wait_gone(VIP)
