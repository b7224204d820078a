"""An observer at the peer (see book): the least BGP speaker that can be r1's neighbour.

It takes router two's place: same address, AS and MD5 password, so r1's configuration stays the one
that operators copy; but it writes no log, keeps no RIB and gives nothing to a kernel on the
machine's few cores. The time of an UPDATE is taken when its last byte is read.

python3 -m tests.bench.bgppeer OWN PEER AS PASSWORD; says "ready" when the session is up.

Sources: RFC 4271 (messages), RFC 4760 and RFC 5492 (capability), tcp(7) and linux/tcp.h (MD5).
"""

from __future__ import annotations

import socket
import struct
import sys
import time

from .book import Book, say, serve

TCP_MD5SIG = 14
OPEN, UPDATE, NOTIFICATION, KEEPALIVE = 1, 2, 3, 4
MARKER = b"\xff" * 16
HOLD_S = 90  # r1 asks for less, and the lesser counts
KEEPALIVE_S = 1
RETRY_S = 0.2
BUFFER_BYTES = 4 << 20


def message(kind: int, body: bytes = b"") -> bytes:
    """A BGP message with its header."""
    return MARKER + struct.pack("!HB", 19 + len(body), kind) + body


def open_message(asn: int, identifier: str) -> bytes:
    """OPEN with the one capability that we have: IPv4 unicast."""
    capability = struct.pack("!BBHBB", 1, 4, 1, 0, 1)
    parameter = struct.pack("!BB", 2, len(capability)) + capability
    head = struct.pack("!BHH4sB", 4, asn, HOLD_S, socket.inet_aton(identifier), len(parameter))
    return message(OPEN, head + parameter)


class Session:
    """One session, reading into a book."""

    def __init__(self, book: Book, own: str, peer: str, asn: int, password: str) -> None:
        self._book = book
        self._data = bytearray()
        self.channel = self._connect(own, peer, password.encode())
        self.channel.sendall(open_message(asn, own))

    @staticmethod
    def _connect(own: str, peer: str, key: bytes) -> socket.socket:
        while True:
            channel = socket.socket(socket.AF_INET)
            channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
            channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            address = struct.pack("=HH4s120x", socket.AF_INET, 0, socket.inet_aton(peer))
            signature = address + struct.pack("=BBHI80s", 0, 0, len(key), 0, key)
            channel.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG, signature)
            channel.bind((own, 0))
            channel.settimeout(2)
            try:
                channel.connect((peer, 179))
            except OSError:
                channel.close()
                time.sleep(RETRY_S)
                continue
            channel.settimeout(None)
            return channel

    def keep_alive(self) -> None:
        """We are still here."""
        self.channel.sendall(message(KEEPALIVE))

    def read(self) -> None:
        """Take what has come and enter every whole message."""
        data = self.channel.recv(1 << 20)
        now = time.monotonic_ns()
        if not data:
            raise SystemExit("bgppeer: r1 closed the session")
        self._data += data
        at = 0
        while len(self._data) - at >= 19:
            length, kind = struct.unpack_from("!HB", self._data, at + 16)
            if len(self._data) - at < length:
                break
            self._take(kind, bytes(self._data[at + 19 : at + length]), now)
            at += length
        del self._data[:at]

    def _take(self, kind: int, body: bytes, now: int) -> None:
        if kind == OPEN:
            self.keep_alive()
            say("ready")
        elif kind == UPDATE:
            self._update(body, now)
        elif kind == NOTIFICATION:
            raise SystemExit(f"bgppeer: r1 says NOTIFICATION {body[0]}/{body[1]}")

    def _update(self, body: bytes, now: int) -> None:
        (withdrawn,) = struct.unpack_from("!H", body)
        (attributes,) = struct.unpack_from("!H", body, 2 + withdrawn)
        for address in hosts(body, 2, 2 + withdrawn):
            self._book.remove(address, now)
        for address in hosts(body, 4 + withdrawn + attributes, len(body)):
            self._book.add(address, now)


def hosts(body: bytes, at: int, end: int):
    """The host routes among the prefixes from `at` to `end`."""
    while at < end:
        bits = body[at]
        if bits == 32:
            yield body[at + 1 : at + 5]
        at += 1 + (bits + 7) // 8


def main() -> None:
    """Serve until standard input or the session ends."""
    own, peer, asn, password = sys.argv[1:]
    book = Book()
    session = Session(book, own, peer, int(asn), password)
    serve(book, session.channel, session.read, KEEPALIVE_S, session.keep_alive)


main()
