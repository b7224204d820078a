"""An observer of the kernel (see book): IPv4 host routes of the main table, over rtnetlink.

Run as `python3 -m tests.bench.routewatch` in a router's namespace. It says "ready" when the kernel
has subscribed it. The time of a notification is taken when it is read.
"""

from __future__ import annotations

import socket
import struct
import time

from .book import Book, say, serve

RTMGRP_IPV4_ROUTE = 0x40
RTM_NEWROUTE, RTM_DELROUTE = 24, 25
RTA_DST = 1
RT_TABLE_MAIN = 254
RTN_UNICAST = 1
SO_RCVBUFFORCE = 33
HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
ROUTE = struct.Struct("=BBBBBBBBI")  # struct rtmsg
ATTRIBUTE = struct.Struct("=HH")
BUFFER_BYTES = 64 << 20


def subscribe() -> socket.socket:
    """A socket that gets every route notification, and does not lose any in a burst."""
    channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    channel.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
    channel.bind((0, RTMGRP_IPV4_ROUTE))
    return channel


def destination(data: bytes, at: int, end: int) -> bytes:
    """RTA_DST of the message whose attributes begin at `at`."""
    while at + 4 <= end:
        length, kind = ATTRIBUTE.unpack_from(data, at)
        if kind == RTA_DST:
            return data[at + 4 : at + 8]
        at += max(4, length + 3 & ~3)
    return b""


def read(book: Book, channel: socket.socket) -> None:
    """Enter everything of one datagram."""
    data = channel.recv(1 << 16)
    now = time.monotonic_ns()
    at = 0
    while at + HEADER.size <= len(data):
        length, kind, *_ = HEADER.unpack_from(data, at)
        _, bits, _, _, table, _, _, what, _ = ROUTE.unpack_from(data, at + 16)
        if bits == 32 and table == RT_TABLE_MAIN and what == RTN_UNICAST:
            address = destination(data, at + 28, at + length)
            if kind == RTM_NEWROUTE:
                book.add(address, now)
            elif kind == RTM_DELROUTE:
                book.remove(address, now)
        at += length + 3 & ~3


def main() -> None:
    """Serve until standard input ends."""
    book, channel = Book(), subscribe()
    say("ready")
    serve(book, channel, lambda: read(book, channel))


main()
