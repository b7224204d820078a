"""from-cilium: the seed's own YAML, as it stands, with the real CRDs of Cilium (feature F17).

No advertise block is configured: what is routed here was selected by the cluster's CiliumBGPAdvertisement.
"""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest
import yaml

from tests.kube import CILIUM_CRDS, RBAC, gateway_path, node_path, service_path, slice_path

from .kubelab import KUBECONFIG, ROOT, STEADY, STEADY6, KubeLab
from .test_gateway import GATEWAY, owned, recorded
from .test_gateway import SERVICE as GENERATED

SEED = ROOT / "tests" / "data" / "seed"
OBJECTS = "/apis/cilium.io/v2"
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/ciliumbgpadvertisements.cilium.io"
ROLE = "/apis/rbac.authorization.k8s.io/v1/clusterroles/kubevip-reader"
ADVERTISEMENT, BLOCK = "mdhlabs-bgp-advertisement", "cilium:mdhlabs-bgp-advertisement/0"
PEER_CONFIG, CLUSTER_CONFIG = "mdhlabs-bgp-peer-config", "mdhlabs-bgp-cluster-config"
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
VIP, GATEWAY_VIP = "192.168.77.128", "192.168.77.129"
CONFIG = f"""\
kubevip cluster lab kubeconfig {KUBECONFIG}
kubevip cluster lab vip-range 192.168.77.0/24
kubevip cluster lab vip-range fd00:77::/64
kubevip cluster lab withdraw-guard 100
kubevip cluster lab from-cilium
"""


def path(plural: str, name: str, version: str = OBJECTS) -> str:
    """Where one of Cilium's objects is."""
    return f"{version}/{plural}/{name}"


ADVERTISEMENT_PATH = path("ciliumbgpadvertisements", ADVERTISEMENT)


def seed(name: str) -> dict:
    """A file of the seed."""
    return yaml.safe_load((SEED / name).read_text(encoding="utf-8"))


def cilium_files() -> list[Path]:
    """Those with objects of cilium.io."""
    return sorted(SEED.glob("mdhlabs-*.yaml"))


def apply_seed(kube: KubeLab) -> None:
    """Cilium's objects as they are printed, and nothing else."""
    for file in cilium_files():
        kube.client.apply_yaml(file)


@pytest.fixture(scope="module", autouse=True)
def watching(kube: KubeLab) -> Iterator[None]:
    """The seed's Cilium objects are there; the shell runs."""
    kube.client.apply_yaml(kube.api.assets / CILIUM_CRDS)
    for node in kube.lab.nodes:
        kube.node(node.name, labels={CONTROL_PLANE: ""})
    apply_seed(kube)
    kube.use_token_file()
    kube.watch(CONFIG)
    yield
    for file in cilium_files():
        kube.remove(kube.client.path_of(yaml.safe_load(file.read_text(encoding="utf-8"))))


@pytest.fixture(autouse=True)
def peace(kube: KubeLab, watching: None) -> Iterator[None]:
    """A test touches its own VIPs and no other, and leaves the seed's objects as they were."""
    kube.begin_test()
    yield
    apply_seed(kube)
    kube.check_peace()


def findings(kube: KubeLab) -> list[tuple[str, str | None]]:
    """(kind, object) of what `show kubevip check` finds in Cilium's objects."""
    found = kube.show("check")["findings"]
    return sorted((f["kind"], f["object"]) for f in found if f["kind"].startswith("cilium-"))


def service(kube: KubeLab, name: str, vip: str, **labels: str) -> None:
    """A Service of namespace prod with these labels and no others."""
    kube.service("prod", name, vip, labels={k.replace("_", "-"): v for k, v in labels.items()})


def pool_step(kube: KubeLab, vip: str) -> tuple[str, str]:
    """What `explain` says of an address and the cluster's pools: (reason, the pool's name)."""
    steps = kube.show(f"vip {vip} explain")["steps"]
    details = [detail for step in steps for detail in step.get("details", [])]
    (found,) = [detail for detail in details if detail["name"] == "pool"]
    return found["reason"], found["text"].split()[1]


# ---- the seed ----------------------------------------------------------------------------------


def test_the_seeds_service(kube: KubeLab) -> None:
    """cd-bgp-svc.yaml, with `kubectl -n prod apply`; LB IPAM gives it an address."""
    obj = seed("cd-bgp-svc.yaml")
    obj["metadata"]["namespace"] = "prod"
    kube.client.namespace("prod")
    kube.client.apply(obj)
    kube.endpoints("prod", "cd-bgp-svc", "kube1", "kube2", "kube3")
    kube.client.set_ingress("prod", "cd-bgp-svc", [VIP])
    kube.routed(VIP)
    claim = kube.claim("prod", "cd-bgp-svc")
    assert (claim["reason"], claim["advertise"]) == ("selected", BLOCK)
    assert claim["selectedBy"] == "service labels"
    assert claim["pool"] == "mdhlabs-bgp-vip-pool-prod"
    assert pool_step(kube, VIP) == ("in-pool", "mdhlabs-bgp-vip-pool-prod")
    assert pool_step(kube, "192.168.77.20") == ("in-pool", "mdhlabs-bgp-vip-pool-dev"), "nobody's"
    assert pool_step(kube, "192.168.77.255")[0] == "in-no-pool"
    kube.delete_service("prod", "cd-bgp-svc")
    kube.gone(VIP)
    assert kube.kinds(VIP) == ["announce", "withdraw"]


def test_the_seeds_gateway(kube: KubeLab) -> None:
    """cd-bgp-gw.prod.yaml with its label, and the Service that Cilium makes of it, without."""
    kube.client.namespace("prod")
    gateway = kube.client.apply(seed("cd-bgp-gw.prod.yaml"))
    generated = owned(recorded("Service", GENERATED), gateway)
    for field in ("clusterIP", "clusterIPs"):
        del generated["spec"][field]
    del generated["spec"]["ports"][0]["nodePort"]
    kube.client.apply({key: generated[key] for key in generated if key != "status"})
    kube.client.apply(owned(recorded("EndpointSlice", GENERATED), gateway))
    kube.client.patch_status(service_path("prod", GENERATED), generated["status"])
    kube.routed(GATEWAY_VIP)
    claim = kube.claim("prod", GENERATED)
    assert (claim["advertise"], claim["selectedBy"]) == (BLOCK, "gateway labels")
    for left in (gateway_path("prod", GATEWAY), service_path("prod", GENERATED)):
        kube.remove(left)
    kube.remove(slice_path("prod", GENERATED))
    kube.gone(GATEWAY_VIP)


MISPRINTS = [
    ("cilium-advertisement-not-selected", f"CiliumBGPAdvertisement {ADVERTISEMENT}"),
    ("cilium-peer-config-selects-nothing", f"CiliumBGPPeerConfig {PEER_CONFIG}"),
    ("cilium-peer-in-other-network", f"CiliumBGPClusterConfig {CLUSTER_CONFIG}"),
    ("cilium-peer-in-other-network", f"CiliumBGPClusterConfig {CLUSTER_CONFIG}"),
    ("cilium-peer-not-here", f"CiliumBGPClusterConfig {CLUSTER_CONFIG}"),
    # the bystanders are in no pool of it: one of 77.0/24 below .10, one of IPv6
    ("cilium-vip-without-pool", None),
]


def test_misprints_are_said(kube: KubeLab) -> None:
    """And are gone when they are mended; what is routed was never in question."""
    kube.until(lambda: findings(kube) == MISPRINTS, "all of them, and no other")
    texts = "\n".join(f["text"] for f in kube.show("check")["findings"])
    assert "192.168.1.10" in texts and "192.168.99.10" in texts, "what was meant"
    assert "loadbalancer-services" in texts
    label = {"bgp.cilium.io/advertise": "loadbalancer-services"}
    kube.client.patch(ADVERTISEMENT_PATH, {"metadata": {"labels": label}})
    kube.until(lambda: findings(kube) == MISPRINTS[2:], "the label is right")
    instance = seed("mdhlabs-bgp-cluster-config.yaml")["spec"]["bgpInstances"][0]
    for peer in instance["peers"]:
        peer["peerAddress"] = peer["peerAddress"].replace("192.168.1.", "192.168.99.")
    config = path("ciliumbgpclusterconfigs", CLUSTER_CONFIG)
    kube.client.patch(config, {"spec": {"bgpInstances": [instance]}})
    kube.until(lambda: findings(kube) == MISPRINTS[5:], "one of the peers is this router")
    kube.still_there(STEADY)
    assert kube.kinds(STEADY) == []


# ---- following it ------------------------------------------------------------------------------


SELECTORS = [
    ({"matchLabels": {"app": "yes"}}, True),
    ({"matchLabels": {"app": "no"}}, False),
    ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["yes", "maybe"]}]}, True),
    ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
    ({"matchLabels": {"io.kubernetes.service.namespace": "prod"}}, True),
    ({"matchLabels": {"io.kubernetes.service.name": "other"}}, False),
    # the documented way to say "all"
    ({"matchExpressions": [{"key": "x", "operator": "NotIn", "values": ["never"]}]}, True),
    (None, False),
    ({}, True),
]


def test_selectors_as_the_api_server_takes_them(kube: KubeLab) -> None:
    """One Service, and an advertisement of its own whose selector changes under it."""
    vip, name = "192.168.77.140", "mine"
    service(kube, "selected", vip, app="yes")
    advert = {"advertisementType": "Service", "service": {"addresses": ["LoadBalancerIP"]}}
    obj = {"apiVersion": "cilium.io/v2", "kind": "CiliumBGPAdvertisement", "metadata": {"name": name}}
    kube.touches(vip)
    for selector, selected in SELECTORS:
        chosen = {"selector": selector} if selector is not None else {}
        kube.client.apply(obj | {"spec": {"advertisements": [advert | chosen]}})
        if selected:
            kube.routed(vip)
        else:
            kube.gone(vip, "not-selected")
    kube.remove(path("ciliumbgpadvertisements", name))
    kube.gone(vip, "not-selected")
    kube.delete_service("prod", "selected")


def test_node_selector(kube: KubeLab) -> None:
    """The nodes of the CiliumBGPClusterConfig and no others."""
    vip = "192.168.77.141"
    kube.nodes_change = True
    service(kube, "noded", vip, mdhlabs_bgp="enable")
    kube.routed(vip)
    label = {"metadata": {"labels": {CONTROL_PLANE: None}}}
    kube.client.patch(node_path("kube1"), label)
    kube.routed(vip, "kube2", "kube3")
    assert kube.node_reason("kube1", BLOCK) == "node-not-selected"
    label["metadata"]["labels"][CONTROL_PLANE] = ""
    kube.client.patch(node_path("kube1"), label)
    kube.routed(vip)
    kube.delete_service("prod", "noded")
    kube.gone(vip)


def test_what_cilium_announces_it_with(kube: KubeLab) -> None:
    """A static route carries no community: a tag does, and a route-map says it to the peer."""
    vip, name = "192.168.77.142", "gold"
    block = f"kubevip cluster lab advertise cilium:{name} tag 78"
    entry = ["match ip address prefix-list KUBEVIP", "match tag 78"]
    entry += ["set community 65000:99 additive"]
    kube.r1.config(["route-map KUBEVIP permit 30", *entry])
    advert = {
        "advertisementType": "Service",
        "service": {"addresses": ["LoadBalancerIP"]},
        "selector": {"matchLabels": {"tier": name}},
        "attributes": {"communities": {"standard": ["65000:99"]}},
    }
    obj = {"apiVersion": "cilium.io/v2", "kind": "CiliumBGPAdvertisement", "metadata": {"name": name}}
    kube.client.apply(obj | {"spec": {"advertisements": [advert]}})
    said = ("cilium-attributes-not-carried", f"CiliumBGPAdvertisement {name}")
    kube.until(lambda: said in findings(kube), "it is said that it cannot be carried")
    kube.settle(block)
    assert said not in findings(kube)
    service(kube, name, vip, tier=name)
    kube.routed(vip)
    assert kube.claim("prod", name)["communities"] == "65000:99"
    assert kube.vip(vip)["tag"] == 78
    (at_peer,) = kube.r2.vtysh(f"show bgp ipv4 unicast {vip}/32", json=True)["paths"]
    assert at_peer["community"]["list"] == ["65000:99"]
    kube.delete_service("prod", name)
    kube.gone(vip)
    kube.settle(f"no {block}")
    kube.remove(path("ciliumbgpadvertisements", name))
    kube.r1.config(["no route-map KUBEVIP permit 30"])


def serve_v2(kube: KubeLab, served: bool) -> None:
    """Whether the CRD serves cilium.io/v2 beside v2alpha1, as Cilium 1.18 and newer do."""
    versions = kube.client.get(CRD)["spec"]["versions"]
    for version in versions:
        if version["name"] == "v2":
            version["served"] = served
    kube.client.patch(CRD, {"spec": {"versions": versions}})


def test_only_the_older_version_is_served(kube: KubeLab) -> None:
    vip = "192.168.77.143"
    service(kube, "older", vip, older="yes")
    kube.refused("prod", "older", vip, "not-selected")
    try:
        serve_v2(kube, False)
        kube.relist()
        older = path("ciliumbgpadvertisements", ADVERTISEMENT, "/apis/cilium.io/v2alpha1")
        advert = {"advertisementType": "Service", "service": {"addresses": ["LoadBalancerIP"]}}
        expressions = [{"key": "mdhlabs-bgp", "operator": "Exists"}]
        both = [
            advert | {"selector": {"matchExpressions": expressions}},
            advert | {"selector": {"matchLabels": {"older": "yes"}}},
        ]
        kube.client.wait_for(older, lambda found: found is not None)
        kube.client.patch(older, {"spec": {"advertisements": both}})
        kube.routed(vip)
        assert kube.claim("prod", "older")["advertise"] == f"cilium:{ADVERTISEMENT}/1"
    finally:
        serve_v2(kube, True)
        kube.client.forget()
    kube.client.wait_for(ADVERTISEMENT_PATH, lambda found: found is not None)
    apply_seed(kube)
    kube.gone(vip, "not-selected")
    kube.delete_service("prod", "older")
    kube.fence()
    kube.still_there(STEADY)


def test_without_the_right_to_read_them(kube: KubeLab) -> None:
    """403 on cilium.io and a restart: what was routed is held, and the first page says why."""
    rules = kube.client.get(ROLE)["rules"]
    kube.client.patch(ROLE, {"rules": [r for r in rules if "cilium.io" not in r["apiGroups"]]})
    try:
        kube.shell.stop()
        kube.shell.start()
        kube.until(
            lambda: "cilium-unknown" in {t["kind"] for t in kube.show()["trouble"]},
            "it is trouble",
            within=30,
        )
        shown = kube.vip(STEADY)
        assert (shown["routed"], shown["held"]) == (True, True)
        assert (shown["reason"], shown["warning"]) == ("cilium-unknown", "cilium-unknown-holds")
        vip = "192.168.77.144"
        service(kube, "unknown", vip, mdhlabs_bgp="enable")
        kube.until(
            lambda: kube.claim("prod", "unknown")["reason"] == "cilium-unknown",
            "nothing new is routed on a guess",
        )
        kube.still_there(STEADY)
    finally:
        kube.client.apply_yaml(RBAC)
    kube.relist()
    kube.routed(vip)
    kube.delete_service("prod", "unknown")
    kube.gone(vip)
    kube.still_there(STEADY6)
    if not kube.shell.carries_bgp:  # the module's end is that of its sessions
        assert kube.kinds(STEADY) == kube.kinds(STEADY6) == []
    else:
        kube.touches(STEADY, STEADY6, "192.168.77.2")


def test_from_configured_blocks_and_back(kube: KubeLab) -> None:
    """Neither direction withdraws anything for a moment."""
    web = "kubevip cluster lab advertise web service-selector mdhlabs-bgp=enable"
    kube.settle("no kubevip cluster lab from-cilium", web)
    kube.until(lambda: kube.claim("bystanders", "pinned")["advertise"] == "web", "configured")
    kube.settle("kubevip cluster lab from-cilium", f"no {web}")
    kube.until(lambda: kube.claim("bystanders", "pinned")["advertise"] == BLOCK, "Cilium's")
    kube.until(lambda: not kube.vip(STEADY)["held"], "known again")
    kube.still_there(STEADY)
    assert kube.kinds(STEADY) == []
