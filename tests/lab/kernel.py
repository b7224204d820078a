"""Kernel routes in one shape, whichever way iproute2 prints them."""

from __future__ import annotations

import ipaddress
import json
from typing import TypedDict

from .netns import Namespace


class KernelRoute(TypedDict):
    """One route: `proto` as text, next hops as sorted (gateway or "", device)."""

    proto: str
    metric: int
    nexthops: list[tuple[str, str]]


def normal_prefix(text: str, family: int) -> str:
    """`default` and bare addresses as prefixes, the way FRR writes them."""
    if text == "default":
        return "0.0.0.0/0" if family == 4 else "::/0"
    return str(ipaddress.ip_network(text))


def kernel_routes(space: Namespace, family: int, table: str = "main") -> dict[str, KernelRoute]:
    """The unicast routes of a table; of several for one prefix, the one with the lowest metric.

    IPv6 multipath routes may come as one line per next hop, so equal metrics are merged.
    """
    text = space.run(["ip", "-j", f"-{family}", "route", "show", "table", table])
    routes: dict[str, KernelRoute] = {}
    for entry in json.loads(text or "[]"):
        prefix = normal_prefix(entry["dst"], family)
        route = _route(entry)
        known = routes.get(prefix)
        if known is None or route["metric"] < known["metric"]:
            routes[prefix] = route
        elif route["metric"] == known["metric"]:
            known["nexthops"] = sorted({*known["nexthops"], *route["nexthops"]})
    return routes


def _route(entry: dict) -> KernelRoute:
    hops = entry.get("nexthops") or [entry]
    return {
        "proto": entry.get("protocol", ""),
        "metric": entry.get("metric", 0),
        "nexthops": sorted((_gateway(hop), hop.get("dev", "")) for hop in hops),
    }


def _gateway(hop: dict) -> str:
    return hop.get("gateway") or hop.get("via", {}).get("host", "")
