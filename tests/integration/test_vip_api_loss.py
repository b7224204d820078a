"""The API server goes away and comes back: stopped, killed in mid-event, without its etcd."""

from __future__ import annotations

import threading
from http.client import HTTPException
from typing import Iterator

import pytest

from tests.kube import KubeError, service_path

from .kubelab import BYSTANDERS, STEADY, KubeLab, host_prefix

MANY = 51
ADDRESSES = {f"busy-{n}": (f"192.168.77.{50 + n}", f"192.168.77.{60 + n}") for n in range(6)}


@pytest.fixture(scope="module", autouse=True)
def watching(kube: KubeLab) -> None:
    """The shell runs."""
    kube.use_token_file()
    kube.watch()


@pytest.fixture(autouse=True)
def peace(kube: KubeLab, watching: None) -> Iterator[None]:
    """A test touches its own VIPs and no other; at its end the API server runs."""
    kube.begin_test()
    with kube.r1.monitor() as monitor:
        yield
        kube.api.etcd.start()
        kube.api.apiserver.start()
    kube.check_peace()
    assert [line for vip in BYSTANDERS for line in monitor.deleted(host_prefix(vip))] == []


def complaint(kube: KubeLab) -> str:
    """What is wrong with the API, as `show kubevip cluster` has it."""
    shown = kube.cluster()
    return shown["lastError"] or shown["servers"][0]["lastError"] or ""


def follows(kube: KubeLab, name: str, vip: str) -> None:
    """A Service that is made now is routed, and gone when it goes."""
    kube.service("prod", name, vip)
    kube.routed(vip, within=60)
    kube.delete_service("prod", name)
    kube.gone(vip)
    kube.until(lambda: not complaint(kube), "nothing is wrong any more")


def test_api_server_is_stopped_and_started(kube: KubeLab) -> None:
    vip = "192.168.77.50"
    kube.service("prod", "kept", vip)
    kube.routed(vip)
    pid = kube.shell.pid()
    kube.api.apiserver.stop(grace_s=1)
    kube.until(lambda: "connect" in complaint(kube), "it is said that nobody answers")
    kube.routed(vip)
    kube.meets_every_node(vip)
    assert kube.cluster()["state"] == "live", "it is not stale before its watches' time is up"
    kube.api.apiserver.start()
    follows(kube, "after-stop", "192.168.77.51")
    assert kube.kinds(vip) == ["announce"]
    assert kube.shell.pid() == pid
    kube.delete_service("prod", "kept")
    kube.gone(vip)


def test_etcd_is_killed(kube: KubeLab) -> None:
    """The API server lives and knows nothing new, whatever it is asked."""
    kube.api.etcd.kill()
    kube.relist()
    kube.until(lambda: kube.cluster()["kinds"]["services"]["state"] != "watching", "it lists")
    kube.routed(STEADY)
    kube.api.etcd.start()
    follows(kube, "after-etcd", "192.168.77.53")


class Writer:
    """Services whose addresses change without a pause, until the server is gone."""

    def __init__(self, kube: KubeLab) -> None:
        self._kube = kube
        self._thread = threading.Thread(target=self._run)
        self.written = 0

    def __enter__(self) -> "Writer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def _run(self) -> None:
        try:
            while True:
                for name, addresses in ADDRESSES.items():
                    address = addresses[self.written // len(ADDRESSES) % 2]
                    self._kube.client.set_ingress("busy", name, [address])
                    self.written += 1
        except (OSError, HTTPException, KubeError):
            pass  # the server was killed, which is the point


def in_api(kube: KubeLab) -> dict[str, str]:
    """Which address each of the Services has, as the API server knows it now."""
    found = {}
    for name in ADDRESSES:
        status = kube.client.get(service_path("busy", name))["status"]
        found[name] = status["loadBalancer"]["ingress"][0]["ip"]
    return found


def test_api_server_is_killed_in_the_middle_of_events(kube: KubeLab) -> None:
    """Whatever was lost on the way: afterwards the table is what the API says, no more, no less.

    The server starts again at once, as an upgrade does it: it has forgotten what it had sent.
    """
    for name, addresses in ADDRESSES.items():
        kube.service("busy", name, addresses[0])
    with Writer(kube) as writer:
        kube.until(lambda: writer.written >= MANY, f"{MANY} addresses were written")
        kube.api.apiserver.kill()
    kube.api.apiserver.start()
    wanted = in_api(kube)
    for name, addresses in ADDRESSES.items():
        for address in addresses:
            if address == wanted[name]:
                kube.routed(address, within=60)
            else:
                kube.gone(address, within=60)
    for name, address in wanted.items():
        kube.delete_service("busy", name)
        kube.gone(address)
