"""bgpd with the module on r1, and what r2, its peer, is told: for route-maps.

r2 has a second session with r1, over the uplink, where it is AS 65002 (a view with a table of its
own): so r1 has one neighbour inside its AS and one outside. Configuration of the module is typed into bgpd itself.
"""

from __future__ import annotations

import re
import signal
import time
import zlib
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Iterable, Iterator

import pytest

from tests.fakeapi import FakeApiProcess, Pki, objects
from tests.lab import Lab, poll
from tests.lab.seedlab import CLIENT_NETWORKS, lan, vips
from tests.lab.shell import KubewatchSetup, ModuleSetup

from .faillab import CONFIG, RANGES, STATE, web

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "doc" / "route-maps.md"
INSIDE, OUTSIDE = "192.168.99.10", "10.0.12.1"  # r1, as r2 sees it
PLURALS = {"Service": "services", "Gateway": "gateways", "Node": "nodes"}
R1_IDS = (INSIDE, OUTSIDE, "fd00:99::10")

# A test takes away what it put, and what the one before put goes on counting.
SETTINGS = [*CONFIG, "kubevip cluster lab withdraw-guard 100 min 1000"]

R1 = """\
bgp route-map delay-timer 1
router bgp 62112
 no bgp ebgp-requires-policy
 neighbor 10.0.12.2 remote-as 65002
 neighbor 10.0.12.2 timers connect 1
 neighbor 10.0.12.2 advertisement-interval 0
 address-family ipv4 unicast
  neighbor 10.0.12.2 activate
 exit-address-family
exit
"""

R2 = """\
router bgp 65002 view OUTSIDE
 bgp router-id 10.0.12.2
 no bgp ebgp-requires-policy
 neighbor 10.0.12.1 remote-as 62112
 neighbor 10.0.12.1 timers connect 1
exit
"""


def recipe(name: str) -> list[str]:
    """The lines of the indented block behind a recipe's mark in doc/route-maps.md."""
    text = GUIDE.read_text()
    rest = text[text.index(f"<!-- recipe: {name} -->") :].splitlines()[1:]
    block: list[str] = []
    for line in rest:
        if line.startswith("    "):
            block.append(line[4:])
        elif block and line:
            break
    return block


def undo(lines: Iterable[str]) -> list[str]:
    """Lines that take configuration back: entries as a whole, lines inside of routers one by one."""
    back: list[str] = []
    inside = "top"
    for line in map(str.strip, lines):
        if line.startswith("route-map "):
            back.append(f"no {line}")
            inside = "route-map"
        elif line == "exit" and inside == "route-map":
            inside = "top"
        elif line.startswith(("router ", "address-family ", "exit")):
            back.append(line)
            inside = "top" if line == "exit" else "router"
        elif inside != "route-map":
            back.append(f"no {line}")
    return back


def service(vip: str, **labels: str) -> list[dict]:
    """A Service with this VIP and these labels beside the one that selects it, and its slice."""
    return web(vip, labels={**objects.SEED_LABEL, **labels})


class Peer:
    """What r1 tells its neighbours."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.r1, self.r2 = lab.r1, lab.r2

    def _path(self, prefix: str, peer: str) -> dict | None:
        view = "view OUTSIDE " if peer == OUTSIDE else ""
        family = "ipv6" if ":" in prefix else "ipv4"
        shown = self.r2.vty_json("bgpd", f"show bgp {view}{family} unicast {prefix}")
        return next(iter(shown.get("paths", [])), None)

    def told(self, prefix: str, peer: str = INSIDE) -> dict | None:
        """What r1 told one of its neighbours of a prefix; None: nothing."""
        path = self._path(prefix, peer)
        if path is None:
            return None
        return {
            "community": path.get("community", {}).get("string", ""),
            "large": path.get("largeCommunity", {}).get("string", ""),
            "localpref": path.get("locPrf"),
            "med": path.get("metric"),
            "aspath": path["aspath"]["string"],
        }

    def wait_told(self, prefix: str, peer: str = INSIDE, **wanted: object) -> dict:
        """Return when the neighbour was told the prefix with these attributes."""
        return poll(
            lambda: (found := self.told(prefix, peer)) is not None
            and all(found[key] == value for key, value in wanted.items())
            and found,
            15,
            f"{prefix} at {peer} with {wanted}: it is {self.told(prefix, peer)}",
        )

    def with_community(self, community: str) -> set[str]:
        """Prefixes that r2 has from inside the AS with this community."""
        shown = self.r2.vty_json("bgpd", f"show bgp ipv4 unicast community {community}")
        return set(shown.get("routes", {}))

    def wait_not_told(self, prefix: str, peer: str = INSIDE) -> None:
        """Return when the neighbour has it no more."""
        poll(lambda: self.told(prefix, peer) is None, 15, f"{prefix} is gone at {peer}")

    def told_prefixes(self) -> set[str]:
        """Everything that r1 told r2, over all sessions."""
        found = set()
        for table in ("ipv4", "ipv6", "view OUTSIDE ipv4"):
            shown = self.r2.vty_json("bgpd", f"show bgp {table} unicast").get("routes", {})
            found |= {prefix for prefix, paths in shown.items() if paths[0]["peerId"] in R1_IDS}
        return found - set(CLIENT_NETWORKS.values())

    @contextmanager
    def no_withdrawal(self, *prefixes: str, peer: str = "") -> Iterator[None]:
        """r2 is sent no withdrawal of these within the block (over one of the sessions, or any)."""
        began = time.time()
        yield
        assert [
            update
            for update in self.lab.peerlog.updates(began)
            if update.kind == "withdraw" and update.prefix in prefixes and peer in update.peer
        ] == []


class RouteMapLab(Peer):
    """The lab, its API server, and bgpd's module in force."""

    def __init__(self, lab: Lab, api: FakeApiProcess) -> None:
        super().__init__(lab)
        self.api = api
        self.state_file = self.r1.state_directory / STATE
        self.r1.write_etc("kubevip/lab.kubeconfig", api.kubeconfig())
        self.r1.config(R1)
        self.r2.config(R2)
        self._typed: list[list[str]] = []
        self._names: set[str] = set()
        self.type(*SETTINGS)
        self.wait_live()
        poll(lambda: self.r1.bgp_established("10.0.12.2"), 15, "the session over the uplink is up")

    # ---- configuration ---------------------------------------------------------------------

    def type(self, *lines: str) -> None:
        """Type configuration into bgpd."""
        self.r1.vty("bgpd", "configure terminal", *lines)

    def use(self, *lines: str) -> None:
        """The same, until the test ends; returns when bgpd has applied it to what is there.

        Otherwise that (route-map delay-timer, 1 s) would do what labels are to do.
        """
        self._typed.append(list(lines))
        self.type(*lines)
        self.wait_applied()

    def wait_applied(self) -> None:
        """Return when no route-map has changes that bgpd has not acted upon."""
        poll(lambda: not self._unapplied(), 10, "bgpd has acted upon its route-maps")

    def _unapplied(self) -> bool:
        return "Processed Change: true" in self.r1.vty("bgpd", "show route-map")

    def recipe(self, name: str) -> None:
        """What the guide says, until the test ends."""
        self.use(*recipe(name))

    def running(self) -> list[str]:
        """The configuration that bgpd would write."""
        return self.r1.vty("bgpd", "show running-config").splitlines()

    def refused(self, *lines: str) -> str:
        """What bgpd says to lines of which the last one is wrong."""
        return self.r1.vty("bgpd", "configure terminal", *lines, check=False)

    def reset(self) -> None:
        """Take everything back that the test typed or put.

        What a restart left to be confirmed is confirmed first: a router that finds at its start that
        the cluster has none of its VIPs any more asks its operator (rules: withdrawal guard).
        """
        poll(lambda: self.shown()["vips"]["restored"] == 0, 40, "the API was heard of every VIP")
        for lines in reversed(self._typed):
            self.type(*undo(lines))
        self._typed.clear()
        self.remove(*self._names)
        poll(lambda: not self.told_prefixes(), 15, f"nothing left at r2: {self.told_prefixes()}")
        for family in (4, 6):
            poll(lambda: not vips(self.r1.kernel_routes(family)), 15, "no VIP left in r1")

    @contextmanager
    def only_entry(self, *lines: str) -> Iterator[None]:
        """These lines instead of README's entries 10 and 20 of route-map KUBEVIP."""
        example = (ROOT / "packaging" / "examples" / "r1.conf").read_text()
        entries = re.findall(r"^route-map KUBEVIP .*?^exit$", example, re.M | re.S)
        heads = [text.splitlines()[0] for text in entries]
        self.type(*lines, *(f"no {head}" for head in heads))
        self.wait_applied()
        try:
            yield
        finally:
            for text in entries:
                self.type(*text.splitlines())
            self.type(*undo(lines))

    @contextmanager
    def receiver(self, *lines: str) -> Iterator[None]:
        """r2 has these lines, and route-map FROM-PEER for what r1 tells it inside the AS."""
        session = ["router bgp 62112", "address-family ipv4 unicast"]
        applied = f"neighbor {INSIDE} route-map FROM-PEER in"
        self.r2.config([*lines, *session, applied])
        try:
            yield
        finally:
            self.r2.config([*session, f"no {applied}", "exit-address-family", "exit", *undo(lines)])

    @contextmanager
    def kubewatch_injects(self, kubewatch: KubewatchSetup) -> Iterator[None]:
        """kubewatch has the routes of r1 in its hand, bgpd's module stands by."""
        self.save()
        self.kill()
        shell = self.r1.install(kubewatch)
        shell.configure(SETTINGS)
        shell.start()
        try:
            poll(lambda: self._injects("kubewatch"), 10, "kubewatch injects")
            self.start()
            self.wait_live()
            assert not self._injects("bgpd")
            yield
        finally:
            shell.kill()
            poll(lambda: self._injects("bgpd"), 10, "the module has taken over")

    def _injects(self, daemon: str) -> bool:
        page = self.r1.vty_json(daemon, "show kubevip")
        return page["active"] and page["standby"] is None

    # ---- life ------------------------------------------------------------------------------

    def wait_live(self) -> None:
        """Return when the lists are in and everything about them is decided."""
        poll(self._is_live, 20, "cluster lab is live, nothing is left to decide")

    def _is_live(self) -> bool:
        page = self.r1.vty_json("bgpd", "show kubevip")
        cluster = page["clusters"].get("lab", {})
        return cluster.get("state") == "live" and page["backlog"] == 0

    def save(self, *, router_last: bool = False) -> None:
        """`write`: bgpd's own file, which it reads when it starts.

        `router_last`: as in packaging/examples. bgpd writes `router bgp` before the route-maps, and
        redistributes nothing with a map that it does not know yet until route-map delay-timer.
        """
        self.r1.vty("bgpd", "write memory")
        path = self.r1.etc / "bgpd.conf"
        text = path.read_text()
        found = re.search(r"^router bgp .*?^exit$\n", text, re.M | re.S)
        if router_last and found:
            path.write_text(text.replace(found[0], "") + found[0])

    def write_integrated(self) -> str:
        """`write memory` in vtysh: returns what frr.conf is now. Afterwards bgpd has no own file."""
        if not self.r1.vtysh_is_extended:
            pytest.skip("vtysh's extension is not built")
        (self.r1.etc / "bgpd.conf").unlink(missing_ok=True)
        self.r1.vtysh("write memory")
        return (self.r1.etc / "frr.conf").read_text()

    def kill(self, sig: int = signal.SIGTERM) -> None:
        """End bgpd."""
        self.r1.kill("bgpd", sig)

    def start(self) -> None:
        """Start it with what save() wrote, and with nothing else: no vtysh types anything."""
        integrated = self.r1.etc / "frr.conf"  # its presence keeps bgpd from reading its own file
        aside = integrated.rename(integrated.with_name("frr.conf.aside"))
        try:
            self.r1._spawn("bgpd")
        finally:
            aside.rename(integrated)

    def lengthen_record(self, lines: int) -> None:
        """So many more lines in the state file, which say nothing new."""
        line = "- 10.9.9.9/32 0 0 15"
        with self.state_file.open("a") as file:
            file.write(f"{line} *{zlib.crc32(line.encode()):08x}\n" * lines)

    # ---- VIPs ------------------------------------------------------------------------------

    def put(self, vip: str, **labels: str) -> None:
        """A Service with this VIP has these labels."""
        self.put_objects(*service(vip, **labels))

    def put_objects(self, *items: dict) -> None:
        """Objects that go when the test ends."""
        self.api.put(*items)
        for obj in items:
            meta = obj["metadata"]
            plural = PLURALS.get(obj["kind"], "endpointslices")
            self._names.add(f"{plural}/{meta.get('namespace', '')}/{meta['name']}")

    def remove(self, *names: str) -> None:
        """Objects by kind, namespace and name."""
        for name in names:
            plural, namespace, name_alone = name.split("/")
            self.api.delete(plural, name_alone, namespace)
        self._names -= set(names)

    def remove_vip(self, vip: str) -> None:
        """A Service goes, with its slice."""
        for obj in service(vip):
            kind = "services" if obj["kind"] == "Service" else "endpointslices"
            self.remove(f"{kind}/{obj['metadata']['namespace']}/{obj['metadata']['name']}")

    # ---- what is ---------------------------------------------------------------------------

    def shown(self) -> dict:
        """What `show kubevip json` says."""
        return self.r1.vty_json("bgpd", "show kubevip")

    def wait_shadowed(self, prefix: str) -> None:
        """Return when r1's route for the VIP stands behind another one."""
        poll(lambda: self._state(prefix) == "shadowed", 10, f"{prefix} is shadowed")

    def _state(self, prefix: str) -> str:
        shown = self.r1.vty_json("bgpd", f"show kubevip vip {prefix}")
        return shown["vips"].get(prefix, {}).get("state", "")

    def check_vips_alone(self) -> None:
        """The operator's static and default routes are there, and no peer knows of them."""
        own = set(self.r1.kernel_routes(4)) | set(self.r1.kernel_routes(6))
        assert {"10.20.0.0/16", "fd00:20::/48", "default"} <= own | {"default"}
        ranges = [ip_network(text) for text in RANGES]
        for told in map(ip_network, self.told_prefixes()):
            assert any(told.version == r.version and told.subnet_of(r) for r in ranges), told


@contextmanager
def raised(pki: Pki, module: ModuleSetup) -> Iterator[RouteMapLab]:
    """A lab of its own whose bgpd on r1 has the module."""
    with Lab(shell=module) as lab, FakeApiProcess(lan(20)[4], 6443, pki, lab.api) as api:
        api.put(*lab.node_objects())
        yield RouteMapLab(lab, api)
