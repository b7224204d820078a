"""Two clusters on one router, each with a real API server; and two routers on one cluster.

Cluster lab has the nodes kube1 and kube2, cluster west has kube3, so that a route shows whose it is.
"""

from __future__ import annotations

import os
from typing import Iterator

import pytest

from tests.kube import RBAC, KubeApi, endpoint, find_assets, service_path
from tests.lab import Lab, poll
from tests.lab.seedlab import lan
from tests.lab.shell import find_kubewatch

from .kubelab import CLUSTER, LABEL, KubeLab, host_prefix

VIP, OTHER = "192.168.77.140", "192.168.77.141"
WEST = """\
kubevip cluster west kubeconfig /etc/frr/kubevip/west.kubeconfig
kubevip cluster west vip-range 192.168.77.128/25
kubevip cluster west preference 200
kubevip cluster west withdraw-guard 100
kubevip cluster west advertise web service-selector mdhlabs-bgp=enable
"""


@pytest.fixture(scope="module")
def west(raised_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeApi]:
    """The second cluster: etcd and API server of its own, one node."""
    if find_assets() is None:
        pytest.skip("no kube-apiserver: run tests/kube/build.sh, or set KUBEBUILDER_ASSETS")
    with KubeApi(
        tmp_path_factory.mktemp("west"),
        netns=f"/proc/{raised_lab.api.holder}/ns/net",
        address=lan(20)[4],
        port=17443,
        etcd_port=13379,
    ) as api:
        api.client.apply_yaml(RBAC)
        api.client.node("kube3", raised_lab.node("kube3").address[4])
        yield api


@pytest.fixture(scope="module", autouse=True)
def watching(kube: KubeLab, west: KubeApi) -> Iterator[None]:
    """The shell watches both."""
    kube.client.delete("/api/v1/nodes/kube3")
    kube.use_certificate()
    kube.r1.write_etc("kubevip/west.kubeconfig", west.kubeconfig_cert().read_text())
    kube.service("bystanders", "steady", "192.168.77.1", nodes=["kube1", "kube2"])
    kube.shell.stop()
    kube.shell.configure("hostname r1\n" + CLUSTER + WEST)
    kube.shell.start()
    kube.routed("192.168.77.1", "kube1", "kube2")
    yield
    kube.found_cluster()


@pytest.fixture(autouse=True)
def calm(kube: KubeLab, west: KubeApi, watching: None) -> Iterator[None]:
    """Each test begins and ends without these VIPs."""
    kube.begin_test()
    yield
    for name in ("web", "mine"):
        kube.remove(service_path("prod", name))
        for item in west.client.get("/api/v1/services")["items"]:
            if item["metadata"]["name"] == name:
                west.client.delete(service_path("prod", name))
    for vip in (VIP, OTHER):
        kube.without_route(vip)


def in_lab(kube: KubeLab, *vips: str, name: str = "web") -> None:
    """A Service of cluster lab."""
    kube.service("prod", name, *vips, nodes=["kube1", "kube2"])


def in_west(west: KubeApi, vip: str, *, ready: bool = True, name: str = "web") -> None:
    """A Service of cluster west."""
    west.client.service("prod", name, labels=LABEL)
    west.client.endpointslice("prod", name, [endpoint("10.3.0.5", "kube3", ready)])
    west.client.set_ingress("prod", name, [vip])


def west_ready(west: KubeApi, ready: bool) -> None:
    """The pods of west's Service come or go."""
    west.client.endpointslice("prod", "web", [endpoint("10.3.0.5", "kube3", ready)])


def holder(kube: KubeLab, vip: str) -> str:
    """Whose VIP it is."""
    return kube.vip(vip).get("cluster", "")


def test_preference_decides(kube: KubeLab, west: KubeApi) -> None:
    """The same VIP in both: the higher preference has it, whoever came first; the other is told."""
    in_lab(kube, VIP)
    kube.routed(VIP, "kube1", "kube2")
    in_west(west, VIP)
    kube.routed(VIP, "kube3")
    assert holder(kube, VIP) == "west"
    claims = {c["cluster"]: c for c in kube.vip(VIP)["claims"]}
    assert claims["lab"]["reason"] == "held-by-other"
    assert claims["lab"]["winner"] == "west/Service prod/web"
    assert kube.kinds(VIP).count("withdraw") == 0
    kube.settle("kubevip cluster lab preference 300")
    kube.routed(VIP, "kube1", "kube2")
    kube.settle("no kubevip cluster lab preference")
    kube.routed(VIP, "kube3")
    assert kube.kinds(VIP).count("withdraw") == 0


def test_fail_over_and_back(kube: KubeLab, west: KubeApi) -> None:
    """The cluster that has it loses its last endpoint: the other one takes over, nothing flaps."""
    in_lab(kube, VIP)
    in_west(west, VIP)
    kube.routed(VIP, "kube3")
    west_ready(west, False)
    kube.routed(VIP, "kube1", "kube2")
    west_ready(west, True)
    kube.routed(VIP, "kube3")
    assert kube.kinds(VIP).count("withdraw") == 0


def test_the_other_one_ends(kube: KubeLab, west: KubeApi) -> None:
    """`shutdown` of the cluster that has it, and its removal, hand it over."""
    in_lab(kube, VIP)
    in_west(west, VIP)
    kube.routed(VIP, "kube3")
    kube.settle("kubevip cluster west shutdown")
    kube.routed(VIP, "kube1", "kube2")
    kube.settle("no kubevip cluster west shutdown")
    kube.routed(VIP, "kube3")
    kube.settle("no kubevip cluster west")
    kube.routed(VIP, "kube1", "kube2")
    kube.settle(*WEST.splitlines())
    kube.routed(VIP, "kube3")
    assert kube.kinds(VIP).count("withdraw") == 0


def test_trouble_stays_its_own(kube: KubeLab, west: KubeApi) -> None:
    """West's API server is gone: its VIP is kept as it was, and lab goes on as if nothing were."""
    in_west(west, VIP)
    kube.routed(VIP, "kube3")
    west.apiserver.kill()
    try:
        kube.until(lambda: kube.cluster("west")["lastError"], "west's trouble is shown", within=60)
        in_lab(kube, OTHER, name="mine")
        kube.routed(OTHER, "kube1", "kube2")
        kube.still_there(VIP)
        assert kube.cluster("lab")["state"] == "live"
        assert kube.kinds(VIP) == ["announce"]
    finally:
        west.apiserver.start()
    kube.until(lambda: kube.cluster("west")["state"] == "live", "west is live again", within=60)
    kube.still_there(VIP)


def test_ranges_are_a_cluster_s_own(kube: KubeLab, west: KubeApi) -> None:
    """West may not have what only lab's range holds, whatever its preference."""
    in_west(west, "192.168.77.20")
    kube.until(
        lambda: [
            c["reason"]
            for c in kube.show("service prod/web")["services"]
            if c["cluster"] == "west"
        ]
        == ["out-of-range"],
        "west's claim is refused",
    )
    kube.never_routed("192.168.77.20")


def west_reason(kube: KubeLab, name: str) -> str:
    """What is said of west's Service prod/NAME."""
    claims = kube.show(f"service prod/{name}")["services"]
    return next((c["reason"] for c in claims if c["cluster"] == "west"), "")


def test_hijack_across_clusters(kube: KubeLab, west: KubeApi) -> None:
    """West may have these ranges, and still not a node of lab, nor its API server."""
    wide = "kubevip cluster west vip-range 192.168.99.0/24 allow-connected"
    kube.settle(wide)
    try:
        for address, reason in (
            ("192.168.99.12", "node-address"),
            ("192.168.99.20", "api-server-address"),
        ):
            in_west(west, address, name="mine")
            kube.until(lambda r=reason: west_reason(kube, "mine") == r, f"{address}: {reason}")
            kube.never_routed(address)
            assert kube.cluster("west")["refused"] == {reason: 1}
            assert "refused" in kube.cluster("lab") and reason not in kube.cluster("lab")["refused"]
    finally:
        kube.settle(f"no {wide}")


def test_claimed_there_allocated_here(kube: KubeLab, west: KubeApi) -> None:
    """An externalIP of the cluster with the higher preference comes after a status of the other."""
    addresses = "kubevip cluster west advertise web address loadbalancer-ip external-ip"
    kube.settle(addresses)
    try:
        thief = {"type": "ClusterIP", "externalIPs": [VIP]}
        west.client.service("prod", "mine", labels=LABEL, **thief)
        west.client.endpointslice("prod", "mine", [endpoint("10.3.0.5", "kube3", True)])
        kube.routed(VIP, "kube3")
        in_lab(kube, VIP)
        kube.routed(VIP, "kube1", "kube2")
        claims = {c["cluster"]: c for c in kube.vip(VIP)["claims"]}
        assert claims["west"]["reason"] == "held-by-other"
        assert claims["west"]["winner"] == "lab/Service prod/web"
        assert kube.show()["vips"]["conflicts"] == 1
        assert kube.kinds(VIP).count("withdraw") == 0
    finally:
        kube.settle(f"no {addresses}")


def test_two_routers_agree(kube: KubeLab, west: KubeApi) -> None:
    """No election: the same input gives the same table, in whatever order it came (F20)."""
    in_lab(kube, VIP)
    in_west(west, VIP)
    kube.routed(VIP, "kube3")
    r2 = kube.r2
    for name in ("lab", "west"):
        text = (kube.r1.etc / "kubevip" / f"{name}.kubeconfig").read_text()
        r2.write_etc(f"kubevip/{name}.kubeconfig", text)
    setup = find_kubewatch(os.environ.get("KUBEWATCH", ""))
    if setup is None:
        pytest.skip("kubewatch is not built; set KUBEWATCH to its path")
    shell = r2.install(setup)
    # It decides and injects nothing: r2 is the peer whose routes the other tests look at.
    shell.configure(WEST + CLUSTER + "kubevip inject observe\n")
    shell.start()
    try:
        same = lambda: shell.vty_json("show kubevip")["tableDigest"] == kube.show()["tableDigest"]
        poll(same, 20, "both routers have the same digest")
        before = kube.show()["tableDigest"]
        in_lab(kube, OTHER, name="mine")
        kube.routed(OTHER, "kube1", "kube2")
        assert kube.show()["tableDigest"] != before
        poll(same, 20, "and again after a change")
        kube.delete_service("prod", "mine")
        kube.without_route(OTHER)
        poll(lambda: same() and kube.show()["tableDigest"] == before, 20, "and after it went")
        assert host_prefix(VIP) in shell.vty_json("show kubevip vip")["vips"]
    finally:
        shell.kill()
