"""What is measured and what measures it: the lab, the daemon, the reference, two observers."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import Callable, Iterable, Iterator

from tests.fakeapi import Pki
from tests.lab import KubewatchSetup, Lab, Namespace, poll
from tests.lab.seedlab import lan

from .api import TOKEN, Api

ROOT = Path(__file__).resolve().parents[2]
RANGE = "10.64.0.0/10"
FIRST_VIP = IPv4Address("10.64.0.1")  # of the table
AS, PASSWORD = 62112, "weakpassword"  # as in packaging/examples
R1_EXTRA = f"ip prefix-list KUBEVIP seq 20 permit {RANGE} ge 32\n"
# Nobody answers there: r1 shall not try each second.
R1_WITHOUT_IPV6 = [f"router bgp {AS}", f" neighbor {lan(11)[6]} shutdown", "exit"]
CONFIG = """\
hostname r1
kubevip cluster bench server {url}
kubevip cluster bench ca-file /etc/frr/kubevip/ca.crt
kubevip cluster bench token-file /etc/frr/kubevip/token
kubevip cluster bench vip-range {range}
kubevip cluster bench maximum-vips 300000
kubevip cluster bench advertise web service-selector mdhlabs-bgp=enable
"""


class Piped:
    """A process in a namespace that is asked and answers by lines."""

    def __init__(self, space: Namespace, command: list[str]) -> None:
        self._name = command[-1]
        self._process = space.popen(
            command,
            pid_namespace=False,
            env={"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self._rest = b""

    def tell(self, line: str) -> int:
        """Write a line; returns the time right after, in nanoseconds."""
        assert self._process.stdin is not None
        os.write(self._process.stdin.fileno(), line.encode() + b"\n")
        return time.monotonic_ns()

    def answer(self, timeout: float = 30) -> str:
        """The next line of its output."""
        assert self._process.stdout is not None
        end = time.monotonic() + timeout
        fd = self._process.stdout.fileno()
        while b"\n" not in self._rest:
            if not select.select([fd], [], [], max(0.0, end - time.monotonic()))[0]:
                raise TimeoutError(f"{self._name}: no answer within {timeout:g} s")
            data = os.read(fd, 65536)
            if not data:
                raise ConnectionError(f"{self._name}: status {self._process.wait()}")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    def ask(self, line: str, timeout: float = 30) -> str:
        """A line and its answer."""
        self.tell(line)
        return self.answer(timeout)

    def close(self) -> None:
        """It ends with its input."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.terminate()
            self._process.wait()
        self._process.stdout.close()


class Observer(Piped):
    """See book."""

    def __init__(self, space: Namespace, module: str, *words: str) -> None:
        super().__init__(space, [sys.executable, "-m", f"tests.bench.{module}", *words])
        self._name = module
        assert self.answer() == "ready"

    def seen(self, address: str, timeout: float = 10) -> int:
        """When a host route came."""
        return int(self.ask(f"seen {address}", timeout))

    def mark(self) -> None:
        """Forget times and counts."""
        self.ask("mark")

    def counts(self) -> tuple[int, int, int]:
        """Routes there now, announcements and withdrawals since the mark."""
        live, adds, dels = map(int, self.ask("counts").split())
        return live, adds, dels

    def reach(self, count: int, timeout: float = 60) -> int:
        """Wait until exactly `count` routes are there; returns since when, or now."""
        return int(self.ask(f"reach {count}", timeout))

    def time_to(self, count: int, act: Callable[[], object], timeout: float = 60) -> int:
        """Do something and wait for `count` routes; returns when they were there."""
        self.tell(f"reach {count}")
        act()
        return int(self.answer(timeout))


class Bare(Piped):
    """The reference (barezapi.c), with routes over all nodes."""

    def __init__(self, space: Namespace, binary: Path, hops: list[str], directory: Path) -> None:
        self._hops = " ".join(hops)
        self._directory = directory
        super().__init__(space, [str(binary)])
        assert self.answer() == "ready"

    def add(self, address: str) -> int:
        """One route; returns the time right after the write."""
        return self.tell(f"add {address}/32 {self._hops}")

    def delete(self, address: str) -> int:
        """One route less."""
        return self.tell(f"del {address}/32")

    def prepare(self, name: str, addresses: Iterable[IPv4Address], add: bool) -> str:
        """Write a file of routes; returns the command that sends it."""
        path = self._directory / name
        tail = f" {self._hops}" if add else ""
        word = "add" if add else "del"
        path.write_text("".join(f"{word} {address}/32{tail}\n" for address in addresses))
        return f"bulk {path}"

    def bulk(self, command: str) -> int:
        """Send a file's routes; returns the time right after the command was written."""
        when = self.tell(command)
        assert self.answer().startswith("bulk ")
        return when


class World:
    """Everything, raised once. Use as a context manager."""

    def __init__(self, build: Path) -> None:
        build = build.resolve()
        self._bare_binary = build / "tests" / "bench" / "barezapi"
        kubewatch = build / "kubewatch" / "kubewatch"
        wrapped = build / "kubewatch" / ".libs" / "kubewatch"  # behind a script of libtool
        self._kubewatch = wrapped if wrapped.exists() else kubewatch
        self._lab = Lab(r1_extra=R1_EXTRA)
        self._most = 0  # VIPs that there ever were

    def __enter__(self) -> "World":
        self.directory = tempfile.TemporaryDirectory(prefix="kubevip-bench-")
        self.lab = self._lab.up()
        try:
            self._raise()
        except BaseException:
            self.lab.close()
            raise
        return self

    def _raise(self) -> None:
        lab, directory = self.lab, Path(self.directory.name)
        self.nodes = lab.node_objects()
        self.hops = [node.address[4] for node in lab.nodes]
        self.api = Api(lab.api, lan(20)[4], Pki(directory / "pki"))
        lab.r1.space.shell("install -d -o frr -g frr /var/lib/kubevip")  # as the packages do
        lab.r1.write_etc("kubevip/ca.crt", self.api.pki.ca.read_text())
        lab.r1.write_etc("kubevip/token", TOKEN)
        config = CONFIG.format(url=self.api.url, range=RANGE)
        lab.r1.install(KubewatchSetup(self._kubewatch, config))
        lab.r1.config(R1_WITHOUT_IPV6)
        lab.r2.kill("bgpd")
        words = lan(11)[4], lan(10)[4], str(AS), PASSWORD
        self.peer = Observer(lab.r2_space, "bgppeer", *words)
        self.bare = Bare(lab.r1_space, self._bare_binary, self.hops, directory)

    def __exit__(self, *_: object) -> None:
        for part in (self.bare, self.peer):
            part.close()
        self.api.close()
        self.lab.close()
        self.directory.cleanup()

    @contextmanager
    def kernel_observed(self) -> Iterator[None]:
        """`kernel` is there within the block; elsewhere it would only cost time."""
        self.kernel = Observer(self.lab.r1_space, "routewatch")
        try:
            yield
        finally:
            self.kernel.close()

    # ---- the daemon ------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """kubewatch's, as we see it."""
        pid = self.lab.r1.pid("kubewatch")
        assert pid is not None, self.lab.r1.log_tail("kubewatch")
        return pid

    def start(self) -> int:
        """Start kubewatch; returns the time before. It goes on in the background."""
        self.api.forget_requests()
        began = time.monotonic_ns()
        self.lab.r1.start("kubewatch")
        return began

    def stop(self, sig: int = signal.SIGTERM) -> None:
        """End kubewatch; its routes stay (rules R4)."""
        if self.lab.r1.pid("kubewatch"):
            self.lab.r1.kill("kubewatch", sig)

    def show(self) -> dict:
        """`show kubevip json`."""
        return self.lab.r1.vty_json("kubewatch", "show kubevip")

    def is_settled(self, count: int) -> bool:
        """Whether the table has `count` VIPs, all confirmed by zebra, none from before alone."""
        now = self.show()
        return (
            now["clusters"]["bench"]["state"] == "live"
            and now["vips"]["routed"] == count
            and now["vips"]["restored"] == 0
            and now["backlog"] == 0
            and now["routes"]["byState"]["installed"] == count
            and now["routes"]["total"] == count
        )

    def wait_settled(self, count: int, timeout: float = 60) -> int:
        """Wait for that; returns when it was first seen."""

        def look() -> int:
            return time.monotonic_ns() if self.is_settled(count) else 0

        return poll(look, timeout, f"{count} VIPs confirmed", interval=0.025)

    def rss_kib(self) -> int:
        """Resident memory of kubewatch."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise AssertionError("no VmRSS")

    def longest_run(self) -> tuple[float, str]:
        """The longest run of our callbacks on the main loop, and of which: CPU milliseconds."""
        loop = self.show()["mainLoop"]
        return loop["longestRunUsec"] / 1000, loop["longestRun"]

    def report(self) -> str:
        """What there is to see when something went wrong."""
        parts = []
        for command in ("show kubevip", "show kubevip cluster"):
            try:
                parts.append(self.lab.r1.vty("kubewatch", command))
            except (OSError, AssertionError) as error:
                parts.append(f"{command}: {error}")
        parts.append(self.lab.r1.log_tail("kubewatch", 40))
        return "\n".join(parts)

    # ---- the table -------------------------------------------------------------------------

    @staticmethod
    def vips(count: int) -> list[IPv4Address]:
        """The VIPs of the table."""
        return [FIRST_VIP + number for number in range(count)]

    def fill(self, count: int) -> None:
        """So many Services at the API server."""
        self._most = max(self._most, count)
        self.api.refill(count, FIRST_VIP, self.nodes)

    def empty(self) -> None:
        """No kubewatch, no state of it, no route of it or of the reference, anywhere."""
        self.stop()
        self.lab.r1.forget_state()
        command = self.bare.prepare("gone", self.vips(self._most), add=False)
        self.peer.time_to(0, lambda: self.bare.bulk(command))

    def first_sync(self, count: int, timeout: float = 60) -> tuple[int, int]:
        """Start on an empty table; returns when it began and when the peer had all."""
        began: list[int] = []
        done = self.peer.time_to(count, lambda: began.append(self.start()), timeout)
        return began[0], done


def curl_seconds(world: World) -> float:
    """Fetch what the daemon has just listed, each kind by a curl of its own, all at once.

    curl's own time, so without the start of a process.
    """
    api, space = world.api, world.lab.r1_space
    command = ["curl", "-sS", "--fail", "--cacert", str(api.pki.ca)]
    command += ["-H", f"Authorization: Bearer {TOKEN}", "-H", "Accept: application/json"]
    running = []
    for targets in api.targets().values():
        words = [*command, "-w", "%{stderr}%{time_total}\n"]
        for target in targets:
            words += ["-o", "/dev/null", f"{api.url}{target}"]
        running.append(space.popen(words, pid_namespace=False, stderr=subprocess.PIPE, text=True))
    totals = []
    for process in running:
        said = process.communicate(timeout=60)[1]
        assert process.returncode == 0, said
        totals.append(sum(map(float, said.split())))
    return max(totals)
