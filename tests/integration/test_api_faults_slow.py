"""Faults that are over by themselves, but not soon: half a minute, or two times 75 s.

Each has a cluster of its own, with its own API server, in a lab of their own (fixture slow_faults).
Threads play all of them at once; the tests here only
wait for the result. In that lab hardly anything is ever withdrawn: what shows that a fault is over
is one more VIP.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Callable

import pytest

from tests.fakeapi import FakeApiProcess, Pki, objects
from tests.lab import Lab, ShellSetup
from tests.lab.wait import poll as poll_often
from tests.lab.seedlab import lan, vips

from .test_api_faults import GENERATED, KINDS, PATH, refusal

DEADLINE_S = 240  # two probes of a silent watch are 75 s apart; and another test may need the CPU
NODES = 1


def poll(fn: Callable[[], object], deadline: float, what: str) -> object:
    """As everywhere, but a dozen threads do it: more slowly."""
    return poll_often(fn, deadline, what, interval=0.3)


class Cluster:
    """One cluster and its API server, a VIP before the fault and one after it."""

    def __init__(self, lab: Lab, pki: Pki, number: int, fault: "SlowFault") -> None:
        self.lab, self.name = lab, f"c{number}"
        self._range = f"192.168.77.{8 * number}/29"
        self.before, self.after, self.late = (f"192.168.77.{8 * number + i}" for i in (1, 2, 3))
        self.api = FakeApiProcess(lan(20)[4], 6500 + number, pki, lab.api)
        self.api.set_streaming_lists(fault.streaming)
        self.api.put(*lab.node_objects(), *self.service("before", self.before))
        self._fault = fault

    def config(self) -> list[str]:
        """Its lines of configuration."""
        text = self.api.kubeconfig()
        self.lab.r1.write_etc(f"kubevip/{self.name}.kubeconfig", text)
        lines = [
            f"kubeconfig /etc/frr/kubevip/{self.name}.kubeconfig",
            f"vip-range {self._range}",
            "advertise web service-selector mdhlabs-bgp=enable",
        ]
        return [f"kubevip cluster {self.name} {line}" for line in lines]

    @staticmethod
    def service(name: str, vip: str, **more: object) -> list[dict]:
        """A Service with its slice."""
        slice_ = objects.endpoint_slice(name, objects.endpoints_on("kube1"))
        return [objects.service(name, vip, **more), slice_]

    def show(self) -> dict:
        """`show kubevip cluster NAME`."""
        command = f"show kubevip cluster {self.name}"
        return self.lab.r1.shell.vty_json(command)["clusters"][self.name]

    def kind(self, plural: str) -> dict:
        """One kind in it."""
        return self.show()["kinds"][plural]

    def routed(self, vip: str) -> bool:
        """Whether r1's kernel has the VIP."""
        return f"{vip}/32" in self.lab.r1.kernel_routes(4)

    def wait_begun(self) -> None:
        """Everything is well."""
        poll(lambda: self.routed(self.before), 60, f"{self.name}: the first VIP")
        for plural in KINDS:
            poll(
                lambda kind=plural: self.kind(kind)["state"] in ("watching", "absent"),
                60,
                f"{self.name}: {plural} are watched",
            )

    # ---- what faults do ----------------------------------------------------------------------

    def fault(self, action: str, how: str = "list", plural: str = "services", **more) -> None:
        """A fault of the fake API server, for ever if not said otherwise."""
        self.api.fault(action, PATH[plural], how, **{"times": None, **more})

    def relist(self) -> None:
        """As the operator's command."""
        self.lab.r1.shell.vty(f"clear kubevip cluster {self.name}")

    def break_watches(self) -> None:
        """They begin anew."""
        self.api.close_connections()

    def wait_status(self, status: int, plural: str = "services") -> None:
        """The operator sees this HTTP status and a text."""
        poll(
            lambda: (k := self.kind(plural))["httpStatus"] == status and k["lastError"],
            DEADLINE_S,
            f"{self.name}: {status} is shown",
        )

    def wait_error(self, plural: str = "services") -> None:
        """The operator sees an error."""
        poll(lambda: self.kind(plural)["lastError"], DEADLINE_S, f"{self.name}: an error is shown")

    def play(self) -> None:
        """The whole story of one fault."""
        self.wait_begun()
        self._fault.happens(self)
        assert self.routed(self.before)
        self.api.clear_faults()
        self.api.put(*self.service("after", self.after))
        poll(lambda: self.routed(self.after), DEADLINE_S, f"{self.name}: the VIP after the fault")
        poll(lambda: self.show()["lastError"] is None, DEADLINE_S, f"{self.name}: all is well")
        assert self.show()["state"] == "live" and self.routed(self.before)


# ---- the faults ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class SlowFault:
    """`happens` does the damage and returns when it is to be over."""

    name: str
    happens: Callable[[Cluster], None]
    streaming: bool = True


def forbidden_then_allowed(cluster: Cluster) -> None:
    cluster.fault("status", **refusal(403, "Forbidden"))
    cluster.relist()
    cluster.wait_status(403)
    assert cluster.show()["state"] == "stale"


def mandatory_kind_not_found(cluster: Cluster) -> None:
    cluster.fault("status", "watch", "endpointslices", **refusal(404, "NotFound"))
    cluster.break_watches()
    cluster.wait_status(404, "endpointslices")


def unauthorized_then_token_renewed(cluster: Cluster) -> None:
    """The kubeconfig itself holds the token here."""
    cluster.api.set_tokens("second")
    cluster.break_watches()
    cluster.wait_status(401)
    path = f"kubevip/{cluster.name}.kubeconfig"
    cluster.lab.r1.write_etc(path, cluster.api.kubeconfig("second"))


def redirect(cluster: Cluster) -> None:
    cluster.fault("status", **refusal(302, "", Location="http://192.168.99.20/"))
    cluster.relist()
    cluster.wait_status(302)


def retry_after_a_day(cluster: Cluster) -> None:
    cluster.fault("status", **refusal(429, "", **{"Retry-After": "86400"}))
    cluster.relist()
    cluster.wait_status(429)


def list_is_never_answered(cluster: Cluster) -> None:
    cluster.fault("silent")
    cluster.relist()
    cluster.wait_error()


def watch_is_never_answered(cluster: Cluster) -> None:
    cluster.fault("silent", "watch")
    cluster.break_watches()
    poll(lambda: "answer" in (cluster.kind("services")["lastError"] or ""), DEADLINE_S, "overdue")


def list_freezes(cluster: Cluster) -> None:
    cluster.fault("freeze", after_bytes=300)
    cluster.relist()
    cluster.wait_error()


def stream_has_no_end_mark(cluster: Cluster) -> None:
    """A server that takes it for a plain watch: from then on it is asked for plain lists."""
    cluster.fault("no_end_mark", "watch")
    lists = cluster.kind("services")["lists"]
    cluster.relist()
    poll(lambda: cluster.kind("services")["lists"] > lists, DEADLINE_S, "listed in another way")
    assert not cluster.kind("services")["streamingList"]


def watch_freezes(cluster: Cluster) -> None:
    """The connection stays, the server answers everything else: only probes can tell."""
    cluster.api.freeze_watches("services")


def watch_freezes_in_mid_event(cluster: Cluster) -> None:
    cluster.fault("freeze", "watch", after_bytes=300, times=1)
    cluster.break_watches()
    poll(lambda: "services" in cluster.api.watches(), DEADLINE_S, "watched again")


def etcd_is_restored(cluster: Cluster) -> None:
    """The resourceVersion goes back, and open watches fall silent for ever."""
    api = cluster.api
    kept = [
        api.get("services", "before", "prod"),
        api.get("endpointslices", "before-abcde", "prod"),
    ]
    api.put(*cluster.service("lost", cluster.late))
    poll(lambda: cluster.routed(cluster.late), 60, "what the backup does not have")
    api.clear("services", "endpointslices")
    api.set_rv(1)
    api.put(*(obj for obj in kept if obj))
    poll(lambda: cluster.kind("services")["relists"], DEADLINE_S, "listed from scratch")
    assert cluster.kind("services")["errors"] and cluster.kind("nodes")["errors"]


def gateway_api_is_installed(cluster: Cluster) -> None:
    cluster.api.serve("gateways", False)
    gateway = objects.gateway("gw", cluster.late)
    cluster.api.put(gateway, *cluster.service("generated", cluster.late, labels=GENERATED))
    poll(lambda: cluster.kind("gateways")["state"] == "absent", 60, "the kind is absent")
    cluster.api.serve("gateways")
    poll(lambda: cluster.routed(cluster.late), DEADLINE_S, "the Gateway's VIP")


FAULTS = [
    SlowFault("403-then-allowed", forbidden_then_allowed, streaming=False),
    SlowFault("404-on-a-mandatory-kind", mandatory_kind_not_found),
    SlowFault("401-then-another-kubeconfig", unauthorized_then_token_renewed),
    SlowFault("302-is-not-followed", redirect, streaming=False),
    SlowFault("429-retry-after-a-day", retry_after_a_day, streaming=False),
    SlowFault("list-is-never-answered", list_is_never_answered, streaming=False),
    SlowFault("watch-is-never-answered", watch_is_never_answered),
    SlowFault("list-freezes", list_freezes, streaming=False),
    SlowFault("stream-has-no-end-mark", stream_has_no_end_mark),
    SlowFault("watch-freezes", watch_freezes),
    SlowFault("watch-freezes-in-mid-event", watch_freezes_in_mid_event),
    SlowFault("etcd-is-restored", etcd_is_restored),
    SlowFault("gateway-api-is-installed", gateway_api_is_installed),
]


class SlowFaults:
    """All of them in one process, each played by a thread."""

    def __init__(self, pki: Pki, shell: ShellSetup) -> None:
        self._lab = Lab(nodes=NODES, shell=shell).up()
        self._errors: dict[str, BaseException] = {}
        self._clusters = [Cluster(self._lab, pki, i + 1, fault) for i, fault in enumerate(FAULTS)]
        self._start()
        self._threads = {
            fault.name: threading.Thread(target=self._play, args=(fault, cluster), daemon=True)
            for fault, cluster in zip(FAULTS, self._clusters)
        }
        for thread in self._threads.values():
            thread.start()

    def _start(self) -> None:
        shell = self._lab.r1.shell
        shell.stop()
        lines = [line for cluster in self._clusters for line in cluster.config()]
        shell.configure(["debug kubevip api", *lines])
        self._began = time.time()
        self._monitor = self._lab.r1.monitor().__enter__()
        shell.start()
        self._pid = shell.pid()

    def _play(self, fault: SlowFault, cluster: Cluster) -> None:
        try:
            cluster.play()
        except BaseException as error:  # noqa: BLE001 - raised by result()
            self._errors[fault.name] = error

    def result(self, name: str) -> None:
        """Return when this fault's story has ended well."""
        self._threads[name].join(2 * DEADLINE_S)
        assert not self._threads[name].is_alive(), "it does not end"
        if name in self._errors:
            raise self._errors[name]

    def losses(self) -> list:
        """Every VIP that was deleted in r1's kernel or withdrawn at the peer, whatever for."""
        told = self._lab.peerlog.updates(self._began)
        lines = [text for _, text in self._monitor.lines if text.startswith("Deleted")]
        addresses = {
            f"{word}/32" for text in lines for word in text.split() if word.count(".") == 3
        }
        return vips(addresses) + [update for update in told if update.kind == "withdraw"]

    def same_process(self) -> bool:
        """Whether it is the process that was started."""
        return self._lab.r1.shell.pid() == self._pid

    def describe(self) -> str:
        """For failures: what is shown of each cluster."""
        return self._lab.r1.shell.vty("show kubevip cluster") + self._lab.logs()

    def close(self) -> None:
        """Take it down; threads that are not finished end with an error."""
        self._monitor.__exit__(None, None, None)
        for cluster in self._clusters:
            cluster.api.close()
        self._lab.close()


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_slow_fault(fault: SlowFault, slow_faults: SlowFaults) -> None:
    try:
        slow_faults.result(fault.name)
    except BaseException:
        print(slow_faults.describe())
        raise


@pytest.mark.slow
def test_nothing_was_lost_meanwhile(slow_faults: SlowFaults) -> None:
    """But one VIP, which a restored etcd knows nothing of."""
    for fault in FAULTS:
        slow_faults.result(fault.name)
    late = next(i for i, f in enumerate(FAULTS, 1) if f.happens is etcd_is_restored) * 8 + 3
    losses = [loss for loss in slow_faults.losses() if f"192.168.77.{late}/32" not in str(loss)]
    assert losses == []
    assert slow_faults.same_process()
