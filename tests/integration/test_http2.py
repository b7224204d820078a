"""What can happen to a connection that all watches share: a real API server behind a proxy.

After each fault a change arrives, and nothing was withdrawn. The engine is the same in both shells.
"""

from __future__ import annotations

from typing import Callable, Iterator

import pytest

from tests.kube import H2Proxy
from tests.kube import h2proxy as h2
from tests.lab import poll

from .kubelab import BYSTANDERS, KubeLab, host_prefix
from .shells import kubewatch_only

pytestmark = kubewatch_only("the engine talks to the API server, and it is the same in both")

VIP = "192.168.77.50"
GOAWAY_CHANCE = "--goaway-chance=0.02"  # a request in fifty; the API server takes no more


@pytest.fixture(scope="module")
def proxy(kube: KubeLab) -> Iterator[H2Proxy]:
    """The shell watches through it."""
    with H2Proxy(kube.api, 6444) as proxy:
        path = kube.api.kubeconfig_token(kube.token(), "lab", server=proxy.url)
        kube.r1.write_etc("kubevip/lab.kubeconfig", path.read_text())
        kube.watch()
        yield proxy
        kube.shell.stop()


@pytest.fixture(autouse=True)
def peace(kube: KubeLab, proxy: H2Proxy) -> Iterator[None]:
    """A test touches its own VIP and no other."""
    kube.begin_test()
    with kube.r1.monitor() as monitor:
        yield
    kube.check_peace()
    assert [line for vip in BYSTANDERS for line in monitor.deleted(host_prefix(vip))] == []


def services(kube: KubeLab) -> dict:
    """How the watch of Services is."""
    return kube.cluster()["kinds"]["services"]


def begin(kube: KubeLab) -> None:
    """Every kind is watched, and has forgotten the faults of other tests: no long wait is left."""
    lists = services(kube)["lists"]
    kube.relist()
    kube.until(lambda: services(kube)["lists"] > lists, "it was listed", within=60)
    kube.until(
        lambda: all(
            kind["state"] == "watching" and not kind["lastError"]
            for kind in kube.cluster()["kinds"].values()
        ),
        "every kind is watched",
        within=60,
    )


def follows(kube: KubeLab) -> None:
    """A Service that is made now is routed, and gone when it goes."""
    kube.service("prod", "changed", VIP)
    kube.routed(VIP, within=90)
    kube.delete_service("prod", "changed")
    kube.gone(VIP, within=90)


def test_connection_that_hangs_is_given_up(kube: KubeLab, proxy: H2Proxy) -> None:
    """Somebody takes every byte and answers nothing, on this connection and on no other.

    The operator's list finds it out sooner than the probe of a silent watch would.
    """
    begin(kube)
    frozen = proxy.freeze()
    assert frozen
    kube.relist()
    poll(lambda: all(one.closed for one in frozen), 90, "nobody uses it any more")
    follows(kube)


def test_server_sends_its_clients_away(kube: KubeLab, proxy: H2Proxy) -> None:
    """kube-apiserver's own way to spread its clients over many servers."""
    begin(kube)
    server = kube.api.apiserver
    server.command.append(GOAWAY_CHANCE)
    try:
        server.restart(grace_s=1)
        before = proxy.goaways

        def sent_away() -> bool:
            kube.relist()
            return proxy.goaways > before

        poll(sent_away, 120, "the API server has sent a GOAWAY", interval=0.2)
        follows(kube)
    finally:
        server.command.remove(GOAWAY_CHANCE)
        server.restart(grace_s=1)


FAULTS: dict[str, Callable[[H2Proxy], None]] = {
    "streams are ended": lambda proxy: proxy.end_streams(),
    "streams are reset": lambda proxy: proxy.reset_streams(h2.INTERNAL_ERROR),
    "no new streams": lambda proxy: proxy.goaway(h2.LAST_STREAM, h2.NO_ERROR),
    "no streams at all": lambda proxy: proxy.goaway(0, h2.ENHANCE_YOUR_CALM),
    "no frames": lambda proxy: proxy.inject(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "half a frame": lambda proxy: (proxy.inject(h2.frame(h2.DATA, 0, 1, b"{")[:-1]), proxy.cut()),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault(fault: str, kube: KubeLab, proxy: H2Proxy) -> None:
    begin(kube)
    lists = services(kube)["lists"]
    FAULTS[fault](proxy)
    follows(kube)
    assert services(kube)["lists"] == lists, "watched again from where it was"
