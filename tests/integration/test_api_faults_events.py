"""Odd lists, odd events, odd objects, and histories that do not fit together.

See test_api_faults.py for what is there before each test, and what must hold.
"""

from __future__ import annotations

import json
import re
from typing import Callable

import pytest

from tests.fakeapi import faults, objects
from tests.lab import poll
from tests.lab.wait import holds

from .test_api_faults import (
    CLUSTER,
    GATEWAY,
    KINDS,
    LIST,
    LOCAL,
    MANDATORY,
    PATH,
    STREAM,
    TABLE,
    WATCH,
    Faulty,
    cluster_objects,
)

pytestmark = pytest.mark.usefixtures("slow_faults")  # they take their time meanwhile

TOO_DEEP = 128  # one level more than an object may have
OLD = "192.168.77.140"  # the VIP of objects that are nobody's business


def service_event(kind: str = "MODIFIED", rv: int = 0, **changes: object) -> str:
    """An event of Service "cluster", changed to Local, as the server would write it."""
    obj = objects.service("cluster", "192.168.77.128", policy="Local")
    obj["metadata"] |= {"uid": "unknown", "resourceVersion": str(rv), **changes}
    return faults.watch_line(kind, json.dumps(obj))


def at_version(version: int, text: str) -> str:
    """An object of tests.fakeapi.faults with a resourceVersion that fits into the history."""
    return re.sub(r'("resourceVersion": ?)"1"', rf'\1"{version}"', text)


# ---- odd, but right ------------------------------------------------------------------------------


def unknown_fields() -> str:
    """An object of a server from the future."""
    obj = objects.service("future", OLD, labels={}, namespace="default")
    obj["metadata"] |= {"uid": "future", "resourceVersion": "1", "mood": {"good": [1, None]}}
    obj["spec"]["quantum"] = {"entangled": True, "with": [{"a": 1.5e300}]}
    return json.dumps(obj | {"extra": {"nested": [[[]]]}})


HARMLESS: list = [
    pytest.param(LIST, "metadata_first", {}, id="list-metadata-first"),
    pytest.param(LIST, "metadata_last", {}, id="list-metadata-last"),
    pytest.param(LIST, "pretty", {}, id="list-pretty-with-crlf"),
    pytest.param(LIST, "bytewise", {}, id="list-byte-by-byte"),
    pytest.param(LIST, "bytewise", {"size": 7}, id="list-in-sevens"),
    pytest.param(LIST, "gzip_members", {}, id="list-gzip"),
    pytest.param(LIST, "empty_page", {}, id="list-empty-page-with-continue"),
    pytest.param(STREAM, "bytewise", {}, id="stream-byte-by-byte"),
    pytest.param(STREAM, "gzip_members", {}, id="stream-gzip-if-asked"),
    pytest.param(WATCH, "bytewise", {}, id="watch-byte-by-byte"),
    pytest.param(WATCH, "gzip_members", {}, id="watch-gzip-if-asked"),
    pytest.param(LIST, "inject", faults.big_service, id="list-5-mb-object"),
    pytest.param(WATCH, "inject", faults.big_service, id="watch-5-mb-event"),
    pytest.param(LIST, "inject", lambda: faults.deep_service(90), id="list-nested-90-deep"),
    pytest.param(WATCH, "inject", lambda: faults.deep_service(90), id="watch-nested-90-deep"),
    pytest.param(LIST, "inject", unknown_fields, id="list-unknown-fields"),
    pytest.param(WATCH, "inject", unknown_fields, id="watch-unknown-fields"),
]


@pytest.mark.parametrize("how, action, args", HARMLESS)
def test_odd_answer_is_understood(
    how: str, action: str, args: dict | Callable[[], str], faulty: Faulty
) -> None:
    """No error is shown, nothing moves, and what comes afterwards arrives."""
    faulty.begin(streaming=how != LIST)
    if callable(args):
        text = at_version(faulty.api.rv() + 1, args())
        args = {"text": faults.watch_line("ADDED", text) if how == WATCH else text}
    before = faulty.kind("services")
    faulty.api.fault(action, PATH["services"], "list" if how == LIST else "watch", **args)
    if how == WATCH:
        faulty.rewatch("services")
    else:
        faulty.relist()
        faulty.wait_kind("services", "listed again", lists=before["lists"] + 1)
    faulty.follows("services")
    after = faulty.wait_well("services")
    assert (after["errors"], after["objectsRefused"]) == (before["errors"], 0)


def test_two_events_in_one_chunk(faulty: Faulty) -> None:
    faulty.begin()
    faulty.api.fault("pairs", PATH["services"], "watch")
    faulty.rewatch("services")
    moved = objects.service("local", "192.168.77.129", policy="Cluster")
    faulty.api.put(moved)
    faulty.put_change("services")
    faulty.wait_hops(faulty.hops(), LOCAL)
    faulty.follows("services", put=False)


def test_escaped_text(faulty: Faulty) -> None:
    """ "web" and "w\\u0065b" are one name; a surrogate pair and a NUL hurt nobody."""
    faulty.begin()
    escaped = {
        '"cluster"': '"cl\\u0075ster"',
        '"prod"': '"\\u0070rod"',
        '"Local"': '"L\\u006fcal"',
        '"mdhlabs-bgp"': '"mdhlabs\\u002dbgp"',
        '"enable"': '"\\u0065nable"',
    }
    text = service_event(
        rv=faulty.api.bump_rv(), annotations={"face": "\U0001f600", "nul": "a\0b", "bad": "\ud800"}
    )
    for plain, odd in escaped.items():
        assert plain in text
        text = text.replace(plain, odd)
    faulty.api.send_raw("services", text)
    faulty.follows("services", put=False)


def test_duplicate_keys(faulty: Faulty) -> None:
    """The last one counts, as for kubectl; and what is not selected is not routed either way."""
    faulty.begin()
    twice = at_version(faulty.api.bump_rv(), faults.duplicate_keys_service(OLD))
    faulty.api.send_raw("services", faults.watch_line("ADDED", twice))
    (claim,) = poll(
        lambda: (found := faulty.show("service default/twice")["services"])
        and found[0]["reason"] != "not-synchronised"
        and found,
        10,
        "the Service is known and decided about",
    )
    assert (claim["address"], claim["reason"]) == (OLD, "not-selected")
    faulty.follows("services")


# ---- lists ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("plural", MANDATORY)
@pytest.mark.parametrize("action", ["items_null", "emptied"])
def test_empty_list_is_held_by_the_guard(action: str, plural: str, faulty: Faulty) -> None:
    """Rules R4: a relist that would leave no VIP waits for the operator, or for its return."""
    faulty.begin(streaming=False)
    if action == "emptied":
        faulty.api.clear(plural)
    else:
        faulty.api.fault(action, PATH[plural], "list")
    lists = faulty.kind(plural)["lists"]
    faulty.relist()
    faulty.wait_kind(plural, "listed again", lists=lambda n: n > lists)
    found = poll(lambda: (c := faulty.cluster())["guardActive"] and c, 10, "the guard is active")
    assert (found["guardReason"], found["heldVips"]) == ("withdraw-guard-holds", len(TABLE))
    assert "withdraw-guard" in faulty.trouble()
    assert all(faulty.vip(prefix)["held"] for prefix in TABLE)
    faulty.untouched()
    if action == "emptied":
        faulty.api.put(*faulty.lab.node_objects(), *cluster_objects())
    faulty.relist()
    poll(lambda: not faulty.cluster()["guardActive"], 10, "the table's return releases the guard")
    faulty.follows(plural)


def test_empty_list_is_followed_when_the_operator_says_so(faulty: Faulty) -> None:
    faulty.begin()
    faulty.api.clear("services")
    faulty.relist()
    poll(lambda: faulty.cluster()["guardActive"], 10, "the guard is active")
    faulty.untouched()
    faulty.order("clear kubevip withdraw-guard cluster lab")
    faulty.wait_gone(*TABLE)
    assert faulty.shell.pid() == faulty.pid


def test_place_in_a_list_is_forgotten(faulty: Faulty) -> None:
    """410 for a page, with a token that would go on without what is missing: it is not used."""
    faulty.begin(streaming=False)
    before = faulty.kind("services")
    faulty.api.clear_requests()
    faulty.api.fault("empty_page", PATH["services"], "list")
    faulty.api.fault("gone_continue", PATH["services"], "list", nth=2)
    faulty.relist()
    faulty.wait_kind("services", "listed again", lists=before["lists"] + 1)
    asked = [request["query"] for request in faulty.asked("services", "list")]
    assert ["continue" in query for query in asked] == [False, True, False]
    assert "limit" not in asked[2], "the whole list in one answer now"
    faulty.follows("services")


def test_endless_list_is_given_up(faulty: Faulty) -> None:
    """Each page is the first one again: two are enough to know."""
    faulty.begin(streaming=False)
    faulty.api.clear_requests()
    faulty.api.fault("endless_continue", PATH["services"], "list", times=None)
    faulty.relist()
    faulty.wait_error("services")
    holds(lambda: len(faulty.asked("services", "list")) <= 8, 1, "few pages are asked for")
    faulty.untouched()
    faulty.api.clear_faults()
    faulty.follows("services")


def test_server_without_streaming_lists_is_asked_once(faulty: Faulty) -> None:
    """422 on sendInitialEvents: a paged list takes its place, and that is remembered."""
    faulty.api.clear_requests()
    faulty.begin(streaming=False)
    lists = faulty.kind("services")["lists"]
    faulty.relist()
    faulty.wait_kind("services", "listed again", lists=lists + 1)
    for plural in KINDS:
        refused = [r for r in faulty.asked(plural) if "sendInitialEvents" in r["query"]]
        assert [request["code"] for request in refused] == [422], plural
        assert not faulty.kind(plural)["streamingList"]
        assert faulty.kind(plural)["errors"] == 0, "that is no error"
    faulty.follows("services")


def test_unreadable_object_in_a_list(faulty: Faulty) -> None:
    """It might be one that we know: the list sweeps nothing."""
    faulty.begin(streaming=False)
    faulty.api.fault("inject", PATH["services"], "list", text=faults.deep_service(TOO_DEEP))
    faulty.api.clear("services")
    faulty.relist()
    faulty.wait_kind("services", "the object is counted", objectsRefused=1)
    holds(lambda: faulty.table() == faulty.whole_table(), 1, "nothing is swept")
    assert not faulty.cluster()["guardActive"], "there is nothing for it to do"
    faulty.untouched()
    faulty.api.put(*cluster_objects())
    faulty.follows("services")


# ---- events --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        '{"type":"SURPRISE","object":{"kind":"Service","apiVersion":"v1","metadata":{}}}\n',
        '{"type":7,"object":{"kind":"Service"}}\n',
        '{"object":{"kind":"Service","metadata":{"name":"cluster","namespace":"prod"}}}\n',
        '{"type":"DELETED"}\n',
        "}\n",
        "<html>\n",
    ],
    ids=["unknown-type", "type-is-a-number", "no-type", "no-object", "bracket", "html"],
)
def test_unknown_event(line: str, faulty: Faulty) -> None:
    """The stream cannot be trusted any more: it is dropped, and taken up again."""
    faulty.begin()
    faulty.api.send_raw("services", line)
    assert faulty.wait_error("services")
    faulty.untouched()
    faulty.follows("services")
    faulty.wait_well("services")


@pytest.mark.parametrize(
    "line",
    [
        '{"type":"DELETED","object":{"kind":"Pod","apiVersion":"v1","metadata":'
        '{"name":"cluster","namespace":"prod","resourceVersion":"%d"}}}\n',
        '{"type":"DELETED","object":{"kind":"Service","metadata":{"resourceVersion":"%d"}}}\n',
        '{"type":"ADDED","object":{"kind":"Service","metadata":{"resourceVersion":"%d"}}}\n',
        '{"type":"MODIFIED","object":{"kind":"Node","metadata":'
        '{"name":"cluster","namespace":"prod","resourceVersion":"%d"}}}\n',
    ],
    ids=["deleted-other-kind", "deleted-nameless", "added-nameless", "modified-other-kind"],
)
def test_event_about_nothing_of_ours(line: str, faulty: Faulty) -> None:
    """It is counted and passed over."""
    faulty.begin()
    faulty.api.send_raw("services", line % faulty.api.bump_rv())
    faulty.wait_kind("services", "it is counted", objectsRefused=1)
    faulty.untouched()
    faulty.follows("services")


def test_unreadable_event(faulty: Faulty) -> None:
    faulty.begin()
    faulty.api.send_raw("services", faults.watch_line("ADDED", faults.deep_service(TOO_DEEP)))
    faulty.wait_kind("services", "it is counted", objectsRefused=1)
    faulty.untouched()
    faulty.follows("services")


@pytest.mark.parametrize("how", [LIST, WATCH])
def test_bottomless_nesting(how: str, faulty: Faulty) -> None:
    """What no parser is let near: the answer as a whole is no good."""
    faulty.begin(streaming=False)
    text = faults.deep_service(100_000)
    if how == LIST:
        faulty.api.fault("inject", PATH["services"], "list", text=text)
        faulty.relist()
    else:
        faulty.api.send_raw("services", faults.watch_line("ADDED", text))
    assert faulty.wait_error("services")
    faulty.untouched()
    faulty.follows("services")
    faulty.wait_well("services")


def test_event_larger_than_any_object(faulty: Faulty) -> None:
    """etcd takes 1.5 MB; over 8 MB nothing is kept, and the watch begins anew."""
    faulty.begin()
    text = faults.watch_line("ADDED", faults.big_service(9 << 20))
    faulty.api.fault("inject", PATH["services"], "watch", text=text)
    faulty.rewatch("services")
    assert faulty.wait_error("services")
    faulty.untouched()
    faulty.follows("services")
    faulty.wait_well("services")


def test_event_without_version(faulty: Faulty) -> None:
    """It is applied; the place in the history stays where it was."""
    faulty.begin()
    faulty.api.fault("rv", PATH["services"], "watch")
    version = str(faulty.api.rv() + 1)
    faulty.rewatch("services")
    events = faulty.wait_kind("services", "the bookmark", resourceVersion=version)["events"]
    faulty.follows("services")
    found = faulty.wait_kind("services", "the event is counted", events=lambda n: n > events)
    assert found["resourceVersion"] == version


def test_event_older_than_what_was_sent_before(faulty: Faulty) -> None:
    """A server that goes back in time is not followed there by its events, but by a whole list."""
    faulty.begin()
    lists = faulty.kind("services")["lists"]
    faulty.api.send_raw("services", service_event(rv=5))
    assert faulty.wait_error("services")
    faulty.wait_kind("services", "listed again", lists=lambda n: n > lists)
    faulty.untouched()
    faulty.follows("services")


# ---- histories -----------------------------------------------------------------------------------


@pytest.mark.parametrize("plural", KINDS)
def test_history_is_compacted(plural: str, faulty: Faulty) -> None:
    """200 and an ERROR event 410, as a watch cache says it: one relist, and no error."""
    faulty.begin()
    before = faulty.kind(plural)
    faulty.rewatch(plural)
    faulty.api.bump_rv()
    faulty.api.compact()
    faulty.api.close_connections()
    faulty.wait_kind(plural, "listed again", lists=before["lists"] + 1)
    faulty.follows(plural)
    faulty.wait_well(plural)


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("how", ["http", "event"])
def test_gone(how: str, times: int, faulty: Faulty) -> None:
    """The first time is in the nature of the protocol; who says it again and again is shown."""
    faulty.begin()
    before = faulty.kind("services")
    action = "status" if how == "http" else "error_event"
    # nth: between two refusals lies the streaming list, which is well
    for nth in range(times):
        faulty.api.fault(action, PATH["services"], "watch", nth=nth + 1, code=410, reason="Expired")
    faulty.rewatch("services")
    if times > 1:
        faulty.wait_error("services", 410)
    faulty.wait_kind("services", "listed again", lists=lambda n: n > before["lists"])
    faulty.untouched()
    faulty.follows("services")
    faulty.wait_well("services")
    if times == 1:
        assert faulty.kind("services")["errors"] == before["errors"]


def test_version_is_too_large_for_a_server_that_lags(faulty: Faulty) -> None:
    """It is asked again, and at last for whatever it has."""
    faulty.begin(streaming=False)
    faulty.api.bump_rv()
    faulty.api.compact()
    faulty.api.clear_requests()
    faulty.api.fault("too_large_rv", PATH["services"], "list", times=3)
    faulty.api.close_connections()
    faulty.wait_error("services", 504)
    faulty.untouched()
    faulty.wait_well("services", deadline=30)
    versions = ["resourceVersion" in r["query"] for r in faulty.asked("services", "list")]
    assert versions == [True, True, True, False]
    faulty.follows("services")


def test_version_is_no_number(faulty: Faulty) -> None:
    """It is sent back as it came, once; when the server chokes on it, a list without it follows."""
    faulty.begin(streaming=False)
    faulty.api.fault("rv", PATH["services"], "list", value="soon")
    faulty.relist()
    faulty.wait_kind("services", "listed again", lists=lambda n: n >= 3)
    faulty.wait_well("services")
    assert faulty.kind("services")["resourceVersion"].isdigit()
    asked = [r["query"].get("resourceVersion") for r in faulty.asked("services", "watch")]
    assert asked.count("soon") == 1, asked
    faulty.untouched()
    faulty.follows("services")


def test_bookmarks_keep_the_place(faulty: Faulty) -> None:
    """A quiet kind that hears bookmarks alone need not list again when the history is compacted.

    Their objects have empty parts, which are no object's."""
    faulty.begin()
    before = {plural: faulty.kind(plural) for plural in KINDS}
    version = str(faulty.api.bump_rv(100))
    faulty.api.send_bookmarks()
    for plural in KINDS:
        bookmarks = before[plural]["bookmarks"]
        faulty.wait_kind(
            plural, "the bookmark", resourceVersion=version, bookmarks=lambda n, m=bookmarks: n > m
        )
    faulty.api.compact()
    faulty.api.close_connections()
    for plural in KINDS:
        faulty.wait_kind(
            plural, "watched again", watches=lambda n, p=plural: n > before[p]["watches"]
        )
        faulty.wait_well(plural)
        assert faulty.kind(plural)["lists"] == before[plural]["lists"]
    faulty.follows("services")


def test_bookmarks_instead_of_events(faulty: Faulty) -> None:
    """A watch cache that loses events shows in nothing; a relist finds what was lost."""
    faulty.begin()
    faulty.api.fault("bookmarks_only", PATH["services"], "watch")
    faulty.rewatch("services")
    faulty.put_change("services")
    faulty.api.send_bookmarks()
    faulty.wait_kind("services", "the bookmark", resourceVersion=str(faulty.api.rv()))
    faulty.untouched()
    faulty.relist()
    faulty.follows("services", put=False)


def lose_sight(faulty: Faulty) -> None:
    """Break every watch, let none begin again, and have their history forgotten."""
    faulty.api.refuse()
    faulty.api.close_connections()
    faulty.wait_error("services")


def find_again(faulty: Faulty) -> None:
    """Serve again, from a history that begins now."""
    faulty.api.bump_rv()
    faulty.api.compact()
    faulty.api.accept()


def test_delete_missed_during_a_disconnect(faulty: Faulty) -> None:
    faulty.begin()
    lose_sight(faulty)
    faulty.api.delete("services", "local")
    faulty.api.delete("endpointslices", "local-abcde")
    faulty.untouched()
    find_again(faulty)
    faulty.wait_gone(LOCAL)
    faulty.follows("services", gone={LOCAL})


@pytest.mark.parametrize("seen", [True, False], ids=["seen", "missed"])
def test_same_name_new_uid(seen: bool, faulty: Faulty) -> None:
    """Deleted and made again: the new object counts. If that was missed, the route never goes."""
    faulty.begin()
    if not seen:
        lose_sight(faulty)
    old = faulty.api.get("services", "cluster")["metadata"]["uid"]
    faulty.api.delete("services", "cluster")
    faulty.put_change("services")
    assert faulty.api.get("services", "cluster")["metadata"]["uid"] != old
    if seen:
        faulty.wait_hops(faulty.hops("kube1"), CLUSTER)
        faulty.unharmed_since({LOCAL, GATEWAY})
    else:
        find_again(faulty)
        faulty.follows("services", put=False)


def test_late_delete_of_an_object_that_was_made_again(faulty: Faulty) -> None:
    """A DELETED with another uid is not about the object that we know."""
    faulty.begin()
    faulty.api.send_raw("services", service_event("DELETED", rv=faulty.api.bump_rv()))
    faulty.wait_kind("services", "the event", resourceVersion=str(faulty.api.rv()))
    faulty.follows("services")


# ---- kinds that are not there --------------------------------------------------------------------


def test_gateway_api_is_installed_later(faulty: Faulty) -> None:
    """Without its CRD the cluster is complete all the same (it is looked for each half minute)."""
    faulty.api.serve("gateways", False)
    faulty.api.put(*cluster_objects())
    faulty.configure()
    faulty.start()
    faulty.wait_kind("gateways", "it is not served", state="absent")
    faulty.wait_up(CLUSTER)
    faulty.wait_up(LOCAL, hops=faulty.hops("kube1", "kube2"))
    assert faulty.show("service prod/cilium-gateway-gw")["services"][0]["reason"] == "not-selected"
    faulty.watch_out()
    faulty.api.serve("gateways")
    faulty.relist()
    faulty.wait_up(GATEWAY)
    faulty.wait_well("gateways")
    faulty.follows("gateways")


def test_gateway_api_vanishes(faulty: Faulty) -> None:
    """One 404 is not believed: a server that has just started does not know its CRDs yet."""
    faulty.begin()
    faulty.api.serve("gateways", False)
    faulty.wait_kind("gateways", "it is not served", state="absent")
    holds(lambda: faulty.table() == faulty.whole_table(), 1, "the Gateway's VIP stays")
    faulty.untouched()
    faulty.api.serve("gateways")
    faulty.relist()
    faulty.wait_well("gateways")
    faulty.follows("gateways")
