"""`make bench`: measure, print one JSON object a line (README.md says what each means).

    /usr/bin/python3 tests/bench/bench.py --build DIR [--only a,b,c,d,e,f] [--runs N] [--samples N]

Figures are never a test: the exit status is 0 when they were measured, however they came out.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import signal
import sys
import time
from ipaddress import IPv4Address
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench import module  # noqa: E402
from tests.bench.figures import compared, figure, percentile  # noqa: E402
from tests.bench.world import World, curl_seconds  # noqa: E402
from tests.fakeapi import objects  # noqa: E402
from tests.lab import poll  # noqa: E402

MS = 1e6  # nanoseconds
TABLE = 10_000
MEMORY_SIZES = (1_000, 10_000, 100_000)
RESTART_SIZE = 5_000
PEER_REST_MS = 5, 25  # between two samples, at random: nothing shall beat in time with FRR
DAEMON_VIP, BARE_VIP = IPv4Address("10.100.0.1"), IPv4Address("10.101.0.1")


class Bench:
    """The figures, one method each; they may be run in any selection."""

    def __init__(self, world: World, runs: int, samples: int) -> None:
        self._world = world
        self._runs = runs
        self._samples = samples
        self._longest: dict[str, tuple[float, str]] = {}

    # ---- (b) ---------------------------------------------------------------------------------

    def first_sync(self) -> None:
        """(b): from nothing to 10,000 VIPs at the peer."""
        self._world.fill(TABLE)
        self._first_sync(f"first-sync-{TABLE}", streaming=True)
        self._first_sync(f"first-sync-{TABLE}-paged", streaming=False)

    def _first_sync(self, name: str, streaming: bool) -> None:
        world = self._world
        world.api.server.streaming_lists = streaming
        world.empty()
        world.first_sync(TABLE)  # a rehearsal: it tells what is asked for, and renders it
        daemon, lists, bare, from_start = [], [], [], []
        for run in range(self._runs):
            turns = [lambda: self._daemon_sync(daemon, from_start), lambda: self._bare_sync(bare)]
            for turn in turns if run % 2 == 0 else turns[::-1]:
                world.empty()
                turn()
            lists.append(curl_seconds(world) * 1000)
        world.api.server.streaming_lists = True
        both = [a + b for a, b in zip(lists, bare)]
        compared(name, "ms", daemon, both, 1.5)
        compared(f"{name}-from-exec", "ms", from_start, both, None)
        figure(f"{name}-lists-alone", "ms", percentile(lists, 50))
        figure(f"{name}-routes-alone", "ms", percentile(bare, 50))
        world.empty()

    def _daemon_sync(self, daemon: list[float], from_start: list[float]) -> None:
        world = self._world
        began, done = world.first_sync(TABLE)
        daemon.append((done - world.api.first_request_ns()) / MS)
        from_start.append((done - began) / MS)
        world.wait_settled(TABLE)
        self._note_longest(f"first-sync-{TABLE}")

    def _bare_sync(self, bare: list[float]) -> None:
        world, began = self._world, []
        command = world.bare.prepare("table", world.vips(TABLE), add=True)
        done = world.peer.time_to(TABLE, lambda: began.append(world.bare.bulk(command)))
        bare.append((done - began[0]) / MS)

    # ---- (a) ---------------------------------------------------------------------------------

    def latency(self) -> None:
        """(a): one change with 10,000 VIPs in the table."""
        world = self._world
        world.fill(TABLE)
        world.empty()
        self._prepare_services()
        world.first_sync(TABLE)
        world.wait_settled(TABLE)
        places = ("kernel", "peer")
        daemon = {place: [] for place in places}
        bare = {place: [] for place in places}
        for run in range(self._runs):
            turns = [(self._daemon_turn, daemon), (self._bare_turn, bare)]
            for turn, into in turns if run % 2 == 0 else turns[::-1]:
                with world.kernel_observed():
                    both = turn()
                for place, times in zip(places, both):
                    into[place].append(times)
        for place in places:
            for percent, target in ((50, 1.15), (99, 1.5)):
                values = [percentile(times, percent) for times in daemon[place]]
                references = [percentile(times, percent) for times in bare[place]]
                compared(f"event-to-{place}-p{percent}", "ms", values, references, target)
        self._note_longest(f"events-with-{TABLE}")
        self._node_change()

    def _prepare_services(self) -> None:
        """Services that wait for an address, with their slices."""
        names = [node["metadata"]["name"] for node in self._world.nodes]
        slices = [
            objects.endpoint_slice(f"new-{i}", objects.endpoints_on(*names))
            for i in range(self._samples)
        ]
        waiting = [objects.service(f"new-{i}") for i in range(self._samples)]
        self._world.api.put(*slices, *waiting)

    def _daemon_turn(self) -> tuple[list[float], list[float]]:
        """Services get their address, one after the other."""
        world = self._world
        ready = [objects.service(f"new-{i}", str(DAEMON_VIP + i)) for i in range(self._samples)]
        waiting = [objects.service(f"new-{i}") for i in range(self._samples)]
        times = self._samples_of(DAEMON_VIP, lambda i: world.api.put_timed(ready[i]))
        world.peer.time_to(TABLE, lambda: world.api.put(*waiting))
        return times

    def _bare_turn(self) -> tuple[list[float], list[float]]:
        """The reference sends routes, one after the other; kubewatch meanwhile stands still."""
        world, pid = self._world, self._world.pid
        every = [BARE_VIP + i for i in range(self._samples)]
        os.kill(pid, signal.SIGSTOP)
        try:
            times = self._samples_of(BARE_VIP, lambda i: world.bare.add(str(every[i])))
            command = world.bare.prepare("again", every, add=False)
            world.peer.time_to(TABLE, lambda: world.bare.bulk(command))
        finally:
            os.kill(pid, signal.SIGCONT)
        return times

    def _samples_of(self, first: IPv4Address, send) -> tuple[list[float], list[float]]:
        """`send` a change for each sample; the times to the kernel and to the peer."""
        world = self._world
        to_kernel, to_peer = [], []
        for number in range(-2, self._samples):
            if number < 0:  # let what was before come to rest
                time.sleep(0.1)
                world.kernel.mark()
                world.peer.mark()
                continue
            sent = send(number)
            address = str(first + number)
            to_kernel.append((world.kernel.seen(address) - sent) / MS)
            to_peer.append((world.peer.seen(address) - sent) / MS)
            time.sleep(random.uniform(*PEER_REST_MS) / 1000)
        return to_kernel, to_peer

    def _node_change(self) -> None:
        """A node goes and comes back: every VIP's next hops change. For (d)."""
        world = self._world
        for ready in ("False", "True"):
            node = {**world.nodes[0], "status": dict(world.nodes[0]["status"])}
            node["status"]["conditions"] = [{"type": "Ready", "status": ready}]
            before = world.show()["routes"]["announcements"]
            world.api.put(node)

            def all_sent() -> bool:
                return world.show()["routes"]["announcements"] >= before + TABLE

            poll(all_sent, 30, "every VIP's next hops changed")
        world.wait_settled(TABLE)
        self._note_longest(f"node-change-with-{TABLE}")

    # ---- (c), (d), (e) -----------------------------------------------------------------------

    def memory(self) -> None:
        """(c): a Service and a slice with three endpoints for each VIP.

        Once as it is after a first synchronisation, once after a restart on top of it, when the
        routes from before and the lists were both in memory; and with paged lists.
        """
        self._memory("memory-per-vip-{}", "memory-per-vip-{}-restarted", MEMORY_SIZES)
        self._world.api.server.streaming_lists = False
        self._memory("memory-per-vip-{}-paged", None, MEMORY_SIZES[:2])
        self._world.api.server.streaming_lists = True

    def _memory(self, first: str, restarted: str | None, sizes: tuple[int, ...]) -> None:
        world, rss = self._world, {}
        for size in sizes:
            world.fill(size)
            world.empty()
            world.first_sync(size, timeout=120)
            rss[first, size] = self._resting_kib(size)
            self._note_longest(f"first-sync-{size}")
            if restarted:
                world.stop()
                world.start()
                rss[restarted, size] = self._resting_kib(size)
                self._note_longest(f"restart-{size}")
        least = sizes[0]
        for (name, size), kib in rss.items():
            if size != least:
                each = (kib - rss[name, least]) / (size - least)
                figure(name.format(size), "KiB", each, target=1.5)

    def _resting_kib(self, size: int) -> int:
        """Resident memory when everything is confirmed and a tick or two have passed."""
        self._world.wait_settled(size, timeout=120)
        time.sleep(2)
        return self._world.rss_kib()

    def restart(self) -> None:
        """(e): kubewatch ends and starts again with 5,000 VIPs in the table."""
        world = self._world
        world.fill(RESTART_SIZE)
        world.empty()
        world.first_sync(RESTART_SIZE)
        world.wait_settled(RESTART_SIZE)
        for name, sig in (("restart", signal.SIGTERM), ("kill-9", signal.SIGKILL)):
            with world.kernel_observed():
                self._restart(name, sig)
            self._note_longest(f"restart-{RESTART_SIZE}")

    def _restart(self, name: str, sig: int) -> None:
        world = self._world
        world.peer.mark()
        world.stop(sig)
        began = world.start()
        settled = world.wait_settled(RESTART_SIZE)
        time.sleep(1)  # bgpd holds updates back for 50 ms; a late withdrawal counts too
        _, updates, withdrawals = world.peer.counts()
        _, _, deletions = world.kernel.counts()
        listed = world.api.lists()[-1][0]
        figure(f"{name}-withdrawals-at-peer", "routes", withdrawals, target=0)
        figure(f"{name}-deletions-in-kernel", "routes", deletions, target=0)
        figure(f"{name}-updates-at-peer", "routes", updates)
        figure(f"{name}-lists-to-confirmed", "s", (settled - listed) / 1e9, target=1)
        figure(f"{name}-exec-to-confirmed", "s", (settled - began) / 1e9)

    def main_loop(self) -> None:
        """(d): what the daemon's own meter said at the end of what was measured."""
        if not self._longest:
            self.restart()
        for name, (longest, what) in self._longest.items():
            figure(f"main-loop-longest-{name}", "ms", longest, target=5)
            print(f"bench: {name}: the longest was: {what}", file=sys.stderr)

    def _note_longest(self, name: str) -> None:
        known = self._longest.get(name, (0.0, ""))
        self._longest[name] = max(known, self._world.longest_run())


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, required=True, help="build directory")
    parser.add_argument("--only", default="b,a,e,c,d,f", help="letters of figures: a,b,c,d,e,f")
    parser.add_argument("--runs", type=int, default=5, help="runs of (a), (b) and (f)")
    parser.add_argument("--samples", type=int, default=100, help="changes in each run of (a)")
    return parser.parse_args()


def main() -> None:
    """Measure what is wanted."""
    wanted = options()
    letters = set(wanted.only.split(","))
    if os.geteuid() != 0:
        raise SystemExit("bench: the lab needs root")
    gc.disable()  # a pause of ours would be taken for one of the daemon's
    if letters - {"f"}:
        measure_kubewatch(wanted, letters)
    if "f" in letters:
        module.measure(wanted.build, wanted.runs)


def measure_kubewatch(wanted: argparse.Namespace, letters: set[str]) -> None:
    """(a) to (e), (d) last because it only reads what the others left."""
    with World(wanted.build) as world:
        bench = Bench(world, wanted.runs, wanted.samples)
        parts = {
            "b": bench.first_sync,
            "a": bench.latency,
            "e": bench.restart,
            "c": bench.memory,
            "d": bench.main_loop,
        }
        try:
            for letter, part in parts.items():
                if letter in letters:
                    part()
        except BaseException:
            print(world.report(), file=sys.stderr)
            raise


if __name__ == "__main__":
    main()
