"""Who may be believed to be the API server, and what an operator reads when nobody is.

Verification is always on. Every test that begins with a refusal ends with the remedy, typed or
written into the file while kubewatch runs, and with a VIP in the kernel.
"""

from __future__ import annotations

from typing import Callable, Iterator

import pytest

from tests.fakeapi import FakeApiProcess, Pki, objects
from tests.lab import poll
from tests.lab.seedlab import lan
from tests.lab.wait import holds

from .faillab import CONFIG, VIP, web
from .test_api_faults import KINDS, Faulty, cluster_objects

CA, TOKEN = "/etc/frr/kubevip/ca.crt", "/etc/frr/kubevip/token"
SERVER = "https://192.168.99.20:6443"
RULES = CONFIG[1:]
IDENTITY = {"kind": "Namespace", "metadata": {"name": "kube-system", "uid": "one-cluster"}}


def by_hand(*servers: str, ca: bool = True, token: bool = True) -> list[str]:
    """A configuration without kubeconfig."""
    lines = [f"kubevip cluster lab server {' '.join(servers or [SERVER])}"]
    lines += [f"kubevip cluster lab ca-file {CA}"] if ca else []
    lines += [f"kubevip cluster lab token-file {TOKEN}"] if token else []
    return [*lines, *RULES]


@pytest.fixture
def tls(faulty: Faulty) -> Faulty:
    """An API server with one VIP, files to reach it with, kubewatch not started."""
    faulty.api.put(*web(VIP))
    give_ca(faulty, "ca")
    faulty.r1.write_etc("kubevip/token", "test-token\n")
    return faulty


def give_ca(scene: Faulty, name: str) -> None:
    """What kubewatch shall trust."""
    scene.r1.write_etc("kubevip/ca.crt", scene.api.pki.cert(name).read_text())


def start(scene: Faulty, *lines: str) -> None:
    """Start kubewatch; whether it gets anywhere is the test's business."""
    scene.configure("debug kubevip api", lines=lines or by_hand())
    scene.start(synchronised=False)


def refused(scene: Faulty, *words: str) -> str:
    """Nobody was asked for anything, and the error is about one of these.

    It need not be the first one: lines that are typed slowly are in force before the last of them.
    """

    def so() -> str | None:
        text = str(scene.client()["lastError"])
        return text if any(word in text for word in words) else None

    text = str(poll(so, 10, f"an error about {' or '.join(words)} is shown"))
    assert scene.api.requests() == [], "the token was not shown to a stranger"
    assert scene.client()["state"] == "starting" and scene.show("vip")["vips"] == {}
    return text


def works(scene: Faulty) -> None:
    """The VIP is there, and nothing is complained of."""
    scene.wait_state("installed")
    scene.wait_hops(scene.hops())
    poll(lambda: scene.client()["lastError"] is None, 10, "all is well")


# ---- certificates --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "certificate, words",
    [("other-ca", ["ca-file"]), ("expired", ["expired"]), ("wrong-name", ["tls-server-name"])],
)
def test_wrong_certificate(certificate: str, words: list[str], tls: Faulty) -> None:
    tls.api.set_certificate(certificate)
    start(tls)
    refused(tls, *words)
    (server,) = tls.client()["servers"]
    assert server["lastError"] and server["failures"]
    tls.api.set_certificate("good")
    works(tls)
    poll(lambda: not tls.client()["servers"][0]["lastError"], 5, "the server is well again")


def test_wrong_ca(tls: Faulty) -> None:
    """The remedy is a file, which is looked at before each try."""
    give_ca(tls, "alien")
    start(tls)
    refused(tls, "ca-file")
    give_ca(tls, "ca")
    works(tls)


@pytest.mark.parametrize(
    "contents", [None, "", "no certificate\n"], ids=["no-file", "empty", "text"]
)
def test_unusable_ca_file(contents: str | None, tls: Faulty) -> None:
    path = tls.r1.write_etc("kubevip/ca.crt", contents or "")
    if contents is None:
        path.unlink()
    start(tls)
    assert CA in refused(tls, "ca-file")
    give_ca(tls, "ca")
    works(tls)


def test_no_ca(tls: Faulty) -> None:
    """The system's CAs are nobody's business here: without one of our own nothing is sent."""
    start(tls, *by_hand(ca=False))
    refused(tls, "ca-file")
    tls.type(f"kubevip cluster lab ca-file {CA}")
    works(tls)


def test_kubeconfig_that_skips_verification(tls: Faulty) -> None:
    """insecure-skip-tls-verify gets no connection either."""
    text = tls.api.kubeconfig().replace(
        '"certificate-authority-data"', '"insecure-skip-tls-verify"'
    )
    tls.r1.write_etc("kubevip/lab.kubeconfig", text)
    start(tls, *CONFIG)
    refused(tls, "insecure-skip-tls-verify", "CA", "ca-file", "certificate-authority")
    tls.r1.write_etc("kubevip/lab.kubeconfig", tls.api.kubeconfig())
    works(tls)


def test_name_of_the_certificate_by_configuration(tls: Faulty) -> None:
    tls.api.set_certificate("wrong-name")
    start(tls)
    refused(tls, "tls-server-name")
    tls.type("kubevip cluster lab tls-server-name elsewhere.example")
    works(tls)
    tls.api.clear_requests()
    tls.type("kubevip cluster lab tls-server-name nowhere.example")
    poll(lambda: tls.client()["lastError"], 10, "that is not its name")
    assert tls.api.requests() == []


def test_name_of_the_certificate_by_kubeconfig(tls: Faulty) -> None:
    tls.api.set_certificate("wrong-name")
    text = tls.api.kubeconfig().replace(
        '"server":', '"tls-server-name": "elsewhere.example", "server":'
    )
    tls.r1.write_etc("kubevip/lab.kubeconfig", text)
    start(tls, *CONFIG)
    works(tls)
    assert {request["headers"]["host"] for request in tls.api.requests()} == {"192.168.99.20:6443"}


# ---- what changes while we run -------------------------------------------------------------------


@pytest.fixture
def running(faulty: Faulty) -> Faulty:
    """With the three VIPs of the tests of faults, and files to reach the server with."""
    give_ca(faulty, "ca")
    faulty.r1.write_etc("kubevip/token", "test-token\n")
    faulty.begin(lines=by_hand())
    return faulty


def test_certificate_is_renewed(running: Faulty) -> None:
    """By the same CA: nobody notices."""
    running.api.set_certificate("rotated")
    running.api.close_connections()
    running.follows("services")
    assert running.client()["servers"][0]["failures"] == 0


def test_ca_is_replaced_in_the_file_first(running: Faulty) -> None:
    """With both CAs in the file, as one does it, and then with the new one alone."""
    both = running.api.pki.cert("ca").read_text() + running.api.pki.cert("alien").read_text()
    running.r1.write_etc("kubevip/ca.crt", both)
    running.relist()  # or within 10 s
    running.wait_well("services")
    running.api.set_certificate("other-ca")
    running.api.close_connections()
    running.follows("services")
    assert running.client()["servers"][0]["failures"] == 0
    give_ca(running, "alien")
    running.relist()
    running.follows("endpointslices")


def test_ca_is_replaced_at_the_server_first(running: Faulty) -> None:
    """Held, shown, and over as soon as the file is there."""
    running.api.set_certificate("other-ca")
    running.api.close_connections()
    running.wait_error("services")
    poll(lambda: running.client()["servers"][0]["failures"], 10, "the server's failures count")
    running.untouched()
    give_ca(running, "alien")
    running.follows("services")
    running.wait_well("services")


def test_connection_made_under_the_old_ca_is_not_used_again(running: Faulty) -> None:
    """Trust is taken back: the next request must not travel on what was trusted before."""
    give_ca(running, "alien")
    running.relist()
    running.wait_error("services")
    running.api.clear_requests()
    running.relist()
    holds(lambda: running.api.requests() == [], 1, "nothing is asked on an old connection")
    running.untouched()
    give_ca(running, "ca")
    running.follows("services")


def test_ca_file_is_damaged_while_we_run(running: Faulty) -> None:
    """Half a file, written by hand: what was read before stays in use, and that is said."""
    running.r1.write_etc("kubevip/ca.crt", "-----BEGIN CERT")
    running.relist()
    running.follows("services")
    running.wait_well("services")


# ---- who we are ----------------------------------------------------------------------------------


def test_client_certificate(tls: Faulty) -> None:
    """Nobody's token is accepted; the certificate is enough."""
    pki = tls.api.pki
    tls.api.set_tokens("somebody-elses")
    tls.r1.write_etc("kubevip/client.crt", pki.cert("client").read_text())
    tls.r1.write_etc("kubevip/client.key", pki.key("client").read_text())
    line = "kubevip cluster lab client-certificate {0}.crt key {0}.key"
    start(tls, *by_hand(token=False), line.format("/etc/frr/kubevip/client"))
    works(tls)
    assert all("authorization" not in request["headers"] for request in tls.api.requests())


def test_client_certificate_with_a_strange_key(tls: Faulty) -> None:
    pki = tls.api.pki
    tls.r1.write_etc("kubevip/client.crt", pki.cert("client").read_text())
    tls.r1.write_etc("kubevip/client.key", pki.key("good").read_text())
    line = "kubevip cluster lab client-certificate {0}.crt key {0}.key"
    start(tls, *by_hand(token=False), line.format("/etc/frr/kubevip/client"))
    refused(tls, "key")
    tls.r1.write_etc("kubevip/client.key", pki.key("client").read_text())
    works(tls)


# ---- several servers -----------------------------------------------------------------------------


@pytest.fixture
def second(running_second: FakeApiProcess, faulty: Faulty) -> FakeApiProcess:
    """Another API server of the same cluster, at port 6444."""
    running_second.reset()
    running_second.set_rv(faulty.api.rv() + 1000)  # never behind the first
    for api in (faulty.api, running_second):
        api.put(IDENTITY)
    running_second.put(*faulty.lab.node_objects(), *cluster_objects())
    return running_second


@pytest.fixture(scope="module")
def running_second(lab, pki: Pki) -> Iterator[FakeApiProcess]:
    with FakeApiProcess(lan(20)[4], 6444, pki, lab.api) as api:
        yield api


@pytest.fixture
def pair(faulty: Faulty, second: FakeApiProcess) -> Faulty:
    """kubewatch with two servers, on the first one."""
    give_ca(faulty, "ca")
    faulty.r1.write_etc("kubevip/token", "test-token\n")
    faulty.begin(lines=by_hand(SERVER, second.url))
    assert current(faulty) == SERVER
    return faulty


def current(scene: Faulty) -> str:
    """The server in use."""
    (url,) = [server["url"] for server in scene.client()["servers"] if server["current"]]
    assert url == scene.client()["server"]
    return url


def refuse(api: FakeApiProcess) -> None:
    """It is gone for a while."""
    api.refuse()
    api.close_connections()


def distrust(api: FakeApiProcess) -> None:
    """Somebody else answers at its address."""
    api.set_certificate("other-ca")
    api.close_connections()


def overload(api: FakeApiProcess) -> None:
    """It answers, and nothing but 503."""
    api.fault("status", code=503, reason="ServiceUnavailable", times=None)
    api.close_connections()


@pytest.mark.parametrize("fails", [refuse, distrust, overload])
def test_another_server_takes_over(
    fails: Callable[[FakeApiProcess], None], pair: Faulty, second: FakeApiProcess
) -> None:
    fails(pair.api)
    poll(lambda: current(pair) == second.url, 20, "the second server is in use")
    first = pair.client()["servers"][0]
    assert first["lastError"] and first["failures"]
    second.wait_watching(*KINDS, deadline=20)
    pair.untouched()
    change_at(second, pair)
    assert not pair.client()["identityChanged"]


def change_at(api: FakeApiProcess, pair: Faulty) -> None:
    """A change that this server tells of arrives."""
    api.put(objects.service("cluster", "192.168.77.128", policy="Local"))
    pair.wait_hops(pair.hops("kube1"))
    pair.unharmed_since(["192.168.77.128/32", "192.168.77.129/32", "192.168.77.130/32"])


def test_and_back_again(pair: Faulty, second: FakeApiProcess) -> None:
    """The one that answers is kept, until it does not."""
    refuse(pair.api)
    poll(lambda: current(pair) == second.url, 20, "the second server is in use")
    second.wait_watching(*KINDS, deadline=20)
    pair.api.accept()
    pair.relist()
    holds(lambda: current(pair) == second.url, 1, "it stays there")
    refuse(second)
    poll(lambda: current(pair) == SERVER, 20, "the first server is in use")
    pair.api.set_rv(second.rv() + 1000)
    change_at(pair.api, pair)
    second.accept()


def test_no_server_at_all(pair: Faulty, second: FakeApiProcess) -> None:
    refuse(pair.api)
    refuse(second)
    poll(lambda: all(s["lastError"] for s in pair.client()["servers"]), 20, "both are shown as bad")
    pair.untouched()
    second.accept()
    second.wait_watching(*KINDS, deadline=20)
    poll(lambda: current(pair) == second.url, 5, "and is shown as the one in use")
    change_at(second, pair)


# ---- without TLS ---------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["typed", "kubeconfig"])
def test_http_to_another_host_is_refused(where: str, tls: Faulty) -> None:
    """A token is not sent in the clear, whoever asks for it."""
    if where == "typed":
        start(tls, *by_hand("http://192.168.99.20:6443"))
    else:
        text = tls.api.kubeconfig().replace("https://", "http://")
        tls.r1.write_etc("kubevip/lab.kubeconfig", text)
        start(tls, *CONFIG)
    refused(tls, "https://")
    tls.type(f"kubevip cluster lab server {SERVER}")
    works(tls)


def test_http_to_loopback_is_what_the_operator_says(tls: Faulty) -> None:
    """For example to a proxy of his own on this router."""
    with FakeApiProcess("127.0.0.1", 6480, None, tls.lab.r1_space) as plain:
        plain.put(*tls.lab.node_objects(), *web(VIP))
        start(tls, *by_hand(plain.url, ca=False, token=False))
        works(tls)
        assert plain.requests()


def test_https_port_that_speaks_http(tls: Faulty) -> None:
    """One digit wrong in a port number."""
    with FakeApiProcess(lan(20)[4], 6480, None, tls.lab.api) as plain:
        start(tls, *by_hand(plain.url.replace("http:", "https:")))
        refused(tls, "port", "TLS")
        assert plain.requests() == []
        tls.type(f"kubevip cluster lab server {SERVER}")
        works(tls)
