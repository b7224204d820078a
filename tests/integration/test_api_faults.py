"""An API server that answers wrongly, or not at all: no route of ours may move because of it.

Every test begins with three VIPs that are in r1's kernel and at the peer, each by its own way: a
Service with externalTrafficPolicy Cluster, one with Local, and a Gateway. Then something goes wrong
with one kind, `show kubevip cluster` says what, the table stays; when the fault is over, a change
of an object of that kind arrives in the kernel of the same process. Faults that need a minute or
more are in test_api_faults_slow.py, odd events and histories in test_api_faults_events.py.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Iterable

import pytest

from tests.fakeapi import objects
from tests.lab import poll
from tests.lab.wait import holds

from .faillab import CONFIG, NODES, Scene, prefix_of

CLUSTER, LOCAL, GATEWAY = prefix_of(128), prefix_of(129), prefix_of(130)
TABLE = {CLUSTER: NODES, LOCAL: ("kube1", "kube2"), GATEWAY: NODES}
EXCLUDED = {"node.kubernetes.io/exclude-from-external-load-balancers": ""}
GENERATED = {"gateway.networking.k8s.io/gateway-name": "gw"}
KINDS = ("services", "endpointslices", "nodes", "gateways")
MANDATORY = KINDS[:3]
PATH = {
    "services": "/api/v1/services$",
    "endpointslices": "/endpointslices$",
    "nodes": "/api/v1/nodes$",
    "gateways": "/gateways$",
}


def gateway(labels: dict[str, str]) -> dict:
    """The Gateway; it does not say its address, so that without its Service there is no VIP."""
    return objects.gateway("gw", "192.168.77.130", labels=labels) | {"status": {}}


def cluster_objects() -> list[dict]:
    """Three VIPs; the nodes are in the lab's fake API server already."""
    generated = objects.service(
        "cilium-gateway-gw", "192.168.77.130", labels=GENERATED, selector=None
    )
    return [
        objects.service("cluster", "192.168.77.128"),
        objects.endpoint_slice("cluster", objects.endpoints_on("kube1")),
        objects.service("local", "192.168.77.129", policy="Local"),
        objects.endpoint_slice("local", objects.endpoints_on("kube1", "kube2")),
        gateway(objects.SEED_LABEL),
        generated,
        objects.endpoint_slice("cilium-gateway-gw", [objects.endpoint("192.192.192.192", None)]),
    ]


@dataclass(frozen=True)
class Change:
    """One changed object, and what r1's kernel must come to because of it."""

    obj: dict
    prefix: str
    nodes: tuple[str, ...]  # none: no route


def change_of(plural: str, scene: Scene) -> Change:
    """A change that only a client who hears of this kind can follow; each with its own result."""
    if plural == "services":
        obj = objects.service("cluster", "192.168.77.128", policy="Local")
        return Change(obj, CLUSTER, ("kube1",))
    if plural == "endpointslices":
        obj = objects.endpoint_slice("local", objects.endpoints_on("kube1", "kube3"))
        return Change(obj, LOCAL, ("kube1", "kube3"))
    if plural == "nodes":
        address = scene.lab.node("kube2").address
        node = objects.node("kube2", *address.values(), labels=EXCLUDED)
        return Change(node, GATEWAY, ("kube1", "kube3"))
    return Change(gateway({}), GATEWAY, ())


class Faulty(Scene):
    """A shell with three VIPs, and an API server about to misbehave."""

    _running = ExitStack()
    pid: int | None = None
    began = 0.0

    def begin(self, *, streaming: bool = True, lines: Iterable[str] = CONFIG) -> None:
        """Start the shell; return when the three VIPs are everywhere and every kind is watched."""
        self._running = ExitStack()
        self.api.set_streaming_lists(streaming)
        self.api.put(*cluster_objects())
        self.configure("debug kubevip api", lines=lines)
        self.start()
        self.wait_table()
        self.wait_peer(*TABLE)
        for plural in KINDS:
            self.wait_kind(plural, "it is watched", state="watching", lists=1)
        for prefix in TABLE:
            self.wait_state("installed", prefix)
        self.watch_out()

    def watch_out(self) -> None:
        """From here on nothing may be lost."""
        self._monitor = self._running.enter_context(self.r1.monitor())
        self.pid, self.began = self.shell.pid(), time.time()

    def end(self) -> None:
        """End the shell; its routes stay, the next start finds them."""
        self._running.close()
        self.shell.stop()

    # ---- what the shell says -----------------------------------------------------------------

    def client(self) -> dict:
        """`show kubevip cluster lab`."""
        return self.show("cluster lab")["clusters"]["lab"]

    def kind(self, plural: str) -> dict:
        """One kind's watch in it."""
        return self.client()["kinds"][plural]

    def wait_kind(self, plural: str, what: str, deadline: float = 15, **wanted: object) -> dict:
        """Return the kind when these members have these values (callable: are so)."""

        def so() -> dict | None:
            found = self.kind(plural)
            fits = (v(found[k]) if callable(v) else found[k] == v for k, v in wanted.items())
            return found if all(fits) else None

        return poll(so, deadline, f"{plural}: {what}")

    def wait_error(self, plural: str, status: int = 0, deadline: float = 15) -> str:
        """Return when the operator can see what is wrong; status 0: it is no HTTP error."""

        def so() -> dict | None:
            found = self.client()
            kind = found["kinds"][plural]
            return found if kind["lastError"] and kind["httpStatus"] == status else None

        found = poll(so, deadline, f"{plural}: an error {status or ''} is shown")
        assert found["lastError"] or plural not in MANDATORY, "and so does the cluster's own line"
        return found["kinds"][plural]["lastError"]

    def wait_well(self, plural: str, deadline: float = 15) -> dict:
        """Return when this kind is watched and there is nothing to complain of."""
        return self.wait_kind(
            plural, "it is watched again", deadline, state="watching", lastError=None
        )

    def asked(self, plural: str, verb: str = "", since: float = 0) -> list[dict]:
        """Requests for a kind."""
        return self.api.requests(PATH[plural].rstrip("$"), verb, since)

    # ---- the table -----------------------------------------------------------------------------

    def table(self) -> dict[str, list]:
        """The three VIPs in r1's kernel."""
        routes = self.r1.kernel_routes(4)
        return {prefix: routes[prefix]["nexthops"] for prefix in TABLE if prefix in routes}

    def whole_table(self) -> dict[str, list]:
        """What it is before a test changes anything."""
        return {prefix: self.hops(*nodes) for prefix, nodes in TABLE.items()}

    def wait_table(self) -> None:
        """Return when it is so."""
        poll(lambda: self.table() == self.whole_table(), 15, "the three VIPs are in r1's kernel")

    def untouched(self) -> None:
        """So far nothing has happened to the three VIPs."""
        assert self.table() == self.whole_table()
        self.unharmed_since(TABLE)

    def unharmed_since(self, prefixes: Iterable[str]) -> None:
        """None of these was deleted in the kernel or withdrawn at the peer; nobody has crashed."""
        prefixes = set(prefixes)
        assert [line for p in prefixes for line in self._monitor.deleted(p, self.began)] == []
        told = self.lab.peerlog.updates(self.began)
        assert [u for u in told if u.kind == "withdraw" and u.prefix in prefixes] == []
        assert self.shell.pid() == self.pid

    # ---- making things happen --------------------------------------------------------------------

    def relist(self) -> None:
        """What an operator types who does not want to wait."""
        self.order("clear kubevip cluster lab")

    def rewatch(self, plural: str) -> None:
        """Let the watch end as at its time-out, so that the next request meets the fault."""
        self.api.bump_rv()
        self.api.send_bookmarks()
        since = time.time()
        self.api.end_watches(plural)
        poll(lambda: self.asked(plural, "watch", since), 10, f"{plural} are watched again")

    def put_change(self, plural: str) -> None:
        """Change an object of a kind; see follows()."""
        self.api.put(change_of(plural, self).obj)

    def follows(self, plural: str, *, put: bool = True, gone: Iterable[str] = ()) -> None:
        """A change of this kind arrives in the kernel; nothing was lost until then but `gone`."""
        change = change_of(plural, self)
        if put:
            self.api.put(change.obj)
        hops = self.hops(*change.nodes) if change.nodes else None
        poll(
            lambda: (self.route(change.prefix) or {}).get("nexthops") == hops,
            20,
            f"{plural}: {change.prefix} goes to {change.nodes}",
        )
        mine = set() if change.nodes else {change.prefix}
        self.unharmed_since(TABLE.keys() - mine - set(gone))


# ---- wrong answers -------------------------------------------------------------------------------

LIST, STREAM, WATCH = "list", "stream", "watch"  # paged list, streaming list, watch


@dataclass(frozen=True)
class Fault:
    """A wrong answer: to which request, and what is shown because of it."""

    name: str
    how: str
    action: str
    args: dict = field(default_factory=dict)
    status: int = 0  # httpStatus that is shown
    plural: str = "services"
    mid_event: bool = False  # shows when an event comes
    patient: bool = False  # waits for half a minute or more; here the operator does not

    def __str__(self) -> str:
        return f"{self.name}-{self.how}-{self.plural}"


def refusal(code: int, reason: str, **headers: str) -> dict:
    """Arguments of the fault "status"."""
    return {"code": code, "reason": reason, "headers": headers}


TABLE_ANSWER = (
    '{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"7"},"rows":[]}'
)
PODS = '{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[]}'
NO_VERSION = '{"kind":"ServiceList","apiVersion":"v1","metadata":{},"items":[]}'
ERROR_500 = {"code": 500, "reason": "InternalError"}

FAULTS = [
    Fault("html", LIST, "html", status=200),
    Fault("html", STREAM, "html", status=200, plural="nodes"),
    Fault("html", WATCH, "html", status=200, plural="endpointslices"),
    Fault("reset", LIST, "reset", plural="nodes"),
    Fault("reset", WATCH, "reset"),
    Fault("empty-answer", LIST, "raw", {"body": ""}),
    Fault("empty-object", LIST, "raw", {"body": "{}"}, plural="endpointslices"),
    Fault("garbage", WATCH, "raw", {"body": "#!/bin/sh\n"}),
    Fault("table", LIST, "raw", {"body": TABLE_ANSWER}),
    Fault("other-kind", LIST, "raw", {"body": PODS}),
    Fault("rv-missing", LIST, "raw", {"body": NO_VERSION}),
    Fault("rv-missing-everywhere", LIST, "rv", plural="nodes"),
    Fault("too-many", LIST, "status", refusal(429, "TooManyRequests"), 429),
    Fault("too-many", WATCH, "status", refusal(429, "TooManyRequests"), 429, "endpointslices"),
    Fault("too-many-wait-1s", STREAM, "status", refusal(429, "", **{"Retry-After": "1"}), 429),
    Fault("internal-error", LIST, "status", refusal(500, "InternalError"), 500, "nodes"),
    Fault("internal-error", WATCH, "status", refusal(500, ""), 500),
    Fault("unavailable", STREAM, "status", refusal(503, "ServiceUnavailable"), 503),
    Fault("unavailable", WATCH, "status", refusal(503, "ServiceUnavailable"), 503, "nodes"),
    Fault("gateway-time-out", WATCH, "status", refusal(504, "Timeout"), 504),
    Fault("proxy-502-html", LIST, "status", {"code": 502, "body": "<html>"}, 502),
    Fault("redirect", LIST, "status", refusal(302, "", Location="/login"), 302, patient=True),
    Fault("bad-request", WATCH, "status", refusal(400, "BadRequest"), 400),
    Fault("unauthorized", WATCH, "status", refusal(401, "Unauthorized"), 401, patient=True),
    Fault("forbidden", LIST, "status", refusal(403, "Forbidden"), 403, patient=True),
    Fault("forbidden", WATCH, "status", refusal(403, "Forbidden"), 403, "nodes", patient=True),
    Fault("forbidden", WATCH, "status", refusal(403, "Forbidden"), 403, "gateways", patient=True),
    Fault("not-found", LIST, "status", refusal(404, "NotFound"), 404, patient=True),
    Fault("not-found", WATCH, "status", refusal(404, ""), 404, "endpointslices", patient=True),
    Fault("gone", LIST, "status", refusal(410, "Expired"), 410),
    Fault("drop", LIST, "drop", {"after_bytes": 300}),
    Fault("drop", STREAM, "drop", {"after_bytes": 300}, plural="gateways"),
    Fault("drop", WATCH, "drop", {"after_bytes": 300}, mid_event=True),
    Fault("truncated", LIST, "truncate", {"after_bytes": 300}, plural="endpointslices"),
    Fault("truncated", WATCH, "truncate", {"after_bytes": 300}, mid_event=True, plural="nodes"),
    Fault("continue-loop", LIST, "endless_continue"),
    Fault("error-event", STREAM, "error_event", ERROR_500, 500),
    Fault("error-event", WATCH, "error_event", ERROR_500, 500, "gateways"),
    Fault("error-event-429", WATCH, "error_event", {"code": 429}, 429, "nodes"),
    Fault("error-event-403", WATCH, "error_event", {"code": 403}, 403, patient=True),
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_wrong_answer(fault: Fault, faulty: Faulty) -> None:
    faulty.begin(streaming=fault.how != LIST)
    verb = "list" if fault.how == LIST else "watch"
    faulty.api.fault(fault.action, PATH[fault.plural], verb, times=None, **fault.args)
    if fault.how == WATCH:
        faulty.rewatch(fault.plural)
    else:
        faulty.relist()
    if fault.mid_event:
        faulty.put_change(fault.plural)
    assert faulty.wait_error(fault.plural, fault.status)
    faulty.untouched()
    faulty.api.clear_faults()
    if fault.patient:
        faulty.relist()
    faulty.follows(fault.plural)
    faulty.wait_well(fault.plural)


@pytest.mark.parametrize("code", [401, 403])
def test_refused_credentials_are_api_loss_at_once(code: int, faulty: Faulty) -> None:
    """Rules R4: the table is held, the first page says so, for a mandatory kind."""
    faulty.begin()
    faulty.api.fault("status", verb="watch", times=None, **refusal(code, ""))
    faulty.api.close_connections()
    faulty.wait_error("services", code)
    poll(lambda: faulty.client()["state"] == "stale", 5, "and the cluster is stale")
    assert "stale" in faulty.trouble()
    faulty.untouched()
    faulty.api.clear_faults()
    faulty.relist()
    faulty.wait_synchronised()
    faulty.follows("services")
    assert "stale" not in faulty.trouble()


def test_forbidden_optional_kind_is_no_api_loss(faulty: Faulty) -> None:
    """Rules R4: it is shown, and nothing else comes of it."""
    faulty.begin()
    faulty.api.fault("status", PATH["gateways"], "watch", times=None, **refusal(403, "Forbidden"))
    faulty.rewatch("gateways")
    faulty.wait_error("gateways", 403)
    assert faulty.client()["state"] == "live"
    faulty.follows("services")


# ---- no answer -----------------------------------------------------------------------------------


def test_refused_connections(faulty: Faulty) -> None:
    faulty.begin()
    faulty.api.refuse()
    faulty.api.close_connections()
    for plural in KINDS:
        faulty.wait_error(plural)
    poll(lambda: faulty.client()["servers"][0]["failures"], 10, "the server's failures count")
    poll(lambda: faulty.client()["servers"][0]["lastError"], 5, "and what it said")
    faulty.untouched()
    faulty.api.accept()
    for plural in KINDS:
        faulty.follows(plural)
    poll(lambda: not faulty.client()["servers"][0]["lastError"], 5, "the server is well again")


def test_refusal_of_new_connections_is_no_end_of_open_watches(faulty: Faulty) -> None:
    """A server that is shut down keeps its watches, and goes on telling them what happens."""
    faulty.begin()
    faulty.api.refuse()
    for plural in KINDS:
        faulty.follows(plural)
    assert faulty.client()["lastError"] is None


def test_server_that_restarts(faulty: Faulty) -> None:
    """What one does within a second: refuses, has no cache yet, has forgotten its history."""
    faulty.begin()
    relists = faulty.kind("services")["relists"]
    faulty.api.refuse()
    faulty.api.close_connections()
    faulty.wait_error("services")
    faulty.api.bump_rv()
    faulty.api.compact()
    wait = refusal(429, "TooManyRequests", **{"Retry-After": "1"})
    faulty.api.fault("status", PATH["services"], "watch", times=2, **wait)
    faulty.api.accept()
    faulty.wait_error("services", 429)
    faulty.untouched()
    faulty.wait_well("services", deadline=25)
    assert faulty.kind("services")["relists"] > relists
    for plural in MANDATORY:
        faulty.follows(plural)


def test_broken_connections(faulty: Faulty) -> None:
    """A watch that breaks is resumed where it was: nothing is listed again, nothing is missed."""
    faulty.begin()
    lists = {plural: faulty.kind(plural)["lists"] for plural in KINDS}
    faulty.api.close_connections()
    for plural in MANDATORY:
        faulty.put_change(plural)
    for plural in KINDS:
        faulty.wait_well(plural)
    for plural in MANDATORY:
        faulty.follows(plural, put=False)
    assert {plural: faulty.kind(plural)["lists"] for plural in KINDS} == lists


def test_stopped_server_process(faulty: Faulty) -> None:
    """Connections stay and are acknowledged by its kernel, nobody answers; then it goes on."""
    faulty.begin()
    faulty.api.pause()
    try:
        faulty.relist()
        faulty.wait_kind("services", "it is being listed", state="listing")
        holds(lambda: faulty.table() == faulty.whole_table(), 1, "the table while nobody answers")
    finally:
        faulty.api.resume()
    faulty.follows("services")


# ---- how often we ask ----------------------------------------------------------------------------


def test_retry_after_is_obeyed(faulty: Faulty) -> None:
    faulty.begin()
    wait = refusal(429, "TooManyRequests", **{"Retry-After": "3"})
    faulty.api.fault("status", PATH["services"], "watch", times=1, **wait)
    faulty.api.clear_requests()
    faulty.rewatch("services")
    faulty.wait_error("services", 429)
    faulty.follows("services")
    first, second = (request["when"] for request in faulty.asked("services")[:2])
    assert second - first >= 3, "the server's own clock"


def test_too_many_with_a_huge_retry_after_can_be_cut_short(faulty: Faulty) -> None:
    """A day is not believed; and who does not want to wait for the rest types a command."""
    faulty.begin()
    wait = refusal(429, "TooManyRequests", **{"Retry-After": "86400"})
    faulty.api.fault("status", PATH["services"], "watch", times=1, **wait)
    faulty.rewatch("services")
    faulty.wait_error("services", 429)
    faulty.untouched()
    faulty.relist()
    faulty.follows("services")


@pytest.mark.parametrize(
    "action, args",
    [
        ("end_at_once", {}),
        ("error_event", {"code": 410}),
        ("status", refusal(401, "Unauthorized")),
        ("status", refusal(422, "Invalid")),
        ("reset", {}),
        ("html", {}),
    ],
    ids=["ends-at-once", "expired-event", "401", "422", "reset", "html"],
)
def test_no_busy_loop(action: str, args: dict, faulty: Faulty) -> None:
    """A server that refuses every time is asked a few times, not a few hundred."""
    faulty.begin()
    faulty.api.clear_requests()
    faulty.api.fault(action, PATH["services"], "watch", times=None, **args)
    faulty.rewatch("services")
    faulty.wait_kind("services", "an error is shown", lastError=bool)
    holds(lambda: len(faulty.asked("services")) <= 12, 1, "few requests")
    faulty.untouched()
    faulty.api.clear_faults()
    faulty.relist()
    faulty.follows("services")


# ---- before the first list -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "action, args, patient",
    [
        ("html", {}, False),
        ("status", refusal(500, "InternalError"), False),
        ("status", refusal(403, "Forbidden"), True),
        ("status", refusal(404, "NotFound"), True),
        ("drop", {"after_bytes": 300}, False),
    ],
    ids=["html", "500", "403", "404", "drop"],
)
def test_fault_from_the_start(action: str, args: dict, patient: bool, faulty: Faulty) -> None:
    """Rules R4: nothing is swept before every mandatory kind has listed once."""
    faulty.begin()
    faulty.kill()
    faulty.api.fault(action, PATH["services"], times=None, **args)
    faulty.start(synchronised=False)
    faulty.pid = faulty.shell.pid()
    faulty.wait_kind("services", "an error is shown", lastError=bool)
    assert faulty.client()["state"] == "starting"
    assert "not-synchronised" in faulty.trouble()
    faulty.untouched()
    faulty.api.clear_faults()
    if patient:
        faulty.relist()
    faulty.wait_synchronised()
    faulty.follows("services")


# ---- credentials ---------------------------------------------------------------------------------

BY_HAND = [
    "kubevip cluster lab server https://192.168.99.20:6443",
    "kubevip cluster lab ca-file /etc/frr/kubevip/ca.crt",
    "kubevip cluster lab token-file /etc/frr/kubevip/token",
    *CONFIG[1:],
]


@pytest.fixture
def by_hand(faulty: Faulty) -> Faulty:
    """Running, with a token from a file, which is the only one that is accepted."""
    faulty.r1.write_etc("kubevip/ca.crt", faulty.api.pki.ca.read_text())
    faulty.r1.write_etc("kubevip/token", "first\n")
    faulty.api.set_tokens("first")
    faulty.begin(lines=BY_HAND)
    return faulty


def test_token_is_renewed_before_the_old_one_is_refused(by_hand: Faulty) -> None:
    """The file is read again on a 401, and the request sent once more: nobody notices."""
    by_hand.r1.write_etc("kubevip/token", "second\n")
    by_hand.api.set_tokens("second")
    errors = by_hand.kind("services")["errors"]
    by_hand.rewatch("services")
    by_hand.wait_well("services")
    assert by_hand.kind("services")["errors"] == errors
    by_hand.follows("services")


def test_token_is_renewed_after_the_old_one_was_refused(by_hand: Faulty) -> None:
    by_hand.api.set_tokens("second")
    by_hand.rewatch("services")
    by_hand.wait_error("services", 401)
    by_hand.untouched()
    by_hand.r1.write_etc("kubevip/token", " second \r\n")
    by_hand.follows("services")
    by_hand.wait_well("services")


def test_every_request_shows_the_token_and_who_we_are(by_hand: Faulty) -> None:
    """Accept-Encoding on a watch would end it after one gzip member (servers from 1.37 on); a
    User-Agent like curl's would be answered with twice as many bytes."""
    by_hand.relist()
    by_hand.follows("services")
    asked = by_hand.api.requests()
    assert {request["verb"] for request in asked} == {"get", "watch"}
    for request in asked:
        headers = request["headers"]
        assert request["method"] == "GET"
        assert headers["user-agent"].startswith(f"{by_hand.shell.daemon}/"), request
        assert headers["authorization"] == "Bearer first"
        assert headers["accept"] == "application/json"
        assert request["verb"] != "watch" or "accept-encoding" not in headers, request
