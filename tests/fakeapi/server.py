"""The fake API server itself: routes, lists, watches. See `faults` for what it does wrong.

What it does right follows the Kubernetes documentation, "API concepts" (resourceVersion, limit and
continue, watch, bookmarks, streaming lists), as measured on real servers.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import ssl
from typing import Awaitable, Callable

from . import store as st
from .faults import Acting, Plan, pretty
from .http11 import Answer, NotHttp, Request, read_request
from .store import KINDS, Kind, Store, status
from .watch import Watch

VERSION = {"major": "1", "minor": "36", "gitVersion": "v1.36.4-fake", "platform": "linux/amd64"}
NAMESPACED = re.compile(
    r"^(?P<group>/api/v1|/apis/[^/]+/[^/]+)/namespaces/(?P<ns>[^/]+)/(?P<rest>.+)$"
)
Handler = Callable[[Answer], Awaitable[None]]


class Server:
    """One API server. Everything runs on the event loop it is started on."""

    def __init__(self) -> None:
        self.store = Store()
        self.plan = Plan()
        self.requests: list[Request] = []
        self.tokens: set[str] = set()  # empty: everybody may
        self.streaming_lists = True
        self.bookmark_s = 60.0
        self._outer: ssl.SSLContext | None = None  # what the listener knows ...
        self._tls: ssl.SSLContext | None = None  # ... and what a handshake really uses
        self.watches: set[Watch] = set()
        self._connections: dict[int, asyncio.StreamWriter] = {}
        self._count = 0
        self._listener: asyncio.Server | None = None
        self._address: tuple[str, int] = ("127.0.0.1", 0)

    # ---- connections -----------------------------------------------------------------------

    async def listen(self, host: str | None = None, port: int = 0) -> int:
        """Accept connections (again, at the same address, when none is given); returns the port."""
        if host is not None:
            self._address = (host, port)
        self._listener = await asyncio.start_server(
            self._serve, *self._address, ssl=self._outer, backlog=256
        )
        self._address = (self._address[0], self._listener.sockets[0].getsockname()[1])
        return self._address[1]

    @property
    def listening(self) -> bool:
        """Whether new connections are accepted."""
        return self._listener is not None

    def refuse(self) -> None:
        """Stop listening: new connections are refused, open ones live on."""
        if self._listener:
            self._listener.close()
            self._listener = None

    def close_connections(self) -> int:
        """Break every open connection; returns how many."""
        writers = list(self._connections.values())
        for writer in writers:
            writer.transport.abort()
        return len(writers)

    def set_tls(self, context: ssl.SSLContext) -> None:
        """Use a certificate for new connections; exchangeable while listening."""
        self._tls = context
        if self._outer is None:
            self._outer = context
            self._outer.sni_callback = self._choose_certificate

    def _choose_certificate(self, connection: ssl.SSLObject, *_: object) -> None:
        """Called in each handshake, also of clients that name no server."""
        assert self._tls is not None
        connection.context = self._tls

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._count += 1
        number = self._count
        self._connections[number] = writer
        try:
            while request := await read_request(reader, number):
                self.requests.append(request)
                await self._answer(reader, writer, request)
        except NotHttp:
            writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\nThis port does not speak TLS.\n")
        except (ConnectionError, ssl.SSLError, asyncio.CancelledError):
            pass
        finally:
            del self._connections[number]
            writer.close()

    # ---- one request -----------------------------------------------------------------------

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Request
    ) -> None:
        handler = self._route(request)
        answer = Answer(reader, writer, request, self.plan.acting(request.verb, request.path))
        instead = answer.faults.instead()
        if instead:
            await self._instead(answer, instead)
        elif not self._is_authentic(writer, request):
            await self._error(answer, 401, "Unauthorized", "Unauthorized")
        elif request.method != "GET":
            await self._error(answer, 405, "MethodNotAllowed", "the fake API is read-only")
        elif handler is None:
            await answer.whole(404, b"404 page not found\n", "text/plain; charset=utf-8")
        else:
            await handler(answer)

    def _is_authentic(self, writer: asyncio.StreamWriter, request: Request) -> bool:
        if not self.tokens or writer.get_extra_info("peercert"):
            return True
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme == "Bearer" and token in self.tokens

    def _route(self, request: Request) -> Handler | None:
        """Find who answers, and note in the request whether it is a get, a list or a watch."""
        if request.path == "/version":
            return lambda answer: answer.whole(200, st.render(VERSION))
        if request.path in ("/healthz", "/livez", "/readyz"):
            return lambda answer: answer.whole(200, b"ok", "text/plain; charset=utf-8")
        path, namespace = request.path, ""
        inner = NAMESPACED.match(path)
        if inner:
            path, namespace = f"{inner['group']}/{inner['rest']}", inner["ns"]
        for kind in KINDS:
            if not self.store.shelves[kind.plural].served:
                continue
            if path == kind.path:
                watch = request.query.get("watch", "") in ("1", "true")
                request.verb = "watch" if watch else "list"
                call = self._watch if watch else self._list
                return lambda answer: call(answer, kind, namespace)
            if path.startswith(kind.path + "/"):
                name = path[len(kind.path) + 1 :]
                return lambda answer: self._get(answer, kind, namespace, name)
        return None

    async def _error(self, answer: Answer, code: int, reason: str, text: str, **details) -> None:
        await answer.whole(code, status(code, reason, text, **details))

    async def _instead(self, answer: Answer, action: str) -> None:
        """Answers that have nothing to do with the question."""
        args = answer.faults.args(action)
        if action == "silent":
            await answer.wait_until_closed()
        elif action == "reset":
            answer.break_connection()
        elif action == "html":
            page = b"<!DOCTYPE html>\n<html><body><h1>Sign in to the proxy</h1></body></html>\n"
            await answer.whole(200, page, "text/html; charset=utf-8")
        elif action == "raw":
            kind = args.get("content_type", "application/json")
            await answer.whole(args.get("code", 200), args["body"].encode(), kind)
        elif action == "too_large_rv":
            await self._too_large(answer)
        elif action == "gone_continue":
            await self._gone_continue(answer)
        else:
            text = args.get("message", "by the fault plan")
            body = args.get("body")
            content = status(args["code"], args.get("reason", ""), text)
            content = body.encode() if body is not None else content
            await answer.whole(args["code"], content, headers=args.get("headers"))

    async def _too_large(self, answer: Answer) -> None:
        cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        text = "Timeout: Too large resource version"
        body = status(504, "Timeout", text, causes=[cause], retryAfterSeconds=1)
        await answer.whole(504, body, headers={"Retry-After": "1"})

    async def _gone_continue(self, answer: Answer) -> None:
        body = json.loads(status(410, "Expired", "The provided continue parameter is too old"))
        body["metadata"] = {"continue": _token(self.store.rv, ("", ""))}
        await answer.whole(410, st.render(body))

    # ---- get, list, watch ------------------------------------------------------------------

    async def _get(self, answer: Answer, kind: Kind, namespace: str, name: str) -> None:
        body = self.store.get(kind.plural, name, namespace)
        if body is None:
            text = f'{kind.plural} "{name}" not found'
            await self._error(answer, 404, "NotFound", text, name=name, kind=kind.plural)
        else:
            await answer.whole(200, body + b"\n")

    async def _list(self, answer: Answer, kind: Kind, namespace: str) -> None:
        query = answer.request.query
        refusal = self._list_refusal(query)
        if refusal:
            await self._error(answer, *refusal)
        elif _number(query.get("resourceVersion")) > self.store.rv:
            await self._too_large(answer)
        elif "continue" in query and _read_token(query["continue"])[0] < self.store.oldest_rv:
            await self._gone_continue(answer)
        else:
            await answer.whole(200, self._list_text(answer, kind, namespace))

    def _list_refusal(self, query: dict[str, str]) -> tuple[int, str, str] | None:
        rv, match = query.get("resourceVersion", ""), query.get("resourceVersionMatch")
        if any(name in query for name in ("labelSelector", "fieldSelector")):
            return 400, "BadRequest", "the fake API has no selectors"
        if rv and not rv.isdigit():
            return 500, "", f"invalid resource version {rv!r}"
        if match and (not rv or "continue" in query):
            return 422, "Invalid", "resourceVersionMatch is forbidden here"
        if match == "Exact" and int(rv) != self.store.rv:
            return 410, "Expired", f"The resourceVersion {rv} is too old"
        return None

    def _list_text(self, answer: Answer, kind: Kind, namespace: str) -> bytes:
        """The body of one page, with what the faults do to it."""
        faults, store, query = answer.faults, self.store, answer.request.query
        keys = store.keys(kind.plural, namespace)
        rv, start = store.rv, ("", "")
        if "continue" in query and "endless_continue" not in faults:
            rv, start = _read_token(query["continue"])
        rest = [key for key in keys if key > start]
        limit = int(query.get("limit", 0)) or len(rest)
        page = [] if "empty_page" in faults else rest[:limit]
        metadata: dict = {"resourceVersion": str(rv)}
        if len(page) < len(rest) or _promises_more(faults):
            last = page[-1] if page else start
            metadata |= {"continue": _token(rv, last), "remainingItemCount": len(rest) - len(page)}
        items = [store.shelves[kind.plural].items[key] for key in page]
        if "inject" in faults:
            items.append(faults.args("inject")["text"].encode())
        last_place = {"metadata_last": True, "metadata_first": False}
        where = next((last_place[action] for action in last_place if action in faults), None)
        body = st.list_body(kind, items, metadata, metadata_last=where)
        if "items_null" in faults:
            null = st.list_body(kind, [], metadata, metadata_last=where)
            body = null.replace(b'"items":[]', b'"items":null')
        body = faults.say(body)
        return pretty(body) if "pretty" in faults else body

    async def _watch(self, answer: Answer, kind: Kind, namespace: str) -> None:
        refusal = self._watch_refusal(answer.request.query)
        if refusal:
            await self._error(answer, *refusal)
            return
        watch = Watch(self.store, answer, kind, namespace, self.bookmark_s)
        self.watches.add(watch)
        try:
            await watch.run()
        finally:
            self.watches.discard(watch)

    def _watch_refusal(self, query: dict[str, str]) -> tuple[int, str, str] | None:
        rv = query.get("resourceVersion", "")
        if any(name in query for name in ("labelSelector", "fieldSelector")):
            return 400, "BadRequest", "the fake API has no selectors"
        if rv and not rv.isdigit():
            return 500, "", f'strconv.ParseUint: parsing "{rv}": invalid syntax'
        if "sendInitialEvents" in query:
            if not self.streaming_lists:
                return 422, "Invalid", "sendInitialEvents: Forbidden: sendInitialEvents is disabled"
            if query.get("resourceVersionMatch") != "NotOlderThan":
                return 422, "Invalid", "resourceVersionMatch: Forbidden: must be NotOlderThan"
        return None


def _promises_more(faults: Acting) -> bool:
    return "endless_continue" in faults or "empty_page" in faults


def _number(text: str | None) -> int:
    return int(text) if text else 0


def _token(rv: int, start: st.Key) -> str:
    return base64.urlsafe_b64encode(json.dumps([rv, *start]).encode()).decode()


def _read_token(token: str) -> tuple[int, st.Key]:
    rv, namespace, name = json.loads(base64.urlsafe_b64decode(token))
    return rv, (namespace, name)
