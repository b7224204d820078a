"""bgpd with `-M kubevip` and whatever lies in its directory of modules, for tests of the shim.

The directory is bound over FRR's own in r1's mount namespace, so that `-M kubevip` finds the module
by name, as on a real router. What is in it differs from test to test: an engine, none, a bad one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Iterable

from tests.lab import Lab, poll
from tests.lab.shell import ROOT, find_module, frr_version

PEERS = ("192.168.99.11", "fd00:99::11")

# Redistributed through KUBEVIP (as operators copy it, with our match beside the others) and, in
# IPv6, through ONLY, an entry that has nothing but our match. Entries 90 let the tests' witness pass.
EXTRA = """\
ip route 10.30.0.0/16 192.168.99.1
ip prefix-list WITNESS seq 10 permit 10.66.0.0/16
ipv6 prefix-list WITNESS6 seq 10 permit fd00:66::/48
route-map KUBEVIP permit 90
 match ip address prefix-list WITNESS
exit
route-map ONLY permit 90
 match ipv6 address prefix-list WITNESS6
exit
router bgp 62112
 address-family ipv4 unicast
  network 10.20.0.0/16
 exit-address-family
 address-family ipv6 unicast
  redistribute static route-map ONLY
 exit-address-family
exit
"""
WITNESSES = ("10.66.0.0/16", "fd00:66::/48")
ANNOUNCED = "10.20.0.0/16"  # the operator's, by `network`
OPERATORS = ("0.0.0.0/0", "10.30.0.0/16", "::/0", "fd00:20::/48")  # static, and not to be announced

# In the order in which the engine writes them.
OUR_LINES = [
    "debug kubevip api",
    "kubevip cluster lab kubeconfig /etc/frr/kubevip/lab.kubeconfig",
    "kubevip cluster lab vip-range 192.168.77.0/24",
    "kubevip cluster lab vip-range fd00:77::/64",
    "kubevip cluster lab advertise web service-selector mdhlabs-bgp=enable",
]
OUR_MATCHES = [
    "route-map KUBEVIP permit 10",
    " match kubevip label tier=gold",
    "exit",
    "route-map ONLY permit 10",
    " match kubevip namespace prod",
    "exit",
]


def built(name: str) -> Path:
    """A file of the module: "bgpd_kubevip.so" or "engine.so"."""
    setup = find_module(os.environ.get("KUBEVIP_MODULES", ""))
    assert setup, "not built; set KUBEVIP_MODULES to build/frr-module"
    return setup.shim if name == "bgpd_kubevip.so" else setup.engine


def compile_engine(source: str, target: Path) -> Path:
    """An engine for a test: C text, with our header included."""
    text = '#define _GNU_SOURCE\n#include "frr-module/bgp_kubevip.h"\n' + source
    command = ["cc", "-xc", "-", "-shared", "-fPIC", "-fvisibility=default"]
    command += [f"-DFRR_IS=\"{frr_version()}\"", "-I", str(ROOT), "-o", str(target)]
    subprocess.run(command, input=text, text=True, check=True)
    return target


class ModuleDirectory:
    """FRR's directory of modules, as r1's bgpd sees it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "kubevip").mkdir(parents=True)

    @property
    def engine(self) -> Path:
        """Where the engine for the running FRR has to be."""
        return self.path / "kubevip" / f"{frr_version()}.so"

    def clear(self) -> None:
        """The shim, and no engine."""
        for left in (self.path / "kubevip").iterdir():
            left.unlink()
        # never into the old file: a bgpd that runs has it mapped
        temporary = self.path / "new"
        shutil.copy(built("bgpd_kubevip.so"), temporary)
        temporary.replace(self.path / "bgpd_kubevip.so")

    def put_engine(self, source: Path | None = None, *, version: str = "") -> Path:
        """An engine (the real one), under the name for a version (the running one)."""
        target = self.engine.with_name(f"{version}.so") if version else self.engine
        shutil.copy(source or built("engine.so"), target)
        return target


class ModuleRouter:
    """r1 of a lab, whose bgpd is started anew for each test with what is in the directory."""

    def __init__(self, lab: Lab, modules: ModuleDirectory) -> None:
        self.lab, self.modules = lab, modules
        self.r1, self.r2 = lab.r1, lab.r2
        self.began = 0.0

    @property
    def frr_conf(self) -> Path:
        """r1's configuration, saved."""
        return self.r1.etc / "frr.conf"

    def boot(self, config: str) -> None:
        """Start bgpd and give it this frr.conf; returns when it has the session and the operator's
        route is announced.

        As vtysh -b would, if it knew our lines: between the marks, each line in the file's order.
        What is of other daemons is refused, as it is when vtysh sends a line to those that take it.
        """
        if self.r1.pid("bgpd"):
            self.r1.kill("bgpd")
        self.began = time.time()
        self.r1.write_etc("frr.conf", "")
        self.r1.start("bgpd")
        self.r1.write_etc("frr.conf", config)
        self.type("XFRR_start_configuration", *config.splitlines(), "XFRR_end_configuration")
        self.wait_announced()

    def type(self, *lines: str) -> None:
        """Configuration lines for bgpd alone, whatever it says to them."""
        lines = tuple(line for line in lines if line and not line.startswith("!"))
        self.r1.vty("bgpd", "configure terminal", *lines, check=False)

    def wait_announced(self) -> None:
        """Return when both sessions are up and the operator's own prefix has reached the peer."""
        for peer in PEERS:
            poll(lambda p=peer: self.r1.bgp_established(p), 30, f"the session with {peer}")
        poll(
            lambda: "announce" in self.lab.peerlog.kinds(ANNOUNCED, self.began),
            20,
            f"{ANNOUNCED} at the peer",
        )

    def show(self, what: str = "") -> dict:
        """`show kubevip ... json`."""
        return self.r1.vty_json("bgpd", f"show kubevip {what}".strip())

    def write_memory(self) -> str:
        """What stock vtysh's `write memory` makes of frr.conf."""
        self.r1.vtysh("write memory")
        return self.frr_conf.read_text()

    def announced(self) -> set[str]:
        """Everything the peer was told since bgpd began, up to two witnesses.

        The witnesses go the way that the operator's static routes go, and later.
        """
        lines = [f"ip route {WITNESSES[0]} blackhole", f"ipv6 route {WITNESSES[1]} blackhole"]
        self.r1.config(lines)
        for witness in WITNESSES:
            poll(
                lambda w=witness: "announce" in self.lab.peerlog.kinds(w, self.began),
                20,
                f"{witness} at the peer",
            )
        self.r1.config([f"no {line}" for line in lines])
        return {u.prefix for u in self.lab.peerlog.updates(self.began) if u.kind == "announce"}


def ours(text: str | Iterable[str]) -> list[str]:
    """Our lines in a configuration, in order."""
    lines = text.splitlines() if isinstance(text, str) else text
    return [line for line in lines if re.match(r"(debug |\s*match )?kubevip ", line)]
