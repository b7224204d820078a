"""demo.sh's other half: the lab with a VIP in it, left up until it is told to go.

    python3 -m tests.lab.demo module|kubewatch BUILD DIRECTORY fake|real

Prints what it does; the line "@ready" ends the show, and the process stays, because the lab lives as long as
the process that raised it. SIGTERM takes everything down.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import Callable

from tests.fakeapi import FakeApiProcess, Pki
from tests.fakeapi.replay import Recording

from .seedlab import Lab, lan
from .shell import find_kubewatch, find_module, find_vtysh
from .wait import poll

RECORDED = Path(__file__).resolve().parents[1] / "data" / "recorded"
CONFIG = [
    "kubevip cluster lab kubeconfig /etc/frr/kubevip/lab.kubeconfig",
    "kubevip cluster lab vip-range 192.168.77.0/24",
    "kubevip cluster lab advertise web service-selector mdhlabs-bgp=enable",
]
FIRST, SECOND = "192.168.77.128", "192.168.77.129"
# resourceVersions of the recording: see tests/data/recorded/story.txt
NODES_READY, SERVICE_HAS_ADDRESS, GATEWAY_HAS_ADDRESS = 362, 406, 422


class FakeStory:
    """The seed's story, recorded from a real cluster, told by the fake API server."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self._api = FakeApiProcess(lan(20)[4], 6443, Pki(directory), lab.api)
        self._recording = Recording(RECORDED)
        self.kubeconfig = self._api.kubeconfig()
        self._api.set_rv(1)  # a new server counts from above the recording's resourceVersions
        self._play(NODES_READY)

    def _play(self, until: int) -> None:
        for _ in self._recording.play(self._api, until_rv=until):
            pass

    def service(self) -> None:
        """The Service is created and gets its address."""
        self._play(SERVICE_HAS_ADDRESS)

    def gateway(self) -> None:
        """The Gateway is created, and with it a Service that lacks the Gateway's label."""
        self._play(GATEWAY_HAS_ADDRESS)

    def delete(self) -> None:
        """The first Service is deleted."""
        self._api.delete("services", "cd-bgp-svc")

    def die(self) -> None:
        """The API server is gone, without a word."""
        self._api.refuse()
        self._api.close_connections()

    def come_back(self) -> None:
        """And there again."""
        self._api.accept()


class RealStory:
    """The same, told to a real kube-apiserver."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        from tests.kube import CRDS, RBAC, KubeApi  # needs the built programs

        netns = f"/proc/{lab.api.holder}/ns/net"
        self._api = KubeApi(directory / "kube", netns, lan(20)[4], 6443)
        self._api.start()
        self._kube = self._api.client
        self._kube.apply_yaml(RBAC)
        self._kube.apply_yaml(self._api.assets / CRDS)
        for node in lab.nodes:
            self._kube.node(node.name, node.address[4])
        token = self._api.create_token("kubevip", "kubevip-router")
        self.kubeconfig = Path(self._api.kubeconfig_token(token)).read_text()

    def _endpoints(self, service: str, addresses: dict[str | None, str]) -> None:
        from tests.kube import endpoint

        self._kube.endpointslice(
            "prod", service, [endpoint(ip, node) for node, ip in addresses.items()]
        )

    def service(self) -> None:
        """See FakeStory."""
        self._kube.service("prod", "cd-bgp-svc", labels={"mdhlabs-bgp": "enable"}, ips=[])
        self._endpoints("cd-bgp-svc", {"kube1": "10.0.1.5", "kube2": "10.0.2.5"})
        self._kube.set_ingress("prod", "cd-bgp-svc", ["192.168.77.128"])

    def gateway(self) -> None:
        """See FakeStory."""
        self._kube.gateway("prod", "cd-bgp-gw", [], labels={"mdhlabs-bgp": "enable"})
        self._kube.service(
            "prod",
            "cilium-gateway-cd-bgp-gw",
            labels={"gateway.networking.k8s.io/gateway-name": "cd-bgp-gw"},
            ips=[],
        )
        self._endpoints("cilium-gateway-cd-bgp-gw", {None: "192.192.192.192"})
        self._kube.set_ingress("prod", "cilium-gateway-cd-bgp-gw", ["192.168.77.129"])

    def delete(self) -> None:
        """See FakeStory."""
        from tests.kube import service_path

        self._kube.delete(service_path("prod", "cd-bgp-svc"))

    def die(self) -> None:
        """See FakeStory."""
        self._api.apiserver.kill()

    def come_back(self) -> None:
        """See FakeStory."""
        self._api.apiserver.start()


def say(text: str) -> None:
    """A headline."""
    print(f"\n=== {text}", flush=True)


def shown(lab: Lab, where: str, command: str, run: Callable[[], str]) -> None:
    """A command as an operator would type it, and what it said."""
    print(f"\n{where}# {command}\n{run().rstrip()}", flush=True)


def ask(lab: Lab, command: str) -> None:
    """A command of ours on r1, in vtysh where that knows it."""
    r1 = lab.r1
    if r1.vtysh_is_extended:
        shown(lab, "r1", f"vtysh -c '{command}'", lambda: r1.vtysh(command))
    else:
        shown(lab, "r1", command, lambda: r1.shell.vty(command))


def show_routers(lab: Lab, vip: str) -> None:
    """The VIP's way: our shell, the kernel of r1, BGP, the kernel of r2."""
    r1, r2 = lab.r1, lab.r2
    ask(lab, f"show kubevip vip {vip}")
    shown(lab, "r1", f"ip route show {vip}", lambda: r1.space.run(["ip", "route", "show", vip]))
    shown(lab, "r2", f"vtysh -c 'show bgp ipv4 unicast {vip}'",
          lambda: r2.vtysh(f"show bgp ipv4 unicast {vip}"))
    shown(lab, "r2", f"ip route show {vip}", lambda: r2.space.run(["ip", "route", "show", vip]))


def show_answers(lab: Lab, vip: str) -> None:
    """The client behind r2 asks."""
    answers = lab.client_get(f"http://{vip}/", 60)
    print(f"\n60 connections of the client to http://{vip}/ were answered by", flush=True)
    print(json.dumps(dict(sorted(answers.items()))), flush=True)


def cluster(lab: Lab) -> dict:
    """What the first page says of the cluster."""
    return lab.r1.shell.vty_json("show kubevip")["clusters"]["lab"]


def configure(lab: Lab) -> None:
    """The lines that an operator adds: typed into bgpd, or in kubewatch.conf."""
    shell = lab.r1.shell
    if shell.name == "module":
        say("bgpd runs with -M kubevip; three lines are typed into its configuration")
        print("\n".join(CONFIG), flush=True)
        shell.type(*CONFIG)
    else:
        say("kubewatch starts with three lines in its configuration, /etc/frr/kubewatch.conf")
        print("\n".join(CONFIG), flush=True)
        shell.configure(["hostname r1", "log file /var/log/frr/kubewatch.log", *CONFIG])
        shell.start()


def tell(lab: Lab, story: FakeStory | RealStory) -> None:
    """The demonstration."""
    lab.r1.write_etc("kubevip/lab.kubeconfig", story.kubeconfig)
    configure(lab)
    poll(lambda: cluster(lab)["state"] == "live", 30, "everything is listed")
    say(f"Service prod/cd-bgp-svc is created; its load balancer gives it {FIRST}")
    story.service()
    told(lab, FIRST, True)
    show_routers(lab, f"{FIRST}/32")
    show_answers(lab, FIRST)
    say("Gateway prod/cd-bgp-gw has the label; the Service made for it does not (the seed's trap)")
    story.gateway()
    told(lab, SECOND, True)
    ask(lab, f"show kubevip vip {SECOND} explain")
    show_answers(lab, SECOND)
    ask(lab, "show kubevip service")
    say("Service prod/cd-bgp-svc is deleted")
    story.delete()
    told(lab, FIRST, False)
    ask(lab, "show kubevip history")
    say("The API server dies: what is routed stays")
    story.die()
    poll(lambda: cluster(lab)["lastError"], 20, "a failure is noticed")
    ask(lab, "show kubevip")
    show_answers(lab, SECOND)
    story.come_back()


def told(lab: Lab, vip: str, there: bool) -> None:
    """Wait until the second router's kernel has the VIP, or has it no more, and say how long that took."""
    began = time.monotonic()
    where = "in the second router's kernel" if there else "gone from the second router's kernel"
    poll(lambda: (f"{vip}/32" in lab.r2.kernel_routes()) is there, 20, f"{vip} {where}")
    print(f"{vip} is {where}, {time.monotonic() - began:.1f} s later", flush=True)


def look_around(lab: Lab) -> None:
    """How to get into it."""
    say("The lab stays up. To look around:")
    for name in ("r1", "r2", "client", "kube1"):
        space = lab.run.namespaces[name]
        print(f"  {name:7} nsenter -t {space.holder} -n -m -p bash", flush=True)
    if lab.r1.vtysh_is_extended:
        print("  in r1:  vtysh    then: show kubevip    show kubevip service    show running-config    show ip route")
    else:
        print("  in r1:  /usr/lib/frr/kubewatch --command 'show kubevip'    vtysh -c 'show ip route static'")


def main() -> None:
    """Raise, tell, stay."""
    name, build, directory, api = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    setup = find_module(build / "frr-module") if name == "module" else find_kubewatch(build / "kubewatch" / "kubewatch")
    with Lab(shell=setup) as lab:
        say(f"two routers, three nodes, a client, {api} API server: raised in {lab.raised_in_s:.1f} s")
        if vtysh := find_vtysh(build / "frr-module"):
            lab.r1.extend_vtysh(vtysh)
        tell(lab, {"fake": FakeStory, "real": RealStory}[api](lab, directory))
        look_around(lab)
        print("@ready", flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
