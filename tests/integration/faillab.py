"""What tests of failures do over and over: a shell on r1, a fake API server, and who saw what.

A `Scene` is one router with kubewatch or with the module. Its statements about "never" (no kernel
delete, no withdrawal) are made by `unharmed`, which ends with a VIP of its own that goes the whole
way: what is older than that VIP's arrival has been seen by then, so that no test needs to wait and
hope.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Callable, Iterable, Iterator

from tests.fakeapi import FakeApiProcess, objects
from tests.lab import Lab, Namespace, Router, poll
from tests.lab.netns import PYTHON, CommandError
from tests.lab.seedlab import lan

RANGES = ("192.168.77.0/24", "fd00:77::/64", "10.77.0.0/16")
CONFIG = [
    "kubevip cluster lab kubeconfig /etc/frr/kubevip/lab.kubeconfig",
    *(f"kubevip cluster lab vip-range {prefix}" for prefix in RANGES),
    "kubevip cluster lab advertise web service-selector mdhlabs-bgp=enable",
]
HOSTS = {"kube1": 12, "kube2": 13, "kube3": 14}
NODES = tuple(HOSTS)
VIP, URL = "192.168.77.128/32", "http://192.168.77.128/"
UPSTREAM = "10.0.12.2"  # r2 at the other end of the idle uplink
STATE = "kubevip.state"
WITNESS = 254  # last byte of the VIP that `unharmed` brings and takes away


def prefix_of(number: int, family: int = 4) -> str:
    """The VIP with this last number."""
    return f"192.168.77.{number}/32" if family == 4 else f"fd00:77::{number}/128"


def url_of(prefix: str) -> str:
    """Where a VIP answers."""
    address = prefix.partition("/")[0]
    return f"http://[{address}]/" if ":" in address else f"http://{address}/"


def web(*prefixes: str, nodes: Iterable[str] = NODES, **more: object) -> list[dict]:
    """For each VIP a Service and its slice, named after the address."""
    found = []
    for prefix in prefixes:
        address, family = prefix.partition("/")[0], 6 if ":" in prefix else 4
        name = "web-" + address.replace(".", "-").replace(":", "-")
        found.append(objects.service(name, address, **more))
        slice_ = objects.endpoints_on(*nodes, family=family)
        found.append(objects.endpoint_slice(name, slice_, family=family))
    return found


class Scene:
    """The lab's shell on r1, fed by a fake API server. Nothing runs before start()."""

    def __init__(self, lab: Lab, api: FakeApiProcess, *, running: bool = False) -> None:
        """`running`: watchfrr has started the shell, which waits for its kubeconfig."""
        self.lab, self.api = lab, api
        self.r1, self.r2 = lab.r1, lab.r2
        self.shell = lab.r1.shell
        if not running:
            self.shell.stop()
            self.prepare_state_directory()
        self.r1.write_etc("kubevip/lab.kubeconfig", api.kubeconfig())

    # ---- life ------------------------------------------------------------------------------

    @property
    def state_directory(self) -> Path:
        """/var/lib/kubevip of r1."""
        return self.r1.state_directory

    @property
    def state_file(self) -> Path:
        """Where it is recorded what is ours."""
        return self.r1.state_directory / STATE

    def prepare_state_directory(self) -> None:
        """As after the installation: there, empty, of user frr."""
        self.r1.make_state_directory()
        for left in (self.r1.run_dir / STATE, *self.r1.state_directory.iterdir()):
            left.unlink(missing_ok=True)

    def configure(self, *more: str, lines: Iterable[str] = CONFIG) -> None:
        """The configuration for the next start."""
        self.shell.configure([*lines, *more])

    def start(self, *, synchronised: bool = True) -> None:
        """Start the shell; by default return when it knows everything the API says."""
        self.shell.start()
        if synchronised:
            self.wait_synchronised()

    def kill(self, sig: int = signal.SIGKILL) -> int:
        """End it."""
        return self.shell.kill(sig)

    def restart(self, sig: int = signal.SIGKILL, *, synchronised: bool = True) -> None:
        """End it and start it again."""
        self.kill(sig)
        self.start(synchronised=synchronised)

    def type(self, *lines: str) -> None:
        """Type configuration into the running shell, which applies it when it has settled."""
        self.shell.type(*lines)

    def order(self, command: str) -> str:
        """A command of the enable node; returns what it said."""
        return self.shell.vty(command)

    # ---- what the shell says --------------------------------------------------------------------

    def show(self, what: str = "", daemon: str | None = None) -> dict:
        """`show kubevip ... json`; `daemon`: of another process than the lab's shell."""
        return self.r1.vty_json(daemon or self.shell.daemon, f"show kubevip {what}".strip())

    def trouble(self, daemon: str | None = None) -> set[str]:
        """The kinds of trouble on the first page."""
        return {item["kind"] for item in self.show(daemon=daemon)["trouble"]}

    def cluster(self) -> dict:
        """Cluster lab on the first page."""
        return self.show()["clusters"].get("lab", {})

    def wait_synchronised(self) -> None:
        """Return when the lists are in and everything about them is decided."""
        poll(self._is_synchronised, 20, "cluster lab is live, nothing is left to decide")

    def _is_synchronised(self) -> bool:
        page = self.show()
        return page["clusters"]["lab"]["state"] == "live" and page["backlog"] == 0

    def wait_identity_recorded(self) -> None:
        """Return when the state file says of which cluster it speaks, and as of when."""
        poll(lambda: "\nC lab " in self.state_file.read_text(), 10, "the state file names lab")

    def vip(self, prefix: str = VIP, daemon: str | None = None) -> dict:
        """What is shown of one VIP; {} when there is nothing."""
        return self.show(f"vip {prefix}", daemon)["vips"].get(prefix, {})

    def claim_reason(self, prefix: str) -> str:
        """Why the (first) Service that claims a VIP may have it, or may not; "": there is none."""
        claims = self.show("service")["services"]
        address = prefix.partition("/")[0]
        return next((c["reason"] for c in claims if c.get("address") == address), "")

    def wait_state(self, state: str, prefix: str = VIP, *, deadline: float = 10) -> dict:
        """Return the VIP when it has this state."""
        return poll(
            lambda: (found := self.vip(prefix)).get("state") == state and found,
            deadline,
            f"{prefix} is {state}: it is {self._said(prefix)}",
        )

    def _said(self, prefix: str) -> object:
        try:
            found = self.vip(prefix)
        except (OSError, ValueError) as error:
            return error
        return found.get("state"), found.get("reason")

    # ---- VIPs --------------------------------------------------------------------------------

    def add(self, *prefixes: str, nodes: Iterable[str] = NODES, wait: bool = True) -> None:
        """Services with these VIPs; by default return when they are everywhere."""
        self.api.put(*web(*prefixes, nodes=nodes))
        if wait:
            self.wait_up(*prefixes, hops=None if nodes == NODES else self.hops(*nodes))

    def remove(self, *prefixes: str) -> None:
        """Delete the Services of these VIPs."""
        for obj in web(*prefixes):
            plural = "services" if obj["kind"] == "Service" else "endpointslices"
            self.api.delete(plural, obj["metadata"]["name"])

    def hops(self, *nodes: str, family: int = 4) -> list[tuple[str, str]]:
        """What r1's kernel should have for these nodes."""
        return self.lab.node_hops(family, *nodes)

    def route(self, prefix: str = VIP) -> dict | None:
        """r1's kernel route."""
        return self.r1.kernel_routes(6 if ":" in prefix else 4).get(prefix)

    def wait_hops(self, hops: list, prefix: str = VIP, deadline: float = 10) -> None:
        """Return when r1's kernel routes the VIP to exactly these."""
        poll(
            lambda: (self.route(prefix) or {}).get("nexthops") == hops,
            deadline,
            f"{prefix} via {hops} in r1's kernel",
        )

    def at_peer(self, *prefixes: str) -> set[str]:
        """Those of these VIPs that r2's kernel has."""
        found = {p for family in (4, 6) for p in self.r2.kernel_routes(family)}
        return found & set(prefixes)

    def wait_peer(self, *prefixes: str, deadline: float = 20) -> None:
        """Return when r2's kernel has them."""
        poll(
            lambda: self.at_peer(*prefixes) == set(prefixes),
            deadline,
            f"{_names(prefixes)} in r2's kernel",
        )

    def wait_peer_lost(self, *prefixes: str, deadline: float = 20) -> None:
        """Return when r2's kernel has none of them."""
        poll(lambda: not self.at_peer(*prefixes), deadline, f"{_names(prefixes)} left r2's kernel")

    def wait_up(self, *prefixes: str, hops: list | None = None, deadline: float = 20) -> None:
        """Return when r1's kernel routes them to the nodes and r2 has them from r1."""
        poll(
            lambda: not self._not_up(prefixes, hops),
            deadline,
            f"{_names(prefixes)} via {hops or 'all nodes'} in r1's kernel",
        )
        self.wait_peer(*prefixes, deadline=deadline)

    def _not_up(self, prefixes: tuple[str, ...], hops: list | None) -> list[str]:
        routes = {**self.r1.kernel_routes(4), **self.r1.kernel_routes(6)}
        found = {prefix: routes.get(prefix, {}).get("nexthops") for prefix in prefixes}
        default = {4: self.hops(), 6: self.hops(family=6)}
        return [p for p in prefixes if found[p] != (hops or default[6 if ":" in p else 4])]

    def wait_gone(self, *prefixes: str, deadline: float = 20) -> None:
        """Return when neither router's kernel has them."""
        poll(
            lambda: not set(prefixes) & {p for f in (4, 6) for p in self.r1.kernel_routes(f)},
            deadline,
            f"{_names(prefixes)} left r1's kernel",
        )
        self.wait_peer_lost(*prefixes, deadline=deadline)

    # ---- what must not happen ------------------------------------------------------------------

    @contextmanager
    def unharmed(
        self, *prefixes: str, kernel: bool = True, until: Callable[[], object] | None = None
    ) -> Iterator[None]:
        """No withdrawal of these VIPs at the peer and, with `kernel`, no delete in r1's kernel.

        Judged after `until` (default: the shell is synchronised, and the witness went its way).
        IPv6 is not judged in the kernel: zebra replaces such a route by a delete and an add, unless
        it was started with --v6-rr-semantics (see test_failure_kernel.py).

        Where the module was ended in the block, its BGP session went with it, and with that what
        the peer had: no UPDATE withdraws them, and with the next session it has them all again.
        """
        began = time.time()
        with self.r1.monitor() as monitor:
            yield
            (until or self.send_witness)()
        withdrawn = [
            update
            for update in self.lab.peerlog.updates(began)
            if update.kind == "withdraw" and update.prefix in prefixes
        ]
        assert withdrawn == [], "withdrawn at the peer"
        if kernel:
            ipv4 = [prefix for prefix in prefixes if ":" not in prefix]
            deleted = [line for prefix in ipv4 for line in monitor.deleted(prefix, began)]
            assert deleted == [], "deleted in r1's kernel"
        if self.shell.carries_bgp and self.shell.pid():
            self.wait_peer(*prefixes)
        elif not self.shell.carries_bgp:
            assert self.at_peer(*prefixes) == set(prefixes)

    def send_witness(self) -> None:
        """A VIP comes, reaches r2's kernel, and goes."""
        self.wait_synchronised()
        witness = prefix_of(WITNESS)
        self.add(witness, wait=False)
        self.wait_peer(witness)
        self.remove(witness)
        self.wait_gone(witness)

    def send_operators_witness(self) -> None:
        """The same with a static route of the operator: where we cannot, or must not.

        Without bgpd it goes as far as r1's kernel.
        """
        witness = prefix_of(WITNESS)
        line = f"ip route {witness} {UPSTREAM} tag 77"
        self.r1.config([line])
        if self.r1.pid("bgpd"):
            self.wait_peer(witness)
        else:
            poll(lambda: self.route(witness), 10, f"{witness} in r1's kernel")
        self.r1.config([f"no {line}"])
        self.wait_gone(witness)


def _names(prefixes: tuple[str, ...]) -> str:
    return " ".join(prefixes[:4]) + (f" and {len(prefixes) - 4} more" if prefixes[4:] else "")


SNIFF = """
import json, select, socket, struct, sys
interface, wanted = sys.argv[1], socket.inet_aton(sys.argv[2])
channel = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003))
channel.bind((interface, 0x0003))
print("ready", flush=True)
ttls = []
while True:
    ready = select.select([0, channel], [], [])[0]
    if channel in ready:
        data, (_, protocol, kind, _, _) = channel.recvfrom(2048)
        if protocol == 0x0800 and kind == socket.PACKET_OUTGOING and data[16:20] == wanted:
            ttls.append(data[8])
    elif 0 in ready:
        print(json.dumps(ttls))
        break
"""


SEND = """
import json, select, socket, sys
target = sys.argv[1], int(sys.argv[2])
flows = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(64)]
sent = 0
while not select.select([0], [], [], 0.005)[0]:
    for flow in flows[sent % 4 :: 4]:
        try:
            flow.sendto(b"x", target)
        except OSError:  # an ICMP error for an earlier one
            flow.sendto(b"x", target)
    sent += len(flows) // 4
    if sent == len(flows) // 4:
        print("ready", flush=True)
print(json.dumps(sent))
"""

COUNT = """
import json, select, socket, sys
channel = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
channel.bind(("0.0.0.0", int(sys.argv[1])))
print("ready", flush=True)
received = 0
while True:
    ready = select.select([0, channel], [], [])[0]
    if channel in ready:
        channel.recv(16)
        received += 1
    elif 0 in ready:
        print(json.dumps(received))
        break
"""


class _Tool:
    """A script in a namespace: it says "ready" and, when its input ends, what it has counted."""

    def __init__(self, space: Namespace, script: str, *words: object) -> None:
        command = [PYTHON, "-ISc", script, *map(str, words)]
        self._process = space.popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def result(self):
        """End it; return what it counted."""
        return json.loads(self._process.communicate(timeout=30)[0])


class SentPackets:
    """Context manager: the IPv4 packets that a namespace sends out of an interface to an address.

    Afterwards `ttls` has one entry for each: a packet in a loop is seen again and again with ever
    fewer left.
    """

    def __init__(self, space: Namespace, interface: str, address: str) -> None:
        self._where = space, SNIFF, interface, address
        self.ttls: list[int] = []

    def __enter__(self) -> "SentPackets":
        self._tool = _Tool(*self._where)
        return self

    def __exit__(self, *_: object) -> None:
        self.ttls = self._tool.result()


class Datagrams:
    """Context manager: 64 flows of datagrams from the client to a VIP, counted where they arrive.

    Connections would not do to find a lost packet: one that is under way when the next hops change
    may move to a node that does not know it, and is reset.
    """

    def __init__(self, lab: Lab, address: str, port: int = 7777) -> None:
        self._lab, self._address, self._port = lab, address, port
        self.sent = 0
        self.received: dict[str, int] = {}

    @property
    def lost(self) -> int:
        """Datagrams that reached no node."""
        return self.sent - sum(self.received.values())

    def __enter__(self) -> "Datagrams":
        nodes = self._lab.nodes
        self._counters = {node.name: _Tool(node.space, COUNT, self._port) for node in nodes}
        self._sender = _Tool(self._lab.client, SEND, self._address, self._port)
        return self

    def __exit__(self, *_: object) -> None:
        self.sent = self._sender.result()
        self.received = {name: counter.result() for name, counter in self._counters.items()}


class TypedRoutes:
    """Configuration of an operator that a test types into a router and takes back."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._undo = ExitStack()

    def add(self, *lines: str) -> None:
        """Type lines, each of which has a `no` form."""
        self._router.config(list(lines))
        self._undo.callback(self._remove, lines)

    def remove(self, *lines: str) -> None:
        """Take lines back before the end."""
        self._router.config([f"no {line}" for line in lines])

    def _remove(self, lines: tuple[str, ...]) -> None:
        for line in lines:
            try:
                self._router.config([f"no {line}"])
            except CommandError:
                pass  # taken back already

    def close(self) -> None:
        """Take everything back."""
        self._undo.close()


def node(name: str, ready: str = "True") -> dict:
    """A node of the lab, with both its addresses, in some condition."""
    return objects.node(name, *lan(HOSTS[name]).values(), ready=ready)
