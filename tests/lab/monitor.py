"""What the kernel said about routes, with its times: a recorded `ip monitor route`."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from datetime import datetime
from pathlib import Path

from .netns import Namespace
from .wait import poll

STAMP = re.compile(r"^\[(\d{4}-\d\d-\d\dT[\d:.]+)\] (.*)$")


class RouteMonitor:
    """Context manager that records route notifications of one namespace.

    `lines` grows as (seconds since the epoch, text). Entering returns once the kernel has
    subscribed the process, so that what the caller does next is recorded for certain.
    """

    def __init__(self, space: Namespace) -> None:
        self._space = space
        self._process: subprocess.Popen | None = None
        self._thread: threading.Thread | None = None
        self.lines: list[tuple[float, str]] = []

    def __enter__(self) -> "RouteMonitor":
        self._process = self._space.popen(
            ["ip", "-ts", "monitor", "route"],
            pid_namespace=False,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        poll(self._subscribed, 5, "ip monitor subscribed to route notifications")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None and self._thread is not None
        self._process.terminate()
        self._process.wait()
        self._thread.join()

    def about(self, prefix: str, since: float = 0) -> list[tuple[float, str]]:
        """Lines about one prefix; host routes are printed without a length."""
        address, _, length = prefix.partition("/")
        name = address if length in ("32", "128") else prefix
        return [
            (when, text)
            for when, text in list(self.lines)
            if when >= since and name in text.split()
        ]

    def deleted(self, prefix: str, since: float = 0) -> list[tuple[float, str]]:
        """Only the notifications that the route is gone."""
        return [line for line in self.about(prefix, since) if line[1].startswith("Deleted")]

    def _subscribed(self) -> bool:
        assert self._process is not None
        pid = self._process.pid
        for row in Path(f"/proc/{pid}/net/netlink").read_text().splitlines()[1:]:
            _, protocol, port, groups = row.split()[:4]
            if protocol == "0" and int(port) == pid and int(groups, 16):
                return True
        return False

    def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        for line in self._process.stdout:
            stamped = STAMP.match(line.rstrip())
            if stamped:
                when = datetime.fromisoformat(stamped[1]).timestamp()
                self.lines.append((when, stamped[2]))
            else:  # continuation lines of multipath routes carry no time
                when = self.lines[-1][0] if self.lines else time.time()
                self.lines.append((when, line.strip()))
