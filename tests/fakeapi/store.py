"""What the fake API server holds: objects, their history, and who wants to hear of changes.

Everything is rendered to bytes once, when it is stored, so that a list of 10,000 objects is one
join and one write. Used from the server's event loop only.
"""

from __future__ import annotations

import bisect
import itertools
import json
import uuid
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, Iterator

Key = tuple[str, str]  # namespace ("" for cluster-scoped kinds), name


@dataclass(frozen=True)
class Kind:
    """One resource; `custom` kinds render their lists as the server renders CRDs."""

    plural: str
    group_path: str
    api_version: str
    kind: str
    namespaced: bool = True
    custom: bool = False

    @property
    def path(self) -> str:
        """Where the whole kind is listed."""
        return f"{self.group_path}/{self.plural}"


def _cilium(plural: str, kind: str) -> Kind:
    return Kind(plural, "/apis/cilium.io/v2", "cilium.io/v2", kind, namespaced=False, custom=True)


_GATEWAY_API = ("/apis/gateway.networking.k8s.io/v1", "gateway.networking.k8s.io/v1")
_DISCOVERY = ("/apis/discovery.k8s.io/v1", "discovery.k8s.io/v1")

KINDS = [
    Kind("services", "/api/v1", "v1", "Service"),
    Kind("endpointslices", *_DISCOVERY, "EndpointSlice"),
    Kind("nodes", "/api/v1", "v1", "Node", namespaced=False),
    Kind("namespaces", "/api/v1", "v1", "Namespace", namespaced=False),
    Kind("gateways", *_GATEWAY_API, "Gateway", custom=True),
    _cilium("ciliumbgpadvertisements", "CiliumBGPAdvertisement"),
    _cilium("ciliumbgpclusterconfigs", "CiliumBGPClusterConfig"),
    _cilium("ciliumbgppeerconfigs", "CiliumBGPPeerConfig"),
    _cilium("ciliumbgpnodeconfigs", "CiliumBGPNodeConfig"),
    _cilium("ciliumbgpnodeconfigoverrides", "CiliumBGPNodeConfigOverride"),
    _cilium("ciliumloadbalancerippools", "CiliumLoadBalancerIPPool"),
]
BY_PLURAL = {kind.plural: kind for kind in KINDS}
BY_KIND = {kind.kind: kind for kind in KINDS}


def render(value: Any) -> bytes:
    """Compact JSON, as the server writes it."""
    return json.dumps(value, separators=(",", ":")).encode()


def event(event_type: str, body: bytes) -> bytes:
    """One line of a watch stream."""
    return b'{"type":"%s","object":%s}\n' % (event_type.encode(), body)


@dataclass
class Change:
    """One entry of a kind's history."""

    rv: int
    key: Key
    line: bytes


@dataclass
class Shelf:
    """All objects of one kind, their history, and the watches on them."""

    kind: Kind
    served: bool
    items: dict[Key, bytes] = field(default_factory=dict)  # as in a list
    full: dict[Key, bytes] = field(default_factory=dict)  # with kind and apiVersion
    history: list[Change] = field(default_factory=list)
    listeners: list[Callable[[Change], None]] = field(default_factory=list)


class Store:
    """Objects of all kinds under one counter, the resourceVersion, as in etcd."""

    def __init__(self) -> None:
        self.rv = 1000
        self.oldest_rv = 0  # history before this is compacted: watches from there get 410
        self.shelves = {k.plural: Shelf(k, served="cilium" not in k.plural) for k in KINDS}
        self.put({"kind": "Namespace", "metadata": {"name": "kube-system"}})

    # ---- changing --------------------------------------------------------------------------

    def put(self, obj: dict) -> int:
        """Create or replace an object; fills in uid, resourceVersion and times. Returns the RV."""
        shelf = self.shelves[BY_KIND[obj["kind"]].plural]
        self.rv += 1
        meta = {"uid": None, "creationTimestamp": "2026-01-01T00:00:00Z", **obj["metadata"]}
        if shelf.kind.namespaced:
            meta.setdefault("namespace", "default")
        key = (meta.get("namespace", ""), meta["name"])
        meta["uid"] = meta["uid"] or self._uid(shelf, key)
        meta["resourceVersion"] = str(self.rv)
        self._store(shelf, key, {**obj, "metadata": meta}, self.rv)
        return self.rv

    def delete(self, plural: str, name: str, namespace: str = "default") -> int:
        """Remove an object; watches get its last state with the RV of the deletion."""
        shelf = self.shelves[plural]
        key = (namespace if shelf.kind.namespaced else "", name)
        self.rv += 1
        last = json.loads(shelf.full[key])
        last["metadata"]["resourceVersion"] = str(self.rv)
        self._remove(shelf, key, last, self.rv)
        return self.rv

    def replay(self, plural: str, recorded: dict) -> None:
        """Apply one recorded watch event with the RV it had."""
        shelf, obj = self.shelves[plural], recorded["object"]
        rv = int(obj["metadata"]["resourceVersion"])
        self.rv = max(self.rv, rv)
        key = (obj["metadata"].get("namespace", ""), obj["metadata"].get("name", ""))
        if recorded["type"] == "BOOKMARK":
            self._publish(shelf, Change(rv, ("", ""), event("BOOKMARK", render(obj))), keep=False)
        elif recorded["type"] == "DELETED":
            self._remove(shelf, key, obj, rv)
        else:
            self._store(shelf, key, obj, rv)

    def load(self, document: dict, *, keep_rv: bool = False) -> int:
        """Store every object of a List (of one kind or mixed); returns how many.

        With `keep_rv` objects keep their resourceVersion and the counter takes the list's.
        """
        for item in document["items"] or []:
            kind = item.get("kind") or document["kind"].removesuffix("List")
            item = {"apiVersion": BY_KIND[kind].api_version, "kind": kind, **item}
            if keep_rv:
                self.replay(BY_KIND[kind].plural, {"type": "ADDED", "object": item})
            else:
                self.put(item)
        if keep_rv and document.get("metadata", {}).get("resourceVersion"):
            self.rv = max(self.rv, int(document["metadata"]["resourceVersion"]))
        return len(document["items"] or [])

    def clear(self, *plurals: str) -> None:
        """Forget objects without an event, as if etcd had been emptied; default: all kinds."""
        for plural in plurals or self.shelves:
            shelf = self.shelves[plural]
            shelf.items.clear()
            shelf.full.clear()
            shelf.history.clear()
        self.oldest_rv = self.rv

    def compact(self) -> None:
        """Forget the history: a watch from any earlier RV gets 410."""
        self.oldest_rv = self.rv
        for shelf in self.shelves.values():
            shelf.history.clear()

    def set_rv(self, rv: int) -> None:
        """Set the counter; to a lower value it is what a restored etcd does to its clients."""
        self.rv = rv
        self.oldest_rv = min(self.oldest_rv, rv)
        for shelf in self.shelves.values():
            shelf.history = [change for change in shelf.history if change.rv <= rv]

    # ---- reading ---------------------------------------------------------------------------

    def get(self, plural: str, name: str, namespace: str = "") -> bytes | None:
        """One object with kind and apiVersion."""
        return self.shelves[plural].full.get((namespace, name))

    def keys(self, plural: str, namespace: str = "") -> list[Key]:
        """Keys in the order of a list (etcd's order)."""
        return sorted(k for k in self.shelves[plural].items if not namespace or k[0] == namespace)

    def initial(self, plural: str, namespace: str = "") -> list[bytes]:
        """ADDED for everything, as a streaming list begins."""
        shelf = self.shelves[plural]
        return [event("ADDED", shelf.full[key]) for key in self.keys(plural, namespace)]

    def since(self, plural: str, rv: int) -> Iterator[Change]:
        """History after `rv`."""
        history = self.shelves[plural].history
        start = bisect.bisect_right(history, rv, key=lambda change: change.rv)
        return itertools.islice(history, start, None)

    # ---- inside ----------------------------------------------------------------------------

    @staticmethod
    def _uid(shelf: Shelf, key: Key) -> str:
        known = shelf.full.get(key)
        return json.loads(known)["metadata"]["uid"] if known else str(uuid.uuid4())

    def _store(self, shelf: Shelf, key: Key, obj: dict, rv: int) -> None:
        kind = shelf.kind
        full = render({"kind": kind.kind, "apiVersion": kind.api_version, **obj})
        bare = {k: v for k, v in obj.items() if k not in ("kind", "apiVersion")}
        event_type = "MODIFIED" if key in shelf.full else "ADDED"
        shelf.full[key] = full
        shelf.items[key] = full if kind.custom else render(bare)
        self._publish(shelf, Change(rv, key, event(event_type, full)))

    def _remove(self, shelf: Shelf, key: Key, last: dict, rv: int) -> None:
        shelf.items.pop(key, None)
        shelf.full.pop(key, None)
        kind = shelf.kind
        full = render({"kind": kind.kind, "apiVersion": kind.api_version, **last})
        self._publish(shelf, Change(rv, key, event("DELETED", full)))

    @staticmethod
    def _publish(shelf: Shelf, change: Change, keep: bool = True) -> None:
        if keep:
            shelf.history.append(change)
        for listener in list(shelf.listeners):
            listener(change)


def list_body(
    kind: Kind, items: Iterable[bytes], metadata: dict, *, metadata_last: bool | None = None
) -> bytes:
    """A list as the server writes it: CRDs with sorted keys, so with metadata after the items."""
    joined = b"[" + b",".join(items) + b"]"
    last = kind.custom if metadata_last is None else metadata_last
    head = render({"apiVersion": kind.api_version})[:-1]
    name, meta = render(kind.kind + "List"), render(metadata)
    if last:
        return head + b',"items":' + joined + b',"kind":' + name + b',"metadata":' + meta + b"}\n"
    head = b'{"kind":' + name + b"," + head[1:]
    return head + b',"metadata":' + meta + b',"items":' + joined + b"}\n"


def bookmark(kind: Kind, rv: int, *, initial_end: bool = False) -> bytes:
    """A BOOKMARK line; typed objects carry empty parts, which a client must not apply."""
    metadata: dict[str, Any] = {"resourceVersion": str(rv), "creationTimestamp": None}
    if initial_end:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    obj: dict[str, Any] = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": metadata}
    if kind.plural == "services":
        obj |= {"spec": {}, "status": {"loadBalancer": {}}}
    return event("BOOKMARK", render(obj))


def status(code: int, reason: str, message: str, **details: Any) -> bytes:
    """A Status object, the server's error body."""
    value = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    value |= {"message": message, "reason": reason}
    if details:
        value["details"] = details
    return render(value | {"code": code})
