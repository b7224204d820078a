"""The API server of the benchmark: the fake one, on a thread of this process, with a stop-watch.

It runs in this process because this process also writes the reference's commands: both clocks
start the same way, right after the last byte was handed to the kernel. What is sent is rendered
before anything is measured: lists once per state of the store, many objects from one template.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import threading
import time
from ipaddress import IPv4Address
from typing import Any, Awaitable, Callable
from urllib.parse import urlencode

from tests.fakeapi import Pki, objects
from tests.fakeapi import server as fakeserver
from tests.fakeapi.http11 import Answer, Request
from tests.fakeapi.store import Key, Store, render
from tests.fakeapi.watch import Watch
from tests.lab import Namespace

CLONE_NEWNET = 0x40000000
TOKEN = "bench-token"
# A query word of ours: a streaming list that ends with its mark, so that curl can fetch it.
END_WITH_MARK = "endWithMark"
NAMESPACE = "prod"
IDENTITY = {"name": "kube-system", "uid": "11111111-77aa-4bbb-8ccc-000000000000"}  # of the cluster


class TimedAnswer(Answer):
    """Notes when it was written; large parts count when the last of them has left the process."""

    stamps: list[tuple[int, Request]] = []  # of all answers, oldest first
    written = asyncio.Event()

    async def whole(self, *args: Any, **kwargs: Any) -> None:
        await super().whole(*args, **kwargs)
        self._stamp()

    async def part(self, *messages: bytes) -> None:
        await super().part(*messages)
        self._stamp()

    def _stamp(self) -> None:
        self.stamps.append((time.monotonic_ns(), self.request))
        self.written.set()


class TimedWatch(Watch):
    """Can end with its initial events."""

    def _initial(self, with_mark: bool) -> None:
        super()._initial(with_mark)
        if END_WITH_MARK in self._query:
            self.end()


class RenderedStore(Store):
    """Keeps the rendered streaming lists, and can be filled quickly."""

    def __init__(self) -> None:
        super().__init__()
        self._rendered: dict[tuple, list[bytes]] = {}

    def initial(self, plural: str, namespace: str = "") -> list[bytes]:
        key = plural, namespace
        known = self._rendered.get(key)
        if known is None or known[0] != self.rv:
            known = self._rendered[key] = [self.rv, b"".join(super().initial(plural, namespace))]
        return [known[1]]

    def fill(self, count: int, first: IPv4Address, nodes: list[str]) -> None:
        """`count` Services, each with an address and a slice with an endpoint on each node.

        As objects.many_services(), but rendered once and then copied as text.
        """
        service = objects.service("svc-NAME", "ADDRESS")
        many = [service, objects.endpoint_slice("svc-NAME", objects.endpoints_on(*nodes))]
        for obj in many:
            obj["metadata"] |= {"uid": "UID", "creationTimestamp": "2026-01-01T00:00:00Z"}
            obj["metadata"]["resourceVersion"] = "VERSION"
            plural = "services" if obj is service else "endpointslices"
            self._copy(plural, obj, count, first)

    def _copy(self, plural: str, obj: dict, count: int, first: IPv4Address) -> None:
        shelf = self.shelves[plural]
        full = render({"kind": shelf.kind.kind, "apiVersion": shelf.kind.api_version, **obj})
        bare = render({k: v for k, v in obj.items() if k not in ("kind", "apiVersion")})
        name = obj["metadata"]["name"]
        for number in range(count):
            self.rv += 1
            words = (
                (b"NAME", b"%06d" % number),
                (b"ADDRESS", str(first + number).encode()),
                (b"UID", b"%08x-77aa-4bbb-8ccc-%012x" % (self.rv, number)),
                (b"VERSION", b"%d" % self.rv),
            )
            key: Key = (NAMESPACE, name.replace("NAME", f"{number:06}"))
            shelf.full[key], shelf.items[key] = full, bare
            for word, value in words:
                shelf.full[key] = shelf.full[key].replace(word, value)
                shelf.items[key] = shelf.items[key].replace(word, value)


class RenderedServer(fakeserver.Server):
    """Keeps the rendered pages of lists."""

    def __init__(self) -> None:
        super().__init__()
        self.store = RenderedStore()
        self._pages: dict[tuple, bytes] = {}

    def _list_text(self, answer: Answer, kind: Any, namespace: str) -> bytes:
        query = urlencode(sorted(answer.request.query.items()))
        key = (kind.plural, namespace, query, self.store.rv)
        if key not in self._pages:
            self._pages[key] = super()._list_text(answer, kind, namespace)
        return self._pages[key]

    def forget_pages(self) -> None:
        """The store has changed for good."""
        self._pages.clear()


class Api:
    """A server in `space`, at https://HOST:6443."""

    def __init__(self, space: Namespace, host: str, pki: Pki) -> None:
        # The fake server makes its answers and watches by these names.
        fakeserver.Answer, fakeserver.Watch = TimedAnswer, TimedWatch
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.url, self.pki = f"https://{host}:6443", pki
        self._run(self._begin(space, host))

    async def _begin(self, space: Namespace, host: str) -> None:
        enter_network(space)  # this thread alone: its sockets are made there
        TimedAnswer.written = asyncio.Event()
        self.server = RenderedServer()
        self.store: RenderedStore = self.server.store
        self.server.set_tls(self.pki.context())
        self.server.tokens = {TOKEN}
        await self.server.listen(host, 6443)

    def _run(self, work: Awaitable, timeout: float = 120) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    def call(self, function: Callable, *args: Any) -> Any:
        """Run a function on the server's loop."""

        async def work() -> Any:
            return function(*args)

        return self._run(work())

    # ---- objects ---------------------------------------------------------------------------

    def refill(self, count: int, first: IPv4Address, nodes: list[dict]) -> None:
        """Nothing but these nodes and `count` Services; connections are broken."""

        def work() -> None:
            self.server.close_connections()
            self.store.clear()
            self.server.forget_pages()
            self.store.put({"kind": "Namespace", "metadata": IDENTITY})
            for node in nodes:
                self.store.put(node)
            self.store.fill(count, first, [node["metadata"]["name"] for node in nodes])
            self.store.compact()

        self.call(work)

    def put(self, *objs: dict) -> None:
        """Create or replace objects; events go out when the loop gets to it."""
        self.call(lambda: [self.store.put(obj) for obj in objs] and None)

    def put_timed(self, obj: dict) -> int:
        """Create or replace one object that is being watched; returns when its event was sent."""

        async def work() -> int:
            TimedAnswer.written.clear()
            self.store.put(obj)
            await TimedAnswer.written.wait()
            return TimedAnswer.stamps[-1][0]

        return self._run(work(), 10)

    # ---- requests --------------------------------------------------------------------------

    def forget_requests(self) -> None:
        """Before a start of the daemon."""
        self.call(TimedAnswer.stamps.clear)
        self.call(self.server.requests.clear)

    def first_request_ns(self) -> int:
        """When the first request since then had been read, on CLOCK_MONOTONIC."""
        offset = time.time_ns() - time.monotonic_ns()
        return int(self.server.requests[0].when * 1e9) - offset

    def lists(self) -> list[tuple[int, Request]]:
        """The answers to lists since then: pages, and the initial events of streaming lists."""

        def is_list(request: Request) -> bool:
            return request.verb == "list" or "sendInitialEvents" in request.query

        return [(ns, r) for ns, r in list(TimedAnswer.stamps) if r.code == 200 and is_list(r)]

    def targets(self) -> dict[str, list[str]]:
        """What was asked for in these lists, by path: for curl to ask for it again."""
        asked: dict[str, list[str]] = {}
        for _, request in self.lists():
            query = dict(request.query)
            if request.verb == "watch":
                query[END_WITH_MARK] = "1"
            target = f"{request.path}?{urlencode(query)}" if query else request.path
            if target not in asked.setdefault(request.path, []):
                asked[request.path].append(target)
        return asked

    # ---- life ------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop the server."""
        self.call(self.server.refuse)
        self.call(self.server.close_connections)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


def enter_network(space: Namespace) -> None:
    """Move the calling thread, and no other, into a namespace's network."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open(f"/proc/{space.holder}/ns/net", os.O_RDONLY)
    try:
        if libc.setns(fd, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(fd)
