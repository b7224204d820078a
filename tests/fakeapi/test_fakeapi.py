"""The fake API server, asked by curl: right answers first, then every fault of the plan."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Iterator

import pytest

from tests.fakeapi import FakeApi, FakeApiProcess, Pki, Recording, faults, objects
from tests.lab.wait import poll

SERVICES = "/api/v1/services"
GATEWAYS = "/apis/gateway.networking.k8s.io/v1/gateways"
STREAM = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
RECORDED = Path(__file__).resolve().parents[1] / "data" / "recorded"

# curl's exit statuses
REFUSED, PARTIAL, TIMED_OUT, TLS_FAILED, EMPTY = 7, 18, 28, 60, 52


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def server() -> Iterator[FakeApi]:
    with FakeApi() as api:
        yield api


@pytest.fixture
def api(server: FakeApi) -> FakeApi:
    server.reset()
    return server


class Reply:
    """What curl got."""

    def __init__(self, done: subprocess.CompletedProcess) -> None:
        self.exit_status = done.returncode
        self.body, _, code = done.stdout.rpartition(b"\n")
        self.code = int(code)

    @property
    def json(self) -> dict:
        return json.loads(self.body)

    @property
    def events(self) -> list[dict]:
        return [json.loads(line) for line in self.body.splitlines() if line.strip()]

    @property
    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events]


def curl(api, path: str, *options: str, limit: float = 5) -> Reply:
    command = ["curl", "-sS", "-A", "test", "-m", str(limit), "-w", "\n%{http_code}"]
    done = subprocess.run([*command, *options, api.url + path], capture_output=True)
    return Reply(done)


def names(reply: Reply) -> list[str]:
    return [item["metadata"]["name"] for item in reply.json["items"]]


def some_services(api, count: int) -> int:
    return api.put(*(objects.service(f"s{i}", f"192.168.77.{i}") for i in range(1, count + 1)))


# ---- what it does right ----------------------------------------------------------------------


def test_list_of_a_built_in_kind(api: FakeApi) -> None:
    rv = some_services(api, 2)
    reply = curl(api, SERVICES)
    assert list(reply.json) == ["kind", "apiVersion", "metadata", "items"]
    assert reply.json["metadata"] == {"resourceVersion": str(rv)}
    assert names(reply) == ["s1", "s2"]
    assert "kind" not in reply.json["items"][0]


def test_list_of_a_custom_kind_has_metadata_last(api: FakeApi) -> None:
    api.put(objects.gateway("gw", "192.168.77.9"))
    reply = curl(api, GATEWAYS)
    assert list(reply.json) == ["apiVersion", "items", "kind", "metadata"]
    assert reply.json["items"][0]["kind"] == "Gateway"


def test_pages(api: FakeApi) -> None:
    some_services(api, 5)
    first = curl(api, SERVICES + "?limit=2")
    assert names(first) == ["s1", "s2"]
    assert first.json["metadata"]["remainingItemCount"] == 3
    second = curl(api, f"{SERVICES}?limit=3&continue={first.json['metadata']['continue']}")
    assert names(second) == ["s3", "s4", "s5"]
    assert "continue" not in second.json["metadata"]


def test_continue_token_after_compaction_is_gone(api: FakeApi) -> None:
    some_services(api, 3)
    token = curl(api, SERVICES + "?limit=2").json["metadata"]["continue"]
    some_services(api, 1)
    api.compact()
    reply = curl(api, f"{SERVICES}?limit=2&continue={token}")
    assert reply.code == 410 and reply.json["metadata"]["continue"]


@pytest.mark.parametrize(
    "query, code",
    [
        ("resourceVersion=999999", 504),
        ("resourceVersion=x", 500),
        ("resourceVersionMatch=NotOlderThan", 422),
        ("resourceVersion=1&resourceVersionMatch=Exact", 410),
        ("resourceVersion=0", 200),
        ("labelSelector=a", 400),
    ],
)
def test_resource_version_of_a_list(api: FakeApi, query: str, code: int) -> None:
    reply = curl(api, f"{SERVICES}?{query}")
    assert reply.code == code
    if code == 504:
        assert reply.json["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"


def test_get_version_health_and_unknown(api: FakeApi) -> None:
    assert curl(api, "/version").json["minor"] == "36"
    assert curl(api, "/readyz").body == b"ok"
    assert curl(api, "/api/v1/namespaces/kube-system").json["metadata"]["uid"]
    assert curl(api, "/api/v1/namespaces/none").code == 404
    assert curl(api, "/apis/cilium.io/v2/ciliumbgpadvertisements").code == 404
    api.put(objects.service("kubernetes", namespace="default"))
    path = "/api/v1/namespaces/default/services/kubernetes"
    assert curl(api, path).json["kind"] == "Service"


def test_watch_sends_what_came_after_and_ends_in_time(api: FakeApi) -> None:
    rv = some_services(api, 1)
    api.put(objects.service("s1", "192.168.77.9"))
    api.delete("services", "s1")
    reply = curl(api, f"{SERVICES}?watch=1&resourceVersion={rv}&timeoutSeconds=0.3")
    assert reply.exit_status == 0
    assert reply.kinds == ["MODIFIED", "DELETED"]
    assert reply.events[1]["object"]["metadata"]["resourceVersion"] == str(rv + 2)


def test_watch_is_live(api: FakeApi) -> None:
    with subprocess.Popen(
        ["curl", "-sSN", f"{api.url}{SERVICES}?watch=1&resourceVersion={api.rv()}"],
        stdout=subprocess.PIPE,
    ) as reader:
        api.wait_watching("services")
        began = time.monotonic()
        some_services(api, 1)
        assert json.loads(reader.stdout.readline())["type"] == "ADDED"
        assert time.monotonic() - began < 1
        reader.terminate()
    poll(lambda: api.watches() == [], 2, "the watch is forgotten when its client leaves")


def test_connection_is_kept_after_a_watch(api: FakeApi) -> None:
    watch = f"{api.url}{SERVICES}?watch=1&resourceVersion={api.rv()}&timeoutSeconds=0.3"
    subprocess.run(["curl", "-sS", watch, api.url + SERVICES], check=True, capture_output=True)
    assert len({request["connection"] for request in api.requests(SERVICES)}) == 1


def test_old_watch_is_410_in_the_stream(api: FakeApi) -> None:
    rv = some_services(api, 1)
    some_services(api, 1)
    api.compact()
    reply = curl(api, f"{SERVICES}?watch=1&resourceVersion={rv}")
    assert reply.code == 200 and reply.kinds == ["ERROR"]
    assert reply.events[0]["object"]["code"] == 410


def test_streaming_list(api: FakeApi) -> None:
    rv = some_services(api, 2)
    reply = curl(api, f"{SERVICES}?{STREAM}&timeoutSeconds=0.3")
    assert reply.kinds == ["ADDED", "ADDED", "BOOKMARK"]
    end = reply.events[-1]["object"]["metadata"]
    assert end["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert end["resourceVersion"] == str(rv)
    api.set_streaming_lists(False)
    assert curl(api, f"{SERVICES}?{STREAM}").code == 422


def test_bookmarks(api: FakeApi) -> None:
    api.set_bookmark_interval(0.2)
    query = f"watch=1&resourceVersion={api.rv()}&timeoutSeconds=3&allowWatchBookmarks=true"
    rv = api.bump_rv(5)
    reply = curl(api, f"{SERVICES}?{query}")
    assert set(reply.kinds) == {"BOOKMARK"} and len(reply.kinds) > 2
    assert reply.events[0]["object"]["metadata"]["resourceVersion"] == str(rv)


def test_restored_etcd_makes_watches_silent(api: FakeApi) -> None:
    rv = some_services(api, 3)
    api.set_rv(rv - 50)
    some_services(api, 1)
    assert curl(api, f"{SERVICES}?watch=1&resourceVersion={rv}&timeoutSeconds=0.3").kinds == []
    assert curl(api, f"{SERVICES}?resourceVersion={rv}").code == 504


def test_token(api: FakeApi) -> None:
    api.set_tokens("right")
    assert curl(api, SERVICES).code == 401
    assert curl(api, SERVICES, "-H", "Authorization: Bearer wrong").code == 401
    assert curl(api, SERVICES, "-H", "Authorization: Bearer right").code == 200
    assert [request["code"] for request in api.requests()] == [401, 401, 200]


def test_requests_are_recorded(api: FakeApi) -> None:
    curl(api, SERVICES + "?limit=5", "-H", "Accept-Encoding: gzip")
    (request,) = api.requests(SERVICES, "list")
    assert request["query"] == {"limit": "5"}
    assert request["headers"]["accept-encoding"] == "gzip"


def test_vanished_kind_ends_its_watches(api: FakeApi) -> None:
    with subprocess.Popen(
        ["curl", "-sSN", f"{api.url}{GATEWAYS}?watch=1&resourceVersion={api.rv()}"]
    ) as reader:
        api.wait_watching("gateways")
        api.serve("gateways", False)
        assert reader.wait(timeout=5) == 0
    assert curl(api, GATEWAYS).code == 404


def test_refuse_and_accept_again(api: FakeApi) -> None:
    api.refuse()
    assert curl(api, SERVICES).exit_status == REFUSED
    api.accept()
    assert curl(api, SERVICES).code == 200


def test_ten_thousand_objects_are_one_quick_answer(api: FakeApi) -> None:
    api.put(*objects.many_services(10_000, ["kube1"]))
    curl(api, SERVICES)
    began = time.monotonic()
    reply = curl(api, SERVICES)
    assert time.monotonic() - began < 1
    assert len(reply.json["items"]) == 10_000


def test_recording(api: FakeApi) -> None:
    recording = Recording(RECORDED, "services")
    kinds = [step.event["type"] for step in recording.play(api, until_rv=400)]
    assert kinds[:2] == ["ADDED", "BOOKMARK"]
    assert "cd-bgp-svc" in names(curl(api, SERVICES))
    list(recording.play(api))
    assert "cd-bgp-svc" not in names(curl(api, SERVICES)), "the story ends with its deletion"


def test_load_of_a_recorded_list_keeps_versions(api: FakeApi) -> None:
    api.set_rv(1)
    assert api.load(str(RECORDED / "services.list.json"), keep_rv=True) == 5
    assert curl(api, SERVICES).json["metadata"]["resourceVersion"] == "430"


# ---- faults ------------------------------------------------------------------------------------


def test_fault_counts_requests(api: FakeApi) -> None:
    api.fault("status", SERVICES, "list", nth=2, times=2, code=503)
    assert [curl(api, SERVICES).code for _ in range(5)] == [200, 503, 503, 200, 200]
    assert curl(api, "/version").code == 200


def test_status_with_headers(api: FakeApi) -> None:
    api.fault("status", code=429, reason="TooManyRequests", headers={"Retry-After": "3600"})
    reply = curl(api, SERVICES, "-i")
    assert b"Retry-After: 3600" in reply.body and b'"reason":"TooManyRequests"' in reply.body


def test_html_and_raw(api: FakeApi) -> None:
    api.fault("html")
    assert b"<html>" in curl(api, SERVICES).body
    api.fault("raw", body="{}", code=201)
    assert (curl(api, "/").code, curl(api, "/").code) == (201, 404)


def test_silent_and_reset(api: FakeApi) -> None:
    api.fault("silent")
    assert curl(api, SERVICES, limit=0.5).exit_status == TIMED_OUT
    api.fault("reset")
    assert curl(api, SERVICES).exit_status in (EMPTY, 56)


def test_list_faults(api: FakeApi) -> None:
    some_services(api, 2)
    api.fault("items_null")
    assert curl(api, SERVICES).json["items"] is None
    api.fault("metadata_last")
    assert list(curl(api, SERVICES).json)[-1] == "metadata"
    api.fault("empty_page")
    reply = curl(api, SERVICES)
    assert reply.json["items"] == []
    token = reply.json["metadata"]["continue"]
    assert names(curl(api, f"{SERVICES}?continue={token}")) == ["s1", "s2"]
    api.fault("pretty")
    assert b'{\r\n  "kind"' in curl(api, SERVICES).body
    api.fault("endless_continue", times=None)
    token = curl(api, SERVICES + "?limit=1").json["metadata"]["continue"]
    assert names(curl(api, f"{SERVICES}?limit=1&continue={token}")) == ["s1"]


def test_resource_version_faults(api: FakeApi) -> None:
    some_services(api, 1)
    api.fault("rv", value="soon")
    assert curl(api, SERVICES).json["metadata"]["resourceVersion"] == "soon"
    api.fault("rv")
    reply = curl(api, SERVICES)
    assert reply.json["metadata"] == {}
    assert "resourceVersion" not in reply.json["items"][0]["metadata"]
    api.fault("rv", verb="watch", value="0")
    events = curl(api, f"{SERVICES}?{STREAM}&timeoutSeconds=0.3").events
    assert {event["object"]["metadata"]["resourceVersion"] for event in events} == {"0"}


@pytest.mark.parametrize("text", ["big", "deep", "twice"])
def test_odd_items(api: FakeApi, text: str) -> None:
    made = {
        "big": lambda: faults.big_service(),
        "deep": lambda: faults.deep_service(1000),
        "twice": lambda: faults.duplicate_keys_service("192.168.77.1"),
    }[text]()
    api.fault("inject", verb="list", text=made)
    assert made.encode() in curl(api, SERVICES).body
    api.fault("inject", verb="watch", text=faults.watch_line("ADDED", made))
    watch = curl(api, f"{SERVICES}?watch=1&resourceVersion={api.rv()}&timeoutSeconds=0.3")
    assert made.encode() in watch.body


def test_delivery_of_a_list(api: FakeApi) -> None:
    some_services(api, 3)
    whole = curl(api, SERVICES).body
    api.fault("drop", after_bytes=100)
    dropped = curl(api, SERVICES)
    assert dropped.exit_status in (PARTIAL, 56) and len(dropped.body) <= 100
    api.fault("truncate", after_bytes=100)
    cut = curl(api, SERVICES)
    assert (cut.exit_status, cut.body) == (0, whole[:100])
    api.fault("freeze", after_bytes=100)
    assert curl(api, SERVICES, limit=0.5).exit_status == TIMED_OUT
    api.fault("bytewise")
    assert curl(api, SERVICES).body == whole


def test_gzip_only_if_asked(api: FakeApi) -> None:
    some_services(api, 1)
    api.fault("gzip_members", times=None)
    assert curl(api, SERVICES).json["items"]
    assert b"Content-Encoding: gzip" in curl(api, SERVICES, "--compressed", "-i").body
    assert curl(api, SERVICES, "--compressed").json["items"]


def test_watch_faults(api: FakeApi) -> None:
    rv = some_services(api, 3)
    stream, watch = f"{SERVICES}?{STREAM}", f"{SERVICES}?watch=1&resourceVersion="
    api.fault("no_end_mark")
    assert curl(api, stream + "&timeoutSeconds=0.3").kinds == ["ADDED"] * 3
    api.fault("bookmarks_only")
    assert curl(api, stream + "&timeoutSeconds=0.3").kinds == ["BOOKMARK"]
    api.fault("end_at_once")
    began = time.monotonic()
    assert (curl(api, f"{watch}{rv}").exit_status, time.monotonic() - began < 1) == (0, True)
    api.fault("error_event", code=500)
    assert curl(api, f"{watch}{rv}").events[0]["object"]["code"] == 500
    api.fault("error_event", after=2)
    assert curl(api, f"{watch}{rv - 3}").kinds == ["ADDED", "ADDED", "ERROR"]
    api.fault("bytewise")
    assert curl(api, f"{watch}{rv - 1}&timeoutSeconds=0.3").kinds == ["ADDED"]
    api.fault("drop", after_bytes=100)
    assert curl(api, f"{watch}{rv - 1}").exit_status in (PARTIAL, 56)
    api.fault("freeze", after_bytes=100)
    frozen = curl(api, f"{watch}{rv - 1}&timeoutSeconds=0.3", limit=2)
    assert (frozen.exit_status, len(frozen.body)) == (TIMED_OUT, 100)
    api.fault("truncate", after_bytes=100)
    cut = curl(api, f"{watch}{rv - 1}&timeoutSeconds=0.3")
    assert (cut.exit_status, len(cut.body)) == (0, 100)


def test_pairs_of_events_in_one_chunk(api: FakeApi) -> None:
    rv = some_services(api, 2)
    api.fault("pairs")
    reply = curl(api, f"{SERVICES}?watch=1&resourceVersion={rv - 2}&timeoutSeconds=0.3", "--raw")
    sizes = [line for line in reply.body.split(b"\r\n") if line and not line.startswith(b"{")]
    assert len(sizes) == 2 and sizes[-1] == b"0", "one chunk, and the end"


def test_frozen_watch_and_raw_lines(api: FakeApi) -> None:
    with subprocess.Popen(
        ["curl", "-sSN", "-m", "3", f"{api.url}{SERVICES}?watch=1&resourceVersion={api.rv()}"],
        stdout=subprocess.PIPE,
    ) as reader:
        api.wait_watching("services")
        api.send_raw("services", '{"type":"FROBBED","object":{"frob":1}}\n')
        assert b"FROBBED" in reader.stdout.readline()
        api.freeze_watches("services")
        some_services(api, 1)
        api.close_connections()
        assert reader.stdout.readline() == b""


# ---- TLS, and a server in its own process --------------------------------------------------------


def test_certificates(pki: Pki) -> None:
    ca = ("--cacert", str(pki.ca))
    with FakeApi(pki) as api:
        assert curl(api, SERVICES, *ca).code == 200
        for name in ("expired", "other-ca", "wrong-name"):
            api.set_certificate(name)
            assert curl(api, SERVICES, *ca).exit_status == TLS_FAILED, name
        api.set_certificate("rotated")
        assert curl(api, SERVICES, *ca).code == 200


def test_client_certificate(pki: Pki) -> None:
    mine = ("--cert", str(pki.cert("client")), "--key", str(pki.key("client")))
    with FakeApi(pki) as api:
        api.set_tokens("only")
        assert curl(api, SERVICES, "--cacert", str(pki.ca)).code == 401
        assert curl(api, SERVICES, "--cacert", str(pki.ca), *mine).code == 200


def test_process(pki: Pki) -> None:
    with FakeApiProcess(pki=pki) as api:
        some_services(api, 2)
        assert names(curl(api, SERVICES, "--cacert", str(pki.ca))) == ["s1", "s2"]
        with pytest.raises(RuntimeError, match="KeyError"):
            api.delete("services", "none")
        api.pause()
        assert curl(api, SERVICES, "--cacert", str(pki.ca), limit=0.5).exit_status == TIMED_OUT
        api.resume()
        assert api.url in api.kubeconfig()
