"""Gateways: their labels select the Service that a controller generated for them (feature F4).

The objects are those of tests/data/recorded, written by a real Cilium: the generated Service has
neither the Gateway's label nor a selector, and its one endpoint is a dummy without a node.
"""

from __future__ import annotations

import json
from typing import Iterator

import pytest

from tests.kube import gateway_path, service_path, slice_path

from .kubelab import ROOT, KubeLab

VIP = "192.168.77.129"
NAMESPACE, GATEWAY, SERVICE = "prod", "cd-bgp-gw", "cilium-gateway-cd-bgp-gw"
RECORDED = ROOT / "tests" / "data" / "recorded" / "dump.json"
SERVERS_OWN = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")


@pytest.fixture(scope="module", autouse=True)
def watching(kube: KubeLab) -> None:
    """The shell runs."""
    kube.use_token_file()
    kube.watch()


@pytest.fixture(autouse=True)
def peace(kube: KubeLab, watching: None) -> Iterator[None]:
    """A test touches its own VIPs and no other."""
    kube.begin_test()
    yield
    kube.check_peace()


def recorded(kind: str, name: str) -> dict:
    """An object of the recording without what only a server may say."""
    for item in json.loads(RECORDED.read_text())["items"]:
        if (item["kind"], item["metadata"]["name"]) == (kind, name):
            for key in SERVERS_OWN:
                item["metadata"].pop(key, None)
            return item
    raise LookupError(f"{kind} {name} is not in {RECORDED}")


def owned(obj: dict, gateway: dict) -> dict:
    """The same object, controlled by the Gateway as this server knows it."""
    obj["metadata"]["ownerReferences"][0]["uid"] = gateway["metadata"]["uid"]
    return obj


def write_as_recorded(kube: KubeLab) -> None:
    """The Gateway, the Service and the slice that Cilium makes of it, then their addresses."""
    client = kube.client
    client.namespace(NAMESPACE)
    wanted = recorded("Gateway", GATEWAY)
    gateway = client.apply({key: wanted[key] for key in wanted if key != "status"})
    service = owned(recorded("Service", SERVICE), gateway)
    for field in ("clusterIP", "clusterIPs"):
        del service["spec"][field]
    del service["spec"]["ports"][0]["nodePort"]
    client.apply({key: service[key] for key in service if key != "status"})
    client.apply(owned(recorded("EndpointSlice", SERVICE), gateway))
    client.patch_status(service_path(NAMESPACE, SERVICE), service["status"])
    client.patch_status(gateway_path(NAMESPACE, GATEWAY), wanted["status"])


@pytest.fixture
def gateway(kube: KubeLab) -> Iterator[str]:
    """The recorded Gateway and what belongs to it, routed; deleted afterwards."""
    write_as_recorded(kube)
    kube.routed(VIP)
    yield gateway_path(NAMESPACE, GATEWAY)
    kube.remove(gateway_path(NAMESPACE, GATEWAY))
    kube.remove(service_path(NAMESPACE, SERVICE))
    kube.remove(slice_path(NAMESPACE, SERVICE))
    kube.gone(VIP)


def test_generated_service_is_selected_by_its_gateways_label(kube: KubeLab, gateway: str) -> None:
    service = kube.client.get(service_path(NAMESPACE, SERVICE))
    assert "mdhlabs-bgp" not in service["metadata"]["labels"], "the premise"
    assert "selector" not in service["spec"], "the premise"
    kube.meets_every_node(VIP)
    claim = kube.claim(NAMESPACE, SERVICE)
    assert (claim["reason"], claim["selectedBy"]) == ("selected", "gateway labels")
    assert (claim["kind"], claim["gateway"]) == ("Service", GATEWAY)
    assert len(kube.vip(VIP)["claims"]) == 1, "a Gateway and its Service are one claim"
    assert kube.kinds(VIP) == ["announce"]


def test_label_off_the_gateway(kube: KubeLab, gateway: str) -> None:
    kube.label(gateway, mdhlabs_bgp=None)
    kube.gone(VIP, "not-selected")
    kube.label(gateway, mdhlabs_bgp="enable")
    kube.routed(VIP)
    assert kube.kinds(VIP) == ["announce", "withdraw", "announce"]


def test_label_on_the_generated_service_changes_nothing(kube: KubeLab, gateway: str) -> None:
    """The seed's workaround, put on and taken off again while the Gateway's label stands."""
    path = service_path(NAMESPACE, SERVICE)
    for value, by in (("enable", "service labels"), (None, "gateway labels")):
        kube.label(path, mdhlabs_bgp=value)
        kube.until(
            lambda: kube.claim(NAMESPACE, SERVICE)["selectedBy"] == by, f"it is selected by {by}"
        )
    kube.fence()
    assert kube.kinds(VIP) == ["announce"]


def test_dummy_endpoint_counts_on_every_node(kube: KubeLab, gateway: str) -> None:
    """Also with policy Local, where an endpoint without node would count nowhere."""
    path = service_path(NAMESPACE, SERVICE)
    kube.client.patch(path, {"spec": {"externalTrafficPolicy": "Local"}})
    kube.until(
        lambda: kube.claim(NAMESPACE, SERVICE)["externalTrafficPolicy"] == "Local",
        "the policy is Local",
    )
    kube.fence()
    kube.routed(VIP)
    assert kube.kinds(VIP) == ["announce"]


def test_gateway_deleted_before_its_service(kube: KubeLab, gateway: str) -> None:
    """Its labels go with it."""
    kube.remove(gateway)
    kube.gone(VIP, "not-selected")


def test_gateway_with_an_address_and_no_service(kube: KubeLab) -> None:
    vip, path = "192.168.77.130", gateway_path("edge", "alone")
    kube.client.gateway("edge", "alone", [vip], labels={"mdhlabs-bgp": "enable"})
    kube.routed(vip)
    (claim,) = kube.vip(vip)["claims"]
    assert (claim["kind"], claim["namespace"], claim["name"]) == ("Gateway", "edge", "alone")
    assert claim["source"] == "gateway"
    kube.label(path, mdhlabs_bgp=None)
    kube.gone(vip, "not-selected")
    kube.label(path, mdhlabs_bgp="enable")
    kube.routed(vip)
    kube.remove(path)
    kube.gone(vip)
    assert kube.kinds(vip) == ["announce", "withdraw"] * 2


def test_gateway_of_both_families_changes_its_address(kube: KubeLab) -> None:
    four, six, later = "192.168.77.131", "fd00:77::131", "192.168.77.132"
    labels = {"mdhlabs-bgp": "enable"}
    kube.client.gateway("edge", "dual", [four, six], labels=labels)
    kube.routed(four)
    kube.routed(six)
    kube.client.gateway("edge", "dual", [later, six], labels=labels)
    kube.routed(later)
    kube.gone(four)
    assert kube.kinds(six) == ["announce"]
    kube.remove(gateway_path("edge", "dual"))
    kube.gone(later)
    kube.gone(six)


def test_hostname_of_a_gateway_is_no_address(kube: KubeLab) -> None:
    kube.client.gateway("edge", "named", labels={"mdhlabs-bgp": "enable"})
    kube.refused("edge", "named", None, "no-address")
    address = {"type": "Hostname", "value": "gw.example.org"}
    kube.client.patch_status(gateway_path("edge", "named"), {"addresses": [address]})
    kube.refused("edge", "named", None, "hostname-only")
    assert kube.claim("edge", "named")["kind"] == "Gateway"
    assert kube.kinds(VIP) == []
    kube.remove(gateway_path("edge", "named"))


def test_infrastructure_labels_arrive_on_the_service(kube: KubeLab, gateway: str) -> None:
    """The Gateway says spec.infrastructure.labels and its controller writes them on what it makes
    (tests/data/recorded/services.watch.jsonl, 10:28:06): then the Service is selected by its own."""
    service = service_path(NAMESPACE, SERVICE)
    labels = {"mdhlabs-bgp": "enable"}
    kube.client.patch(gateway, {"spec": {"infrastructure": {"labels": labels}}})
    kube.label(gateway, mdhlabs_bgp=None)
    kube.gone(VIP, "not-selected")
    kube.client.patch(service, {"metadata": {"labels": labels}})
    kube.routed(VIP)
    assert kube.claim(NAMESPACE, SERVICE)["selectedBy"] == "service labels"
    assert kube.kinds(VIP) == ["announce", "withdraw", "announce"]


def test_slice_without_the_label_of_its_service(kube: KubeLab, gateway: str) -> None:
    """As Cilium 1.19 writes it: linked by the Gateway that owns both; also with policy Local."""
    service = service_path(NAMESPACE, SERVICE)
    kube.client.patch(service, {"spec": {"externalTrafficPolicy": "Local"}})
    label = {"metadata": {"labels": {"kubernetes.io/service-name": None}}}
    kube.client.patch(slice_path(NAMESPACE, SERVICE), label)
    kube.until(
        lambda: kube.claim(NAMESPACE, SERVICE)["warning"] == "slice-linked-by-owner",
        "it is said how the slice was linked",
    )
    kube.fence()
    kube.routed(VIP)
    assert kube.kinds(VIP) == ["announce"]


def test_gateways_that_share_an_address(kube: KubeLab) -> None:
    """Merged by their controller: the VIP stays while one of them names it."""
    vip, labels = "192.168.77.133", {"mdhlabs-bgp": "enable"}
    kube.client.gateway("edge", "first", [vip], labels=labels)
    kube.client.gateway("edge", "second", [vip], labels=labels)
    kube.routed(vip)
    kube.until(lambda: len(kube.vip(vip)["claims"]) == 2, "both claim it")
    assert [c["reason"] for c in kube.vip(vip)["claims"]] == ["selected"] * 2
    kube.remove(gateway_path("edge", "first"))
    kube.until(lambda: len(kube.vip(vip)["claims"]) == 1, "one of them has gone")
    kube.fence()
    assert kube.kinds(vip) == ["announce"], "its address did not"
    kube.remove(gateway_path("edge", "second"))
    kube.gone(vip)


def test_class_of_a_gateway(kube: KubeLab) -> None:
    """`loadbalancer-class` is met by gatewayClassName; one of another class is left alone."""
    taken, left = "192.168.77.134", "192.168.77.135"
    lines = [
        "kubevip cluster lab advertise edge service-selector edge=yes",
        "kubevip cluster lab advertise edge loadbalancer-class envoy",
    ]
    kube.settle(*lines)
    kube.client.gateway("edge", "envoy", [taken], gateway_class="envoy", labels={"edge": "yes"})
    kube.client.gateway("edge", "other", [left], gateway_class="cilium", labels={"edge": "yes"})
    kube.routed(taken)
    kube.refused("edge", "other", left, "not-selected")
    for name in ("envoy", "other"):
        kube.remove(gateway_path("edge", name))
    kube.gone(taken)
    kube.settle(*[f"no {line}" for line in reversed(lines)])
