"""Kubernetes nodes that run FRR themselves, and who hears them: the lab of node mode.

    upstream .11 (AS 64512) ---+-- LAN 192.168.99.0/24, fd00:99::/64
    mate .10 (AS 65000, iBGP) -+-- kube1 .12, kube2 .13, kube3 .14   FRR with the bgpd module
    upstream 10.0.12.2 --------+-- kube1 10.0.12.1                   "far": eBGP in another subnet
                               +-- api .20                           the Kubernetes API server

The nodes run packaging/examples/node.conf with their own name and address in it. What kube1
tells upstream over the far link gets a local preference that keeps it out of the ECMP.
"""

from __future__ import annotations

import time

from tests.fakeapi import objects

from .netns import Run, set_up_interfaces
from .peerlog import DEBUG_LINES, LOG_FILE, PeerLog
from .router import Router
from .seedlab import EXAMPLES, ROUTER_SYSCTLS, lan
from .shell import ModuleSetup
from .wait import poll

HOSTS = {"kube1": 12, "kube2": 13, "kube3": 14}
UP, MATE = lan(11), lan(10)
FAR = {4: ("10.0.12.1", "10.0.12.2"), 6: ("fd00:12::1", "fd00:12::2")}  # kube1, up

QUICK = """\
 coalesce-time 0
 neighbor {0} timers 3 9
 neighbor {0} timers connect 1
 neighbor {0} advertisement-interval 0
"""
# A node's sessions beside those of the example.
MATE_PEER = """\
router bgp 65000
 neighbor {v4} remote-as 65000
 neighbor {v6} remote-as 65000
 address-family ipv4 unicast
  neighbor {v4} activate
 exit-address-family
 address-family ipv6 unicast
  neighbor {v6} activate
 exit-address-family
exit
"""
FAR_PEER = """\
router bgp 65000
 neighbor {v4} remote-as 64512
 neighbor {v6} remote-as 64512
 address-family ipv4 unicast
  neighbor {v4} activate
  neighbor {v4} prefix-list KUBEVIP out
  neighbor {v4} route-map NOTHING in
 exit-address-family
 address-family ipv6 unicast
  neighbor {v6} activate
  neighbor {v6} prefix-list KUBEVIP6 out
  neighbor {v6} route-map NOTHING in
 exit-address-family
exit
"""


def node_config(name: str, *, kubevip: bool) -> str:
    """packaging/examples/node.conf for this node: FRR's part, or the `kubevip` lines."""
    text = (EXAMPLES / "node.conf").read_text()
    text = text.replace("192.168.99.12", lan(HOSTS[name])[4]).replace("kube1", name)
    text = text.replace("node-name auto", f"node-name {name}")  # all run on one host here
    lines = text.splitlines()
    return "\n".join(line for line in lines if line.startswith("kubevip") == kubevip) + "\n"


class NodeLab:
    """Three nodes with FRR, an upstream router, an iBGP neighbour. Use as a context manager."""

    def __init__(self, module: ModuleSetup) -> None:
        self._module = module
        self.raised_in_s = 0.0

    def __enter__(self) -> "NodeLab":
        began = time.monotonic()
        self.run = Run()
        try:
            self._wire()
            self._start()
            poll(self._sessions_up, 30, "every BGP session of the lab is up")
        except BaseException:
            self.close()
            raise
        self.raised_in_s = time.monotonic() - began
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the network down."""
        self.run.close()

    # ---- use -------------------------------------------------------------------------------

    def node_objects(self) -> list[dict]:
        """The nodes as Kubernetes shows them."""
        return [objects.node(name, *lan(host).values()) for name, host in HOSTS.items()]

    def describe(self) -> str:
        """How to look around in a lab that is up."""
        rows = [f"lab {self.run.tag} in {self.run.directory}"]
        for name, space in self.run.namespaces.items():
            rows.append(f"  {name:8} nsenter -t {space.holder} -n -m -p")
        return "\n".join(rows)

    def logs(self) -> str:
        """The ends of all logs, for failure reports."""
        return "\n".join(
            f"--- {name} bgpd\n{router.log_tail('bgpd')}" for name, router in self.routers.items()
        )

    # ---- raising ---------------------------------------------------------------------------

    def _wire(self) -> None:
        self.lan = self.run.namespace("lan")
        self.lan.ip("link add br0 type bridge forward_delay 0 mcast_snooping 0", "link set br0 up")
        self.spaces = {name: self._host(name, host) for name, host in HOSTS.items()}
        self.spaces |= {"upstream": self._host("upstream", 11), "mate": self._host("mate", 10)}
        self.api = self._host("api", 20)
        self.run.veth(self.spaces["kube1"], "far", self.spaces["upstream"], "far")
        for end, name in enumerate(("kube1", "upstream")):
            addresses = [f"{FAR[4][end]}/30", f"{FAR[6][end]}/64"]
            set_up_interfaces(self.spaces[name], {"far": addresses})

    def _host(self, name: str, host: int):
        space = self.run.namespace(name)
        self.run.veth(space, "lan", self.lan, name)
        self.lan.ip(f"link set {name} master br0 up")
        space.sysctl(ROUTER_SYSCTLS)
        set_up_interfaces(space, {"lan": [f"{lan(host)[4]}/24", f"{lan(host)[6]}/64"]})
        return space

    def _start(self) -> None:
        self.up = Router(self.run, self.spaces["upstream"], self._up_config())
        self.mate = Router(self.run, self.spaces["mate"], self._mate_config())
        self.nodes = {
            name: Router(
                self.run, self.spaces[name], self._node_config(name), shell=self._module
            )
            for name in HOSTS
        }
        self.routers = {"upstream": self.up, "mate": self.mate, **self.nodes}
        self.modules = {name: router.shell for name, router in self.nodes.items()}
        for router in self.routers.values():
            router.start_all()
        self.peerlog = PeerLog(self.up.log_path("bgpd").with_name(LOG_FILE))

    @staticmethod
    def _node_config(name: str) -> str:
        text = node_config(name, kubevip=False) + MATE_PEER.format(v4=MATE[4], v6=MATE[6])
        peers = [*UP.values(), *MATE.values()]
        if name == "kube1":
            text += FAR_PEER.format(v4=FAR[4][1], v6=FAR[6][1])
            peers += [FAR[4][1], FAR[6][1]]
        return text + "router bgp 65000\n" + "".join(map(QUICK.format, peers)) + "exit\n"

    @staticmethod
    def _up_config() -> str:
        lines = ["route-map FAR permit 10", " set local-preference 50", "exit", *DEBUG_LINES]
        lines += ["router bgp 64512", " no bgp ebgp-requires-policy", " no bgp default ipv4-unicast"]
        peers = {4: [FAR[4][0]], 6: [FAR[6][0]]}
        for family, found in peers.items():
            found += [lan(host)[family] for host in HOSTS.values()]
            lines += [f" neighbor {peer} remote-as 65000" for peer in found]
            lines += [f" address-family ipv{family} unicast", "  maximum-paths 8"]
            lines += [f"  neighbor {peer} activate" for peer in found]
            lines += [f"  neighbor {found[0]} route-map FAR in", " exit-address-family"]
        quick = "".join(QUICK.format(peer) for found in peers.values() for peer in found)
        return "\n".join(lines) + "\n" + quick + "exit\n"

    @staticmethod
    def _mate_config() -> str:
        lines = ["router bgp 65000", " no bgp default ipv4-unicast"]
        quick = ""
        for family in (4, 6):
            found = [lan(host)[family] for host in HOSTS.values()]
            lines += [f" neighbor {peer} remote-as 65000" for peer in found]
            lines += [f" address-family ipv{family} unicast", "  maximum-paths ibgp 8"]
            lines += [f"  neighbor {peer} activate" for peer in found] + [" exit-address-family"]
            quick += "".join(QUICK.format(peer) for peer in found)
        return "\n".join(lines) + "\n" + quick + "exit\n"

    def _sessions_up(self) -> bool:
        wanted = {"upstream": 8, "mate": 6}
        for name, count in wanted.items():
            found = 0
            for family in (4, 6):
                page = self.routers[name].vty_json("bgpd", f"show bgp ipv{family} unicast summary")
                found += sum(p["state"] == "Established" for p in page.get("peers", {}).values())
            if found != count:
                return False
        return True
