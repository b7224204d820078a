"""Lines of every shape that a command may have, made from the command table itself.

`list` of a configuration node gives each command in FRR's syntax (doc/developer/cli.rst). A kind of
line that is new in the table is tested without a word here, unless it wants a value of its own.
"""

from __future__ import annotations

import itertools
import re
from typing import Iterator

# By the word before, then by what stands for the value. (Of a range the upper end is taken.)
VALUES = {
    "advertise": "web",
    "annotation": "example.com/bgp-ip",
    "cluster": "lab",
    "context": "admin@lab",
    "distance": "12",
    "loadbalancer-class": "io.cilium/bgp-control-plane",
    "namespace": "prod",
    "node-name": "node-1.example",
    "node-selector": "zone in (a, b)",
    "prefix-list": "VIPS",
    "proxy-url": "socks5://127.0.0.1:1080",
    "server": "https://192.168.99.12:6443 https://[fd00:99::13]:6443",
    "service-selector": "a=b,tier in (gold, silver),!internal",
    "table": "10077",
    "tls-server-name": "kubernetes.default",
    "A.B.C.D/M": "192.168.77.0/24",
    "X:X::X:X/M": "fd00:77::/64",
    "PATH": "/etc/frr/kubevip/some.pem",
}
TOKEN = re.compile(r"\(\d+-\d+\)|\.\.\.|[<>\[\]{}|]|[^\s<>\[\]{}|.]+(?:\.[^\s<>\[\]{}|.]+)*")


class Syntax:
    """One command: the lines that it stands for."""

    def __init__(self, text: str) -> None:
        self._tokens = TOKEN.findall(text)
        self._at = 0
        self.lines = [" ".join(words) for words in self._sequence(())]

    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _sequence(self, before: tuple[str, ...]) -> list[tuple[str, ...]]:
        """All ways through what follows, up to the end of the group it is in."""
        ways = [before]
        while self._next() not in ("", ">", "]", "}", "|"):
            at = self._at
            grown = []
            for way in ways:
                self._at = at
                grown += self._item(way)
            ways = grown
        return ways

    def _item(self, before: tuple[str, ...]) -> list[tuple[str, ...]]:
        token = self._next()
        self._at += 1
        if token == "<":
            return list(itertools.chain(*self._alternatives(before)))
        if token == "[":
            return [before, *itertools.chain(*self._alternatives(before))]
        if token == "{":
            return list(self._subsets(before, self._alternatives(())))
        if self._next() == "...":
            self._at += 1
        return [(*before, self._word(token, before[-1] if before else ""))]

    def _alternatives(self, before: tuple[str, ...]) -> list[list[tuple[str, ...]]]:
        found = [self._sequence(before)]
        while self._next() == "|":
            self._at += 1
            found.append(self._sequence(before))
        self._at += 1  # the closing bracket
        return found

    @staticmethod
    def _subsets(before: tuple, groups: list[list[tuple]]) -> Iterator[tuple[str, ...]]:
        for size in range(1, len(groups) + 1):
            for chosen in itertools.combinations(groups, size):
                for ways in itertools.product(*chosen):
                    yield (*before, *itertools.chain(*ways))

    @staticmethod
    def _word(token: str, before: str) -> str:
        if token.startswith("("):
            return VALUES.get(before) or token.strip("()").partition("-")[2]
        if re.fullmatch(r"[a-z][a-z0-9-]*", token):
            return token
        value = VALUES.get(before) or VALUES.get(token)
        assert value, f"a value for {token} after {before}: add it to VALUES"
        return value


def rounds(listing: str) -> list[list[str]]:
    """Every shape of every line of ours; those of one round do not replace each other."""
    commands = [line.strip() for line in listing.splitlines()]
    ours = [c for c in commands if c.startswith(("kubevip ", "debug kubevip "))]
    shapes = [Syntax(command).lines for command in ours]
    most = max(map(len, shapes))
    return [[lines[n] for lines in shapes if n < len(lines)] for n in range(most)]
