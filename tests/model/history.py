"""Random histories: what a cluster goes through, and what a watcher gets to see of it.

An operation is a plain tuple that says all there is to it, so that any part of a history is a
history too: that is what makes shrinking simple. `Life.lines` turns one into the driver's protocol.
"""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Iterator

from .model import GATEWAY_LABEL, MARKER, Block, Cluster, Config, Objects, Requirement
from .model import EXCLUDE_LABEL, Selector, selector_text

CLUSTERS = ("a", "b")
NAMESPACES = ("prod", "dev")
KINDS = ("Service", "EndpointSlice", "Node", "Gateway")
SERVICES, SLICES, NODES, GATEWAYS = 5, 7, 4, 2
VIPS = [f"192.168.77.{i}" for i in range(6)] + [f"fd00:77::{i}" for i in range(1, 4)]
ODD = ["10.9.9.9", "127.0.0.1", "224.0.0.9", "169.254.7.7", "192.168.99.11", "fe80::7", "fd00:99::11"]
RANGES = (
    ("192.168.77.0/28", None, False),
    ("192.168.77.0/30", None, False),
    ("192.168.77.4/31", "prod", False),
    ("192.168.77.2/31", "dev", False),
    ("192.168.77.0/28", None, True),
    ("fd00:77::/64", None, False),
    ("192.168.0.0/16", None, False),
)
Operation = tuple


# ---- configuration ---------------------------------------------------------------------------


def _selector(rng: random.Random) -> Selector:
    found = []
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        key = rng.choice(("x", "y", "io.kubernetes.service.name"))
        values = ("s0", "s1") if key.startswith("io") else ("1", "2")
        operator = rng.choice(("in", "notin", "notin", "exists", "absent", "absent"))
        chosen = tuple(rng.sample(values, rng.choice((1, 2)))) if operator.endswith("in") else ()
        found.append(Requirement(key, operator, chosen))
    return tuple(found)


def _some(rng: random.Random, items: tuple, chance: float) -> tuple:
    return tuple(item for item in items if rng.random() < chance)


def _block(rng: random.Random, name: str) -> Block:
    # Node n0 is always eligible: which nodes are kept for want of Ready ones depends on the past.
    bare = rng.random() < 0.05  # without a selector; its tag keeps it from being no block at all
    nodes = ((Requirement("edge", "absent"),), (Requirement("zone", "in", ("1", "2")),))
    return Block(
        name,
        selector=None if bare else _selector(rng),
        namespaces=_some(rng, NAMESPACES, 0.15),
        classes=_some(rng, ("io.cilium/bgp", "cilium"), 0.1),
        addresses=_some(rng, ("loadbalancer-ip",), 0.8)
        + _some(rng, ("external-ip", "cluster-ip"), 0.4)
        or ("loadbalancer-ip",),
        node_selectors=_some(rng, nodes, 0.2),
        endpoint_rule=rng.choice(("ready-else-serving", "ready", "ready-or-serving")),
        flags=frozenset(
            _some(rng, ("allow-no-endpoints", "honour-cordon", "ignore-exclude-label"), 0.25)
        ),
        tag=78 if bare else rng.choice((77, 78)),
        distance=rng.choice((15, 15, 16)),
    )


def _ranges(rng: random.Random) -> tuple:
    """Some; of two lines for one prefix and namespace the last would be in force."""
    found = {r[:2]: r for r in rng.sample(RANGES[:6], rng.choice((1, 2, 2, 3)))}
    if rng.random() < 0.7:
        found[RANGES[5][:2]] = RANGES[5]
    if rng.random() < 0.5:
        found[RANGES[6][:2]] = RANGES[6]
    return tuple(found.values())


def config(rng: random.Random) -> Config:
    """Two clusters, some ranges, some blocks."""
    clusters = []
    for name in CLUSTERS:
        names = rng.sample(("web", "web2", "web10", "zoo"), rng.choice((0, 1, 1, 1, 2, 2, 3)))
        clusters.append(
            Cluster(
                name,
                ranges=_ranges(rng),
                preference=rng.choice((100, 100, 200)),
                shutdown=rng.random() < 0.05,
                blocks=tuple(_block(rng, n) for n in names),
            )
        )
    return Config(
        tuple(clusters),
        reserved=_some(rng, ("192.168.77.5/32", "fd00:77::2/127"), 0.1),
        own=_some(rng, ("192.168.77.1", "fd00:77::3"), 0.1),
        connected=_some(rng, ("192.168.77.0/30", "192.168.99.0/24"), 0.2),
    )


def _block_lines(block: Block) -> Iterator[str]:
    if block.selector is not None:
        yield f"service-selector {selector_text(block.selector)}"
    for namespace in block.namespaces:
        yield f"namespace {namespace}"
    for name in block.classes:
        yield f"loadbalancer-class {name}"
    yield "address " + " ".join(block.addresses)
    for selector in block.node_selectors:
        yield f"node-selector {selector_text(selector)}"
    yield f"next-hop {block.next_hop}"
    yield f"endpoint-rule {block.endpoint_rule}"
    yield from sorted(block.flags)
    yield f"tag {block.tag}"
    yield f"distance {block.distance}"


def config_lines(conf: Config) -> Iterator[str]:
    """The driver's lines."""
    for cluster in conf.clusters:
        head = f"conf cluster {cluster.name}"
        yield f"{head} withdraw-guard 100 min 1000000"
        yield f"{head} preference {cluster.preference}"
        if cluster.shutdown:
            yield f"{head} shutdown"
        for prefix, namespace, connected in cluster.ranges:
            more = f" namespace {namespace}" if namespace else ""
            yield f"{head} vip-range {prefix}{more}{' allow-connected' if connected else ''}"
        for block in cluster.blocks:
            yield from (f"{head} advertise {block.name} {line}" for line in _block_lines(block))
    yield from (f"conf reserved-prefix {prefix}" for prefix in conf.reserved)
    yield "own 203.0.113.1"  # a router without addresses would be one that knows nothing
    yield from (f"own {address}" for address in conf.own)
    yield from (f"connected {prefix}" for prefix in conf.connected)
    yield "publish"


# ---- objects -----------------------------------------------------------------------------------


def _labels(rng: random.Random) -> dict[str, str]:
    return {key: rng.choice(("1", "2")) for key in ("x", "y") if rng.random() < 0.4}


def _meta(rng: random.Random, kind: str, namespace: str, name: str, labels: dict) -> dict:
    second = rng.randrange(4)
    meta = {
        "name": name,
        "uid": f"{kind}-{name}-{rng.randrange(3)}",
        "creationTimestamp": f"2026-01-01T00:00:0{second}Z",
        "labels": labels,
    }
    return {"namespace": namespace, **meta} if namespace else meta


def _address(rng: random.Random) -> str:
    return rng.choice(ODD if rng.random() < 0.08 else VIPS)


def _service(rng: random.Random, namespace: str, name: str) -> dict:
    labels = _labels(rng)
    if rng.random() < 0.2:
        labels[GATEWAY_LABEL] = f"g{rng.randrange(GATEWAYS)}"
    named = sorted({_address(rng) for _ in range(rng.choice((0, 1, 1, 2)))})
    ingress = [{"ip": address} for address in named]
    for entry in ingress:
        if rng.random() < 0.03:
            entry["ipMode"] = "Proxy"
    spec: dict = {"type": "LoadBalancer" if rng.random() < 0.9 else "ClusterIP"}
    if rng.random() < 0.4:
        spec["externalTrafficPolicy"] = "Local"
    if rng.random() < 0.2:
        spec["internalTrafficPolicy"] = "Local"
    if rng.random() < 0.7:
        spec["selector"] = {"app": "x"}
    if rng.random() < 0.15:
        spec["loadBalancerClass"] = rng.choice(("io.cilium/bgp", "third"))
    for member in ("externalIPs", "clusterIPs"):
        if rng.random() < 0.2:
            spec[member] = sorted({_address(rng) for _ in range(2)})
    meta = _meta(rng, "service", namespace, name, labels)
    if rng.random() < 0.1:
        owner = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway"}
        meta["ownerReferences"] = [{**owner, "name": f"g{rng.randrange(GATEWAYS)}", "uid": "o"}]
    return {"metadata": meta, "spec": spec, "status": {"loadBalancer": {"ingress": ingress}}}


def _endpoint(rng: random.Random) -> dict:
    conditions = {}
    for name, chance in (("ready", 0.75), ("serving", 0.6), ("terminating", 0.3)):
        if rng.random() < 0.7:
            conditions[name] = rng.random() < chance
    marker = rng.random() < 0.08
    found = {"addresses": [MARKER if marker else "10.0.0.1"], "conditions": conditions}
    if rng.random() < (0.1 if marker else 0.9):
        found["nodeName"] = f"n{rng.randrange(NODES + 1)}"  # one more than there are
    return found


def _slice(rng: random.Random, namespace: str, name: str) -> dict:
    service = f"s{rng.randrange(SERVICES)}"
    meta = _meta(rng, "slice", namespace, name, {})
    if rng.random() < 0.9:
        meta["labels"] = {"kubernetes.io/service-name": service}
    elif rng.random() < 0.5:
        owner = {"apiVersion": "v1", "kind": "Service", "name": service, "uid": "o"}
        meta["ownerReferences"] = [owner]
    elif rng.random() < 0.8:
        owner = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "name": "g0"}
        meta["ownerReferences"] = [{**owner, "uid": "o"}]
    family = rng.choice(("IPv4", "IPv4", "IPv6"))
    endpoints = [_endpoint(rng) for _ in range(rng.choice((0, 1, 2, 2, 3)))]
    return {"metadata": meta, "addressType": family, "endpoints": endpoints}


def make_node(rng: random.Random, name: str, good: bool) -> dict:
    """@good: eligible in every block."""
    number, first = int(name[1:]), good
    labels = {"zone": rng.choice(("1", "2"))}
    meta, spec = _meta(rng, "node", "", name, labels), {}
    if not first:
        labels |= {"edge": ""} if rng.random() < 0.3 else {}
        labels |= {EXCLUDE_LABEL: ""} if rng.random() < 0.2 else {}
        if rng.random() < 0.1:
            meta["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        if rng.random() < 0.3:
            spec["unschedulable"] = True
        if rng.random() < 0.1:
            spec["taints"] = [{"key": "ToBeDeletedByClusterAutoscaler", "effect": "NoSchedule"}]
    ready = "True" if first else rng.choice(("True", "True", "False", "Unknown"))
    network = "False" if first or rng.random() < 0.9 else "True"
    conditions = [{"type": "Ready", "status": ready}]
    conditions.append({"type": "NetworkUnavailable", "status": network})
    addresses = [{"type": "InternalIP", "address": f"192.168.99.{10 + number}"}]
    if rng.random() < 0.6:
        addresses.append({"type": "InternalIP", "address": f"fd00:99::{10 + number}"})
    if rng.random() < 0.05:
        addresses.insert(0, {"type": "InternalIP", "address": rng.choice(VIPS)})
    status = {"addresses": addresses, "conditions": conditions}
    return {"metadata": meta, "spec": spec, "status": status}


def _gateway(rng: random.Random, namespace: str, name: str) -> dict:
    addresses = [{"value": _address(rng)} for _ in range(rng.randrange(3))]
    for entry in addresses:
        if rng.random() < 0.5:
            entry["type"] = "IPAddress"
    if rng.random() < 0.1:
        addresses.append({"type": "Hostname", "value": "gw.example"})
    return {
        "metadata": _meta(rng, "gateway", namespace, name, _labels(rng)),
        "spec": {"gatewayClassName": rng.choice(("cilium", "istio"))},
        "status": {"addresses": addresses},
    }


def make_object(rng: random.Random, kind: str, namespace: str, name: str) -> dict:
    """Some state of an object of this name."""
    if kind == "Node":
        return make_node(rng, name, name == "n0")
    return {"Service": _service, "EndpointSlice": _slice, "Gateway": _gateway}[kind](
        rng, namespace, name
    )


def _name(rng: random.Random, kind: str) -> tuple[str, str]:
    count = {"Service": SERVICES, "EndpointSlice": SLICES, "Node": NODES, "Gateway": GATEWAYS}
    letter = {"Service": "s", "EndpointSlice": "e", "Node": "n", "Gateway": "g"}
    if kind == "EndpointSlice" and rng.random() < 0.2:
        return rng.choice(NAMESPACES), f"s{rng.randrange(SERVICES)}"  # as Cilium 1.19 names them
    namespace = "" if kind == "Node" else rng.choice(NAMESPACES)
    return namespace, f"{letter[kind]}{rng.randrange(count[kind])}"


# ---- operations --------------------------------------------------------------------------------


def operations(rng: random.Random, length: int) -> list[Operation]:
    """A history. It begins unconfigured and unsynchronised, and ends with a check."""
    found: list[Operation] = [("conf", config(rng))]
    found += population(rng)
    for _ in range(length):
        found.append(_operation(rng, found))
    found.append(("check",))
    return found


def population(rng: random.Random) -> list[Operation]:
    """Enough of everything that there are VIPs, and contests for them."""
    found: list[Operation] = []
    for cluster in CLUSTERS:
        found.append(("put", cluster, "Node", "", "n0", make_node(rng, "n0", True)))
        names = [("Node", "", f"n{i}") for i in range(1, NODES)]
        for namespace in NAMESPACES:
            names += [("Service", namespace, f"s{i}") for i in range(SERVICES)]
            names += [("EndpointSlice", namespace, f"e{i}") for i in range(SLICES)]
        for kind, namespace, name in names:
            if rng.random() < 0.7:
                obj = make_object(rng, kind, namespace, name)
                found.append(("put", cluster, kind, namespace, name, obj))
    return found


def _operation(rng: random.Random, past: list[Operation]) -> Operation:
    what = rng.choices(("ordinary", "conf", "tweak"), (105, 2, 3))[0]
    if what == "conf":
        return what, config(rng)
    if what == "tweak":
        last = next(op[1] for op in reversed(past) if op[0] == "conf")
        at = rng.randrange(len(last.clusters))
        changed = list(last.clusters)
        changed[at] = config(rng).clusters[at]
        return "conf", replace(last, clusters=tuple(changed))
    return ordinary(rng)


def ordinary(rng: random.Random) -> Operation:
    """What happens every day: objects, lists, time."""
    what = rng.choices(
        ("put", "del", "again", "stale", "miss", "relist", "abort", "pass", "check"),
        (50, 12, 5, 3, 8, 8, 3, 10, 6),
    )[0]
    cluster, kind = rng.choice(CLUSTERS), rng.choice(KINDS)
    namespace, name = _name(rng, kind)
    if (kind, name) == ("Node", "n0") and what in ("del", "miss"):
        what = "again"
    if what == "put":
        return what, cluster, kind, namespace, name, make_object(rng, kind, namespace, name)
    if what == "miss":  # it changed, or went, while nobody was watching
        gone = rng.random() < 0.5
        obj = None if gone else make_object(rng, kind, namespace, name)
        return what, cluster, kind, namespace, name, obj
    if what in ("relist", "abort"):
        return what, cluster, kind, rng.randrange(1 << 30)
    if what in ("pass", "check"):
        return (what,)
    return what, cluster, kind, namespace, name


class Life:
    """One history being lived: the server's objects, and what the watcher has missed of them."""

    def __init__(self) -> None:
        self.config: Config | None = None
        self.objects: Objects = {}
        self.missed: set[tuple[str, str]] = set()
        self.listed: set[tuple[str, str]] = set()

    def lines(self, op: Operation) -> Iterator[str]:
        """What the driver is told when this happens."""
        yield from getattr(self, f"_{op[0]}")(*op[1:])

    def _conf(self, conf: Config) -> Iterator[str]:
        self.config = conf
        yield from config_lines(conf)

    def _put(self, cluster: str, kind: str, namespace: str, name: str, obj: dict) -> Iterator[str]:
        self.objects[cluster, kind, namespace, name] = obj
        yield f"put {cluster} {kind} {json.dumps(obj)}"

    def _again(self, cluster: str, kind: str, namespace: str, name: str) -> Iterator[str]:
        obj = self.objects.get((cluster, kind, namespace, name))
        if obj and (cluster, kind) not in self.missed:
            yield f"put {cluster} {kind} {json.dumps(obj)}"

    def _del(self, cluster: str, kind: str, namespace: str, name: str) -> Iterator[str]:
        obj = self.objects.pop((cluster, kind, namespace, name), None)
        uid = obj["metadata"]["uid"] if obj and (cluster, kind) not in self.missed else "-"
        yield f"del {cluster} {kind} {namespace or '-'} {name} {uid}"

    def _stale(self, cluster: str, kind: str, namespace: str, name: str) -> Iterator[str]:
        """The end of an older object of that name, come late."""
        if (cluster, kind) not in self.missed:
            yield f"del {cluster} {kind} {namespace or '-'} {name} of-an-older-one"

    def _miss(
        self, cluster: str, kind: str, namespace: str, name: str, obj: dict | None
    ) -> Iterator[str]:
        key = cluster, kind, namespace, name
        if obj:
            self.objects[key] = obj
        else:
            self.objects.pop(key, None)
        self.missed.add((cluster, kind))
        return iter(())

    def _relist(self, cluster: str, kind: str, seed: int) -> Iterator[str]:
        yield from self._list(cluster, kind, seed, 1.0)
        yield f"end {cluster} {kind}"
        self.missed.discard((cluster, kind))
        self.listed.add((cluster, kind))

    def _abort(self, cluster: str, kind: str, seed: int) -> Iterator[str]:
        yield from self._list(cluster, kind, seed, 0.5)
        yield f"abort {cluster} {kind}"

    def _list(self, cluster: str, kind: str, seed: int, part: float) -> Iterator[str]:
        rng = random.Random(seed)
        yield f"begin {cluster} {kind}"
        items = [o for (c, k, _, _), o in self.objects.items() if (c, k) == (cluster, kind)]
        rng.shuffle(items)
        for obj in items[: round(len(items) * part)]:
            yield f"put {cluster} {kind} {json.dumps(obj)}"
            if rng.random() < 0.1:
                yield "pass 100"

    def _pass(self) -> Iterator[str]:
        yield "pass 100"

    def _check(self) -> Iterator[str]:
        """Catch up with everything that was missed, then say what the table is."""
        for cluster in CLUSTERS:
            for kind in KINDS:
                key = cluster, kind
                if key in self.missed or key not in self.listed:
                    yield from self._relist(cluster, kind, 1)
        # A list that leaves no VIP is held by the guard, whatever the percentage.
        yield from ("pass 100", "accept", "pass 100", "table")
