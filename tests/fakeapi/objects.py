"""Kubernetes objects as tests need them: only what a router reads, and a label or two."""

from __future__ import annotations

from typing import Iterable

SEED_LABEL = {"mdhlabs-bgp": "enable"}


def node(
    name: str, *addresses: str, ready: str = "True", labels: dict | None = None, **spec: object
) -> dict:
    """A Node with its InternalIPs; `ready` is "True", "False" or "Unknown"."""
    shown = [{"type": "InternalIP", "address": address} for address in addresses]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **(labels or {})}},
        "spec": spec,
        "status": {
            "addresses": [*shown, {"type": "Hostname", "address": name}],
            "conditions": [{"type": "Ready", "status": ready, "reason": "Test"}],
        },
    }


def service(
    name: str,
    vip: str | Iterable[str] = (),
    *,
    namespace: str = "prod",
    labels: dict | None = None,
    policy: str = "Cluster",
    **spec: object,
) -> dict:
    """A LoadBalancer Service whose allocator has given it `vip` (one, several, or none yet)."""
    vips = [vip] if isinstance(vip, str) else list(vip)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": SEED_LABEL if labels is None else labels,
        },
        "spec": {
            "type": "LoadBalancer",
            "selector": {"app": name},
            "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 80}],
            "externalTrafficPolicy": policy,
            **spec,
        },
        "status": {"loadBalancer": {"ingress": [{"ip": v, "ipMode": "VIP"} for v in vips]}},
    }


def endpoint(
    address: str, node_name: str | None, *, ready: bool = True, terminating: bool = False
) -> dict:
    """One endpoint of an EndpointSlice."""
    conditions = {"ready": ready, "serving": ready or terminating, "terminating": terminating}
    where = {"nodeName": node_name} if node_name else {}
    return {"addresses": [address], "conditions": conditions, **where}


def endpoint_slice(
    service_name: str,
    endpoints: list[dict],
    *,
    namespace: str = "prod",
    family: int = 4,
    suffix: str = "abcde",
) -> dict:
    """An EndpointSlice of a Service."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{service_name}-{suffix}",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": service_name},
        },
        "addressType": f"IPv{family}",
        "endpoints": endpoints,
        "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
    }


def endpoints_on(*node_names: str, family: int = 4) -> list[dict]:
    """A ready endpoint on each of these nodes."""
    pattern = "10.244.{}.10" if family == 4 else "fd00:10:244:{}::10"
    return [endpoint(pattern.format(i + 1), name) for i, name in enumerate(node_names)]


def gateway(name: str, vip: str, *, namespace: str = "prod", labels: dict | None = None) -> dict:
    """A Gateway that has been given its address."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": SEED_LABEL if labels is None else labels,
        },
        "spec": {"gatewayClassName": "cilium", "listeners": []},
        "status": {"addresses": [{"type": "IPAddress", "value": vip}]},
    }


def many_services(count: int, nodes: Iterable[str], network: str = "10.77.0.0/16") -> list[dict]:
    """`count` Services with a VIP each from `network`, and their slices: for measurements."""
    from ipaddress import ip_network

    names, objects = list(nodes), []
    for number, address in zip(range(count), ip_network(network).hosts()):
        name = f"svc-{number:06}"
        objects.append(service(name, str(address)))
        objects.append(endpoint_slice(name, endpoints_on(*names)))
    return objects
