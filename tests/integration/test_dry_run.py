"""`kubewatch --dry-run --input` says of every object what the daemon says of it (F23).

One busy set of objects on a real API; the dump is kubectl's, as in the manual. A dry run has no
router: what only a router knows is all that may differ, and does.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Callable

import pytest

from tests.kube import endpoint, gateway_path, service_path

from .kubelab import API_PORT, CLUSTER, LABEL, KubeLab

CONFIG = f"""\
{CLUSTER}
kubevip cluster lab server https://192.168.99.20:{API_PORT}
kubevip cluster lab vip-range 192.168.77.192/27 namespace tenant
kubevip cluster lab vip-range 192.168.99.0/24
kubevip cluster lab vip-range 10.0.12.0/30
kubevip reserved-prefix 192.168.77.240/28
kubevip cluster lab advertise web address loadbalancer-ip external-ip
kubevip cluster lab advertise alpha service-selector tier in (gold,silver),!hidden
kubevip cluster lab advertise alpha namespace prod
kubevip cluster lab advertise alpha tag 99
kubevip cluster lab advertise alpha endpoint-rule ready
kubevip cluster lab advertise alpha node-selector edge
kubevip cluster lab advertise alpha honour-cordon
kubevip cluster lab advertise classy service-selector any
kubevip cluster lab advertise classy loadbalancer-class example.org/lb
kubevip cluster lab advertise classy distance 16
"""
# What a router knows of itself, and of how far its routes have come.
LOCAL = {"own-address", "connected-prefix", "neighbour-address"}
GOLD = {"tier": "gold"}
FRONT = "192.168.77.27"
RESOURCES = "services,endpointslices.discovery.k8s.io,nodes,gateways.gateway.networking.k8s.io"


def stories(kube: KubeLab) -> list[Callable[[], object]]:
    """What happens in the cluster."""
    client, service, gold = kube.client, kube.service, {"labels": GOLD}
    ip = "192.168.77.{}".format
    return [
        lambda: service("prod", "plain", ip(10)),
        lambda: service("prod", "local", ip(11), nodes=["kube2"], policy="Local"),
        lambda: service("prod", "empty", ip(12), nodes=[]),
        lambda: service("prod", "pending"),
        lambda: service("prod", "unlabelled", ip(13), labels={}),
        lambda: service("dev", "other-namespace", ip(14), **gold),
        lambda: service("prod", "gold", ip(15), **gold),
        lambda: service("prod", "hidden", ip(16), labels=GOLD | {"hidden": ""}),
        lambda: service("prod", "outside", "10.250.0.1"),
        lambda: service("guest", "bound", ip(200)),
        lambda: service("tenant", "bound", ip(201)),
        lambda: service("prod", "node", "192.168.99.12"),
        lambda: service("prod", "server", "192.168.99.20"),
        lambda: service("prod", "reserved", ip(241)),
        lambda: service("prod", "loop", "127.0.0.1"),
        lambda: service("prod", "own", "10.0.12.1"),
        lambda: service("prod", "connected", "10.0.12.2"),
        lambda: service("prod", "six", "fd00:77::10"),
        lambda: service("prod", "dual", ip(17), "fd00:77::17"),
        lambda: service("prod", "shared-a", ip(18), nodes=["kube1", "kube2"], policy="Local"),
        lambda: service("prod", "shared-b", ip(18), nodes=["kube2"], policy="Local", ports=[81]),
        lambda: service("prod", "apart-a", ip(19), nodes=["kube1"], policy="Local"),
        lambda: service("prod", "apart-b", ip(19), nodes=["kube2"], policy="Local", ports=[81]),
        lambda: service("dev", "thief", type="ClusterIP", externalIPs=[ip(10)]),
        lambda: service("dev", "external", type="ClusterIP", externalIPs=[ip(20)]),
        lambda: service("prod", "classy", ip(21), labels={}, loadBalancerClass="example.org/lb"),
        lambda: service("prod", "nowhere", ip(22), nodes=[], policy="Local"),
        lambda: client.endpointslice("prod", "nowhere", [endpoint("10.9.9.9")]),
        lambda: service("prod", "leaving", ip(23), **gold),
        lambda: client.endpointslice("prod", "leaving", [ending("kube1"), ending("kube3")]),
        lambda: service("prod", "proxied"),
        lambda: client.set_ingress("prod", "proxied", [ip(24)], ip_mode="Proxy"),
        lambda: service("prod", "named"),
        lambda: client.patch_status(service_path("prod", "named"), HOSTNAME),
        lambda: client.gateway("prod", "alone", [ip(25)], labels=LABEL),
        lambda: client.gateway("prod", "unselected", [ip(26)]),
        lambda: client.gateway("prod", "front", [FRONT], labels=LABEL),
        lambda: service("prod", "made-for-front", FRONT, labels={}),
        lambda: client.owned_by(
            service_path("prod", "made-for-front"), client.get(gateway_path("prod", "front"))
        ),
        lambda: kube.node("kube1", labels={"edge": ""}),
        lambda: kube.node("kube2", labels={"edge": ""}, unschedulable=True),
        lambda: client.node_ready("kube3", False),
    ]


HOSTNAME = {"loadBalancer": {"ingress": [{"hostname": "lb.example.org"}]}}


def ending(node: str) -> dict:
    """A Pod that ends and still serves."""
    return endpoint("10.1.7.7", node, serving=True, terminating=True)


@pytest.fixture(scope="module", autouse=True)
def watching(kube: KubeLab) -> None:
    """The shell runs, with a client certificate; the cluster is busy."""
    kube.use_certificate()
    kube.watch(CONFIG)
    for happens in stories(kube):
        happens()
    kube.until(lambda: kube.node_reason("kube3") == "node-not-ready", "the last node event is seen")
    kube.until(lambda: kube.vip(FRONT)["claims"][0]["gateway"] == "front", "the last Service, too")
    kube.until(lambda: kube.show()["backlog"] == 0, "everything is decided")


def dry_run(kube: KubeLab, binary: Path, directory: Path) -> dict:
    """What a dry run says of the objects as kubectl lists them."""
    (directory / "kubewatch.conf").write_text(CONFIG)
    dump = kube.api.kubectl("get", RESOURCES, "-A", "-o", "json")
    (directory / "dump.json").write_text(dump)
    command = [binary, "--dry-run", "--json", "-f", directory / "kubewatch.conf"]
    done = subprocess.run(
        [*command, "--input", directory / "dump.json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout)


def without_time(claim: dict) -> dict:
    """A claim, less what grows older."""
    return {key: value for key, value in claim.items() if not key.endswith("AgeSec")}


def by_name(claims: list[dict]) -> dict[tuple, dict]:
    """Claims by who claims what."""
    found = {(c["namespace"], c["name"], c["kind"], c["address"]): without_time(c) for c in claims}
    assert len(found) == len(claims)
    return found


def test_same_claims(kube: KubeLab, kubewatch_binary: Path, tmp_path: Path) -> None:
    """The same claims; of each the same reason, warning, winner, block, endpoints, next hops."""
    dry = by_name(dry_run(kube, kubewatch_binary, tmp_path)["services"])
    live = by_name(kube.show("service")["services"])
    assert dry.keys() == live.keys()
    local = {key for key, claim in live.items() if claim["reason"] in LOCAL}
    assert {name for _, name, _, _ in local} == {"own", "connected"}
    assert {key for key in live if live[key] != dry[key]} == local
    assert {dry[key]["reason"] for key in local} == {"selected"}
    # The set is as busy as it is meant to be.
    assert len({claim["reason"] for claim in live.values()}) >= 14
    assert {c["advertise"] for c in live.values()} == {"alpha", "classy", "web", None}


def test_same_vips(kube: KubeLab, kubewatch_binary: Path, tmp_path: Path) -> None:
    """What would be routed is what is routed, and through which nodes."""
    dry = dry_run(kube, kubewatch_binary, tmp_path)
    live = kube.show("vip")["vips"]
    assert dry["vips"].keys() == live.keys()
    keys = ("routed", "held", "reason", "warning", "cluster", "nextHops", "tag", "distance")
    for prefix, vip in live.items():
        if vip["reason"] in LOCAL:
            continue
        there = {key: dry["vips"][prefix].get(key) for key in keys}
        assert there == {key: vip.get(key) for key in keys}, prefix
    nodes = {n["name"]: n["blocks"] for n in kube.show("node")["nodes"]}
    assert {n["name"]: n["blocks"] for n in dry["nodes"]} == nodes
    assert {n["alpha"]["reason"] for n in nodes.values()} >= {"selected", "node-cordoned"}
