"""How long a daemon lets its vty wait: the least command, over and over, on one connection.

python3 -m tests.bench.vtyprobe SOCKET; says "ready" when the daemon has answered. Lines:

    mark          forget what was measured
    report        "N P50 P99 MAX" since the mark, times in nanoseconds

The command prints a word and looks at nothing, so what it waits for is the daemon's main loop.
"""

from __future__ import annotations

import selectors
import socket
import sys
import time

from .book import say
from .figures import percentile

COMMAND = b"echo PING\0"
REST_S = 0.001  # between two of them


class Probe:
    """A connection and what it has measured."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(60)
        self._socket.connect(path)
        self._times: list[int] = []
        self.ask()

    def ask(self) -> None:
        """One command and its answer, timed."""
        began = time.monotonic_ns()
        self._socket.sendall(COMMAND)
        answer = b""
        while answer[-4:-1] != b"\0\0\0":
            part = self._socket.recv(4096)
            if not part:
                raise SystemExit("vtyprobe: the daemon has gone")
            answer += part
        self._times.append(time.monotonic_ns() - began)

    def command(self, line: str) -> None:
        """One question of the benchmark."""
        if line == "mark":
            self._times.clear()
            say("ok")
        elif line == "report":
            self.ask()
            times = [percentile(self._times, percent) for percent in (50, 99, 100)]
            say(" ".join(map(str, [len(self._times), *times])))


def main() -> None:
    """Ask until standard input ends."""
    probe = Probe(sys.argv[1])
    say("ready")
    selector = selectors.DefaultSelector()
    selector.register(0, selectors.EVENT_READ)
    while True:
        if selector.select(REST_S):
            line = sys.stdin.readline()
            if not line:
                return
            probe.command(line.strip())
        else:
            probe.ask()


main()
