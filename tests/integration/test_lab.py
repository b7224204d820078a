"""The lab itself, with staticd in kubewatch's place: what must hold before kubewatch is tested."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Iterator

import pytest

from tests.fakeapi import FakeApiProcess
from tests.lab import Lab, Router, poll, proc, reap
from tests.lab.netns import BASE
from tests.lab.seedlab import Node, lan

VIP = {4: "192.168.77.128/32", 6: "fd00:77::128/128"}
URL = {4: "http://192.168.77.128/", 6: "http://[fd00:77::128]/"}
OPERATORS = {
    4: {"0.0.0.0/0", "10.20.0.0/16"},
    6: {"::/0", "fd00:20::/48"},
}
FAMILIES = pytest.mark.parametrize("family", [4, 6], ids=["ipv4", "ipv6"])


def static(family: int, prefix: str, *, tag: int | None = 77, no: bool = False) -> list[str]:
    """Configuration lines for one route over all three nodes."""
    word = "ip" if family == 4 else "ipv6"
    suffix = f" tag {tag}" if tag else ""
    hops = [lan(host)[family] for host in (12, 13, 14)]
    return [f"{'no ' if no else ''}{word} route {prefix} {hop}{suffix}" for hop in hops]


@pytest.fixture
def vip(family: int, lab: Lab, r1: Router, r2: Router) -> Iterator[str]:
    """A VIP over all nodes that has reached r2's kernel; removed afterwards if still there."""
    prefix = VIP[family]
    r1.config(static(family, prefix))
    poll(lambda: prefix in r2.kernel_routes(family), 5, f"{prefix} in r2's kernel")
    yield prefix
    r1.config(static(family, prefix, no=True))
    poll(lambda: prefix not in r2.kernel_routes(family), 5, f"{prefix} left r2's kernel")


@FAMILIES
def test_r1_spreads_over_all_nodes(family: int, lab: Lab, r1: Router, vip: str) -> None:
    assert r1.kernel_routes(family)[vip]["nexthops"] == lab.node_hops(family)


@FAMILIES
def test_r2_goes_through_r1(family: int, r2: Router, vip: str) -> None:
    route = r2.kernel_routes(family)[vip]
    assert route["proto"] == "bgp"
    assert route["nexthops"] == [(lan(10)[family], "lan")]


@FAMILIES
def test_one_client_meets_every_node(family: int, lab: Lab, vip: str) -> None:
    answers = lab.client_get(URL[family], 60)
    assert set(answers) == {"kube1", "kube2", "kube3"}, answers
    assert sum(answers.values()) == 60


@FAMILIES
def test_removal_is_a_withdrawal(family: int, lab: Lab, r1: Router, r2: Router) -> None:
    prefix, began = VIP[family], time.time()
    with r2.monitor() as monitor:
        r1.config(static(family, prefix))
        poll(lambda: prefix in r2.kernel_routes(family), 5, f"{prefix} in r2's kernel")
        r1.config(static(family, prefix, no=True))
        poll(lambda: monitor.deleted(prefix), 5, f"r2's kernel says that {prefix} is gone")
    events = lab.peerlog.events(prefix, since=began)
    assert [kind for _, kind, _ in events] == ["announce", "withdraw"]
    assert events[0][2] == lan(10)[family]
    assert began < events[0][0] < events[1][0] < time.time()


@FAMILIES
def test_operators_routes_stay_at_home(
    family: int, lab: Lab, r1: Router, r2: Router, vip: str
) -> None:
    assert OPERATORS[family] <= r1.kernel_routes(family).keys(), "the premise"
    ever = {update.prefix for update in lab.peerlog.updates()}
    assert vip in ever
    assert not OPERATORS[family] & ever, "received at any time since the session came up"
    assert not OPERATORS[family] & r2.kernel_routes(family).keys()


@FAMILIES
def test_host_route_without_tag_stays_at_home(
    family: int, lab: Lab, r1: Router, r2: Router, vip: str
) -> None:
    own = {4: "192.168.77.5/32", 6: "fd00:77::5/128"}[family]
    after = {4: "192.168.77.6/32", 6: "fd00:77::6/128"}[family]
    began = time.time()
    r1.config(static(family, own, tag=None) + static(family, after))
    poll(lambda: after in r2.kernel_routes(family), 5, "a later route, so the earlier was judged")
    assert own in r1.kernel_routes(family)
    assert lab.peerlog.events(own, began) == []
    r1.config(static(family, own, tag=None, no=True) + static(family, after, no=True))
    poll(lambda: after not in r2.kernel_routes(family), 5, "r2 is as before")


@pytest.fixture
def kube1(lab: Lab, r1: Router, r2: Router) -> Iterator[Node]:
    """A node that alone carries the VIP; put in order again afterwards."""
    node, line = lab.node("kube1"), f"ip route {VIP[4]} {lan(12)[4]} tag 77"
    r1.config([line])
    poll(lambda: VIP[4] in r2.kernel_routes(4), 5, f"{VIP[4]} in r2's kernel")
    yield node
    r1.config(["no " + line])
    node.reset()
    poll(lambda: VIP[4] not in r2.kernel_routes(4), 5, f"{VIP[4]} left r2's kernel")


def test_losses_are_seen(lab: Lab, kube1: Node) -> None:
    """Else "no losses" would prove nothing."""
    kube1.set_link(False)
    assert lab.client_get(URL[4], 3, timeout=0.3) == {"error: timeout": 3}
    kube1.set_link(True)
    poll(lambda: lab.client_get(URL[4], 3) == {"kube1": 3}, 5, "answers again")
    kube1.stop_http()
    assert all(answer.startswith("error") for answer in lab.client_get(URL[4], 3))


def test_steady_traffic_shows_a_gap(lab: Lab, kube1: Node) -> None:
    with lab.traffic(URL[4], timeout=0.5) as steady:
        poll(lambda: lab.client_get(URL[4], 20)["kube1"] == 20, 5, "meanwhile others get through")
    assert steady.failures == [] and steady.answers["kube1"] > 20
    with lab.traffic(URL[4], timeout=0.5) as broken:
        kube1.stop_http()
        lab.client_get(URL[4], 20)
    assert broken.failures


def test_r1_reaches_the_api_server(lab: Lab, r1: Router, api: FakeApiProcess) -> None:
    reply = r1.space.run(["curl", "-sS", "--cacert", str(api.pki.ca), f"{api.url}/api/v1/nodes"])
    assert [item["metadata"]["name"] for item in json.loads(reply)["items"]] == [
        node.name for node in lab.nodes
    ]
    assert lab.r1.write_etc("kubevip/lab.kubeconfig", api.kubeconfig()).exists()


def test_reset_sweeps_routes_of_a_dead_client(lab: Lab, r1: Router) -> None:
    r1.config(static(4, VIP[4]))
    lab.reset()
    assert VIP[4] not in r1.kernel_routes(4)
    assert OPERATORS[4] <= r1.kernel_routes(4).keys()


def test_health_check_port_of_a_node(lab: Lab) -> None:
    node = lab.nodes[0]
    url = f"http://{node.address[4]}:10256/healthz"
    assert lab.client_get(url) == {node.name: 1}
    node.set_healthy(False)
    assert lab.client_get(url) == {"error: HTTP/1.1 503 Service Unavailable": 1}
    node.set_healthy(True)


def test_killed_daemon_is_seen_and_restarts(lab: Lab, r1: Router) -> None:
    before = r1.kill("staticd", signal.SIGKILL)
    assert r1.pid("staticd") is None
    r1.start("staticd")
    assert r1.pid("staticd") not in (None, before)
    poll(lambda: OPERATORS[4] <= r1.kernel_routes(4).keys(), 5, "the operator's routes are back")


@pytest.mark.slow
def test_watchfrr_restarts_a_daemon() -> None:
    with Lab(nodes=1, watchfrr=True) as lab:
        before = lab.r1.kill("staticd", signal.SIGKILL)
        poll(lambda: lab.r1.pid("staticd") not in (None, before), 30, "watchfrr restarted staticd")
        poll(lambda: OPERATORS[4] <= lab.r1.kernel_routes(4).keys(), 10, "and it has its routes")


KILLED = """
import sys
sys.path.insert(0, {root!r})
from tests.lab import Lab
lab = Lab(nodes=1).up()
print(lab.run.tag, *(pid for s in lab.run.namespaces.values() for pid, _ in s.identity()))
print(lab.r1.pid("bgpd"), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_when_the_owner_is_killed(sig: int) -> None:
    script = KILLED.format(root=str(Path(__file__).resolve().parents[2]))
    owner = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        # a shell's background job, CI's for one, ignores SIGINT and hands that down
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    tag, *pids = owner.stdout.readline().split()
    pids.append(owner.stdout.readline())
    os.kill(owner.pid, sig)
    owner.wait(timeout=30)
    poll(lambda: not any(proc.start_time(int(p)) for p in pids), 5, "every process is gone")
    if sig == signal.SIGKILL:
        assert tag in reap()
    assert not (BASE / tag).exists()
