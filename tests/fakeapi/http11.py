"""As much HTTP/1.1 as the fake API server needs, and the faults of delivery."""

from __future__ import annotations

import asyncio
import gzip
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from .faults import Acting

END_OF_CHUNKS = b"0\r\n\r\n"


TLS_HANDSHAKE = b"\x16"


class Gone(ConnectionError):
    """The connection is over, by the client's will or by a fault."""


class NotHttp(Exception):
    """The client begins a TLS handshake with a plain server."""


@dataclass
class Request:
    """One request, as recorded for assertions."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    connection: int
    when: float = field(default_factory=time.time)  # seconds since the epoch
    verb: str = "get"  # or list, watch
    code: int = 0  # of the answer; 0: none was given


async def read_request(reader: asyncio.StreamReader, connection: int) -> Request | None:
    """The next request of a connection, or None at its end."""
    try:
        begin = await reader.readexactly(1)
        if begin == TLS_HANDSHAKE:
            raise NotHttp
        head = begin + await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
    if int(headers.get("content-length", 0)):
        await reader.readexactly(int(headers["content-length"]))
    parts = urlsplit(target)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Request(method, parts.path, query, headers, connection)


class Answer:
    """The way out of one answer, with whatever is wrong with it."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        request: Request,
        faults: Acting,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self.request = request
        self.faults = faults
        self._sent = 0
        self._ended = False
        self._closed: asyncio.Future | None = None
        wants_gzip = "gzip" in request.headers.get("accept-encoding", "")
        self._gzip = "gzip_members" in faults and wants_gzip

    async def whole(
        self,
        code: int,
        body: bytes,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> None:
        """A complete answer in one write, unless a fault of delivery wants it in parts."""
        if self.faults.end_of_body() or self._gzip or "bytewise" in self.faults:
            await self.begin(code, content_type, headers)
            await self.part(body)
            await self.end()
            return
        head = self._head(code, content_type, headers, f"Content-Length: {len(body)}")
        self._writer.write(head + body)
        await self._writer.drain()

    async def begin(
        self, code: int, content_type: str = "application/json", headers: dict | None = None
    ) -> None:
        """Head of an answer whose end is not known yet."""
        self._writer.write(self._head(code, content_type, headers, "Transfer-Encoding: chunked"))
        await self._writer.drain()

    async def part(self, *messages: bytes) -> None:
        """Send each message as a chunk (all in one write), as far as the faults let them out."""
        if not self.faults.end_of_body():
            await self._chunks([self.faults.say(message) for message in messages])
            return
        for message in messages:
            await self._limited(message)

    async def end(self) -> None:
        """The proper end of the answer."""
        if not self._ended:
            self._ended = True
            self._writer.write(END_OF_CHUNKS)
            await self._writer.drain()

    @property
    def ended(self) -> bool:
        """Whether a fault has already ended the answer."""
        return self._ended

    def closed(self) -> asyncio.Future:
        """Done when the client has gone away; until stop_listening() nobody else may read."""
        if self._closed is None:
            self._closed = asyncio.ensure_future(self._read_to_end())
        return self._closed

    async def stop_listening(self) -> None:
        """The answer is over, the connection may carry another request."""
        if self._closed is not None:
            self._closed.cancel()
            await asyncio.wait({self._closed})
            self._closed = None

    async def wait_until_closed(self) -> None:
        """Say nothing more until the client goes away."""
        await asyncio.wait({self.closed()})
        raise Gone("the client closed")

    def break_connection(self) -> None:
        """End the TCP connection at once, with whatever was under way."""
        self._writer.transport.abort()
        raise Gone("broken by a fault")

    # ---- inside ------------------------------------------------------------------------------

    async def _read_to_end(self) -> None:
        try:
            while await self._reader.read(4096):
                pass
        except ConnectionError:
            pass

    def _head(self, code: int, content_type: str, headers: dict | None, framing: str) -> bytes:
        self.request.code = code
        lines = [f"HTTP/1.1 {code} {_phrase(code)}", f"Content-Type: {content_type}", framing]
        if self._gzip:
            lines.append("Content-Encoding: gzip")
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    async def _limited(self, data: bytes) -> None:
        """One message under a drop, freeze or truncate fault."""
        limit = self.faults.end_of_body()
        if limit is None or self._ended:
            return
        action, after_bytes = limit
        data = self.faults.say(data)
        if self._sent + len(data) <= after_bytes:
            self._sent += len(data)
            return await self._chunks([data])
        await self._chunks([data[: after_bytes - self._sent]])
        if action == "truncate":
            await self.end()
        elif action == "freeze":
            await self.wait_until_closed()
        else:
            self.break_connection()

    async def _chunks(self, messages: list[bytes]) -> None:
        if self._gzip:
            messages = [gzip.compress(message) for message in messages]
        if "bytewise" not in self.faults:
            self._writer.write(b"".join(chunk(message) for message in messages if message))
            await self._writer.drain()
            return
        size = int(self.faults.args("bytewise").get("size", 1))
        for message in messages:
            for start in range(0, len(message), size):
                self._writer.write(chunk(message[start : start + size]))
                await self._writer.drain()
                await asyncio.sleep(0)  # let the packet go


def chunk(data: bytes) -> bytes:
    """One chunk of chunked coding."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def _phrase(code: int) -> str:
    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return "Odd"
