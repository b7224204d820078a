"""Which addresses of which Services are taken, from a real Kubernetes API (features F1, F2, F3, F5)."""

from __future__ import annotations

from typing import Iterator

import pytest

from .kubelab import CLUSTER, KubeLab

CLUSTER_IPS = "ip prefix-list KUBEVIP seq 20 permit 10.96.222.0/24 ge 32"
CONFIG = (
    CLUSTER
    + """\
kubevip cluster lab vip-range 10.96.222.0/24
kubevip cluster lab advertise ext service-selector tier=ext
kubevip cluster lab advertise ext address external-ip
kubevip cluster lab advertise inner service-selector tier=inner
kubevip cluster lab advertise inner address loadbalancer-ip cluster-ip
kubevip cluster lab advertise team service-selector tier=team
kubevip cluster lab advertise team namespace red
kubevip cluster lab advertise team namespace blue
kubevip cluster lab advertise class service-selector tier=class
kubevip cluster lab advertise class loadbalancer-class example.com/one
kubevip cluster lab advertise class loadbalancer-class example.com/two
kubevip cluster lab advertise zz tag 77
kubevip cluster lab advertise zz distance 14
kubevip cluster lab advertise web2 service-selector tier in (web, db),!internal
kubevip cluster lab advertise web10 service-selector tier=web
kubevip cluster lab advertise web10 distance 13
"""
)


@pytest.fixture(scope="module", autouse=True)
def watching(kube: KubeLab) -> Iterator[None]:
    """The shell runs with these blocks; bgpd lets the cluster's own addresses pass as well."""
    kube.use_token_file()
    kube.r1.keep(CLUSTER_IPS)
    kube.watch(CONFIG)
    yield
    kube.r1.drop(CLUSTER_IPS)


@pytest.fixture(autouse=True)
def peace(kube: KubeLab, watching: None) -> Iterator[None]:
    """A test touches its own VIPs and no other."""
    kube.begin_test()
    yield
    kube.check_peace()


def tier(name: str, **more: str) -> dict[str, str]:
    """Labels."""
    return {"tier": name, **more}


def test_several_addresses_of_one_service(kube: KubeLab) -> None:
    """Each lives for itself."""
    vips = ["192.168.77.150", "192.168.77.151", "fd00:77::150", "fd00:77::151"]
    kube.service("prod", "many", *vips)
    for vip in vips:
        kube.routed(vip)
    kube.client.set_ingress("prod", "many", vips[1:3])
    kube.gone(vips[0])
    kube.gone(vips[3])
    kube.fence()
    assert kube.kinds(vips[1]) == kube.kinds(vips[2]) == ["announce"]
    kube.delete_service("prod", "many")
    for vip in vips[1:3]:
        kube.gone(vip)


def test_external_ips_are_asked_for(kube: KubeLab) -> None:
    """Not by the default, and then inside of the ranges only (CVE-2020-8554)."""
    vip, external = "192.168.77.152", "192.168.77.153"
    node = kube.lab.node("kube1").address[4]
    addresses = [external, "192.168.78.1", node, "203.0.113.7"]
    kube.service("prod", "ext", vip, externalIPs=addresses)
    kube.routed(vip)
    kube.fence()
    kube.never_routed(external)
    kube.service("prod", "ext", vip, labels=tier("ext"), externalIPs=addresses)
    kube.routed(external)
    kube.gone(vip, "not-selected")
    claim = kube.claim("prod", "ext", external)
    assert (claim["source"], claim["advertise"]) == ("external-ip", "ext")
    for address, reason in ((addresses[1], "out-of-range"), (node, "out-of-range")):
        assert kube.claim("prod", "ext", address)["reason"] == reason
    kube.delete_service("prod", "ext")
    kube.gone(external)


def test_cluster_ips_are_asked_for(kube: KubeLab) -> None:
    vip, inner, plain = "192.168.77.154", "10.96.222.10", "10.96.222.11"
    kube.service("prod", "plain", clusterIP=plain)
    kube.service("prod", "inner", vip, labels=tier("inner"), clusterIP=inner)
    kube.routed(vip)
    kube.routed(inner)
    assert kube.claim("prod", "inner", inner)["source"] == "cluster-ip"
    kube.fence()
    kube.never_routed(plain)
    kube.delete_service("prod", "inner")
    kube.gone(vip)
    kube.gone(inner)
    kube.delete_service("prod", "plain")


def test_namespaces(kube: KubeLab) -> None:
    """Any of the block's, whatever the labels."""
    vips = {"red": "192.168.77.155", "blue": "192.168.77.156", "green": "192.168.77.157"}
    for namespace, vip in vips.items():
        kube.service(namespace, "web", vip, labels=tier("team"))
    kube.routed(vips["red"])
    kube.routed(vips["blue"])
    kube.refused("green", "web", vips["green"], "not-selected")
    for namespace, vip in vips.items():
        kube.delete_service(namespace, "web")
        kube.gone(vip)


def test_classes(kube: KubeLab) -> None:
    """spec.loadBalancerClass; the API server lets nobody change it."""
    cases = {"one": "192.168.77.158", "two": "192.168.77.159", "three": "192.168.77.160"}
    for name, vip in cases.items():
        spec = {"loadBalancerClass": f"example.com/{name}"}
        kube.service("prod", name, vip, labels=tier("class"), **spec)
    kube.service("prod", "none", "192.168.77.161", labels=tier("class"))
    kube.routed(cases["one"])
    kube.routed(cases["two"])
    kube.refused("prod", "three", cases["three"], "not-selected")
    kube.refused("prod", "none", "192.168.77.161", "not-selected")
    for name in (*cases, "none"):
        kube.delete_service("prod", name)
    kube.gone(cases["one"])
    kube.gone(cases["two"])


def test_a_block_without_selector_selects_nothing(kube: KubeLab) -> None:
    """Until `any` is said; then everything in the ranges, labels or not."""
    vip, line = "192.168.77.162", "kubevip cluster lab advertise zz service-selector any"
    kube.service("prod", "bare", vip, labels={})
    kube.refused("prod", "bare", vip, "not-selected")
    kube.settle(line)
    kube.routed(vip)
    assert kube.claim("prod", "bare", vip)["advertise"] == "zz"
    kube.settle(f"no {line}")
    kube.gone(vip, "not-selected")
    kube.delete_service("prod", "bare")


def test_the_first_block_in_natural_order(kube: KubeLab) -> None:
    """web2 before web10; where it does not match, the next one is asked."""
    vip = "192.168.77.163"
    kube.service("prod", "ordered", vip, labels=tier("web"))
    kube.routed(vip)
    assert kube.claim("prod", "ordered", vip)["advertise"] == "web2"
    assert kube.vip(vip)["distance"] == 15
    kube.service("prod", "ordered", vip, labels=tier("web", internal=""))
    kube.until(
        lambda: kube.claim("prod", "ordered", vip)["advertise"] == "web10", "the other block decides"
    )
    kube.until(lambda: kube.vip(vip)["distance"] == 13, "its distance")
    kube.routed(vip)
    kube.service("prod", "ordered", vip, labels=tier("db", internal=""))
    kube.gone(vip, "not-selected")
    kube.delete_service("prod", "ordered")


def test_pseudo_labels(kube: KubeLab) -> None:
    """Name and namespace of the Service, as Cilium has them."""
    vip, other = "192.168.77.164", "192.168.77.165"
    selector = "io.kubernetes.service.namespace=prod,io.kubernetes.service.name in (named, x)"
    line = f"kubevip cluster lab advertise named service-selector {selector}"
    kube.settle(line)
    kube.service("prod", "named", vip, labels={})
    kube.service("dev", "named", other, labels={})
    kube.routed(vip)
    kube.refused("dev", "named", other, "not-selected")
    kube.delete_service("prod", "named")
    kube.delete_service("dev", "named")
    kube.gone(vip)
    kube.settle(f"no {line}")
