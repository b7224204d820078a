"""What an observer has seen of routes, and how the benchmark asks for it.

An observer is a process of its own in a router's namespace, so that what it costs is neither the
daemon's nor the driver's. All namespaces share CLOCK_MONOTONIC. It takes one line at a time:

    reach N       the time at which exactly N prefixes were there: now, or as soon as it is so
    seen A.B.C.D  the time at which that host route came, since the last mark
    mark          forget times and counts, keep what is there
    counts        "LIVE ADDS DELS", the last two since the mark

and answers each with one line; times are nanoseconds.
"""

from __future__ import annotations

import os
import selectors
import socket
import time
from typing import Callable


class Book:
    """Host routes of one family, by the four bytes of their address."""

    def __init__(self) -> None:
        self._live: set[bytes] = set()
        self._came: dict[bytes, int] = {}
        self._adds = self._dels = 0
        self._wanted: bytes | None = None  # seen ...
        self._goal: int | None = None  # reach ...

    def add(self, address: bytes, when: int) -> None:
        """A route was announced, or announced again."""
        self._adds += 1
        self._live.add(address)
        self._came.setdefault(address, when)
        if address == self._wanted:
            self._wanted = None
            say(when)
        self._look(when)

    def remove(self, address: bytes, when: int) -> None:
        """A route was withdrawn."""
        self._dels += 1
        self._live.discard(address)
        self._look(when)

    def clear(self, when: int) -> None:
        """Everything is gone: the session ended."""
        for address in list(self._live):
            self.remove(address, when)

    def command(self, line: str) -> None:
        """One question of the benchmark."""
        word, _, rest = line.partition(" ")
        if word == "reach":
            self._goal = int(rest)
            self._look(time.monotonic_ns())
        elif word == "seen":
            self._seen(socket.inet_aton(rest))
        elif word == "mark":
            self._came.clear()
            self._adds = self._dels = 0
            say("ok")
        elif word == "counts":
            say(f"{len(self._live)} {self._adds} {self._dels}")

    def _seen(self, address: bytes) -> None:
        if address in self._came:
            say(self._came[address])
        else:
            self._wanted = address

    def _look(self, when: int) -> None:
        if len(self._live) == self._goal:
            self._goal = None
            say(when)


def say(what: object) -> None:
    """One line of answer, unbuffered."""
    os.write(1, f"{what}\n".encode())


def serve(
    book: Book,
    channel: socket.socket,
    on_data: Callable[[], None],
    every_s: float | None = None,
    on_timer: Callable[[], None] = lambda: None,
) -> None:
    """Handle data and questions until standard input ends."""
    selector = selectors.DefaultSelector()
    selector.register(channel, selectors.EVENT_READ)
    selector.register(0, selectors.EVENT_READ)
    rest = b""
    due = time.monotonic() + (every_s or 0)
    while True:
        wait = max(0.0, due - time.monotonic()) if every_s else None
        ready = {key.fd for key, _ in selector.select(wait)}
        if channel.fileno() in ready:
            on_data()
        if 0 in ready:
            data = os.read(0, 65536)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                book.command(line.decode())
        if every_s and time.monotonic() >= due:
            due += every_s
            on_timer()
