"""Services of a real Kubernetes API, read with a ServiceAccount's token, as far as the peer."""

from __future__ import annotations

from typing import Iterator

import pytest

from tests.kube import endpoint, service_path

from .kubelab import CLUSTER, LABEL, PINNED, STEADY, KubeLab

VIP = "192.168.77.128"
CONFIG = f"""\
{CLUSTER}
kubevip cluster lab vip-range 192.168.77.192/27 namespace tenant
kubevip cluster lab vip-range 192.168.99.0/24 allow-connected
kubevip cluster lab vip-range 10.0.12.0/30
kubevip reserved-prefix 192.168.77.240/28
"""


@pytest.fixture(scope="module", autouse=True)
def watching(kube: KubeLab) -> None:
    """The shell runs, with a ServiceAccount's token from a file."""
    kube.use_token_file()
    kube.watch(CONFIG)


@pytest.fixture(autouse=True)
def peace(kube: KubeLab, watching: None) -> Iterator[None]:
    """A test touches its own VIPs and no other."""
    kube.begin_test()
    yield
    kube.check_peace()


def test_service_with_an_address_reaches_every_node(kube: KubeLab) -> None:
    kube.service("prod", "web")
    kube.refused("prod", "web", None, "no-address")
    kube.client.set_ingress("prod", "web", [VIP])
    kube.routed(VIP)
    kube.meets_every_node(VIP)
    assert kube.kinds(VIP) == ["announce"]
    kube.delete_service("prod", "web")
    kube.gone(VIP)
    assert kube.kinds(VIP) == ["announce", "withdraw"]


def test_what_is_shown_of_a_routed_vip(kube: KubeLab) -> None:
    shown = kube.vip(STEADY)
    assert (shown["tag"], shown["distance"], shown["table"]) == (77, 15, 0)
    assert (shown["cluster"], shown["warning"], shown["restored"]) == ("lab", None, False)
    (claim,) = shown["claims"]
    assert (claim["kind"], claim["namespace"], claim["name"]) == ("Service", "bystanders", "steady")
    assert (claim["source"], claim["selectedBy"]) == ("load-balancer", "service labels")
    assert (claim["advertise"], claim["externalTrafficPolicy"]) == ("web", "Cluster")
    assert (claim["endpointsUsable"], claim["endpoints"]) == (3, 3)
    assert kube.vip(PINNED)["claims"][0]["externalTrafficPolicy"] == "Local"


def test_label_decides(kube: KubeLab) -> None:
    vip, path = "192.168.77.10", service_path("prod", "label")
    kube.service("prod", "label", vip)
    kube.routed(vip)
    kube.label(path, mdhlabs_bgp=None)
    kube.gone(vip, "not-selected")
    kube.label(path, mdhlabs_bgp="enable")
    kube.routed(vip)
    kube.label(path, mdhlabs_bgp="disable")
    kube.gone(vip, "not-selected")
    assert kube.kinds(vip) == ["announce", "withdraw"] * 2


def test_address_changes(kube: KubeLab) -> None:
    old, new = "192.168.77.11", "192.168.77.12"
    kube.service("prod", "moving", old)
    kube.routed(old)
    kube.client.set_ingress("prod", "moving", [new])
    kube.routed(new)
    kube.gone(old)
    kube.client.set_ingress("prod", "moving", [])
    kube.gone(new)
    assert kube.claim("prod", "moving")["reason"] == "no-address"
    assert kube.kinds(old) == kube.kinds(new) == ["announce", "withdraw"]


def test_ipv6(kube: KubeLab) -> None:
    vip = "fd00:77::128"
    kube.service("prod", "six", vip)
    kube.routed(vip)
    kube.meets_every_node(vip)
    kube.delete_service("prod", "six")
    kube.gone(vip)
    assert kube.kinds(vip) == ["announce", "withdraw"]


def test_dual_stack(kube: KubeLab) -> None:
    """Each family lives for itself: when one address goes, the other is not told again."""
    four, six = "192.168.77.13", "fd00:77::13"
    kube.service("prod", "dual", four, six)
    kube.routed(four)
    kube.routed(six)
    kube.client.set_ingress("prod", "dual", [six])
    kube.gone(four)
    assert kube.kinds(six) == ["announce"]
    kube.delete_service("prod", "dual")
    kube.gone(six)


def test_two_services_share_a_vip(kube: KubeLab) -> None:
    vip = "192.168.77.14"
    kube.service("prod", "http", vip)
    kube.routed(vip)
    kube.service("prod", "https", vip, ports=[443])
    kube.until(lambda: len(kube.vip(vip)["claims"]) == 2, "both Services claim it")
    kube.delete_service("prod", "http")
    kube.until(lambda: len(kube.vip(vip)["claims"]) == 1, "the first Service has gone")
    kube.fence()
    kube.routed(vip)
    assert kube.kinds(vip) == ["announce"]
    kube.delete_service("prod", "https")
    kube.gone(vip)
    assert kube.kinds(vip) == ["announce", "withdraw"]


def test_shared_vip_uses_the_nodes_that_serve_all(kube: KubeLab) -> None:
    """A node that serves only one of the ports would drop the other's connections."""
    vip = "192.168.77.15"
    kube.service("prod", "a", vip, nodes=["kube1", "kube2"], policy="Local")
    kube.routed(vip, "kube1", "kube2")
    kube.service("prod", "b", vip, nodes=["kube2", "kube3"], policy="Local", ports=[443])
    kube.routed(vip, "kube2")
    kube.endpoints("prod", "b", "kube3")
    kube.routed(vip)
    assert kube.vip(vip)["warning"] == "shared-vip-disjoint"
    kube.delete_service("prod", "b")
    kube.routed(vip, "kube1", "kube2")
    assert "withdraw" not in kube.kinds(vip)
    kube.delete_service("prod", "a")
    kube.gone(vip)


def test_namespaces_are_kept_apart(kube: KubeLab) -> None:
    """Two Services of one name; and a range that belongs to one namespace."""
    mine, other = "192.168.77.193", "192.168.77.16"
    kube.service("tenant", "web", mine)
    kube.service("guest", "web", other)
    kube.routed(mine)
    kube.routed(other)
    kube.service("guest", "thief", mine)
    kube.until(
        lambda: kube.claim("guest", "thief")["reason"] == "range-of-other-namespace",
        "the other namespace's claim does not count",
    )
    kube.delete_service("guest", "web")
    kube.gone(other)
    kube.delete_service("tenant", "web")
    kube.gone(mine, "range-of-other-namespace")
    assert kube.kinds(mine) == kube.kinds(other) == ["announce", "withdraw"]


@pytest.mark.parametrize(
    "vip, reason",
    [
        ("192.168.78.1", "out-of-range"),
        ("fd00:78::1", "out-of-range"),
        ("192.168.77.200", "range-of-other-namespace"),
        ("192.168.99.12", "node-address"),
        ("192.168.99.10", "own-address"),
        ("10.0.12.1", "own-address"),
        ("192.168.99.20", "api-server-address"),
        ("10.0.12.2", "connected-prefix"),
        ("192.168.77.241", "reserved-prefix"),
    ],
)
def test_addresses_that_are_refused(kube: KubeLab, vip: str, reason: str) -> None:
    name = "refused-" + vip.replace(".", "-").replace(":", "-")
    before = {family: kube.r1.kernel_routes(family) for family in (4, 6)}
    kube.service("prod", name, vip)
    kube.refused("prod", name, vip, reason)
    assert {family: kube.r1.kernel_routes(family) for family in (4, 6)} == before
    kube.delete_service("prod", name)


def test_reasons_of_what_is_not_a_vip(kube: KubeLab) -> None:
    vip = "192.168.77.17"
    kube.service("prod", "unlabelled", vip, labels={})
    kube.refused("prod", "unlabelled", vip, "not-selected")
    kube.service("prod", "proxied")
    kube.client.set_ingress("prod", "proxied", [vip], ip_mode="Proxy")
    kube.refused("prod", "proxied", vip, "ip-mode-proxy")
    kube.service("prod", "named")
    ingress = {"loadBalancer": {"ingress": [{"hostname": "lb.example.org"}]}}
    kube.client.patch_status(service_path("prod", "named"), ingress)
    kube.refused("prod", "named", None, "hostname-only")
    for name in ("unlabelled", "proxied", "named"):
        kube.delete_service("prod", name)


def test_local_follows_the_endpoint(kube: KubeLab) -> None:
    """A moved endpoint is a change of next hop, never a withdrawal."""
    vip = "192.168.77.18"
    kube.service("prod", "local", vip, nodes=["kube1"], policy="Local")
    kube.routed(vip, "kube1")
    assert kube.lab.client_get(f"http://{vip}/", 8) == {"kube1": 8}
    kube.endpoints("prod", "local", "kube2")
    kube.routed(vip, "kube2")
    assert kube.lab.client_get(f"http://{vip}/", 8) == {"kube2": 8}
    kube.endpoints("prod", "local", "kube2", "kube3")
    kube.routed(vip, "kube2", "kube3")
    assert "withdraw" not in kube.kinds(vip)
    kube.endpoints("prod", "local")
    kube.gone(vip, "no-endpoints")
    kube.delete_service("prod", "local")


def test_local_keeps_endpoints_that_still_serve(kube: KubeLab) -> None:
    """The last Pods of a rolling update are terminating and serve until the new ones are ready."""
    vip = "192.168.77.19"
    kube.service("prod", "rolling", vip, nodes=["kube1"], policy="Local")
    kube.routed(vip, "kube1")
    leaving = endpoint("10.1.1.5", "kube1", serving=True, terminating=True)
    kube.client.endpointslice("prod", "rolling", [leaving])
    kube.fence()
    kube.routed(vip, "kube1")
    kube.client.endpointslice("prod", "rolling", [leaving, endpoint("10.1.2.5", "kube2")])
    kube.routed(vip, "kube2")
    assert "withdraw" not in kube.kinds(vip)
    kube.delete_service("prod", "rolling")
    kube.gone(vip)


@pytest.mark.parametrize("policy, last", [("Cluster", 20), ("Local", 21)])
def test_without_endpoint_a_vip_is_withheld(kube: KubeLab, policy: str, last: int) -> None:
    vip, name = f"192.168.77.{last}", f"empty-{policy.lower()}"
    kube.service("prod", name, vip, nodes=[], policy=policy)
    kube.refused("prod", name, vip, "no-endpoints")
    assert kube.vip(vip)["state"] == "not-routed"
    kube.endpoints("prod", name, "kube3", ready=False)
    kube.refused("prod", name, vip, "no-endpoints")
    kube.endpoints("prod", name, "kube3")
    kube.routed(vip, *(["kube3"] if policy == "Local" else []))
    kube.endpoints("prod", name, "kube3", ready=False)
    kube.gone(vip, "no-endpoints")
    assert kube.kinds(vip) == ["announce", "withdraw"]
    kube.delete_service("prod", name)


def test_policy_changes(kube: KubeLab) -> None:
    vip, path = "192.168.77.22", service_path("prod", "policy")
    kube.service("prod", "policy", vip, nodes=["kube1"])
    kube.routed(vip)
    kube.client.patch(path, {"spec": {"externalTrafficPolicy": "Local"}})
    kube.routed(vip, "kube1")
    kube.client.patch(path, {"spec": {"externalTrafficPolicy": "Cluster"}})
    kube.routed(vip)
    assert "withdraw" not in kube.kinds(vip)
    kube.delete_service("prod", "policy")
    kube.gone(vip)


def test_service_that_is_no_load_balancer_any_more(kube: KubeLab) -> None:
    vip, path = "192.168.77.23", service_path("prod", "demoted")
    kube.service("prod", "demoted", vip)
    kube.routed(vip)
    demoted = {"type": "ClusterIP", "externalTrafficPolicy": None}
    kube.client.patch(path, {"spec": demoted | {"allocateLoadBalancerNodePorts": None}})
    kube.gone(vip)
    kube.delete_service("prod", "demoted")


def test_same_name_new_service(kube: KubeLab) -> None:
    """Deleted and created again under its name: another uid, the same VIP."""
    vip = "192.168.77.24"
    for _ in range(2):
        kube.service("prod", "phoenix", vip, labels=LABEL)
        kube.routed(vip)
        kube.client.delete(service_path("prod", "phoenix"))
        kube.gone(vip)
    assert kube.kinds(vip) == ["announce", "withdraw"] * 2
