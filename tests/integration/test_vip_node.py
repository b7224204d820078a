"""Nodes come and go; seen with a client certificate. Nothing here may withdraw a VIP."""

from __future__ import annotations

from typing import Iterator

import pytest

from tests.kube import node_path

from .kubelab import STEADY, STEADY6, KubeLab

VIP = "192.168.77.128"


@pytest.fixture(scope="module", autouse=True)
def watching(kube: KubeLab) -> None:
    """The shell runs, with a client certificate."""
    kube.use_certificate()
    kube.watch()


@pytest.fixture(autouse=True)
def peace(kube: KubeLab, watching: None) -> Iterator[None]:
    """VIPs through changed nodes may be announced again; none is withdrawn, no other is told."""
    kube.begin_test()
    kube.nodes_change = True
    yield
    for node in kube.lab.nodes:
        kube.node(node.name)
    kube.routed(STEADY)
    kube.routed(STEADY6)
    kube.check_peace()


def test_service_with_a_client_certificate(kube: KubeLab) -> None:
    kube.service("prod", "web")
    kube.refused("prod", "web", None, "no-address")
    kube.client.set_ingress("prod", "web", [VIP])
    kube.routed(VIP)
    kube.meets_every_node(VIP)
    kube.delete_service("prod", "web")
    kube.gone(VIP)
    assert kube.kinds(VIP) == ["announce", "withdraw"]


@pytest.mark.parametrize(
    "ready, reason", [(False, "node-not-ready"), ("Unknown", "node-unknown")]
)
def test_node_is_not_ready(kube: KubeLab, ready: bool | str, reason: str) -> None:
    kube.client.node_ready("kube1", ready)
    kube.routed(STEADY, "kube2", "kube3")
    kube.routed(STEADY6, "kube2", "kube3")
    assert kube.node_reason("kube1") == reason
    assert "kube1" not in kube.lab.client_get(f"http://{STEADY}/", 30)
    kube.client.node_ready("kube1")
    kube.routed(STEADY)
    assert kube.node_reason("kube1") == "selected"


def test_node_is_excluded_by_label(kube: KubeLab) -> None:
    label = {"node.kubernetes.io/exclude-from-external-load-balancers": ""}
    kube.node("kube2", labels=label)
    kube.routed(STEADY, "kube1", "kube3")
    assert kube.node_reason("kube2") == "node-excluded"
    kube.node("kube2")
    kube.routed(STEADY)


def test_cordoned_node_stays(kube: KubeLab) -> None:
    """Cordon is about new Pods; to take the traffic as well has caused outages elsewhere."""
    kube.node("kube1", unschedulable=True)
    kube.until(lambda: kube.shown_node("kube1")["cordoned"], "the cordon is known")
    kube.fence()
    kube.routed(STEADY)
    assert kube.kinds(STEADY) == []


def test_node_that_the_autoscaler_deletes(kube: KubeLab) -> None:
    taint = {"key": "ToBeDeletedByClusterAutoscaler", "effect": "NoSchedule", "value": "1"}
    kube.node("kube1", taints=[taint])
    kube.routed(STEADY, "kube2", "kube3")
    assert kube.node_reason("kube1") == "node-being-removed"


def test_node_is_deleted_and_joins_again(kube: KubeLab) -> None:
    kube.client.delete(node_path("kube2"))
    kube.routed(STEADY, "kube1", "kube3")
    kube.until(lambda: len(kube.show("node")["nodes"]) == 2, "the node is no longer shown")
    kube.node("kube2")
    kube.routed(STEADY)


def test_node_changes_its_address(kube: KubeLab) -> None:
    """To one that nobody has: what matters is that r1 asks for it, and goes back."""
    kube.client.node("kube1", "192.168.99.77", ipv6="fd00:99::77")
    kube.hops_are(STEADY, "192.168.99.13", "192.168.99.14", "192.168.99.77")
    kube.node("kube1")
    kube.routed(STEADY)


def test_node_without_ipv6(kube: KubeLab) -> None:
    kube.client.node("kube2", kube.lab.node("kube2").address[4])
    kube.routed(STEADY6, "kube1", "kube3")
    kube.routed(STEADY)
    assert kube.kinds(STEADY) == []


def test_all_nodes_silent_keeps_the_last_good_ones(kube: KubeLab) -> None:
    """Kubelets cut off from the API look like that while the data plane is well."""
    for name in ("kube1", "kube2", "kube3"):
        kube.client.node_ready(name, "Unknown")
    kube.until(lambda: kube.node_reason("kube3") == "node-kept", "the last node is kept")
    kube.fence()
    kube.routed(STEADY)
    assert kube.vip(STEADY)["warning"] == "node-kept"
    assert [t["kind"] for t in kube.show()["trouble"]] == ["node-kept"]
    kube.client.node_ready("kube3")  # the first one that is back; the others have a minute
    kube.until(lambda: kube.node_reason("kube3") == "selected", "one is back")
    kube.fence()
    kube.routed(STEADY)
    kube.client.node_ready("kube1")
    kube.client.node_ready("kube2")
    kube.until(lambda: kube.vip(STEADY)["warning"] is None, "all are back")
    assert kube.show()["trouble"] == []
