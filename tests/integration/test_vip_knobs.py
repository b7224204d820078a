"""Every knob that decides endpoints and nodes, with its default, on objects of a real API.

Each test shows what is without the line, then with it, then without it again. The lines are those of
an advertise block of its own, so that the bystanders stay out of it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

import pytest

from tests.kube import endpoint, node_path, service_path
from tests.lab import poll

from .kubelab import CLUSTER, KubeLab, host_prefix

VIP, VIP6 = "192.168.77.90", "fd00:77::90"
BLOCK = "kubevip cluster lab advertise alpha"
CONFIG = f"""\
{CLUSTER}
kubevip cluster lab vip-range 10.96.0.0/12
{BLOCK} service-selector app=knob
"""
EXCLUDED = {"node.kubernetes.io/exclude-from-external-load-balancers": ""}
NODES = ("kube1", "kube2", "kube3")


@pytest.fixture(scope="module", autouse=True)
def watching(kube: KubeLab) -> None:
    """The shell runs, with a client certificate."""
    kube.use_certificate()
    kube.watch(CONFIG)


@pytest.fixture(autouse=True)
def peace(kube: KubeLab, watching: None) -> Iterator[None]:
    """A test touches the VIPs of this file; nodes may change, nothing else is withdrawn."""
    kube.begin_test()
    kube.nodes_change = True
    yield
    kube.remove(service_path("prod", "knob"))
    for name in NODES:
        kube.node(name)
    kube.until(lambda: {kube.node_reason(n) for n in NODES} == {"selected"}, "nodes are well")
    kube.fence()
    kube.check_peace()


@contextmanager
def line(kube: KubeLab, *words: str) -> Iterator[None]:
    """Lines of the block (or whole ones), in force while the `with` block lasts."""
    lines = [w if w.startswith("kubevip") else f"{BLOCK} {w}" for w in words]
    kube.settle(*lines)
    yield
    kube.settle(*(f"no {text}" for text in lines))


def serve(kube: KubeLab, *vips: str, **more) -> None:
    """The Service that the block selects."""
    kube.touches(VIP, *vips)
    kube.service("prod", "knob", *(vips or [VIP]), labels={"app": "knob"}, **more)


def conditions(kube: KubeLab, *endpoints: dict) -> None:
    """Its endpoints."""
    kube.client.endpointslice("prod", "knob", list(endpoints))


def leaving(node: str) -> dict:
    """A Pod that ends and serves until it has."""
    return endpoint(f"10.1.{node[-1]}.5", node, serving=True, terminating=True)


def test_endpoint_rule(kube: KubeLab) -> None:
    serve(kube, nodes=["kube1"], policy="Local")
    conditions(kube, endpoint("10.1.1.5", "kube1"), leaving("kube2"))
    kube.routed(VIP, "kube1")
    with line(kube, "endpoint-rule ready-or-serving"):
        kube.routed(VIP, "kube1", "kube2")
    kube.routed(VIP, "kube1")
    conditions(kube, leaving("kube2"))
    kube.routed(VIP, "kube2")
    with line(kube, "endpoint-rule ready"):
        kube.gone(VIP, "no-endpoints")
    kube.routed(VIP, "kube2")


def test_allow_no_endpoints(kube: KubeLab) -> None:
    serve(kube, nodes=[])
    kube.refused("prod", "knob", VIP, "no-endpoints")
    with line(kube, "allow-no-endpoints"):
        kube.routed(VIP)
        kube.client.patch(service_path("prod", "knob"), {"spec": {"externalTrafficPolicy": "Local"}})
        kube.gone(VIP, "no-endpoints")  # it says where to go under Cluster; under Local nobody does
        kube.client.patch(
            service_path("prod", "knob"), {"spec": {"externalTrafficPolicy": "Cluster"}}
        )
        kube.routed(VIP)
    kube.gone(VIP, "no-endpoints")


def test_honour_cordon(kube: KubeLab) -> None:
    """Off by default: MetalLB had it on, users had outages, it was reverted."""
    serve(kube)
    kube.routed(VIP)
    for name in NODES:
        kube.node(name, unschedulable=True)
    kube.until(lambda: all(kube.shown_node(n)["cordoned"] for n in NODES), "all are cordoned")
    kube.fence()
    kube.routed(VIP)
    kube.node("kube3")
    with line(kube, "honour-cordon"):
        kube.routed(VIP, "kube3")
        assert kube.node_reason("kube1", "alpha") == "node-cordoned"
        assert kube.node_reason("kube1", "web") == "selected"
    kube.routed(VIP)
    assert "withdraw" not in kube.kinds(VIP)


def test_ignore_exclude_label(kube: KubeLab) -> None:
    serve(kube)
    kube.node("kube1", labels=EXCLUDED)
    kube.routed(VIP, "kube2", "kube3")
    assert kube.node_reason("kube1", "alpha") == "node-excluded"
    with line(kube, "ignore-exclude-label"):
        kube.routed(VIP)
        assert kube.node_reason("kube1", "web") == "node-excluded"
    kube.routed(VIP, "kube2", "kube3")


def test_node_selector(kube: KubeLab) -> None:
    """Repeated lines are ORed; a node that has no such label is named with its reason."""
    serve(kube)
    kube.node("kube1", labels={"edge": "yes"})
    kube.node("kube2", labels={"edge": "maybe"})
    kube.routed(VIP)
    with line(kube, "node-selector edge=yes"):
        kube.routed(VIP, "kube1")
        assert kube.node_reason("kube3", "alpha") == "node-not-selected"
        with line(kube, "node-selector edge=maybe"):
            kube.routed(VIP, "kube1", "kube2")
        kube.node("kube1")
        kube.gone(VIP, "no-eligible-node")
        kube.node("kube1", labels={"edge": "yes"})
        kube.routed(VIP, "kube1")
    kube.routed(VIP)


def test_next_hop_external(kube: KubeLab) -> None:
    """Nodes without an address of the kind are left out, for the family that lacks it."""
    serve(kube, VIP, VIP6)
    addresses = {name: kube.lab.node(name).address for name in NODES}
    for name in NODES[:2]:
        external = f"192.168.99.11{name[-1]}"
        kube.client.node(name, addresses[name][4], ipv6=addresses[name][6], external_ip=external)
    kube.routed(VIP)
    kube.routed(VIP6)
    with line(kube, "next-hop external-ip"):
        kube.hops_are(VIP, "192.168.99.111", "192.168.99.112")
        kube.gone(VIP6, "node-has-no-ipv6")
        for name in NODES[:2]:
            kube.node(name)
        kube.gone(VIP, "node-has-no-ipv4")
    kube.routed(VIP)
    kube.routed(VIP6)


def test_next_hop_annotation(kube: KubeLab) -> None:
    """One address or several, of either family; a value that is none counts as absent."""
    key = "example.org/router-facing"
    address = kube.lab.node("kube1").address
    serve(kube, VIP, VIP6)
    annotations = {
        "kube1": "192.168.99.121,fd00:99::121",
        "kube2": "192.168.99.122",
        "kube3": "the third one",
    }
    for name, value in annotations.items():
        kube.node(name, annotations={key: value, "example.org/other": address[4]})
    kube.routed(VIP)
    with line(kube, f"next-hop annotation {key}"):
        kube.hops_are(VIP, "192.168.99.121", "192.168.99.122")
        kube.hops_are(VIP6, "fd00:99::121")
        kube.node("kube2", annotations={key: "192.168.99.132"})
        kube.hops_are(VIP, "192.168.99.121", "192.168.99.132")
    kube.routed(VIP)


def test_next_hop_subnet(kube: KubeLab) -> None:
    """Among all of a node's addresses, external ones too; of one family."""
    serve(kube, VIP, VIP6)
    address = kube.lab.node("kube3").address
    kube.client.node("kube3", address[4], ipv6=address[6], external_ip="192.168.99.115")
    kube.routed(VIP)
    with line(kube, "next-hop subnet 192.168.99.12/31"):
        kube.routed(VIP, "kube1", "kube2")
        kube.gone(VIP6, "node-has-no-ipv6")
    with line(kube, "next-hop subnet 192.168.99.112/29"):
        kube.hops_are(VIP, "192.168.99.115")
    kube.routed(VIP)
    kube.routed(VIP6)


def test_min_ready_nodes(kube: KubeLab) -> None:
    """One by default: a node that falls silent among others is left out."""
    serve(kube)
    kube.routed(VIP)
    kube.client.node_ready("kube1", "Unknown")
    kube.routed(VIP, "kube2", "kube3")
    with line(kube, "kubevip cluster lab min-ready-nodes 3"):
        kube.routed(VIP)
        assert kube.node_reason("kube1", "alpha") == "node-kept"
        assert kube.vip(VIP)["warning"] == "node-kept"
        kube.client.node_ready("kube1")
        kube.until(lambda: kube.vip(VIP)["warning"] is None, "enough are Ready")


def test_node_without_network(kube: KubeLab) -> None:
    """The route controller's condition. There is no knob for it."""
    serve(kube)
    kube.routed(VIP)
    found = kube.client.get(node_path("kube2"))["status"]["conditions"]
    network = dict(found[0], type="NetworkUnavailable", status="True", reason="NoRouteCreated")
    kube.client.patch_status(node_path("kube2"), {"conditions": [*found, network]})
    kube.routed(VIP, "kube1", "kube3")
    assert kube.node_reason("kube2", "alpha") == "node-network-unavailable"
    kube.client.patch_status(node_path("kube2"), {"conditions": found})
    kube.routed(VIP)


def test_next_hop_that_does_not_resolve(kube: KubeLab) -> None:
    """A node behind another router: its address is left out, and which one it is can be read."""
    strange = "203.0.113.9"
    serve(kube)
    kube.routed(VIP)
    kube.client.node("kube1", strange, ipv6=kube.lab.node("kube1").address[6])
    good = [kube.lab.node(name).address[4] for name in ("kube2", "kube3")]
    kube.hops_are(VIP, *good)
    kube.until(lambda: kube.vip(VIP)["state"] == "installed", "installed without it")
    shown = kube.vip(VIP)
    assert sorted(shown["nextHops"]) == sorted([strange, *good])
    assert sorted(shown["usableNextHops"]) == sorted(shown["installedNextHops"]) == good
    addresses = {a["address"]: a["nextHopState"] for a in kube.shown_node("kube1")["addresses"]}
    assert addresses[strange] == "unresolved"
    (hops,) = [s for s in kube.show(f"vip {VIP} explain")["steps"] if s["step"] == "next-hops"]
    states = {d["name"]: d["reason"] for d in hops["details"]}
    assert states == {strange: "unresolved"} | dict.fromkeys(good, "connected")
    kube.node("kube1")
    kube.routed(VIP)
    assert "withdraw" not in kube.kinds(VIP)


def test_cluster_ip_follows_internal_traffic_policy(kube: KubeLab) -> None:
    """kube-proxy drops what comes to a cluster IP on a node without endpoint, if that is Local."""
    path, spec = service_path("prod", "knob"), {"type": "ClusterIP", "internalTrafficPolicy": "Local"}
    kube.client.service("prod", "knob", labels={"app": "knob"}, **spec)
    kube.endpoints("prod", "knob", "kube2")
    vip = kube.client.get(path)["spec"]["clusterIP"]
    kube.never_routed(vip)
    with line(kube, "address cluster-ip"):
        # r2 does not get it: the routers' prefix-list is for the pool of load balancers
        wait_hops(kube, vip, "kube2")
        claim = kube.claim("prod", "knob", vip)
        assert (claim["source"], claim["trafficPolicy"]) == ("cluster-ip", "Local")
        assert (claim["internalTrafficPolicy"], claim["externalTrafficPolicy"]) == (
            "Local",
            "Cluster",
        )
        kube.client.patch(path, {"spec": {"internalTrafficPolicy": "Cluster"}})
        wait_hops(kube, vip, *NODES)
        kube.client.patch(path, {"spec": {"internalTrafficPolicy": "Local"}})
        wait_hops(kube, vip, "kube2")
    kube.without_route(vip)


def wait_hops(kube: KubeLab, vip: str, *nodes: str) -> None:
    """Wait until r1's kernel has the VIP through these nodes; the peer need not."""
    hops = kube.lab.node_hops(4, *nodes)
    routes = lambda: kube.r1.kernel_routes(4).get(host_prefix(vip), {}).get("nexthops")
    poll(lambda: routes() == hops, 20, f"r1 has {vip} via {hops}")
