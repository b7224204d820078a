"""What the routing table must be for given objects and configuration: slow, obvious, stateless.

Written from design rules (who may hold a VIP, and through which nodes) and not from the engine's
code: there is no cache, no index and no event in it. Objects are what the Kubernetes API gives.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Iterator, NamedTuple

GATEWAY_LABEL = "gateway.networking.k8s.io/gateway-name"
EXCLUDE_LABEL = "node.kubernetes.io/exclude-from-external-load-balancers"
MARKER = "192.192.192.192"
SOURCES = ("load-balancer", "gateway", "external-ip", "cluster-ip")

# A claim with one of these takes part in the order: it may be of use again in a moment.
COUNTS = {
    "selected",
    "no-endpoints",
    "endpoint-without-node",
    "no-local-node",
    "no-eligible-node",
    "node-has-no-ipv4",
    "node-has-no-ipv6",
}


class Requirement(NamedTuple):
    """One comma-separated part of a selector."""

    key: str
    operator: str  # in, notin, exists, absent
    values: tuple[str, ...] = ()

    def text(self) -> str:
        """As the configuration has it."""
        if self.operator == "exists":
            return self.key
        if self.operator == "absent":
            return f"!{self.key}"
        return f"{self.key} {self.operator} ({','.join(self.values)})"

    def met_by(self, labels: dict[str, str]) -> bool:
        """kubectl's meaning: notin also holds where the key is absent."""
        value = labels.get(self.key)
        if self.operator == "in":
            return value in self.values
        if self.operator == "notin":
            return value not in self.values
        return (value is not None) == (self.operator == "exists")


Selector = tuple[Requirement, ...]  # empty: `any`


def selector_text(selector: Selector) -> str:
    """As the configuration has it."""
    return ",".join(r.text() for r in selector) or "any"


def matches(selector: Selector, labels: dict[str, str]) -> bool:
    """All requirements hold."""
    return all(requirement.met_by(labels) for requirement in selector)


@dataclass(frozen=True)
class Block:
    """An advertise block."""

    name: str
    selector: Selector | None = None
    namespaces: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ("loadbalancer-ip",)
    node_selectors: tuple[Selector, ...] = ()
    next_hop: str = "internal-ip"
    endpoint_rule: str = "ready-else-serving"
    flags: frozenset[str] = frozenset()  # allow-no-endpoints, honour-cordon, ignore-exclude-label
    tag: int = 77
    distance: int = 15


@dataclass(frozen=True)
class Cluster:
    """A cluster's part of the configuration."""

    name: str
    ranges: tuple[tuple[str, str | None, bool], ...]  # prefix, namespace, allow-connected
    preference: int = 100
    shutdown: bool = False
    prefix_list: str | None = None
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Config:
    """Everything that an operator decides, and what the router knows of itself."""

    clusters: tuple[Cluster, ...]
    reserved: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    connected: tuple[str, ...] = ()
    plists: tuple["PrefixList", ...] = ()  # of FRR: each has entries of both families

    def permits(self, name: str, address: str) -> bool:
        """FRR's rules: the first entry that matches decides, and there is a deny at the end."""
        entries = next(entries for list_name, entries in self.plists if list_name == name)
        return next((e.permit for e in entries if e.matches(address)), False)


class Entry(NamedTuple):
    """One entry of a prefix-list."""

    permit: bool
    prefix: str
    ge: int = 0
    le: int = 0

    def matches(self, address: str) -> bool:
        """Does it match the host route of @address?"""
        network, host = ip_network(self.prefix), ip_address(address)
        if host.version != network.version or host not in network:
            return False
        if not self.ge and not self.le:
            return network.prefixlen == host.max_prefixlen
        return self.ge <= host.max_prefixlen <= (self.le or host.max_prefixlen)


PrefixList = tuple[str, tuple[Entry, ...]]
Objects = dict[tuple[str, str, str, str], dict]  # (cluster, kind, namespace, name) -> object


@dataclass
class Claim:
    """One address that one object of one cluster names."""

    cluster: Cluster
    obj: dict
    kind: str
    address: str
    source: str
    reason: str = ""
    block: Block | None = None
    next_hops: frozenset[str] = field(default_factory=frozenset)

    def order(self) -> tuple:
        """Smaller is stronger. Nothing in it depends on when the claim was seen."""
        meta = self.obj["metadata"]
        return (
            SOURCES.index(self.source),
            -self.cluster.preference,
            self.cluster.name,
            meta.get("creationTimestamp") or "9999",
            meta["uid"],
            meta["namespace"],
            meta["name"],
        )

    def shares_with(self, other: "Claim") -> bool:
        """A status was written by the cluster's allocator: who it names together share."""
        if self is other:
            return True
        allocated = self.source in ("load-balancer", "gateway")
        return allocated and (self.cluster.name, self.source) == (other.cluster.name, other.source)


def natural(name: str) -> list:
    """web2 before web10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


class Model:
    """One state of the world."""

    def __init__(self, config: Config, objects: Objects) -> None:
        self.config = config
        self.objects = objects
        self.claims = [c for cluster in config.clusters for c in self._claims_of(cluster)]
        for claim in self.claims:
            claim.reason = self._judge(claim)
        self.claims = list(self._one_per_object_and_address())

    # ---- the table -------------------------------------------------------------------------

    def routes(self) -> dict[str, dict]:
        """Prefix -> cluster, tag, distance, next hops."""
        found = {}
        for address in sorted({claim.address for claim in self.claims}):
            holder, next_hops = self.holder(address)
            if holder:
                prefix = f"{address}/{ip_address(address).max_prefixlen}"
                found[prefix] = {
                    "cluster": holder.cluster.name,
                    "tag": holder.block.tag,
                    "distance": holder.block.distance,
                    "nextHops": sorted(next_hops, key=lambda a: ip_address(a).packed),
                }
        return found

    def reasons(self) -> dict[tuple, str]:
        """What each claim is told."""
        found = {}
        for claim in self.claims:
            meta, reason = claim.obj["metadata"], claim.reason
            if reason == "selected":
                holder, _ = self.holder(claim.address)
                if not holder:
                    reason = self._strongest(claim.address).reason
                elif not claim.shares_with(holder):
                    reason = "held-by-other"
            key = claim.cluster.name, claim.kind, meta["namespace"], meta["name"], claim.address
            found[key] = reason
        return found

    def holder(self, address: str) -> tuple[Claim | None, frozenset[str]]:
        """Who has the VIP, and through which nodes."""
        claims = [c for c in self.claims if c.address == address and c.reason in COUNTS]
        for top in sorted(claims, key=Claim.order):
            together = [c for c in claims if c.shares_with(top) and c.reason == "selected"]
            stronger = [c for c in claims if c.order() < top.order()]
            # A cluster speaks through its first claim: a weaker one of its own does not step in.
            if any(c.cluster is top.cluster for c in stronger) or not together:
                continue
            sets = [c.next_hops for c in together]
            return min(together, key=Claim.order), (
                frozenset.intersection(*sets) or frozenset.union(*sets)
            )
        return None, frozenset()

    def _strongest(self, address: str) -> Claim:
        claims = [c for c in self.claims if c.address == address and c.reason in COUNTS]
        return min(claims, key=Claim.order)

    # ---- claims ----------------------------------------------------------------------------

    def _each(self, cluster: str, kind: str) -> Iterator[dict]:
        return (o for (c, k, _, _), o in self.objects.items() if (c, k) == (cluster, kind))

    def _gateway_of(self, service: dict) -> str | None:
        meta = service["metadata"]
        for owner in meta.get("ownerReferences", []):
            if owner["kind"] == "Gateway":
                return owner["name"]
        return meta.get("labels", {}).get(GATEWAY_LABEL)

    def _claims_of(self, cluster: Cluster) -> Iterator[Claim]:
        kinds = {a for block in cluster.blocks for a in block.addresses}
        speaks = set()
        for service in self._each(cluster.name, "Service"):
            spec, meta = service["spec"], service["metadata"]
            speaks.add((meta["namespace"], self._gateway_of(service)))
            if spec["type"] == "LoadBalancer":
                for ingress in service["status"]["loadBalancer"].get("ingress", []):
                    if "ip" in ingress:
                        yield Claim(cluster, service, "Service", ingress["ip"], "load-balancer")
            for member, word in (("externalIPs", "external-ip"), ("clusterIPs", "cluster-ip")):
                for address in spec.get(member, []) if word in kinds else []:
                    yield Claim(cluster, service, "Service", address, word)
        for gateway in self._each(cluster.name, "Gateway"):
            meta = gateway["metadata"]
            if (meta["namespace"], meta["name"]) in speaks:
                continue  # its Service speaks for it: they are one claim
            for entry in gateway["status"].get("addresses", []):
                if entry.get("type", "IPAddress") == "IPAddress":
                    yield Claim(cluster, gateway, "Gateway", entry["value"], "gateway")

    def _one_per_object_and_address(self) -> Iterator[Claim]:
        groups: dict[tuple, list[Claim]] = {}
        for claim in self.claims:
            meta = claim.obj["metadata"]
            key = claim.cluster.name, claim.kind, meta["namespace"], meta["name"], claim.address
            groups.setdefault(key, []).append(claim)
        for group in groups.values():
            yield next((c for c in group if c.reason in COUNTS), group[0])

    # ---- one claim -------------------------------------------------------------------------

    def _judge(self, claim: Claim) -> str:
        cluster = claim.cluster
        if self._is_proxy(claim):
            return "ip-mode-proxy"
        refused = self._refuse_address(claim)
        if refused:
            return refused
        if not cluster.blocks:
            return "no-advertise-block"
        claim.block = self._block_for(claim)
        if not claim.block:
            return "not-selected"
        if cluster.shutdown:
            return "cluster-shutdown"
        if cluster.prefix_list and not self.config.permits(cluster.prefix_list, claim.address):
            return "prefix-list-denies"
        return self._find_next_hops(claim)

    @staticmethod
    def _is_proxy(claim: Claim) -> bool:
        if claim.source != "load-balancer":
            return False
        ingress = claim.obj["status"]["loadBalancer"]["ingress"]
        first = next(i for i in ingress if i.get("ip") == claim.address)
        return first.get("ipMode") == "Proxy"

    def _refuse_address(self, claim: Claim) -> str:
        address = ip_address(claim.address)
        if address.is_loopback or address.is_link_local or address.is_multicast:
            return "not-a-unicast-address"
        holding = [r for r in claim.cluster.ranges if address in ip_network(r[0])]
        if not holding:
            return "out-of-range"
        longest = max(ip_network(r[0]).prefixlen for r in holding)
        holding = [r for r in holding if ip_network(r[0]).prefixlen == longest]
        mine = [r for r in holding if r[1] in (None, claim.obj["metadata"]["namespace"])]
        if not mine:
            return "range-of-other-namespace"
        if claim.address in self.config.own:
            return "own-address"
        if claim.address in self._node_addresses():
            return "node-address"
        if any(address in ip_network(p) for p in self.config.reserved):
            return "reserved-prefix"
        connected = any(address in ip_network(p) for p in self.config.connected)
        return "connected-prefix" if connected and not any(r[2] for r in mine) else ""

    def _node_addresses(self) -> set[str]:
        return {
            entry["address"]
            for cluster in self.config.clusters
            for node in self._each(cluster.name, "Node")
            for entry in node["status"]["addresses"]
        }

    def _gateway(self, claim: Claim) -> dict | None:
        """The Gateway that makes the claim, or that owns the Service which does."""
        if claim.kind == "Gateway":
            return claim.obj
        name = self._gateway_of(claim.obj)
        namespace = claim.obj["metadata"]["namespace"]
        return self.objects.get((claim.cluster.name, "Gateway", namespace, name or ""))

    def _labels(self, claim: Claim) -> dict[str, str]:
        """Those of the Gateway, those of the Service above them, and Cilium's pseudo-labels."""
        meta, gateway = claim.obj["metadata"], self._gateway(claim)
        labels = dict(gateway["metadata"].get("labels", {})) if gateway else {}
        labels |= meta.get("labels", {})
        if claim.kind == "Service":
            labels["io.kubernetes.service.name"] = meta["name"]
            labels["io.kubernetes.service.namespace"] = meta["namespace"]
        return labels

    def _block_for(self, claim: Claim) -> Block | None:
        wanted = claim.source if claim.source.endswith("-ip") else "loadbalancer-ip"
        meta, labels = claim.obj["metadata"], self._labels(claim)
        gateway = self._gateway(claim)
        classes = {claim.obj["spec"].get("loadBalancerClass")}
        classes |= {gateway["spec"]["gatewayClassName"]} if gateway else set()
        for block in sorted(claim.cluster.blocks, key=lambda b: natural(b.name)):
            if block.selector is None or wanted not in block.addresses:
                continue
            if block.namespaces and meta["namespace"] not in block.namespaces:
                continue
            if block.classes and not classes & set(block.classes):
                continue
            if matches(block.selector, labels):
                return block
        return None

    # ---- endpoints and nodes ---------------------------------------------------------------

    def _find_next_hops(self, claim: Claim) -> str:
        family = ip_address(claim.address).version
        eligible = {
            node["metadata"]["name"]: self._next_hop(claim.block, node, family)
            for node in self._each(claim.cluster.name, "Node")
            if self._is_eligible(claim.block, node)
        }
        if claim.kind == "Gateway":
            return self._through(claim, eligible, set(eligible), family)
        endpoints = self._endpoints(claim, family)
        usable = usable_of(endpoints, claim.block.endpoint_rule)
        marker = any(self._is_marker(claim.obj, e) for e in usable)
        kind = "internal" if claim.source == "cluster-ip" else "external"
        if claim.obj["spec"].get(f"{kind}TrafficPolicy") != "Local" or marker:
            if not usable and "allow-no-endpoints" not in claim.block.flags:
                return "no-endpoints"
            return self._through(claim, eligible, set(eligible), family)
        if not usable:
            return "no-endpoints"
        if not eligible:
            return "no-eligible-node"
        named = {e["nodeName"] for e in usable if e.get("nodeName")}
        if named & set(eligible):
            return self._through(claim, eligible, named & set(eligible), family)
        nowhere = all(not e.get("nodeName") for e in usable)
        return "endpoint-without-node" if nowhere else "no-local-node"

    @staticmethod
    def _through(claim: Claim, eligible: dict, names: set[str], family: int) -> str:
        if not eligible:
            return "no-eligible-node"
        claim.next_hops = frozenset(eligible[name] for name in names if eligible[name])
        return "selected" if claim.next_hops else f"node-has-no-ipv{family}"

    def _is_eligible(self, block: Block, node: dict) -> bool:
        meta, spec = node["metadata"], node["spec"]
        labels = meta.get("labels", {})
        if block.node_selectors and not any(matches(s, labels) for s in block.node_selectors):
            return False
        if EXCLUDE_LABEL in labels and "ignore-exclude-label" not in block.flags:
            return False
        if "deletionTimestamp" in meta:
            return False
        if any(t["key"] == "ToBeDeletedByClusterAutoscaler" for t in spec.get("taints", [])):
            return False
        conditions = {c["type"]: c["status"] for c in node["status"]["conditions"]}
        if conditions.get("NetworkUnavailable") == "True":
            return False
        if spec.get("unschedulable") and "honour-cordon" in block.flags:
            return False
        return conditions.get("Ready") == "True"

    @staticmethod
    def _next_hop(block: Block, node: dict, family: int) -> str | None:
        wanted = {"internal-ip": "InternalIP", "external-ip": "ExternalIP"}[block.next_hop]
        for entry in node["status"]["addresses"]:
            address = ip_address(entry["address"])
            if entry["type"] == wanted and address.version == family and not address.is_link_local:
                return entry["address"]
        return None

    @staticmethod
    def _is_marker(service: dict, endpoint: dict) -> bool:
        nowhere = not endpoint.get("nodeName")
        return endpoint["addresses"][0] == MARKER and nowhere and not service["spec"].get("selector")

    def _endpoints(self, claim: Claim, family: int) -> list[dict]:
        meta, found = claim.obj["metadata"], []
        for slice_ in self._each(claim.cluster.name, "EndpointSlice"):
            if slice_["metadata"]["namespace"] != meta["namespace"]:
                continue
            if service_of(slice_) != meta["name"]:
                continue
            same = slice_["addressType"] == f"IPv{family}"
            found += [e for e in slice_["endpoints"] if same or self._is_marker(claim.obj, e)]
        return found


def service_of(slice_: dict) -> str | None:
    """By label, else by owner: Cilium 1.19 leaves the label out, and owns it by the Gateway."""
    meta = slice_["metadata"]
    by_label = meta.get("labels", {}).get("kubernetes.io/service-name")
    owners = {o["kind"]: o["name"] for o in meta.get("ownerReferences", [])}
    by_gateway = meta["name"] if "Gateway" in owners else None
    return by_label or owners.get("Service") or by_gateway


def usable_of(endpoints: list[dict], rule: str) -> list[dict]:
    """Ready; only if none is, those that still serve while they end. Or as the block says."""
    conditions = [e.get("conditions", {}) for e in endpoints]
    ready = [c.get("ready", True) for c in conditions]
    serving = [c.get("serving", r) for c, r in zip(conditions, ready)]
    ending = [c.get("terminating", False) for c in conditions]
    if rule == "ready" or (rule == "ready-else-serving" and any(ready)):
        good = ready
    elif rule == "ready-or-serving":
        good = [r or s for r, s in zip(ready, serving)]
    else:
        good = [s and t for s, t in zip(serving, ending)]
    return [e for e, is_good in zip(endpoints, good) if is_good]
