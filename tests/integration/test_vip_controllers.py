"""The cluster's own controllers at work: EndpointSlices from Pods, Ready=Unknown from silence."""

from __future__ import annotations

import time
from typing import Iterator

import pytest

from tests.kube import service_path, slice_path

from .kubelab import LABEL, PINNED, STEADY, STEADY6, KubeLab

APP = {"app": "web"}
HEARTBEAT_S = 0.5


@pytest.fixture(scope="module", autouse=True)
def controllers(kube: KubeLab) -> Iterator[None]:
    """kube-controller-manager runs, and every node has a kubelet that renews its lease."""
    for node in kube.lab.nodes:
        kube.client.start_heartbeat(node.name, HEARTBEAT_S)
    kube.api.manager.start()
    kube.use_token_file()
    kube.watch()
    yield
    kube.api.manager.kill()
    kube.client.stop_heartbeats()


@pytest.fixture(autouse=True)
def peace(kube: KubeLab, controllers: None) -> Iterator[None]:
    """A test touches its own VIPs and no other."""
    kube.begin_test()
    yield
    kube.check_peace()


def test_local_follows_real_pods(kube: KubeLab) -> None:
    """The slices are the EndpointSlice controller's, from Pods on nodes."""
    vip, client = "192.168.77.30", kube.client
    client.service("pods", "web", [vip], labels=LABEL, selector=APP, policy="Local")
    kube.refused("pods", "web", vip, "no-endpoints")
    client.pod("pods", "web-1", "kube1", "10.1.1.9", labels=APP)
    kube.routed(vip, "kube1")
    client.pod("pods", "web-2", "kube2", "10.1.2.9", labels=APP)
    kube.routed(vip, "kube1", "kube2")
    client.pod_terminate("pods", "web-1")
    kube.routed(vip, "kube2")
    client.pod_gone("pods", "web-1")
    slices = client.get(slice_path("pods", ""))["items"]
    assert {s["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"] for s in slices} == {
        "endpointslice-controller.k8s.io"
    }
    assert "withdraw" not in kube.kinds(vip)
    client.pod_status("pods", "web-2", "10.1.2.9", ready=False)
    kube.gone(vip, "no-endpoints")
    client.pod_status("pods", "web-2", "10.1.2.9", ready=True)
    kube.routed(vip, "kube2")
    client.delete(service_path("pods", "web"))
    kube.gone(vip)


def test_cluster_keeps_its_nodes_when_pods_move(kube: KubeLab) -> None:
    """With policy Cluster, where a Pod runs is none of the router's business."""
    vip, client, app = "192.168.77.31", kube.client, {"app": "api"}
    client.service("pods", "api", [vip], labels=LABEL, selector=app)
    client.pod("pods", "api-1", "kube1", "10.1.1.10", labels=app)
    kube.routed(vip)
    client.pod("pods", "api-2", "kube2", "10.1.2.10", labels=app)
    kube.until(lambda: kube.claim("pods", "api")["endpointsUsable"] == 2, "the second Pod is seen")
    client.pod_gone("pods", "api-1")
    kube.until(lambda: kube.claim("pods", "api")["endpoints"] == 1, "the first Pod is gone")
    kube.fence()
    kube.routed(vip)
    assert kube.kinds(vip) == ["announce"]
    client.delete(service_path("pods", "api"))
    kube.gone(vip)


def test_silent_kubelet(kube: KubeLab) -> None:
    """A node stops its heartbeat; the node controller, not the test, says Unknown."""
    kube.nodes_change = True
    began = time.time()
    kube.client.stop_heartbeat("kube1")
    kube.routed(STEADY, "kube2", "kube3", within=40)
    kube.routed(STEADY6, "kube2", "kube3")
    assert kube.node_reason("kube1") == "node-unknown"
    kube.client.start_heartbeat("kube1", HEARTBEAT_S)
    kube.client.node_ready("kube1")  # a kubelet that is back says so itself
    kube.routed(STEADY)
    kube.routed(STEADY6)
    kube.routed(PINNED, "kube3")
    for vip in (STEADY, STEADY6):
        assert "withdraw" not in kube.kinds(vip, began)


def test_all_kubelets_silent(kube: KubeLab) -> None:
    """Cut off from the API, the data plane well; the node controller says that no Pod is ready.

    Nothing is withdrawn, neither then nor when the kubelets come back one after the other. But for
    what is on a node that leaves before the last one alone: that looks as if it had died.
    """
    kube.nodes_change = True
    kube.touches(PINNED)
    client, local, every, names = kube.client, "192.168.77.32", "192.168.77.33", ("far", "all")
    kubelets = "kube1", "kube3", "kube2"
    pods = {f"all-{name[-1]}": name for name in kubelets} | {"far-2": "kube2"}
    for pod, node in pods.items():
        address = f"10.1.{node[-1]}.{11 + pod.startswith('far')}"
        client.pod("pods", pod, node, address, labels={"app": pod[:3]})
    for name, vip, policy in ((names[0], local, "Local"), (names[1], every, "Cluster")):
        client.service("pods", name, [vip], labels=LABEL, selector={"app": name}, policy=policy)
    kube.routed(every)
    kube.routed(local, "kube2")
    for node in kubelets:
        client.stop_heartbeat(node)
        time.sleep(HEARTBEAT_S)
    kube.until(
        lambda: all(kube.claim("pods", name)["warning"] == "endpoints-kept" for name in names),
        "no Pod is ready",
        within=60,
    )
    for node in kubelets:
        kube.still_there(local)
        kube.still_there(every)
        client.start_heartbeat(node, HEARTBEAT_S)
        client.node_ready(node)
        kube.until(lambda n=node: kube.node_reason(n) == "selected", f"{node} is back")
        for pod in (pod for pod in pods if pods[pod] == node):
            client.pod_status("pods", pod, f"10.1.{node[-1]}.{11 + pod.startswith('far')}")
    kube.until(lambda: kube.claim("pods", "all")["endpointsUsable"] == 3, "every Pod is back")
    kube.routed(every)
    kube.routed(local, "kube2")
    kube.routed(PINNED, "kube3")
    assert kube.kinds(local).count("withdraw") == kube.kinds(every).count("withdraw") == 0
