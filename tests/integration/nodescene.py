"""What tests of node mode do over and over: VIPs, and who announces them to whom.

A `NodeScene` is the lab of tests/lab/nodelab.py with a fake API server in it. Its nodes are
configured once; each test uses VIPs of its own, and what it changes on a node it takes back, or
`restore` does.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import Iterator

from tests.fakeapi import FakeApiProcess
from tests.lab import poll
from tests.lab.nodelab import FAR, HOSTS, MATE, NodeLab, node_config
from tests.lab.seedlab import lan

from .faillab import web

KUBECONFIG = "kubevip/lab.kubeconfig"


def lines_of(name: str) -> list[str]:
    """The `kubevip` lines of a node; tests withdraw more than half of all VIPs."""
    lines = node_config(name, kubevip=True).split("\n")[:-1]
    return [*lines, "kubevip cluster lab withdraw-guard 100"]


def afi_of(prefix: str) -> str:
    """As bgpd's commands want it."""
    return "ipv6" if ":" in prefix else "ipv4"


class NodeScene:
    """The nodes, their cluster and their peers."""

    def __init__(self, lab: NodeLab, api: FakeApiProcess) -> None:
        self.lab, self.api = lab, api
        self.kube1 = lab.nodes["kube1"]
        self._of_peer = {address: name for name, host in HOSTS.items() for address in lan(host).values()}
        self._baseline: dict[str, str] = {}

    # ---- life ------------------------------------------------------------------------------

    def begin(self) -> None:
        """Configure every node; returns when each knows the cluster."""
        self.api.put(*self.lab.node_objects())
        for name, router in self.lab.nodes.items():
            router.write_etc(KUBECONFIG, self.api.kubeconfig())
            self.lab.modules[name].configure(lines_of(name))
            self.type(name, *lines_of(name))
        for name in HOSTS:
            self.wait_settled(name)
            self._baseline[name] = self._configuration(name)

    def restore(self) -> None:
        """Nodes whose configuration a test has left changed start anew."""
        for name, before in self._baseline.items():
            if self.lab.nodes[name].pid("bgpd") and self._configuration(name) == before:
                continue
            if self.lab.nodes[name].pid("bgpd"):
                self.lab.nodes[name].kill("bgpd")
            self.boot(name)
            self.wait_settled(name)

    def boot(self, name: str, lines: list[str] | None = None) -> None:
        """Start bgpd of a node with these `kubevip` lines in its frr.conf, or with its own."""
        self.lab.modules[name].configure(lines_of(name) if lines is None else lines)
        self.lab.nodes[name].start("bgpd")

    def _configuration(self, name: str) -> str:
        """As bgpd has it, without the header."""
        text = self.lab.nodes[name].vty("bgpd", "show running-config")
        return text[text.index("frr defaults") :]

    def wait_settled(self, name: str) -> None:
        """Return when the node knows everything that the API says, and its lines are in force."""

        def settled() -> bool:
            page = self.show(name)
            lab = page["clusters"].get("lab", {})
            return lab.get("state") == "live" and page["backlog"] == 0

        poll(settled, 20, f"{name}: cluster lab is live")

    # ---- what a node says --------------------------------------------------------------------

    def type(self, name: str, *lines: str) -> None:
        """Type configuration into bgpd of a node."""
        self.lab.nodes[name].vty("bgpd", "configure terminal", *lines)

    def bgp(self, name: str, *lines: str, family: int = 4) -> None:
        """Type into an address family of the node's `router bgp`."""
        self.type(name, "router bgp 65000", f"address-family ipv{family} unicast", *lines)

    def order(self, name: str, command: str) -> str:
        """A command of the enable node."""
        return self.lab.nodes[name].vty("bgpd", command)

    def show(self, name: str, what: str = "") -> dict:
        """`show kubevip ... json`."""
        return self.lab.nodes[name].vty_json("bgpd", f"show kubevip {what}".strip())

    def trouble(self, name: str) -> set[str]:
        """The kinds of trouble on the first page."""
        return {item["kind"] for item in self.show(name)["trouble"]}

    def vip(self, name: str, prefix: str) -> dict:
        """What a node shows of one VIP; {} when there is nothing."""
        return self.show(name, f"vip {prefix}")["vips"].get(prefix, {})

    def wait_state(self, name: str, prefix: str, state: str, reason: str | None = None) -> dict:
        """Return the VIP when the node shows this state of it (and this reason)."""

        def so() -> dict | None:
            found = self.vip(name, prefix)
            wanted = found.get("state") == state and reason in (None, found["reason"])
            return found if wanted else None

        return poll(so, 15, f"{name}: {prefix} is {state} ({reason})")

    def wait_ticks(self, name: str, n: int = 2) -> None:
        """Return when the node's once-a-second work has been done some times over."""
        began = self.show(name)["mainLoop"]["runs"]
        # a tick is a run, and so is the one slice that it leads to with so few VIPs
        poll(lambda: self.show(name)["mainLoop"]["runs"] > began + 2 * n, 30, f"{name}: {n} ticks")

    # ---- the cluster -----------------------------------------------------------------------

    def add(self, *prefixes: str, on: tuple[str, ...] = tuple(HOSTS), policy: str = "Cluster") -> None:
        """Services with these VIPs and an endpoint on each of these nodes."""
        self.api.put(*web(*prefixes, nodes=on, policy=policy))

    def remove(self, *prefixes: str) -> None:
        """Delete the Services of these VIPs."""
        for obj in web(*prefixes):
            plural = "services" if obj["kind"] == "Service" else "endpointslices"
            self.api.delete(plural, obj["metadata"]["name"])

    # ---- who announces -----------------------------------------------------------------------

    def paths(self, router: str, prefix: str) -> dict[str, set[str]]:
        """A peer's paths to a prefix: who told (address) -> the global next hops it named."""
        table = self.lab.routers[router].bgp_table(afi_of(prefix))
        return {
            path["peerId"]: {hop["ip"] for hop in path["nexthops"] if not hop["ip"].startswith("fe80")}
            for path in table.get(prefix, [])
        }

    def announcers(self, prefix: str) -> set[str]:
        """The nodes that tell the upstream router of it over the LAN."""
        return {self._of_peer[peer] for peer in self.paths("upstream", prefix) if peer in self._of_peer}

    def wait_announced(self, prefix: str, *names: str) -> None:
        """Return when these nodes, and no others, announce it."""
        poll(
            lambda: self.announcers(prefix) == set(names),
            15,
            f"{prefix} is announced by {names or 'nobody'}",
        )

    @contextmanager
    def no_withdrawal(self, name: str, *prefixes: str) -> Iterator[None]:
        """The upstream router hears no withdrawal of these from the node (judged at the end)."""
        began = time.time()
        yield
        own = set(lan(HOSTS[name]).values())
        withdrawn = [
            update
            for update in self.lab.peerlog.updates(began)
            if update.kind == "withdraw" and update.prefix in prefixes and update.peer in own
        ]
        assert withdrawn == []

    # ---- the record and the lock ---------------------------------------------------------------

    def lock_is_free(self, name: str) -> bool:
        """Nobody injects into this node's zebra."""
        said = self.lab.nodes[name].space.run(
            ["flock", "-n", "/run/frr/kubevip.lock", "echo", "free"], check=False
        )
        return said.strip() == "free"

    def recorded(self, name: str) -> set[str]:
        """What the state file says is ours in zebra."""
        path = self.lab.nodes[name].directory / "lib" / "kubevip" / "kubevip.state"
        ours: set[str] = set()
        for line in path.read_text().splitlines() if path.exists() else []:
            mark, prefix = line.split()[:2]
            (ours.add if mark == "+" else ours.discard)(prefix)
        return ours

    def forget_record(self, name: str) -> None:
        """No process of this node has ever injected."""
        router = self.lab.nodes[name]
        for path in ((router.directory / "lib" / "kubevip").iterdir(), [router.run_dir / "kubevip.lock"]):
            for file in path:
                if file.exists():
                    os.unlink(file)


__all__ = ["FAR", "HOSTS", "MATE", "NodeScene", "lines_of", "lan"]
