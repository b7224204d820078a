"""Our commands on a running router: configuration, orders, and what they leave alone."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest

from tests.lab.vty import VtyError

from .kubelab import BYSTANDERS, CLUSTER, PINNED, STEADY, STEADY6, KubeLab, host_prefix
from .shells import NO_BGP, OPTION, kubewatch_only

# One line of each shape; what they do is tested elsewhere.
MORE = """\
kubevip reserved-prefix 192.168.77.240/28
kubevip cluster lab vip-range 192.168.77.192/27 namespace tenant
kubevip cluster lab vip-range 10.0.12.0/30 allow-connected
kubevip cluster lab snapshot-max-age 600
kubevip cluster lab maximum-vips 2000
kubevip cluster lab advertise web next-hop-resolution connected
kubevip cluster lab advertise zone service-selector zone in (a,b),!internal
kubevip cluster lab advertise zone namespace zoned
kubevip cluster lab advertise zone node-selector zone=a
kubevip cluster lab advertise zone distance 16
"""
DEFAULTS = {"kubevip cluster lab advertise web next-hop-resolution connected"}
LAB = "kubevip cluster lab"
RANGE = f"{LAB} vip-range 192.168.77.0/24"


@pytest.fixture(scope="module", autouse=True)
def watching(kube: KubeLab) -> None:
    """The shell runs."""
    kube.use_token_file()
    kube.watch(CLUSTER + MORE)


@pytest.fixture(autouse=True)
def peace(kube: KubeLab, watching: None) -> Iterator[None]:
    """A test touches its own VIPs and no other, unless it says so."""
    kube.begin_test()
    yield
    kube.check_peace()


def running(kube: KubeLab) -> list[str]:
    """Our lines of the running configuration."""
    text = kube.command("show running-config")
    return [line for line in text.splitlines() if line.startswith("kubevip ")]


def saved(kube: KubeLab) -> list[str]:
    """Our lines of the file."""
    return [line for line in kube.shell.saved() if line.startswith("kubevip ")]


def restart(kube: KubeLab) -> None:
    """The shell ends and starts again; the bystanders are confirmed afterwards."""
    kube.shell.kill()
    kube.shell.start()
    kube.session_changes = kube.shell.carries_bgp
    kube.until(lambda: kube.cluster()["state"] == "live", "the cluster has synchronised again")
    for vip, nodes in ((STEADY, []), (STEADY6, []), (PINNED, ["kube3"])):
        kube.routed(vip, *nodes)


def lists(kube: KubeLab) -> dict[str, int]:
    """How often each kind was listed."""
    return {name: kind["lists"] for name, kind in kube.cluster()["kinds"].items()}


def test_running_config_says_what_was_configured(kube: KubeLab) -> None:
    given = {line for line in (CLUSTER + MORE).splitlines() if line}
    assert set(running(kube)) == given - DEFAULTS


@kubewatch_only(OPTION)
def test_running_config_passes_its_own_check(kube: KubeLab, tmp_path: Path) -> None:
    file = tmp_path / "kubewatch.conf"
    file.write_text("\n".join(running(kube)) + "\n")
    output = kube.r1.space.run(["/usr/lib/frr/kubewatch", "--check-config", str(file)])
    assert "line" not in output


def test_written_configuration_is_the_same_after_a_restart(kube: KubeLab) -> None:
    """And the restart itself is nobody's business: no VIP is told again, none is missing."""
    before, digest = running(kube), kube.show()["tableDigest"]
    with kube.r1.monitor() as monitor:
        kube.shell.write()
        assert saved(kube) == before
        restart(kube)
        kube.fence()
    assert running(kube) == before
    assert kube.show()["tableDigest"] == digest
    # Not STEADY6: zebra replaces an IPv6 route by a deletion and an addition.
    assert [line for vip in (STEADY, PINNED) for line in monitor.deleted(host_prefix(vip))] == []


def test_typed_range_takes_effect(kube: KubeLab) -> None:
    vip = "fd00:77::500"
    kube.settle(f"no {LAB} vip-range fd00:77::/64", f"{LAB} vip-range fd00:77::/120")
    kube.service("prod", "wider", vip)
    kube.refused("prod", "wider", vip, "out-of-range")
    kube.configure(f"{LAB} vip-range fd00:77::500/120")
    kube.routed(vip)
    kube.configure(f"no {LAB} vip-range fd00:77::500/120")
    kube.gone(vip)
    assert kube.claim("prod", "wider")["reason"] == "out-of-range"
    assert kube.kinds(vip) == ["announce", "withdraw"]
    kube.configure(f"{LAB} vip-range fd00:77::/64", f"no {LAB} vip-range fd00:77::/120")
    kube.routed(vip)
    kube.delete_service("prod", "wider")
    kube.gone(vip)


def test_a_line_taken_back_at_once_was_never_there(kube: KubeLab) -> None:
    """frr-reload removes and adds again: between the two the configuration has not settled."""
    kube.configure("no " + RANGE)
    kube.settle(RANGE)
    kube.fence()


def test_distance_changes_without_a_gap(kube: KubeLab) -> None:
    """The new route first, then the old one goes, under the distance it was sent with."""
    vip = "192.168.77.40"
    kube.service("prod", "far", vip)
    kube.routed(vip)
    kube.nodes_change = True  # not that, but bgpd tells its peer of the other route just as well
    block = "kubevip cluster lab advertise web distance"
    with kube.r1.monitor() as monitor:
        for line, wanted in ((f"{block} 17", 17), (f"no {block}", 15)):
            kube.configure(line)
            kube.until(lambda: zebra_distances(kube, vip) == [wanted], f"only distance {wanted}")
            kube.routed(vip)
            assert kube.vip(vip)["distance"] == wanted
    assert monitor.deleted(host_prefix(vip)) == []
    assert "withdraw" not in kube.kinds(vip)
    kube.delete_service("prod", "far")
    kube.gone(vip)


def zebra_distances(kube: KubeLab, vip: str) -> list[int]:
    """The distances of a VIP's static routes in zebra."""
    return [entry["distance"] for entry in kube.r1.zebra_routes()[host_prefix(vip)]]


@pytest.mark.parametrize(
    "line",
    [
        "kubevip cluster lab vip-range 192.168.77.0/33",
        "kubevip cluster lab vip-range 192.168.77.1/24",
        "kubevip cluster lab advertise web service-selector a=b=c",
        "kubevip cluster lab advertise web distance 1",
        "kubevip cluster lab kubeconfig relative/path",
        "kubevip nonsense",
    ],
)
def test_wrong_line_is_refused_and_changes_nothing(kube: KubeLab, line: str) -> None:
    before = running(kube)
    with pytest.raises(VtyError, match="%"):
        kube.configure(line)
    assert running(kube) == before


@kubewatch_only(NO_BGP)
def test_node_mode_is_refused_and_changes_nothing(kube: KubeLab) -> None:
    test_wrong_line_is_refused_and_changes_nothing(kube, "kubevip inject bgp")


def test_clear_cluster_lists_again(kube: KubeLab) -> None:
    before = lists(kube)
    kube.relist()
    kube.until(
        lambda: all(n > before[kind] for kind, n in lists(kube).items()), "every kind was listed"
    )
    kube.fence()


def test_unknown_cluster(kube: KubeLab) -> None:
    with pytest.raises(VtyError, match="there is no cluster nowhere"):
        kube.command("clear kubevip cluster nowhere")
    assert kube.show("cluster nowhere")["clusters"] == {}


def test_flush_withdraws_until_it_is_cleared(kube: KubeLab) -> None:
    kube.touches(*BYSTANDERS)
    late = "192.168.77.41"
    kube.command("kubevip flush")
    for vip in BYSTANDERS:
        kube.without_route(vip)
    flushed = kube.show()
    assert flushed["flushed"] and "flushed" in [t["kind"] for t in flushed["trouble"]]
    kube.service("prod", "late", late)
    kube.until(lambda: kube.vip(late).get("state") == "flushed", "the late VIP waits")
    assert kube.vip(late)["reason"] == kube.vip(STEADY)["reason"] == "flushed"
    kube.never_routed(late)
    kube.command("clear kubevip flush")
    kube.routed(STEADY)
    kube.routed(STEADY6)
    kube.routed(PINNED, "kube3")
    kube.routed(late)
    assert not kube.show()["flushed"]
    assert kube.kinds(STEADY) == ["withdraw", "announce"]
    kube.delete_service("prod", "late")
    kube.gone(late)


def test_restart_ends_a_flush(kube: KubeLab) -> None:
    kube.touches(*BYSTANDERS)
    kube.command("kubevip flush")
    for vip in BYSTANDERS:
        kube.without_route(vip)
    restart(kube)
    assert kube.kinds(STEADY) == ["withdraw", "announce"]


def test_shutdown_of_a_cluster(kube: KubeLab) -> None:
    """Its VIPs go, but it is watched on: what changes meanwhile is known when it comes back."""
    kube.touches(*BYSTANDERS)
    late = "192.168.77.42"
    kube.configure("kubevip cluster lab shutdown")
    for vip in BYSTANDERS:
        kube.gone(vip, "cluster-shutdown")
    kube.service("prod", "late", late)
    kube.until(
        lambda: kube.claim("prod", "late")["reason"] == "cluster-shutdown", "the Service is seen"
    )
    kube.configure("no kubevip cluster lab shutdown")
    kube.routed(late)
    kube.routed(STEADY)
    kube.routed(STEADY6)
    kube.routed(PINNED, "kube3")
    kube.delete_service("prod", "late")
    kube.gone(late)


def test_removed_cluster_takes_its_vips_along(kube: KubeLab) -> None:
    """Typed while we run, `no kubevip cluster` is the operator's word."""
    kube.touches(*BYSTANDERS)
    before = running(kube)
    kube.configure("no kubevip cluster lab")
    for vip in BYSTANDERS:
        kube.gone(vip)
    assert kube.show("cluster")["clusters"] == {}
    kube.configure(*before)
    kube.routed(STEADY)
    kube.routed(STEADY6)
    kube.routed(PINNED, "kube3")
    assert running(kube) == before
