"""The lab with a real Kubernetes API in it and a shell on r1, and what "routed" and "gone" mean.

A VIP is looked at from four sides, because each can be wrong alone: the shell's JSON, r1's kernel,
r2's kernel (that is: through BGP), and the peer's log, which also knows what was there for a moment
only. A few VIPs of nobody's test, the bystanders, are there all the time: see KubeLab.check_peace().
"""

from __future__ import annotations

import time
from ipaddress import ip_address
from pathlib import Path
from typing import Callable, Iterable

from tests.kube import CRDS, RBAC, KubeApi, KubeError, endpoint, service_path, slice_path
from tests.lab import Lab, poll
from tests.lab.seedlab import lan

ROOT = Path(__file__).resolve().parents[2]
API_PORT = 16443
LABEL = {"mdhlabs-bgp": "enable"}
KUBECONFIG = "/etc/frr/kubevip/lab.kubeconfig"
# 100 percent: tests withdraw what they announced, and soon that is more than half of all VIPs.
CLUSTER = f"""\
kubevip cluster lab kubeconfig {KUBECONFIG}
kubevip cluster lab vip-range 192.168.77.0/24
kubevip cluster lab vip-range fd00:77::/64
kubevip cluster lab withdraw-guard 100
kubevip cluster lab advertise web service-selector mdhlabs-bgp=enable
"""
HEAD = "hostname r1\n"
# Through every node, and through kube3 alone: tests take no node away but the first two.
STEADY, STEADY6, PINNED = BYSTANDERS = "192.168.77.1", "fd00:77::1", "192.168.77.2"
LISTS = (
    "/api/v1/services",
    "/apis/discovery.k8s.io/v1/endpointslices",
    "/apis/gateway.networking.k8s.io/v1/gateways",
    "/api/v1/pods",
)


def new_api(lab: Lab, directory: Path) -> KubeApi:
    """etcd and kube-apiserver for the lab's api namespace and its address; not started."""
    return KubeApi(
        directory,
        netns=f"/proc/{lab.api.holder}/ns/net",
        address=lan(20)[4],
        port=API_PORT,
        # For the tests that let a kubelet fall silent; the programs' own figures make it a minute.
        manager_args=("--node-monitor-grace-period=4s", "--node-monitor-period=1s"),
    )


def host_prefix(vip: str) -> str:
    """The route of a VIP."""
    return f"{vip}/{ip_address(vip).max_prefixlen}"


def family_of(vip: str) -> int:
    """4 or 6."""
    return ip_address(vip).version


class KubeLab:
    """One module's use of the lab: cluster emptied, bystanders in it, the shell watching."""

    def __init__(self, lab: Lab, api: KubeApi) -> None:
        self.lab, self.api, self.client = lab, api, api.client
        self.r1, self.r2 = lab.r1, lab.r2
        self.shell = lab.r1.shell
        self._own: set[str] = set()
        self.began = time.time()
        self.nodes_change = self.session_changes = False

    # ---- the cluster -----------------------------------------------------------------------

    def found_cluster(self) -> None:
        """RBAC, CRDs, nodes; nothing of an earlier module, and not of an etcd that it wiped."""
        self.client.apply_yaml(RBAC)
        self.client.apply_yaml(self.api.assets / CRDS)
        self._remove_all()
        for node in self.lab.nodes:
            self.node(node.name)

    def _remove_all(self) -> None:
        for path in LISTS:
            # A CRD that has just been established may still answer 429 or 404.
            for item in poll(lambda: self.client.get(path), 20, f"{path} is served")["items"]:
                meta, (base, plural) = item["metadata"], path.rsplit("/", 1)
                if (meta["namespace"], meta["name"]) != ("default", "kubernetes"):
                    self.remove(f"{base}/namespaces/{meta['namespace']}/{plural}/{meta['name']}")

    def remove(self, path: str) -> None:
        """Delete an object at once, if it is there."""
        try:
            self.client.delete(path, 0)
        except KubeError as error:
            if error.code != 404:  # with the controllers running, a slice goes with its Service
                raise

    def node(self, name: str, **more) -> None:
        """A node of the lab as its kubelet reports it, Ready, both families."""
        address = self.lab.node(name).address
        self.client.node(name, address[4], ipv6=address[6], **more)

    def service(
        self,
        namespace: str,
        name: str,
        *vips: str,
        nodes: Iterable[str] = ("kube1", "kube2", "kube3"),
        labels: dict[str, str] | None = None,
        **spec,
    ) -> None:
        """A LoadBalancer Service with one ready endpoint on each of `nodes`, in both families.

        The slices are the test's own: a Service without selector is nobody else's business.
        """
        if len({family_of(vip) for vip in vips}) == 2:
            spec.setdefault("ipFamilyPolicy", "PreferDualStack")
        elif any(family_of(vip) == 6 for vip in vips):
            spec.setdefault("ipFamilies", ["IPv6"])
        self.client.service(namespace, name, labels=LABEL if labels is None else labels, **spec)
        self.endpoints(namespace, name, *nodes)
        self.client.set_ingress(namespace, name, list(vips))

    def endpoints(self, namespace: str, name: str, *nodes: str, ready: bool = True) -> None:
        """The Service has one endpoint on each of these nodes, and no others."""
        for family, network in (("IPv4", "10.1.{}.5"), ("IPv6", "fd00:1:{}::5")):
            found = [endpoint(network.format(node[-1]), node, ready) for node in nodes]
            self.client.endpointslice(namespace, name, found, family=family)

    def delete_service(self, namespace: str, name: str) -> None:
        """The Service and its slices."""
        self.client.delete(service_path(namespace, name))
        for family in ("ipv4", "ipv6"):
            self.remove(slice_path(namespace, f"{name}-{family}"))

    def label(self, path: str, **labels: str | None) -> None:
        """Set or (None) remove labels of the object at `path`; _ stands for - in a key."""
        changed = {key.replace("_", "-"): value for key, value in labels.items()}
        self.client.patch(path, {"metadata": {"labels": changed}})

    # ---- the shell -------------------------------------------------------------------------

    def token(self) -> str:
        """A fresh token of the packaged ServiceAccount."""
        return self.api.create_token("kubevip", "kubevip-router")

    def use_token_file(self) -> None:
        """The cluster's kubeconfig names a token file beside it."""
        self.write_token(self.token())
        path = self.api.kubeconfig("lab", {"tokenFile": "lab.token"})
        self.r1.write_etc("kubevip/lab.kubeconfig", path.read_text())

    def write_token(self, token: str) -> None:
        """Renew the token file."""
        self.r1.write_etc("kubevip/lab.token", token + "\n")

    def use_certificate(self) -> None:
        """The cluster's kubeconfig holds a client certificate of the group that rbac.yaml binds."""
        self.r1.write_etc("kubevip/lab.kubeconfig", self.api.kubeconfig_cert().read_text())

    def watch(self, config: str = CLUSTER) -> None:
        """Start the shell with the bystanders there; returns when they are routed."""
        self.service("bystanders", "steady", STEADY, STEADY6)
        self.service("bystanders", "pinned", PINNED, nodes=["kube3"], policy="Local")
        self.shell.stop()
        self.shell.configure(HEAD + config)
        self.shell.start()
        self.routed(STEADY)
        self.routed(STEADY6)
        self.routed(PINNED, "kube3")

    def command(self, *commands: str) -> str:
        """Commands on the shell's vty, as its operator types them."""
        return self.shell.vty(*commands)

    def configure(self, *lines: str) -> None:
        """Configuration typed through the vty."""
        self.command("configure terminal", *lines, "end")

    def settle(self, *lines: str) -> None:
        """The same; returns when it is in force."""
        before = self.show()["configurationGeneration"]
        self.configure(*lines)
        poll(lambda: self.show()["configurationGeneration"] > before, 20, f"{lines} are in force")

    def relist(self, cluster: str = "lab") -> None:
        """`clear kubevip cluster`: the impatient operator's way to have the API looked at now."""
        self.command(f"clear kubevip cluster {cluster}")

    def show(self, what: str = "") -> dict:
        """`show kubevip WHAT json`."""
        return self.shell.vty_json(f"show kubevip {what}".rstrip())

    def cluster(self, name: str = "lab") -> dict:
        """What `show kubevip cluster NAME json` says."""
        return self.show(f"cluster {name}")["clusters"][name]

    def vip(self, vip: str) -> dict:
        """What `show kubevip vip` says of a VIP; {} if it knows none."""
        return self.show(f"vip {host_prefix(vip)}")["vips"].get(host_prefix(vip), {})

    def claim(self, namespace: str, name: str, vip: str | None = None) -> dict:
        """What `show kubevip service` says of a Service's (only) address."""
        claims = self.show(f"service {namespace}/{name}")["services"]
        (claim,) = [c for c in claims if vip is None or c["address"] == vip]
        return claim

    def shown_node(self, name: str) -> dict:
        """What `show kubevip node` says of a node."""
        (node,) = [node for node in self.show("node")["nodes"] if node["name"] == name]
        return node

    def node_reason(self, name: str, block: str = "web") -> str:
        """Why an advertise block uses this node, or does not."""
        return self.shown_node(name)["blocks"][block]["reason"]

    # ---- what must be ------------------------------------------------------------------------

    def routed(self, vip: str, *nodes: str, within: float = 60) -> None:
        """Wait until the VIP goes through exactly these nodes (default: all), everywhere."""
        self._touch(vip)
        family, prefix = family_of(vip), host_prefix(vip)
        hops = self.lab.node_hops(family, *nodes)
        poll(lambda: self._r1_hops(vip) == hops, within, f"r1's kernel has {prefix} via {hops}")
        poll(lambda: self._at_peer(vip), within, f"r2's kernel has {prefix} from BGP")
        addresses = sorted(address for address, _ in hops)
        poll(lambda: self._installed(vip) == addresses, within, f"{prefix} is shown as installed")
        shown = self.vip(vip)
        assert (shown["reason"], shown["routed"], shown["held"]) == ("selected", True, False), shown
        assert sorted(shown["nextHops"]) == addresses, shown
        assert self._r1_hops(vip) == hops and self._at_peer(vip), f"{prefix} has gone again"

    def hops_are(self, vip: str, *addresses: str, within: float = 20) -> None:
        """Wait until r1's kernel has the VIP through these addresses."""
        hops = [(address, "lan") for address in sorted(addresses)]
        poll(lambda: self._r1_hops(vip) == hops, within, f"r1's kernel has {vip} via {hops}")
        assert self._at_peer(vip)

    def without_route(self, vip: str, within: float = 20) -> None:
        """Wait until neither kernel has the VIP, whatever the shell says of it."""
        self._touch(vip)
        prefix = host_prefix(vip)
        poll(lambda: self._r1_hops(vip) is None, within, f"r1's kernel is without {prefix}")
        poll(lambda: not self._at_peer(vip), within, f"r2's kernel is without {prefix}")

    def gone(self, vip: str, reason: str | None = None, within: float = 20) -> None:
        """Wait until nobody has the VIP; `reason` is what the shell says of it, None: nothing."""
        self.without_route(vip, within)
        poll(lambda: self._dismissed(vip, reason), within, f"{vip} is not routed: {reason}")
        kinds = self.kinds(vip)
        assert kinds[-1:] in ([], ["withdraw"]), f"the peer was told of {vip}: {kinds}"

    def still_there(self, vip: str) -> None:
        """Both kernels have the VIP, through whatever nodes."""
        assert self._r1_hops(vip) and self._at_peer(vip), f"{vip} is no longer routed"

    def never_routed(self, vip: str) -> None:
        """Nobody has or had the VIP since the test began."""
        self._touch(vip)
        assert self._r1_hops(vip) is None and not self._at_peer(vip), f"{vip} is routed"
        assert self.kinds(vip) == [], f"{vip} was routed for a while"

    def refused(self, namespace: str, name: str, vip: str | None, reason: str) -> None:
        """Wait until the shell says why it does not take this address; None: there is none."""
        poll(
            lambda: self.claim(namespace, name, vip)["reason"] == reason,
            20,
            f"{namespace}/{name} {vip} is refused: {reason}",
        )
        self.fence()
        if vip:
            self.never_routed(vip)

    def meets_every_node(self, vip: str) -> None:
        """60 connections of the client, each from its own port, are spread over all nodes."""
        host = f"[{vip}]" if family_of(vip) == 6 else vip
        answers = self.lab.client_get(f"http://{host}/", 60)
        assert set(answers) == {node.name for node in self.lab.nodes}, answers
        assert sum(answers.values()) == 60

    def until(self, fn: Callable[[], object], what: str, within: float = 20) -> None:
        """Wait for something that the shell shows."""
        poll(fn, within, what)

    def fence(self) -> None:
        """Wait until what was written to the API so far has gone all the way to the peer.

        A VIP of its own, routed and gone again, is younger than whatever came before it: when it
        has arrived, an announcement that should not be would have arrived as well.
        """
        self.service("bystanders", "fence", "192.168.77.3")
        self.routed("192.168.77.3")
        self.delete_service("bystanders", "fence")
        self.gone("192.168.77.3")

    def kinds(self, vip: str, since: float | None = None) -> list[str]:
        """What the peer was told of the VIP since the test began, in order."""
        began = self.began if since is None else since
        return self.lab.peerlog.kinds(host_prefix(vip), began)

    def begin_test(self) -> None:
        """From here on counts what the peer is told."""
        self._own = set()
        self.began = time.time()
        self.nodes_change = self.session_changes = False

    def touches(self, *vips: str) -> None:
        """These are the test's own as well: for tests of what takes the bystanders away."""
        self._own |= {host_prefix(vip) for vip in vips}

    def check_peace(self) -> None:
        """No VIP but the test's own was announced or withdrawn, however shortly.

        Where a test changed nodes, a bystander that goes through them may be announced again: bgpd
        does so when the first of its next hops is another. Where it ended the module, all of them
        are, in the next session. A withdrawal is wrong in any case.
        """
        calm = set()
        if self.nodes_change or self.session_changes:
            changed = BYSTANDERS if self.session_changes else (STEADY, STEADY6)
            calm = {(host_prefix(vip), "announce") for vip in changed}
        told = {(u.prefix, u.kind) for u in self.lab.peerlog.updates(self.began)}
        strange = {update for update in told - calm if update[0] not in self._own}
        assert not strange, f"the peer was told of VIPs that this test does not touch: {strange}"

    # ---- inside ------------------------------------------------------------------------------

    def _touch(self, vip: str) -> None:
        """A VIP that a test asks for is the test's own, but for the bystanders."""
        if vip not in BYSTANDERS:
            self._own.add(host_prefix(vip))

    def _r1_hops(self, vip: str) -> list[tuple[str, str]] | None:
        route = self.r1.kernel_routes(family_of(vip)).get(host_prefix(vip))
        return route and route["nexthops"]

    def _at_peer(self, vip: str) -> bool:
        family = family_of(vip)
        route = self.r2.kernel_routes(family).get(host_prefix(vip))
        if route is None:
            return False
        assert (route["proto"], route["nexthops"]) == ("bgp", [(lan(10)[family], "lan")]), route
        return True

    def _installed(self, vip: str) -> list[str] | None:
        shown = self.vip(vip)
        return sorted(shown["installedNextHops"]) if shown.get("state") == "installed" else None

    def _dismissed(self, vip: str, reason: str | None) -> bool:
        shown = self.vip(vip)
        if reason is None:
            return not shown
        return not shown["routed"] and shown["reason"] == reason
