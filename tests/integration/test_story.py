"""The seed's story as a real cluster told it (tests/data/recorded), told again to the kernel.

What is expected after each step was derived by hand from story.txt and the project's rules, not
from the program: which VIPs there are, through which nodes, and why not. One chapter is one test;
they build on each other, so that the first failure is the one to look at.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator

import pytest

from tests.fakeapi import FakeApiProcess, Recording
from tests.lab import Lab, poll
from tests.lab.wait import holds

from .faillab import CONFIG, Scene

RECORDED = Path(__file__).resolve().parents[1] / "data" / "recorded"
KINDS = ("services", "endpointslices", "nodes", "gateways")
# The seed's Service, the one generated for its Gateway, and one that never gets an endpoint.
SERVICE, GATEWAY, LOCAL = "192.168.77.128/32", "192.168.77.129/32", "192.168.77.10/32"
NAMES = {
    SERVICE: "prod/cd-bgp-svc",
    GATEWAY: "prod/cilium-gateway-cd-bgp-gw",
    LOCAL: "dev/web-local",
}
ALL = (1, 2, 3)


@dataclass(frozen=True)
class Chapter:
    """What happens up to a resourceVersion, and what must be then."""

    title: str
    until: int
    table: dict[str, tuple[int, ...]]  # VIP: numbers of the nodes
    # of VIPs that are not routed; None: nothing is known of the Service
    reasons: dict[str, str | None] = field(default_factory=dict)
    nodes: dict[int, str] = field(default_factory=dict)  # not "selected"
    selected_by: dict[str, str] = field(default_factory=dict)
    still: tuple[str, ...] = ()  # nothing may happen to these in kernel or BGP, however shortly

    def __str__(self) -> str:
        return f"{self.until}-{self.title.replace(' ', '-')}"


NOTHING: dict[str, tuple[int, ...]] = {}
BOTH = {SERVICE: ALL, GATEWAY: ALL}
ONE_POD = {SERVICE: (1,), GATEWAY: ALL}
EMPTY = {LOCAL: "no-endpoints"}

STORY = [
    Chapter("no nodes", 312, NOTHING, {SERVICE: None, GATEWAY: None, LOCAL: None}),
    Chapter("three nodes join", 331, NOTHING),
    # Pools and BGP objects are Cilium's: they are not watched.
    Chapter("Service without address", 363, NOTHING, {SERVICE: "no-address"}),
    Chapter("LB IPAM assigns", 367, NOTHING, {SERVICE: "no-endpoints"}),
    Chapter("Services without pods", 386, NOTHING, {SERVICE: "no-endpoints", **EMPTY}),
    # F6, policy Cluster: one endpoint anywhere, and every node is a next hop.
    Chapter("first pod is ready", 393, {SERVICE: ALL}, EMPTY),
    Chapter("all pods are ready", 406, {SERVICE: ALL}, EMPTY, still=(SERVICE,)),
    Chapter("Gateway", 414, {SERVICE: ALL}, {GATEWAY: "no-address", **EMPTY}, still=(SERVICE,)),
    # The seed's pain: no label on the generated Service, no selector, one dummy endpoint (F4, F7).
    Chapter(
        "generated Service",
        428,
        BOTH,
        EMPTY,
        selected_by={SERVICE: "service labels", GATEWAY: "gateway labels"},
        still=(SERVICE,),
    ),
    Chapter("workaround", 431, BOTH, EMPTY, still=(SERVICE, GATEWAY)),
    Chapter(
        "workaround taken back",
        435,
        BOTH,
        EMPTY,
        selected_by={GATEWAY: "gateway labels"},
        still=(SERVICE, GATEWAY),
    ),
    Chapter("infrastructure labels", 441, BOTH, EMPTY, still=(SERVICE, GATEWAY)),
    Chapter("policy Local", 450, BOTH, EMPTY, still=(SERVICE, GATEWAY)),
    # F7, F8: nodes with a ready pod; terminating ones do not count while there is a ready one.
    Chapter("rolling update begins", 491, BOTH, EMPTY, still=(SERVICE, GATEWAY)),
    Chapter("kube3 has no pod", 521, {SERVICE: (1, 2), GATEWAY: ALL}, EMPTY, still=(GATEWAY,)),
    Chapter("kube2 has no pod", 550, ONE_POD, EMPTY, still=(GATEWAY,)),
    # F9: a cordon is no reason, the autoscaler's taint is.
    Chapter("cordon", 558, ONE_POD, EMPTY, still=(SERVICE, GATEWAY)),
    Chapter(
        "autoscaler's taint",
        566,
        {SERVICE: (1,), GATEWAY: (1, 3)},
        EMPTY,
        {2: "node-being-removed"},
        still=(SERVICE,),
    ),
    Chapter("taint and cordon go", 570, ONE_POD, EMPTY, still=(SERVICE,)),
    Chapter(
        "exclude label",
        571,
        {SERVICE: (1,), GATEWAY: (1, 2)},
        EMPTY,
        {3: "node-excluded"},
        still=(SERVICE,),
    ),
    Chapter("exclude label goes", 573, ONE_POD, EMPTY, still=(SERVICE,)),
    # A dead node is Ready until the controller notices, 52 s later.
    Chapter("power loss", 627, ONE_POD, EMPTY, still=(SERVICE, GATEWAY)),
    Chapter(
        "Ready Unknown",
        635,
        {SERVICE: (1,), GATEWAY: (1, 2)},
        EMPTY,
        {3: "node-unknown"},
        still=(SERVICE,),
    ),
    Chapter("kube3 is back", 648, ONE_POD, EMPTY, still=(SERVICE,)),
    # Its infrastructure label still selects the Service, so the Gateway alone is not missed yet.
    Chapter("Gateway deleted", 650, ONE_POD, EMPTY, still=(SERVICE, GATEWAY)),
    Chapter("its slice deleted", 651, {SERVICE: (1,)}, {GATEWAY: "no-endpoints"}, still=(SERVICE,)),
    Chapter("its Service deleted", 653, {SERVICE: (1,)}, {GATEWAY: None}, still=(SERVICE,)),
    Chapter("Service deleted", 665, NOTHING, {SERVICE: None, **EMPTY}),
    Chapter("node deleted", 669, NOTHING, EMPTY),
    Chapter("namespace deleted", 685, NOTHING, {LOCAL: None}),
]


class Telling(Scene):
    """The recording, told to the shell chapter by chapter."""

    def begin(self) -> None:
        """An empty cluster whose history is about to begin."""
        self.recording = Recording(RECORDED, *KINDS)
        self.api.reset()
        self.api.set_rv(100)
        self.configure("debug kubevip select", lines=CONFIG)
        self.start()
        self.pid = self.shell.pid()
        self.told: Chapter | None = None
        self.broken = False

    def begin_late(self, until: int) -> None:
        """Everything up to here has happened when the shell starts."""
        self.recording = Recording(RECORDED, *KINDS)
        self.api.reset()
        self.api.set_rv(100)
        for _ in self.recording.play(self.api, until_rv=until):
            pass
        self.configure("debug kubevip select", lines=CONFIG)
        self.start()

    def tell(self, chapter: Chapter) -> dict[str, int]:
        """Tell it; returns the last version of each kind in it."""
        versions: dict[str, int] = {}
        for step in self.recording.play(self.api, until_rv=chapter.until):
            versions[step.plural] = step.rv
        return versions

    def wait_told(self, versions: dict[str, int]) -> None:
        """Return when it has heard all of it and has decided."""

        def heard() -> bool:
            page = self.show("cluster lab")["clusters"]["lab"]["kinds"]
            return all(int(page[p]["resourceVersion"] or 0) >= rv for p, rv in versions.items())

        poll(heard, 10, f"{versions} have been heard")
        self.wait_synchronised()

    def table(self) -> dict[str, list]:
        """The story's VIPs in r1's kernel."""
        routes = self.r1.kernel_routes(4)
        return {prefix: routes[prefix]["nexthops"] for prefix in NAMES if prefix in routes}

    def at_r2(self) -> set[str]:
        """Those that r2 has."""
        return self.at_peer(*NAMES)

    def hops_of(self, numbers: tuple[int, ...]) -> list[tuple[str, str]]:
        """Next hops through these nodes."""
        return self.hops(*(f"kube{number}" for number in numbers))

    def claim(self, prefix: str) -> dict | None:
        """What is shown of the Service of a VIP."""
        claims = self.show(f"service {NAMES[prefix]}")["services"]
        assert len(claims) < 2
        return claims[0] if claims else None


@pytest.fixture(scope="module")
def telling(lab: Lab, module_api: FakeApiProcess) -> Iterator[Telling]:
    """The shell at the beginning of the story."""
    found = Telling(lab, module_api)
    found.begin()
    yield found
    lab.clear()


def check_table(telling: Telling, chapter: Chapter) -> None:
    """Kernel, peer and JSON agree about what is routed."""
    wanted = {vip: telling.hops_of(nodes) for vip, nodes in chapter.table.items()}
    poll(lambda: telling.table() == wanted, 10, f"r1's kernel has {wanted}: {telling.table()}")
    poll(lambda: telling.at_r2() == set(wanted), 10, f"r2's kernel has {set(wanted)}")
    vips = telling.show("vip")["vips"]
    assert {prefix for prefix, vip in vips.items() if vip["routed"]} == set(wanted)
    for prefix in wanted:
        shown = telling.wait_state("installed", prefix)
        assert (shown["reason"], shown["warning"], shown["held"]) == ("selected", None, False)
        assert sorted(shown["installedNextHops"]) == [hop for hop, _ in wanted[prefix]]


def check_reasons(telling: Telling, chapter: Chapter) -> None:
    """Why not, and because of whose labels."""
    for prefix, reason in chapter.reasons.items():
        claim = telling.claim(prefix)
        assert (claim and claim["reason"]) == reason, prefix
        vip = telling.vip(prefix)
        assert not vip or (vip["routed"], vip["reason"]) == (False, reason)
    for prefix, word in chapter.selected_by.items():
        assert telling.claim(prefix)["selectedBy"] == word
    if chapter.until > 331:
        poll(lambda: shown_nodes(telling) == expected(telling, chapter), 10, "each node's reason")


def shown_nodes(telling: Telling) -> dict[str, str]:
    """Why a node is used, or not."""
    nodes = telling.show("node")["nodes"]
    return {node["name"]: node["blocks"]["web"]["reason"] for node in nodes}


def expected(telling: Telling, chapter: Chapter) -> dict[str, str]:
    """The same as the chapter has it, for the nodes that there are."""
    names = [node["name"] for node in telling.show("node")["nodes"]]
    return {name: chapter.nodes.get(int(name[-1]), "selected") for name in names}


@pytest.mark.parametrize("chapter", STORY, ids=str)
def test_story(chapter: Chapter, telling: Telling) -> None:
    assert not telling.broken, f"the story broke off in chapter {telling.told}"
    telling.told, telling.broken = chapter, True
    began = time.time()
    with telling.r1.monitor() as monitor:
        telling.wait_told(telling.tell(chapter))
        check_table(telling, chapter)
        check_reasons(telling, chapter)
        if chapter.still:
            holds(lambda: not any(monitor.about(p) for p in chapter.still), 0.2, "they stay")
        for prefix in chapter.still:
            assert monitor.about(prefix, began) == []
            assert telling.lab.peerlog.events(prefix, began) == []
        for prefix in chapter.table:
            assert monitor.deleted(prefix, began) == [], "a change of next hops is no delete"
            assert "withdraw" not in telling.lab.peerlog.kinds(prefix, began)
    assert telling.shell.pid() == telling.pid
    telling.broken = False


def test_after_the_story(telling: Telling) -> None:
    """Two nodes and a ClusterIP are left; nobody had to list twice, nothing was misunderstood."""
    assert telling.told is STORY[-1] and not telling.broken
    assert telling.recording.steps == []
    assert {node["name"] for node in telling.show("node")["nodes"]} == {"kube2", "kube3"}
    assert telling.show("service")["services"] == []
    for plural, kind in telling.show("cluster lab")["clusters"]["lab"]["kinds"].items():
        told = (kind["lists"], kind["relists"], kind["errors"], kind["objectsRefused"])
        assert told == (1, 0, 0, 0), plural
    assert telling.cluster()["heldVips"] == 0 and telling.trouble() == set()
    assert telling.lab.peerlog.kinds(SERVICE)[-1] == "withdraw"


@pytest.mark.parametrize("until", [331, 406, 441, 521, 566, 635, 651, 685])
def test_story_heard_late(until: int, telling: Telling) -> None:
    """Who begins to listen in the middle comes to the same table (by a list, not by events)."""
    chapter = next(c for c in reversed(STORY) if c.until <= until)
    telling.kill()
    telling.lab.clear()
    telling.prepare_state_directory()
    telling.begin_late(until)
    check_table(telling, chapter)
    check_reasons(telling, chapter)
