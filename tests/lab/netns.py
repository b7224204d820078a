"""Namespaces for the lab, and how they go away again.

A `Namespace` is a network, mount and PID namespace that one holder process keeps alive. It has no
name in the file system and no interface in the host's network, so two runs cannot collide and the
host is left untouched. The holder leaves when the test process does (see holder.py).

A `Run` is one use of the lab: a tag, a directory for its files, and a state file with the holders'
pids and start times, by which a later run removes what a dead one left (`reap`).
"""

from __future__ import annotations

import atexit
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Iterable, Sequence

from . import proc

HOLDER = Path(__file__).with_name("holder.py")
PYTHON = "/usr/bin/python3"
BASE = Path(tempfile.gettempdir()) / "kubevip-lab"

_live_runs: list["Run"] = []


class CommandError(AssertionError):
    """A command in a namespace failed; the message holds what it said."""


class Namespace:
    """Network, mount and PID namespace of one machine of the lab."""

    def __init__(self, name: str) -> None:
        self.name = name
        command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child=KILL"]
        command += ["--mount-proc", "--", PYTHON, "-ISE", str(HOLDER)]
        self._unshare = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._unshare.stdout is not None
        if self._unshare.stdout.readline() != b"ready\n":
            raise CommandError(f"no namespace for {name}: are we root?")
        self.holder = proc.children(self._unshare.pid)[0]

    def identity(self) -> list[list[int]]:
        """Pid and start time of the two processes that make up this namespace."""
        pids = [self._unshare.pid, self.holder]
        return [[pid, started] for pid in pids if (started := proc.start_time(pid))]

    def argv(self, command: Sequence[str], *, pid_namespace: bool = True) -> list[str]:
        """Prefix `command` so that it runs in this namespace."""
        enter = ["nsenter", "-t", str(self.holder), "-n", "-m"]
        return enter + (["-p"] if pid_namespace else []) + ["--", *command]

    def run(
        self,
        command: Sequence[str],
        *,
        text: str | None = None,
        check: bool = True,
        timeout: float = 60,
        env: dict[str, str] | None = None,
    ) -> str:
        """Run a command here and return its output; `text` is its standard input."""
        done = subprocess.run(
            self.argv(command),
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            env={**os.environ, **(env or {})},
        )
        if check and done.returncode:
            what = f"{self.name}: {' '.join(command)}"
            raise CommandError(f"{what}: status {done.returncode}: {done.stdout}")
        return done.stdout

    def popen(
        self,
        command: Sequence[str],
        *,
        pid_namespace: bool = True,
        env: dict[str, str] | None = None,
        **options,
    ) -> subprocess.Popen:
        """Start a background process that ends when the returned process is ended.

        nsenter forks to enter a PID namespace and does not pass signals on, hence --pdeathsig.
        With `pid_namespace=False` the returned pid is that of the command itself.
        """
        command = ["setpriv", "--pdeathsig", "TERM", "--", *command]
        return subprocess.Popen(
            self.argv(command, pid_namespace=pid_namespace),
            env={**os.environ, **(env or {})},
            **options,
        )

    def shell(self, script: str) -> str:
        """Run a shell script that stops at its first error."""
        return self.run(["sh", "-euc", script])

    def ip(self, *lines: str) -> None:
        """Run lines of ip(8) in one go."""
        self.run(["ip", "-batch", "-"], text="\n".join(lines) + "\n")

    def sysctl(self, values: dict[str, int]) -> None:
        """Set network sysctls of this namespace."""
        self.run(["sysctl", "-q", "-w", *(f"{key}={value}" for key, value in values.items())])

    def outer_pid(self, inner: int) -> int | None:
        """The pid, as we see it, of the process that is `inner` in here."""
        return proc.in_pid_namespace(self.holder).get(inner)

    def close(self) -> None:
        """End the holder and with it every process, interface and mount in here."""
        if self._unshare.poll() is None:
            assert self._unshare.stdin is not None and self._unshare.stdout is not None
            self._unshare.stdin.close()
            try:
                self._unshare.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._unshare.kill()
                self._unshare.wait()
            self._unshare.stdout.close()


class Run:
    """One raised lab: its tag, its directory, its namespaces."""

    def __init__(self, base: Path = BASE) -> None:
        reap(base)
        self.tag = secrets.token_hex(3)
        self.directory = base / self.tag
        self.namespaces: dict[str, Namespace] = {}
        self.keep_files = bool(os.environ.get("KUBEVIP_LAB_KEEP"))
        self.directory.mkdir(parents=True)
        self.directory.chmod(0o755)
        self._save_state()
        _live_runs.append(self)
        _close_on_exit()

    def namespace(self, name: str) -> Namespace:
        """Add a namespace to this run."""
        space = Namespace(name)
        self.namespaces[name] = space
        self._save_state()
        return space

    def veth(self, left: Namespace, left_if: str, right: Namespace, right_if: str) -> None:
        """Join two namespaces by a veth pair; both ends are left down."""
        command = f"ip link add {left_if} type veth peer name {right_if} netns {right.holder}"
        # ip(8) passes the pid to the kernel, which takes it in the caller's PID namespace: ours.
        subprocess.run(left.argv(command.split(), pid_namespace=False), check=True)

    def close(self) -> None:
        """End everything of this run and remove its files."""
        for space in self.namespaces.values():
            space.close()
        self.namespaces.clear()
        if self in _live_runs:
            _live_runs.remove(self)
        if not self.keep_files:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _save_state(self) -> None:
        me = os.getpid()
        state = {
            "owner": [me, proc.start_time(me)],
            "holders": [pair for space in self.namespaces.values() for pair in space.identity()],
        }
        temporary = self.directory / "state.json.new"
        temporary.write_text(json.dumps(state))
        temporary.replace(self.directory / "state.json")


def reap(base: Path = BASE) -> list[str]:
    """Remove what dead runs left below `base`; return their tags.

    Their processes should be gone already (holder.py); those that are not are ended, each only
    if pid and start time still match.
    """
    removed = []
    for state_file in sorted(base.glob("*/state.json")):
        try:
            state = json.loads(state_file.read_text())
        except (OSError, ValueError):
            continue
        if proc.is_alive(*state["owner"]):
            continue
        for pid, started in state["holders"]:
            proc.end(pid, started)
        shutil.rmtree(state_file.parent, ignore_errors=True)
        removed.append(state_file.parent.name)
    return removed


def set_up_interfaces(space: Namespace, addresses: dict[str, Iterable[str]]) -> None:
    """Bring up `lo` and the given interfaces with their addresses.

    Duplicate address detection would make IPv6 addresses unusable for a second or two.
    """
    space.sysctl(
        {
            "net.ipv6.conf.all.accept_dad": 0,
            "net.ipv6.conf.default.accept_dad": 0,
            "net.ipv6.conf.default.accept_ra": 0,
        }
    )
    lines = ["link set lo up"]
    for interface, prefixes in addresses.items():
        space.sysctl({f"net.ipv6.conf.{interface}.accept_dad": 0})
        lines.append(f"link set {interface} up")
        lines += [f"addr add {prefix} dev {interface}" for prefix in prefixes]
    space.ip(*lines)


def _close_all() -> None:
    for run in list(_live_runs):
        run.close()


def _exit_on_signal(number: int, _frame: object) -> None:
    sys.exit(128 + number)  # runs the atexit hook


_hooked = False


def _close_on_exit() -> None:
    """Remove live runs at exit, also after SIGTERM (Python by itself does so only for SIGINT)."""
    global _hooked
    if _hooked:
        return
    _hooked = True
    atexit.register(_close_all)
    if threading.current_thread() is threading.main_thread():
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _exit_on_signal)
