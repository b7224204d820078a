"""What /proc says about processes: identity by pid and start time, PID namespaces."""

from __future__ import annotations

import os
import signal
from pathlib import Path


def start_time(pid: int) -> int | None:
    """Return the start time of `pid` in clock ticks after boot, or None if it is gone.

    A pid alone does not name a process: it is reused. Pid and start time together do. A zombie is
    gone when its other threads are, too: until then they may hold its files, and locks upon them.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    threads = int(fields[17])
    return None if fields[0] in "ZX" and threads <= 1 else int(fields[19])


def is_alive(pid: int, started: int) -> bool:
    """Whether exactly that process still runs."""
    return start_time(pid) == started


def end(pid: int, started: int, sig: int = signal.SIGKILL) -> None:
    """Signal a process, only if it is still the one that was meant."""
    if is_alive(pid, started):
        try:
            os.kill(pid, sig)
        except ProcessLookupError:
            pass


def children(pid: int) -> list[int]:
    """The direct children of a single-threaded process."""
    try:
        return [int(x) for x in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def in_pid_namespace(member: int) -> dict[int, int]:
    """Map pids inside the PID namespace of process `member` to the pids that we see."""
    home = os.readlink(f"/proc/{member}/ns/pid")
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            if os.readlink(f"/proc/{entry}/ns/pid") == home:
                found[_inner_pid(int(entry))] = int(entry)
        except OSError:
            continue
    return found


def _inner_pid(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("NSpid:"):
            return int(line.split()[-1])
    raise ProcessLookupError(pid)
