"""The module inside bgpd: how long it keeps bgpd's main loop, and who waits for that (rules R5)."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Callable

from tests.fakeapi import Pki
from tests.lab import Lab, ModuleSetup, poll
from tests.lab.seedlab import lan

from .api import TOKEN, Api
from .figures import compared, figure
from .world import (
    AS,
    CONFIG,
    FIRST_VIP,
    PASSWORD,
    R1_EXTRA,
    R1_WITHOUT_IPV6,
    RANGE,
    Bare,
    Observer,
    World,
)

MANY = 50_000
TIMEOUT_S = 180
MS = 1e6  # nanoseconds
LONG_PAGES = ("vip", "service", "node", "observe")


class Bgpd:
    """bgpd on a router of its own, with the module or without. Use as a context manager."""

    def __init__(self, build: Path, module: bool) -> None:
        self._built = build.resolve() / "frr-module" / ".libs"
        self._bare_binary = build.resolve() / "tests" / "bench" / "barezapi"
        self._module = module
        self._lab = Lab(r1_extra=R1_EXTRA)
        self.peer = self.probe = None

    def __enter__(self) -> "Bgpd":
        self.directory = tempfile.TemporaryDirectory(prefix="kubevip-bench-")
        self.lab = self._lab.up()
        try:
            self._raise(Path(self.directory.name))
        except BaseException:
            self.lab.close()
            raise
        return self

    def _raise(self, directory: Path) -> None:
        lab = self.lab
        hops = [node.address[4] for node in lab.nodes]
        self.bare = Bare(lab.r1_space, self._bare_binary, hops, directory)
        lab.r1.keep(*R1_WITHOUT_IPV6)
        lab.r2.kill("bgpd")
        if self._module:
            self._install(directory)

    def _install(self, directory: Path) -> None:
        lab = self.lab
        self.nodes = lab.node_objects()
        self.api = Api(lab.api, lan(20)[4], Pki(directory / "pki"))
        lab.r1.write_etc("kubevip/ca.crt", self.api.pki.ca.read_text())
        lab.r1.write_etc("kubevip/token", TOKEN)
        lines = CONFIG.format(url=self.api.url, range=RANGE).splitlines(keepends=True)
        config = "".join(line for line in lines if line.startswith("kubevip "))
        shim, engine = self._built / "bgpd_kubevip.so", self._built / "engine.so"
        lab.r1.install(ModuleSetup(shim, engine, config=config))

    def __exit__(self, *_: object) -> None:
        self._unobserve()
        self.bare.close()
        if self._module:
            self.api.close()
        self.lab.close()
        self.directory.cleanup()

    def _unobserve(self) -> None:
        for observer in (self.probe, self.peer):
            if observer:
                observer.close()
        self.peer = self.probe = None

    def _observe(self) -> None:
        """The peer and the probe, which end with bgpd."""
        words = lan(11)[4], lan(10)[4], str(AS), PASSWORD
        self.peer = Observer(self.lab.r2_space, "bgppeer", *words)
        self.probe = Observer(self.lab.r1_space, "vtyprobe", str(self.lab.r1.run_dir / "bgpd.vty"))

    # ---- life ------------------------------------------------------------------------------

    def renew(self) -> None:
        """A new bgpd, no route, no state and, with the module, a cluster without Services."""
        self._unobserve()
        self.lab.r1.kill("bgpd")
        self.lab.r1.forget_state()
        self.bare.bulk(self.bare.prepare("gone", World.vips(MANY), add=False))
        if self._module:
            self.api.refill(0, FIRST_VIP, self.nodes)
        self.lab.r1.start("bgpd")
        self._observe()
        self.peer.reach(0)
        if self._module:
            poll(lambda: self.is_settled(0), TIMEOUT_S, "the cluster without Services is live")

    def restart(self) -> None:
        """bgpd ends and starts again; its routes stay in zebra (rules R4)."""
        self._unobserve()
        self.lab.r1.kill("bgpd")
        self.lab.r1.start("bgpd")
        self._observe()
        self.wait_settled()

    # ---- what the module says --------------------------------------------------------------

    def show(self) -> dict:
        """`show kubevip json`."""
        return self.lab.r1.vty_json("bgpd", "show kubevip")

    def is_settled(self, count: int) -> bool:
        """Whether the table has `count` VIPs, all confirmed by zebra, none from before alone."""
        now = self.show()
        return (
            now["clusters"].get("bench", {}).get("state") == "live"
            and now["vips"]["routed"] == now["routes"]["byState"]["installed"] == count
            and now["vips"]["restored"] == now["backlog"] == 0
        )

    def wait_settled(self) -> None:
        """Wait for that with all VIPs."""
        poll(lambda: self.is_settled(MANY), TIMEOUT_S, f"{MANY} VIPs confirmed", interval=0.25)

    def longest(self) -> tuple[float, str]:
        """The longest run of the module's callbacks since bgpd's start: CPU milliseconds."""
        loop = self.show()["mainLoop"]
        return loop["longestRunUsec"] / 1000, loop["longestRun"]

    # ---- what is measured ------------------------------------------------------------------

    def p99_while(self, act: Callable[[], object]) -> float:
        """p99 in ms of a trivial command on bgpd, until the peer has all the routes of `act`."""
        self.probe.mark()
        self.peer.time_to(MANY, act, TIMEOUT_S)
        count, p50, p99, longest = map(int, self.probe.ask("report").split())
        note = {"n": count, "p50_ms": p50 / MS, "p99_ms": p99 / MS, "max_ms": longest / MS}
        print(f"bench: vty with{'' if self._module else 'out'} module: {note}", file=sys.stderr)
        return p99 / MS


def measure(build: Path, runs: int) -> None:
    """(f): 50,000 Services arrive at once."""
    with Bgpd(build, module=True) as bgpd, Bgpd(build, module=False) as plain:
        command = plain.bare.prepare("table", World.vips(MANY), add=True)
        answers, references, longest = [], [], []
        for run in range(runs):
            turns = [
                lambda: answers.append(_module_turn(bgpd, longest)),
                lambda: references.append(_plain_turn(plain, command)),
            ]
            for turn in turns if run % 2 == 0 else turns[::-1]:
                turn()
        compared("module-vty-answer", "ms", answers, references, 1.5)
        _tell(f"module-main-loop-longest-{MANY}", max(longest))
        _later(bgpd)


def _module_turn(bgpd: Bgpd, longest: list[tuple[float, str]]) -> float:
    bgpd.renew()
    p99 = bgpd.p99_while(lambda: bgpd.api.refill(MANY, FIRST_VIP, bgpd.nodes))
    bgpd.wait_settled()
    longest.append(bgpd.longest())
    return p99


def _plain_turn(plain: Bgpd, command: str) -> float:
    plain.renew()
    return plain.p99_while(lambda: plain.bare.bulk(command))


def _later(bgpd: Bgpd) -> None:
    """What else happens to 50,000 VIPs, each after a restart of bgpd: the meter begins anew."""
    bgpd.restart()
    _tell(f"module-main-loop-longest-{MANY}-restart", bgpd.longest())
    bgpd.restart()
    for page in LONG_PAGES:
        json.loads(bgpd.lab.r1.vty("bgpd", f"show kubevip {page} json"))
    _tell(f"module-main-loop-longest-{MANY}-show", bgpd.longest())
    bgpd.restart()
    _change_node(bgpd)
    _tell(f"module-main-loop-longest-{MANY}-node-change", bgpd.longest())


def _change_node(bgpd: Bgpd) -> None:
    """A node goes and comes back: every VIP's next hops change."""
    for ready in ("False", "True"):
        node = {**bgpd.nodes[0], "status": dict(bgpd.nodes[0]["status"])}
        node["status"]["conditions"] = [{"type": "Ready", "status": ready}]
        before = bgpd.show()["routes"]["announcements"]
        bgpd.api.put(node)
        poll(
            lambda b=before: bgpd.show()["routes"]["announcements"] >= b + MANY,
            TIMEOUT_S,
            "every VIP's next hops changed",
        )
        bgpd.wait_settled()


def _tell(name: str, longest: tuple[float, str]) -> None:
    figure(name, "ms", longest[0], target=5)
    print(f"bench: {name}: the longest was: {longest[1]}", file=sys.stderr)
