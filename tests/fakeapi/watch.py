"""One watch of the fake API server, from its first event to its end."""

from __future__ import annotations

import asyncio

from .http11 import Answer, Gone
from .store import Change, Kind, Store, bookmark, event, status

DEFAULT_TIMEOUT_S = 1800.0
BEFORE_END_S = 2.0  # a real server sends a last bookmark so long before the deadline


class Watch:
    """Sends what happens to one kind until the time-out, a fault, or the client's leaving."""

    def __init__(
        self, store: Store, answer: Answer, kind: Kind, namespace: str, bookmark_s: float
    ) -> None:
        self._store = store
        self._answer = answer
        self._faults = answer.faults
        self.kind = kind
        self._namespace = namespace
        self._query = answer.request.query
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue()  # None: end
        self._held: bytes | None = None  # the first of a pair
        self._bookmark_s = bookmark_s
        self._start_rv = int(self._query.get("resourceVersion") or 0)
        self.frozen = False

    async def run(self) -> None:
        """Serve the watch; returns at its clean end."""
        await self._answer.begin(200)
        shelf = self._store.shelves[self.kind.plural]
        shelf.listeners.append(self._on_change)
        timers = self._set_timers()
        try:
            self._begin()
            await self._pump()
        finally:
            shelf.listeners.remove(self._on_change)
            for timer in timers:
                timer.cancel()
        await self._answer.end()

    def end(self) -> None:
        """End cleanly, as at the time-out."""
        self._lines.put_nowait(None)

    def send(self, line: bytes) -> None:
        """Queue a line as it is."""
        if not self.frozen:
            self._lines.put_nowait(line)

    def send_bookmark(self) -> None:
        """Queue a bookmark if the client asked for them and it is news."""
        wants = self._query.get("allowWatchBookmarks") in ("1", "true")
        if wants and self._store.rv > self._start_rv:
            self.send(bookmark(self.kind, self._store.rv))

    # ---- inside ------------------------------------------------------------------------------

    def _set_timers(self) -> list[asyncio.TimerHandle]:
        loop = asyncio.get_running_loop()
        timeout = float(self._query.get("timeoutSeconds") or DEFAULT_TIMEOUT_S)
        timers = [loop.call_later(timeout, self.end)]
        times, at = [], self._bookmark_s
        while at < timeout - BEFORE_END_S:
            times.append(at)
            at += self._bookmark_s
        times.append(timeout - BEFORE_END_S)
        timers += [loop.call_later(at, self.send_bookmark) for at in times if at > 0]
        if "end_at_once" in self._faults:
            after_ms = self._faults.args("end_at_once").get("after_ms", 0)
            timers.append(loop.call_later(after_ms / 1000, self.end))
        if "error_event" in self._faults and not self._faults.args("error_event").get("after"):
            self._send_error_event()
        return timers

    def _begin(self) -> None:
        """Queue what the client has missed, or why it cannot have it."""
        if "inject" in self._faults:
            self.send(self._faults.args("inject")["text"].encode())
        streaming = self._query.get("sendInitialEvents") in ("1", "true")
        if streaming and self._start_rv > self._store.rv:
            self._fail(504, "Timeout", "Too large resource version")
        elif streaming or self._start_rv == 0:
            self._initial(with_mark=streaming)
        elif self._start_rv < self._store.oldest_rv:
            text = f"too old resource version: {self._start_rv} ({self._store.oldest_rv})"
            self._fail(410, "Expired", text)
        else:
            for change in self._store.since(self.kind.plural, self._start_rv):
                self._on_change(change)

    def _initial(self, with_mark: bool) -> None:
        """Everything there is as ADDED, in one piece for speed."""
        self._start_rv = self._store.rv
        lines = self._store.initial(self.kind.plural, self._namespace)
        if "bookmarks_only" not in self._faults and lines:
            self.send(b"".join(lines))
        bookmarks = self._query.get("allowWatchBookmarks") in ("1", "true")
        if with_mark and bookmarks and "no_end_mark" not in self._faults:
            self.send(bookmark(self.kind, self._store.rv, initial_end=True))

    def _on_change(self, change: Change) -> None:
        """A change of the store that may concern this watch."""
        is_bookmark = change.key == ("", "")
        if change.rv <= self._start_rv or (self._namespace and change.key[0] != self._namespace):
            return
        if "bookmarks_only" in self._faults and not is_bookmark:
            return
        if "pairs" in self._faults and self._held is None:
            self._held = change.line
            return
        self.send((self._held or b"") + change.line)
        self._held = None
        self._count_towards_error()

    def _count_towards_error(self) -> None:
        if "error_event" in self._faults:
            args = self._faults.args("error_event")
            args["after"] = args.get("after", 0) - 1
            if args["after"] == 0:
                self._send_error_event()

    def _send_error_event(self) -> None:
        args = self._faults.args("error_event")
        code = args.get("code", 410)
        reason = args.get("reason", {410: "Expired", 500: "InternalError"}.get(code, ""))
        self._fail(code, reason, args.get("message", "by the fault plan"))

    def _fail(self, code: int, reason: str, text: str) -> None:
        self.send(event("ERROR", status(code, reason, text)))
        self.end()

    async def _pump(self) -> None:
        """Move lines from the queue to the client, all that wait in one write."""
        closed = self._answer.closed()
        try:
            while not self._answer.ended:
                next_line = asyncio.ensure_future(self._lines.get())
                await asyncio.wait({next_line, closed}, return_when=asyncio.FIRST_COMPLETED)
                if closed.done():
                    next_line.cancel()
                    raise Gone("the client closed")
                lines = [next_line.result()]
                while not self._lines.empty():
                    lines.append(self._lines.get_nowait())
                over = None in lines
                await self._answer.part(*(lines[: lines.index(None)] if over else lines))
                if over:
                    return
        finally:
            await self._answer.stop_listening()
