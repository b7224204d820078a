"""The seed's network, small enough to raise for every test session.

    client 172.16.88.100 -- r2 .11 --+-- LAN 192.168.99.0/24, fd00:99::/64
                                     +-- r1 .10      kubewatch, or bgpd with the module
                                     +-- kube1 .12, kube2 .13, kube3 .14 ...
                                     +-- api .20     the Kubernetes API server
    r2 10.0.12.2 ------------------------ r1 10.0.12.1   "uplink", fd00:12::/64

r1 and r2 are iBGP peers (AS 62112, MD5) on the nodes' LAN; r2 must send a VIP's traffic to r1,
which spreads it over the nodes. The nodes answer through r2, their default gateway. Every node
answers for the whole VIP ranges, as the kube-proxy or Cilium of a real node would for any VIP.
The uplink carries nothing by itself: tests route over it what happens when r1 loses the nodes' LAN.
"""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from ipaddress import ip_network
from pathlib import Path
from typing import Iterable

from tests.fakeapi import objects

from . import traffic
from .netns import PYTHON, Namespace, Run, set_up_interfaces
from .peerlog import DEBUG_LINES, LOG_FILE, PeerLog
from .router import Router
from .shell import ShellSetup, is_ours
from .wait import WaitError, poll

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "packaging" / "examples"
HERE = Path(__file__).parent

VIP_RANGES = {4: "192.168.77.0/24", 6: "fd00:77::/64"}
CLIENT_NETWORKS = {4: "172.16.88.0/24", 6: "fd00:88::/64"}
MAX_NODES = 64
FLAPPED_S = 10  # a session takes one or two seconds

# What makes sessions and updates quick; nothing here changes which routes are announced.
QUICK_BGP = """\
bgp route-map delay-timer 0
router bgp 62112
 coalesce-time 0
 neighbor {peer4} timers 3 9
 neighbor {peer4} timers connect 1
 neighbor {peer4} advertisement-interval 0
 neighbor {peer6} timers 3 9
 neighbor {peer6} timers connect 1
 neighbor {peer6} advertisement-interval 0
exit
"""

ROUTER_SYSCTLS = {
    "net.ipv4.ip_forward": 1,
    "net.ipv6.conf.all.forwarding": 1,
    "net.ipv4.fib_multipath_hash_policy": 1,
    "net.ipv6.fib_multipath_hash_policy": 1,
    "net.ipv4.conf.all.send_redirects": 0,
    "net.ipv4.conf.default.send_redirects": 0,
    "net.ipv4.conf.all.rp_filter": 0,
    "net.ipv4.conf.default.rp_filter": 0,
}


def lan(host: int) -> dict[int, str]:
    """Addresses of a host on the nodes' LAN, by family; the IPv6 one reads like the IPv4 one."""
    return {4: f"192.168.99.{host}", 6: f"fd00:99::{host}"}


def vips(prefixes: Iterable[str]) -> list[str]:
    """Those prefixes that lie in the VIP ranges."""
    ranges = [ip_network(text) for text in VIP_RANGES.values()]
    inside = []
    for prefix in map(ip_network, prefixes):
        if any(prefix.version == r.version and prefix.subnet_of(r) for r in ranges):
            inside.append(str(prefix))
    return inside


class Node:
    """A Kubernetes node: it answers HTTP on every VIP with its name."""

    def __init__(self, lab: Lab, space: Namespace, host: int) -> None:
        self._lab = lab
        self.name = space.name
        self.space = space
        self.address = lan(host)
        self._unhealthy = lab.run.directory / f"{self.name}.unhealthy"
        self._http: subprocess.Popen | None = None

    def start_http(self) -> None:
        """Serve port 80, and kube-proxy's health check on 10256."""
        script = [PYTHON, "-ISE", str(HERE / "nodehttp.py"), self.name, str(self._unhealthy)]
        self._http = self.space.popen(script, stdout=subprocess.PIPE)

    def wait_http(self) -> None:
        """Return when the web server listens."""
        assert self._http is not None and self._http.stdout is not None
        if self._http.stdout.readline() != b"ready\n":
            raise AssertionError(f"{self.name}: the web server did not start")

    def stop_http(self) -> None:
        """The node's proxy is gone: connections are refused."""
        assert self._http is not None
        self._http.terminate()
        self._http.wait()

    def set_healthy(self, healthy: bool) -> None:
        """What /healthz on port 10256 says: 200 or 503."""
        if healthy:
            self._unhealthy.unlink(missing_ok=True)
        else:
            self._unhealthy.touch()

    def set_link(self, up: bool) -> None:
        """Plug or pull the node's cable (see Lab.set_cable)."""
        self._lab.set_cable(self.name, up)

    def reset(self) -> None:
        """A healthy node with its cable in."""
        self.set_link(True)
        self.set_healthy(True)
        if self._http is None or self._http.poll() is not None:
            self.start_http()
            self.wait_http()


class Lab:
    """The whole network. Use as a context manager, or raise() and close()."""

    def __init__(
        self,
        *,
        nodes: int = 3,
        watchfrr: bool = False,
        shell: ShellSetup | None = None,
        r1_options: dict[str, str] | None = None,
        r1_binds: list[tuple[Path, str]] | None = None,
        r1_extra: str = "",
    ) -> None:
        """`r1_extra` is configuration for r1 after the example; the other r1_ words: see Router."""
        if not 1 <= nodes <= MAX_NODES:
            raise ValueError(f"1 to {MAX_NODES} nodes")
        self._node_count = nodes
        self._watchfrr = watchfrr
        self._shell = shell
        self._r1_options = r1_options
        self._r1_binds = r1_binds or []
        self._r1_extra = r1_extra
        self.raised_in_s = 0.0

    def __enter__(self) -> "Lab":
        return self.up()

    def __exit__(self, *_: object) -> None:
        self.close()

    def up(self) -> "Lab":
        """Raise the network; returns when both BGP sessions have carried a route."""
        began = time.monotonic()
        self.run = Run()
        try:
            self._wire()
            self._start_nodes()
            self._start_routers()
            self._wait_until_ready()
            for node in self.nodes:
                node.wait_http()
        except BaseException:
            self.close()
            raise
        self.raised_in_s = time.monotonic() - began
        return self

    def close(self) -> None:
        """Take the network down and remove its files (kept with KUBEVIP_LAB_KEEP=1)."""
        self.run.close()

    # ---- use -------------------------------------------------------------------------------

    def client_get(
        self, url: str, n: int = 1, *, timeout: float = 2, parallel: int = 16
    ) -> Counter[str]:
        """n connections from the client, each from its own port: how often which node answered.

        Failures count under "error: ...".
        """
        return traffic.get(self.client, url, n, timeout, parallel)

    def traffic(self, url: str, parallel: int = 4, timeout: float = 1) -> traffic.Traffic:
        """Clients that connect without a pause while a `with` block lasts."""
        return traffic.Traffic(self.client, url, parallel, timeout)

    def set_cable(self, name: str, up: bool) -> None:
        """Plug or pull the cable between a host (r1, kube1, api ...) and the nodes' LAN.

        The host's interface loses its carrier and keeps its addresses, as a real one does.
        """
        self.lan.ip(f"link set {name} {'up' if up else 'down'}")

    def node(self, name: str) -> Node:
        """A node by name."""
        return next(node for node in self.nodes if node.name == name)

    def node_hops(self, family: int = 4, *names: str) -> list[tuple[str, str]]:
        """The next hops that r1's kernel should have for these nodes (default: all)."""
        wanted = [node for node in self.nodes if not names or node.name in names]
        return sorted((node.address[family], "lan") for node in wanted)

    def node_objects(self) -> list[dict]:
        """The nodes as Kubernetes shows them."""
        return [objects.node(node.name, *node.address.values()) for node in self.nodes]

    def describe(self) -> str:
        """How to look around in a lab that is up."""
        rows = [f"lab {self.run.tag} in {self.run.directory}, raised in {self.raised_in_s:.2f} s"]
        for name, space in self.run.namespaces.items():
            rows.append(f"  {name:8} nsenter -t {space.holder} -n -m -p")
        return "\n".join(rows)

    def logs(self) -> str:
        """The ends of all logs, for failure reports."""
        parts = []
        for router in (self.r1, self.r2):
            for path in sorted((router.directory / "log" / "frr").iterdir()):
                text = "\n".join(path.read_text(errors="replace").splitlines()[-25:])
                if text:
                    parts.append(f"--- {router.name} {path.name}\n{text}")
        return "\n".join(parts)

    def reset(self) -> None:
        """Back to the state after up(): for the next module, whatever the last one did.

        A zebra 8.4.4 whose link has flapped may install some route no more: then
        there is another one.
        """
        self.clear()
        self.r1.start_missing()
        try:
            self._wait_until_ready(FLAPPED_S)
        except WaitError:
            self.restart_r1()

    def clear(self) -> None:
        """The same, but that no shell runs: with the module, r1 is left without bgpd."""
        self.r1.stop_shells()
        for name in ("r1", "r2", "api"):
            self.set_cable(name, True)
        for node in self.nodes:
            node.reset()
        self.r1.restore_static_routes()
        poll(self._no_vip_left, 15, "no VIP left in r1, and r2's kernel without them")

    def restart_r1(self) -> None:
        """All of r1's daemons again, and nothing of the ones before is left."""
        self.r1.stop_all()
        self.r1.start_all()
        self._wait_until_ready()

    def _no_vip_left(self) -> bool:
        routers = self.r1, self.r2
        return not any(vips(router.kernel_routes(f)) for router in routers for f in (4, 6))

    # ---- raising ---------------------------------------------------------------------------

    def _wire(self) -> None:
        """Namespaces, the switch, cables and addresses."""
        self.lan = self.run.namespace("lan")
        self.lan.ip("link add br0 type bridge forward_delay 0 mcast_snooping 0", "link set br0 up")
        self.r1_space, self.r2_space = self._host("r1", 10), self._host("r2", 11)
        for space in (self.r1_space, self.r2_space):
            space.sysctl(ROUTER_SYSCTLS)
        self.api = self._host("api", 20)
        self.client = self.run.namespace("client")
        self.run.veth(self.client, "eth0", self.r2_space, "clients")
        set_up_interfaces(self.r2_space, {"clients": ["172.16.88.1/24", "fd00:88::1/64"]})
        set_up_interfaces(self.client, {"eth0": ["172.16.88.100/24", "fd00:88::100/64"]})
        self.run.veth(self.r1_space, "uplink", self.r2_space, "uplink")
        set_up_interfaces(self.r1_space, {"uplink": ["10.0.12.1/30", "fd00:12::1/64"]})
        set_up_interfaces(self.r2_space, {"uplink": ["10.0.12.2/30", "fd00:12::2/64"]})
        self.client.ip("route add default via 172.16.88.1", "route add default via fd00:88::1")

    def _host(self, name: str, host: int) -> Namespace:
        """A namespace on the nodes' LAN."""
        space = self.run.namespace(name)
        self.run.veth(space, "lan", self.lan, name)
        self.lan.ip(f"link set {name} master br0 up")
        address = lan(host)
        set_up_interfaces(space, {"lan": [f"{address[4]}/24", f"{address[6]}/64"]})
        return space

    def _start_nodes(self) -> None:
        self.nodes: list[Node] = []
        for index in range(self._node_count):
            host = 12 + index if index < 8 else 22 + index  # .20 is the API server
            space = self._host(f"kube{index + 1}", host)
            node = Node(self, space, host)
            lines = [f"route add local {prefix} dev lo" for prefix in VIP_RANGES.values()]
            space.ip(*lines, *(f"route add default via {gateway}" for gateway in lan(11).values()))
            node.start_http()
            self.nodes.append(node)

    def _start_routers(self) -> None:
        self.r1 = Router(
            self.run,
            self.r1_space,
            self._config("r1", lan(11)) + self._r1_extra,
            watchfrr=self._watchfrr,
            options=self._r1_options,
            shell=self._shell,
            binds=self._r1_binds,
        )
        debug = "\n".join(DEBUG_LINES) + "\n"
        self.r2 = Router(self.run, self.r2_space, self._config("r2", lan(10)) + debug)
        for space in (self.r2_space, self.r1_space):
            # bgpd waits for a link-local address that it does not find at its start, now and then for good
            poll(
                lambda s=space: "tentative" not in s.run(["ip", "-6", "address", "show"]),
                30,
                f"{space.name}: IPv6 addresses are no longer tentative",
            )
        for router in (self.r2, self.r1):
            router.start_all()
        self.peerlog = PeerLog(self.r2.log_path("bgpd").with_name(LOG_FILE))

    @staticmethod
    def _config(name: str, peer: dict[int, str]) -> str:
        """The example that operators copy, without our lines, and behind it what makes tests quick."""
        lines = (EXAMPLES / f"{name}.conf").read_text().splitlines()
        example = "".join(f"{line}\n" for line in lines if not is_ours(line))
        return example + QUICK_BGP.format(peer4=peer[4], peer6=peer[6])

    def _wait_until_ready(self, deadline: float = 90) -> None:
        for family, clients in CLIENT_NETWORKS.items():
            poll(
                lambda: clients in self.r1.kernel_routes(family),
                deadline,
                f"r1 learned {clients} from r2, so the session is up",
            )
