"""`show kubevip check`: what is wrong with the host and the daemons beside us."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import poll

from .faillab import VIP, Scene, prefix_of

pytestmark = pytest.mark.usefixtures("zebra_may_die")

VIP6 = prefix_of(128, 6)
UNITS = "/lib/systemd/system"
STOCK = """\
[Unit]
Wants=network.target
After=network-pre.target systemd-sysctl.service
Before=network.target
[Service]
ExecStart=/usr/lib/frr/frrinit.sh start
"""
SEEDS = STOCK.replace("After=network-pre.target", "After=network-online.target")
DROP_IN = "[Unit]\nAfter=network-online.target\n"


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


@pytest.mark.parametrize(
    ("unit", "drop_in", "found"),
    [
        (STOCK, "", set()),
        (SEEDS, "", {"unit-ordering"}),
        (STOCK, DROP_IN, {"unit-ordering"}),
        (STOCK.replace("Before=network.target", "Before=network.target.d"), DROP_IN, set()),
        (SEEDS.replace("After=", "#After="), "", set()),
    ],
    ids=["stock", "seed", "drop-in", "another-target", "comment"],
)
def test_unit_ordering(
    unit: str, drop_in: str, found: set[str], watched: Scene, tmp_path: Path
) -> None:
    """The seed's last advice, FRR after network-online.target, is an ordering cycle."""
    tmp_path.chmod(0o755)  # the daemons are not root
    (tmp_path / "frr.service").write_text(unit)
    if drop_in:
        (tmp_path / "frr.service.d").mkdir()
        (tmp_path / "frr.service.d" / "later.conf").write_text(drop_in)
    watched.r1.space.run(["mount", "--bind", str(tmp_path), UNITS])
    try:
        assert kinds(watched) == found
    finally:
        watched.r1.space.run(["umount", UNITS])


@pytest.mark.parametrize("vip", [VIP, VIP6], ids=["ipv4", "ipv6"])
def test_kernel_has_something_else(vip: str, watched: Scene) -> None:
    """zebra says that a route is installed, and the kernel has a part of it, or another's."""
    family = 6 if ":" in vip else 4
    watched.add(vip)
    hops = [node.address[family] for node in watched.lab.nodes]
    ours, all_hops = "proto 196 metric 20", " ".join(f"nexthop via {hop}" for hop in hops)
    poll(lambda: kinds(watched) == set(), 10, "the kernel has what it should have")
    watched.r1.space.ip(f"route replace {vip} {ours} via {hops[0]}")
    poll(lambda: kinds(watched) == {"kernel-differs"}, 10, "it has a part")
    steps = watched.show(f"vip {vip.partition('/')[0]} explain")["steps"]
    (step,) = [step for step in steps if step["step"] == "kernel"]
    assert (step["mark"], step["reason"]) == ("warn", "other-next-hops")
    watched.r1.space.ip(f"route replace {vip} {ours} {all_hops}")
    poll(lambda: kinds(watched) == set(), 10, "it has what it should have")


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
