"""Attributes of VIPs by route-map (features F15, F16; rules R5): doc/route-maps.md, recipe by recipe.

An operator's static and default routes are in r1 all the time: the peer sees VIPs alone. What a
label changes is changed at the peer without a withdrawal.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Callable, Iterator

import pytest

from tests.fakeapi import Pki, objects
from tests.lab import poll
from tests.lab.seedlab import lan
from tests.lab.shell import find_kubewatch, find_module

from .faillab import CONFIG, UPSTREAM, Scene, TypedRoutes, prefix_of, web
from .rmaplab import GUIDE, INSIDE, OUTSIDE, Peer, RouteMapLab, raised, recipe, service, undo
from .shells import kubewatch_only

GOLD, PLAIN = prefix_of(1), prefix_of(2)
GOLD6 = prefix_of(1, 6)
PLAIN_TOLD = {"community": "", "large": "", "localpref": 100, "med": 0, "aspath": "Local"}


@pytest.fixture(scope="module")
def rmap_lab(pki: Pki) -> Iterator[RouteMapLab]:
    """A lab of its own: its r1 has one more neighbour."""
    module = find_module(os.environ.get("KUBEVIP_MODULES", ""))
    if module is None:
        pytest.skip("not built; set KUBEVIP_MODULES to build/frr-module")
    with raised(pki, module) as found:
        yield found


@pytest.fixture
def operator(rmap: RouteMapLab) -> Iterator[TypedRoutes]:
    """Configuration that an operator types into r1, taken back afterwards."""
    typed = TypedRoutes(rmap.r1)
    yield typed
    typed.close()


@pytest.fixture
def rmap(rmap_lab: RouteMapLab) -> Iterator[RouteMapLab]:
    """The lab without VIPs and with README's configuration; VIPs alone were announced."""
    yield rmap_lab
    try:
        rmap_lab.check_vips_alone()
    finally:
        rmap_lab.reset()


# ---- the guide's recipes -------------------------------------------------------------------------


def test_communities(rmap: RouteMapLab) -> None:
    rmap.recipe("communities")
    for vip in (GOLD, GOLD6):
        rmap.put(vip, tier="gold")
        rmap.wait_told(vip, community="62112:100", large="62112:1:100")
    rmap.put(PLAIN)
    assert rmap.wait_told(PLAIN) == PLAIN_TOLD


def test_local_preference(rmap: RouteMapLab) -> None:
    rmap.recipe("local-preference")
    rmap.put(GOLD, site="here")
    rmap.wait_told(GOLD, localpref=200)
    rmap.put(PLAIN, site="there")
    assert rmap.wait_told(PLAIN) == PLAIN_TOLD


def test_med(rmap: RouteMapLab) -> None:
    rmap.recipe("med")
    rmap.put_objects(*in_namespace("batch", GOLD))
    rmap.wait_told(GOLD, med=50)
    rmap.wait_told(GOLD, OUTSIDE, med=50)
    rmap.put(PLAIN)
    assert rmap.wait_told(PLAIN) == PLAIN_TOLD


def test_prepend(rmap: RouteMapLab) -> None:
    rmap.recipe("prepend")
    rmap.put(GOLD, backup="true")
    rmap.put(PLAIN)
    rmap.wait_told(GOLD, OUTSIDE, aspath="62112 62112 62112")
    rmap.wait_told(PLAIN, OUTSIDE, aspath="62112")
    assert rmap.wait_told(GOLD) == PLAIN_TOLD
    with rmap.no_withdrawal(GOLD, PLAIN):
        rmap.put(GOLD)
        rmap.put(PLAIN, backup="true")
        rmap.wait_told(GOLD, OUTSIDE, aspath="62112")
        rmap.wait_told(PLAIN, OUTSIDE, aspath="62112 62112 62112")


def test_public(rmap: RouteMapLab) -> None:
    rmap.recipe("public")
    rmap.put(GOLD, public="yes")
    rmap.put(PLAIN)
    rmap.wait_told(GOLD, OUTSIDE)
    rmap.wait_told(PLAIN)
    assert rmap.told(PLAIN, OUTSIDE) is None
    with rmap.no_withdrawal(GOLD, PLAIN, peer=INSIDE):
        rmap.put(PLAIN, public="yes")
        rmap.put(GOLD, public="no")
        rmap.wait_told(PLAIN, OUTSIDE)
        rmap.wait_not_told(GOLD, OUTSIDE)


def test_graceful_shutdown(rmap: RouteMapLab) -> None:
    rmap.put(PLAIN)
    rmap.put(GOLD6)
    rmap.wait_told(PLAIN)
    rmap.wait_told(GOLD6)
    lines = recipe("graceful-shutdown")
    with rmap.no_withdrawal(PLAIN, GOLD6):
        rmap.type(*lines)
        for vip in (PLAIN, GOLD6):
            rmap.wait_told(vip, community="graceful-shutdown", localpref=0)
        rmap.type(*(re.sub("^ set", " no set", line) for line in lines))
        for vip in (PLAIN, GOLD6):
            rmap.wait_told(vip, **PLAIN_TOLD)


def test_graceful_shutdown_at_the_receiver(rmap: RouteMapLab) -> None:
    rmap.use(*entry("label drain=true")[:-2], "set community graceful-shutdown")
    rmap.put(GOLD, drain="true")
    rmap.put(PLAIN)
    with rmap.receiver(*recipe("graceful-shutdown-receiver")):
        rmap.wait_told(GOLD, community="graceful-shutdown", localpref=0)
        rmap.wait_told(PLAIN, **PLAIN_TOLD)


def test_drain(rmap: RouteMapLab) -> None:
    rmap.recipe("drain")
    rmap.put(GOLD)
    rmap.put(PLAIN)
    assert rmap.wait_told(GOLD) == rmap.wait_told(PLAIN) == PLAIN_TOLD
    with rmap.no_withdrawal(GOLD, PLAIN):
        rmap.put(GOLD, drain="true")
        rmap.wait_told(GOLD, community="graceful-shutdown", localpref=0)
        assert rmap.told(PLAIN) == PLAIN_TOLD
        rmap.put(GOLD)
        rmap.wait_told(GOLD, **PLAIN_TOLD)


def test_aggregate(rmap: RouteMapLab) -> None:
    rmap.put(GOLD)
    rmap.wait_told(GOLD)
    rmap.recipe("aggregate")
    rmap.wait_told("192.168.77.0/24")
    rmap.wait_not_told(GOLD)
    rmap.put(PLAIN)
    poll(lambda: PLAIN in rmap.r1.bgp_table(), 10, "the second VIP is in r1's bgpd")
    rmap.remove_vip(GOLD)
    poll(lambda: GOLD not in rmap.r1.bgp_table(), 10, "the first VIP left")
    assert rmap.told_prefixes() == {"192.168.77.0/24"}
    rmap.remove_vip(PLAIN)
    rmap.wait_not_told("192.168.77.0/24")


def test_unsuppress(rmap: RouteMapLab) -> None:
    rmap.recipe("unsuppress")
    rmap.put(GOLD, tier="gold")
    rmap.put(PLAIN)
    rmap.wait_told("192.168.77.0/24")
    rmap.wait_told(GOLD)
    assert rmap.told(PLAIN) is None
    rmap.put(PLAIN, tier="gold")
    rmap.put(GOLD)
    rmap.wait_told(PLAIN)
    rmap.wait_not_told(GOLD)


# ---- what is matched -----------------------------------------------------------------------------


def entry(*matches: str, family: int = 4) -> list[str]:
    """Entry 5 of the redistribution map: with these matches the VIP gets a community."""
    lists = {4: "match ip address prefix-list KUBEVIP", 6: "match ipv6 address prefix-list KUBEVIP6"}
    wanted = [f"match kubevip {match}" for match in matches]
    head = f"route-map KUBEVIP permit {5 if family == 4 else 6}"
    return [head, lists[family], "match tag 77", *wanted, "set community 62112:5", "exit"]


MATCHED, PASSED_BY = {"community": "62112:5"}, {"community": ""}


@pytest.mark.parametrize(
    "match, other",
    [
        ("namespace prod", "namespace test"),
        ("service prod/web-192-168-77-1", "service prod/web-192-168-77-2"),
        ("cluster lab", "cluster other"),
        ("class example.com/bgp", "class example.com/l2"),
        ("label a.b/c=d", "label a.b/c=e"),
    ],
)
def test_every_kind(rmap: RouteMapLab, match: str, other: str) -> None:
    """It matches what it says and nothing else; the second line replaces the first."""
    rmap.use(*entry(match))
    found = service(GOLD, **{"a.b/c": "d"})
    found[0]["spec"]["loadBalancerClass"] = "example.com/bgp"
    rmap.put_objects(*found)
    rmap.wait_told(GOLD, **MATCHED)
    with rmap.no_withdrawal(GOLD):
        rmap.type("route-map KUBEVIP permit 5", f"match kubevip {other}")
        rmap.wait_told(GOLD, **PASSED_BY)
    assert f" match kubevip {match}" not in rmap.running()
    assert f" match kubevip {other}" in rmap.running()


def test_different_kinds_must_all_hold(rmap: RouteMapLab) -> None:
    rmap.use(*entry("label tier=gold", "label site=here", "namespace prod", "cluster lab"))
    rmap.put(GOLD, tier="gold", site="here")
    rmap.put(PLAIN, tier="gold", site="there")
    rmap.wait_told(GOLD, **MATCHED)
    rmap.wait_told(PLAIN, **PASSED_BY)
    with rmap.no_withdrawal(GOLD, PLAIN):
        rmap.type("route-map KUBEVIP permit 5", "no match kubevip label site=here")
        rmap.wait_told(PLAIN, **MATCHED)
        rmap.type("route-map KUBEVIP permit 5", "match kubevip label tier=silver")
        rmap.wait_told(PLAIN, **PASSED_BY)
        rmap.wait_told(GOLD, **PASSED_BY)


def test_label_of_the_gateway(rmap: RouteMapLab) -> None:
    """The Service that a controller made for it has no such label."""
    rmap.use(*entry("label tier=gold"))
    gold = {**objects.SEED_LABEL, "tier": "gold"}
    owned = {**objects.SEED_LABEL, "gateway.networking.k8s.io/gateway-name": "gw"}
    rmap.put_objects(objects.gateway("gw", GOLD.partition("/")[0], labels=gold))
    rmap.put_objects(*web(GOLD, labels=owned))
    rmap.wait_told(GOLD, **MATCHED)
    with rmap.no_withdrawal(GOLD):
        rmap.put_objects(objects.gateway("gw", GOLD.partition("/")[0]))
        rmap.wait_told(GOLD, **PASSED_BY)


# ---- labels change -------------------------------------------------------------------------------


@pytest.mark.parametrize("family", [4, 6])
def test_attributes_follow_labels(rmap: RouteMapLab, family: int) -> None:
    """Without a withdrawal, and for this VIP alone."""
    changing, other = prefix_of(1, family), prefix_of(2, family)
    rmap.use(*entry("label tier=gold", family=family))
    rmap.put(changing)
    rmap.put(other, tier="gold")
    rmap.wait_told(changing, **PASSED_BY)
    rmap.wait_told(other, **MATCHED)
    began = time.time()
    with rmap.no_withdrawal(changing, other):
        for _ in range(2):
            rmap.put(changing, tier="gold")
            rmap.wait_told(changing, **MATCHED)
            rmap.put(changing)
            rmap.wait_told(changing, **PASSED_BY)
    assert rmap.lab.peerlog.kinds(other, began) == []


def test_an_ipv6_route_stays_in_the_kernel(rmap: RouteMapLab) -> None:
    """zebra would delete and add it if it were sent again."""
    rmap.use(*entry("label tier=gold", family=6))
    rmap.put(GOLD6)
    rmap.wait_told(GOLD6, **PASSED_BY)
    with rmap.r1.monitor() as monitor:
        rmap.put(GOLD6, tier="gold")
        rmap.wait_told(GOLD6, **MATCHED)
    assert monitor.deleted(GOLD6, 0) == []


def test_label_required(rmap: RouteMapLab) -> None:
    """Without the label nothing lets the VIP pass: it is withdrawn, and comes back with it."""
    rmap.put(GOLD, tier="gold")
    rmap.wait_told(GOLD)
    with rmap.only_entry(*entry("label tier=gold")):
        with rmap.no_withdrawal(GOLD):
            rmap.wait_told(GOLD, **MATCHED)
        rmap.put(GOLD)
        rmap.wait_not_told(GOLD)
        assert GOLD in rmap.r1.kernel_routes(4)  # the route itself is nobody's business here
        rmap.put(GOLD, tier="gold")
        rmap.wait_told(GOLD, **MATCHED)


def test_many_changes_at_once(rmap: RouteMapLab) -> None:
    """So many that bgpd asks zebra for everything instead of being told one by one."""
    many = [f"10.77.{i // 200}.{i % 200 + 1}/32" for i in range(600)]
    rmap.use("ip prefix-list KUBEVIP seq 20 permit 10.77.0.0/16 ge 32")
    rmap.use(*entry("label tier=gold"))
    rmap.put_objects(*(obj for vip in many for obj in service(vip)))
    poll(lambda: set(many) <= rmap.told_prefixes(), 30, "all are at the peer")
    assert rmap.with_community("62112:5") == set()
    rmap.put_objects(*(obj for vip in many for obj in service(vip, tier="gold")))
    poll(lambda: rmap.with_community("62112:5") == set(many), 30, "all have the community")
    assert rmap.r1.vty_json("bgpd", "show kubevip")["mainLoop"]["longestRunUsec"] < 5000


def test_maps_that_call_maps(rmap: RouteMapLab) -> None:
    """Ten deep, and twelve times at each depth: to look for our lines there costs bgpd no time."""
    rmap.use(*entry("label tier=gold"))
    rmap.put(GOLD)
    rmap.wait_told(GOLD, **PASSED_BY)
    lines = ["route-map DEPTH9 permit 10", "exit"]
    for depth in range(9):
        for number in range(10, 22):
            lines += [f"route-map DEPTH{depth} permit {number}", f"call DEPTH{depth + 1}", "exit"]
    rmap.use(*lines)
    rmap.use("router bgp 62112", "neighbor 192.168.99.77 remote-as 62112", "exit")
    family = ["router bgp 62112", "address-family ipv4 unicast"]
    rmap.type(*family, "neighbor 192.168.99.77 route-map DEPTH0 out")
    for labels, told in (({"tier": "gold"}, MATCHED), ({}, PASSED_BY)):
        rmap.put(GOLD, **labels)
        rmap.wait_told(GOLD, **told)


# ---- lines of route-maps -------------------------------------------------------------------------


def test_an_expression_added_later(rmap: RouteMapLab) -> None:
    """To VIPs that are there already."""
    rmap.put(GOLD, tier="gold")
    rmap.put(PLAIN)
    rmap.wait_told(GOLD, **PASSED_BY)
    rmap.wait_told(PLAIN, **PASSED_BY)
    with rmap.no_withdrawal(GOLD, PLAIN):
        rmap.use(*entry("label tier=gold"))
        rmap.wait_told(GOLD, **MATCHED)
        rmap.type("route-map KUBEVIP permit 5", "match kubevip label tier=none")
        rmap.wait_told(GOLD, **PASSED_BY)
    assert rmap.told(PLAIN) == PLAIN_TOLD


def our_blocks(rmap: RouteMapLab) -> dict[str, list[str]]:
    """Entries of route-maps with our lines in what bgpd would write."""
    found: dict[str, list[str]] = {}
    head = ""
    for line in rmap.running():
        head = line if line.startswith("route-map ") else head
        if line.startswith(" match kubevip "):
            found.setdefault(head, []).append(line.removeprefix(" match kubevip "))
    return found


def test_what_is_written(rmap: RouteMapLab) -> None:
    """All that was said and is in force, and nothing stale."""
    first = ["label tier=gold", "label a=b", "namespace prod", "service prod/web", "class c"]
    rmap.use("route-map A permit 10", *(f"match kubevip {match}" for match in first))
    rmap.use("route-map B deny 5", "match kubevip cluster lab", "route-map B permit 7")
    assert our_blocks(rmap) == {
        "route-map A permit 10": first,
        "route-map B deny 5": ["cluster lab"],
    }
    merged = rmap.r1.vtysh("show running-config").split("route-map A permit 10\n")
    assert len(merged) == 2  # one block, whoever wrote its lines
    assert all(f" match kubevip {match}\n" in merged[1].partition("exit")[0] for match in first)
    shown = rmap.r1.vty("bgpd", "show route-map A")
    assert "    kubevip label tier=gold a=b\n" in shown and "    kubevip class c\n" in shown
    rmap.type(
        "route-map A permit 10",
        "no match kubevip label tier=gold",
        "no match kubevip namespace other",  # not there: as with FRR's own matches
        "no match kubevip service",
        "match kubevip class d",
        "match kubevip class d",
    )
    assert our_blocks(rmap)["route-map A permit 10"] == ["label a=b", "namespace prod", "class d"]
    rmap.type("route-map B permit 5")
    assert "route-map B permit 5" in our_blocks(rmap)
    rmap.type("no route-map B permit 5")
    assert list(our_blocks(rmap)) == ["route-map A permit 10"]
    rmap.type("route-map A permit 10", "no match kubevip label", "no match kubevip namespace prod")
    assert our_blocks(rmap) == {"route-map A permit 10": ["class d"]}
    rmap.type("no route-map A")
    assert our_blocks(rmap) == {}


@pytest.mark.parametrize(
    "match, says",
    [
        ("label gold", "write KEY=VALUE"),
        ("label a=b,c=d", "write KEY=VALUE"),
        ("namespace Prod", "lower case"),
        ("service web", "write NAMESPACE/NAME"),
        ("cluster a/b", "cluster: "),
        ("class a,b", "write a loadBalancerClass"),
    ],
)
def test_wrong_values_are_refused(rmap: RouteMapLab, match: str, says: str) -> None:
    rmap.use("route-map A permit 10", "exit")
    answer = rmap.refused("route-map A permit 10", f"match kubevip {match}")
    assert says in answer
    assert our_blocks(rmap) == {}


def test_labels_of_an_entry(rmap: RouteMapLab) -> None:
    """There are 32; a longer value may take the place of another one."""
    rmap.use("route-map A permit 10", "exit")
    labels = [f"match kubevip label k{number}=a" for number in range(32)]
    rmap.type("route-map A permit 10", *labels, "match kubevip label k7=longer")
    assert "32 labels" in rmap.refused("route-map A permit 10", "match kubevip label k32=a")
    written = our_blocks(rmap)["route-map A permit 10"]
    assert len(written) == 32 and "label k7=longer" in written


def findings(rmap: RouteMapLab) -> set[str]:
    """Kinds that `show kubevip check` finds."""
    found = rmap.r1.vty_json("bgpd", "show kubevip check")["findings"]
    return {finding["kind"] for finding in found}


MAP_KINDS = {
    "route-map-alone",
    "route-map-deny",
    "redistribute-without-map",
    "redistribute-map-missing",
    "match-limit",
}


def test_check(rmap: RouteMapLab) -> None:
    assert findings(rmap) & MAP_KINDS == set()
    rmap.use("route-map A permit 10", "match kubevip label tier=gold")
    assert findings(rmap) & MAP_KINDS == {"route-map-alone"}
    rmap.type("route-map A permit 10", "match tag 77")
    assert findings(rmap) & MAP_KINDS == set()
    rmap.type("route-map A deny 10")
    assert findings(rmap) & MAP_KINDS == {"route-map-deny"}
    rmap.type("no route-map A")
    family = ["router bgp 62112", "address-family ipv4 unicast"]
    try:
        rmap.type(*family, "redistribute static route-map NOWHERE")
        assert findings(rmap) & MAP_KINDS == {"redistribute-map-missing"}
        rmap.type(*family, "no redistribute static", "exit-address-family", "exit")
        rmap.type("router bgp 62112 view V", "address-family ipv4 unicast", "redistribute static")
        assert findings(rmap) & MAP_KINDS == {"redistribute-without-map"}
    finally:
        rmap.type("no router bgp 62112 view V")
        rmap.type(*family, "redistribute static route-map KUBEVIP")


def test_too_many_expressions(rmap: RouteMapLab) -> None:
    """The 257th never matches, and it is said; when there is room again it does."""
    rmap.put(GOLD, n="256")
    rmap.wait_told(GOLD)
    rmap.use("route-map FULL permit 10", "exit")
    for number in range(256):
        rmap.type(f"route-map FULL permit {10 + number}", f"match kubevip label n={number}")
    rmap.use(*entry("label n=256"))
    rmap.use("route-map KUBEVIP permit 6", *entry()[1:3], "set community 62112:6", "exit")
    assert "match-limit" in findings(rmap)
    rmap.wait_told(GOLD, community="62112:6")  # so it was asked, and passed by
    rmap.type("no route-map FULL")
    rmap.type("no route-map KUBEVIP permit 5", *entry("label n=256"))
    rmap.wait_told(GOLD, **MATCHED)
    assert "match-limit" not in findings(rmap)


def test_reloaded_by_frr_reload(rmap: RouteMapLab) -> None:
    """Changed, removed and added in frr.conf that vtysh wrote: the peer sees attributes change."""
    lines = entry("label tier=gold", "namespace prod")
    rmap.use(*lines)
    rmap.put(GOLD, tier="gold")
    rmap.put(PLAIN, tier="silver")
    rmap.wait_told(GOLD, **MATCHED)
    rmap.wait_told(PLAIN, **PASSED_BY)
    config = rmap.write_integrated()
    silver = config.replace("label tier=gold", "label tier=silver")
    with rmap.no_withdrawal(GOLD, PLAIN):
        rmap.r1.reload(silver)
        assert our_blocks(rmap) == {lines[0]: ["label tier=silver", "namespace prod"]}
        rmap.wait_told(PLAIN, **MATCHED)
        rmap.wait_told(GOLD, **PASSED_BY)
        rmap.r1.reload(silver.replace(" match kubevip label tier=silver\n", ""))
        assert our_blocks(rmap) == {lines[0]: ["namespace prod"]}
        rmap.wait_told(GOLD, **MATCHED)
        rmap.r1.reload(config)
        rmap.wait_told(PLAIN, **PASSED_BY)
    assert our_blocks(rmap) == {lines[0]: ["label tier=gold", "namespace prod"]}


def test_booted_from_frr_conf(rmap: RouteMapLab) -> None:
    """`vtysh -b`, with what `vtysh -c 'write memory'` left."""
    rmap.use(*entry("label tier=gold"))
    rmap.put(GOLD, tier="gold")
    rmap.put(PLAIN)
    rmap.wait_told(GOLD, **MATCHED)
    rmap.wait_told(PLAIN, **PASSED_BY)
    rmap.write_integrated()
    running = rmap.running()
    rmap.kill()
    rmap.start()
    rmap.r1.space.run(["vtysh", "-b"])
    assert rmap.running() == running
    rmap.wait_told(GOLD, **MATCHED)
    rmap.wait_told(PLAIN, **PASSED_BY)


# ---- restarts, and others on the router ----------------------------------------------------------


@pytest.mark.parametrize("more_lines", [0, 300000])
def test_restart_before_the_api_answers(rmap: RouteMapLab, more_lines: int) -> None:
    """What is written is read again, and the peer is told the same attributes from the start.

    With a state file so long that zebra tells bgpd of the routes before it has been read, too: each
    route is sent again when it has been, and bgpd then asks again.
    """
    rmap.recipe("communities")
    rmap.put(GOLD, tier="gold")
    rmap.put(PLAIN)
    with rmap.only_entry(*entry("label tier=gold")):
        rmap.wait_told(GOLD, **MATCHED)
        rmap.wait_not_told(PLAIN)
        rmap.type("bgp route-map delay-timer 60")  # else bgpd itself would ask again at its start
        rmap.save(router_last=True)
        running = rmap.running()
        rmap.kill()
        rmap.lengthen_record(more_lines)
        rmap.api.refuse()
        try:
            began = time.time()
            rmap.start()
            assert rmap.running() == running
            rmap.wait_told(GOLD, **MATCHED)
            assert rmap.told(PLAIN) is None
        finally:
            rmap.api.accept()
            rmap.type("bgp route-map delay-timer 1")
        rmap.wait_live()
        rmap.put(PLAIN, tier="gold")  # the witness that decisions have arrived
        rmap.wait_told(PLAIN, **MATCHED)
        told = [u for u in rmap.lab.peerlog.updates(began) if u.prefix == GOLD]
        inside = [u for u in told if u.peer == INSIDE and u.kind == "announce"]
        assert inside and all("community 62112:5" in u.attributes for u in inside)


def test_restart_without_a_state_file(rmap: RouteMapLab) -> None:
    """Nothing matches until the API has answered; then it does."""
    rmap.use(*entry("label tier=gold"))
    rmap.put(GOLD, tier="gold")
    rmap.wait_told(GOLD, **MATCHED)
    rmap.save()
    rmap.kill()
    rmap.state_file.unlink()
    rmap.start()
    rmap.wait_told(GOLD, **MATCHED)


def test_an_operators_route_at_the_vip(rmap: RouteMapLab, operator: TypedRoutes) -> None:
    """It is not ours, whatever the VIP's labels say, in either order."""
    own = f"ip route {GOLD} {UPSTREAM} tag 77"
    with rmap.only_entry(*entry("label tier=gold")):
        rmap.put(GOLD, tier="gold")
        rmap.wait_told(GOLD, **MATCHED)
        operator.add(own)
        rmap.wait_not_told(GOLD)
        operator.remove(own)
        rmap.wait_told(GOLD, **MATCHED)
        rmap.remove_vip(GOLD)
        rmap.wait_not_told(GOLD)
        operator.add(own)
        rmap.put(GOLD, tier="gold")
        rmap.wait_shadowed(GOLD)
        assert rmap.told(GOLD) is None
        operator.remove(own)
        rmap.wait_told(GOLD, **MATCHED)


def test_kubewatch_injects_and_the_module_matches(rmap: RouteMapLab) -> None:
    """The routes are another process's, the labels are known here, too."""
    kubewatch = find_kubewatch(os.environ.get("KUBEWATCH", ""))
    if kubewatch is None:
        pytest.skip("kubewatch is not built; set KUBEWATCH to its path")
    rmap.use(*entry("label tier=gold"))
    with rmap.kubewatch_injects(kubewatch):
        rmap.put(GOLD, tier="gold")
        rmap.put(PLAIN)
        rmap.wait_told(GOLD, **MATCHED)
        rmap.wait_told(PLAIN, **PASSED_BY)
        with rmap.no_withdrawal(GOLD, PLAIN):
            rmap.put(PLAIN, tier="gold")
            rmap.put(GOLD)
            rmap.wait_told(PLAIN, **MATCHED)
            rmap.wait_told(GOLD, **PASSED_BY)
        rmap.remove_vip(GOLD)
        rmap.remove_vip(PLAIN)
        rmap.wait_not_told(GOLD)
        rmap.wait_not_told(PLAIN)


def test_node_mode(rmap: RouteMapLab) -> None:
    """`inject bgp`: no route in zebra, the same answers."""
    rmap.put_objects(objects.node("r1", *lan(10).values()))
    rmap.use("kubevip node-name r1", "kubevip inject bgp", *entry("label tier=gold"))
    for vip in (GOLD, GOLD6):
        rmap.use(*entry("label tier=gold", family=6 if ":" in vip else 4))
        rmap.put(vip)
        rmap.wait_told(vip, **PASSED_BY)
        assert vip not in rmap.r1.kernel_routes(6 if ":" in vip else 4)
        with rmap.no_withdrawal(vip):
            rmap.put(vip, tier="gold")
            rmap.wait_told(vip, **MATCHED)
            rmap.put(vip)
            rmap.wait_told(vip, **PASSED_BY)


# ---- the same by tag -----------------------------------------------------------------------------


def test_tags_with_the_module(rmap: RouteMapLab) -> None:
    rmap.use(*recipe("tag-kubevip"))
    rmap.recipe("tag")
    follow_tags(rmap.put, rmap)


@kubewatch_only("its bgpd knows nothing of Kubernetes; with the module: the test above")
def test_tags_with_kubewatch(scene: Scene) -> None:
    scene.configure(lines=[*CONFIG[:-1], *recipe("tag-kubevip")])
    scene.start()
    scene.r1.config(recipe("tag"))
    try:
        follow_tags(lambda *vip, **labels: scene.api.put(*service(*vip, **labels)), Peer(scene.lab))
    finally:
        scene.r1.config(undo(recipe("tag")))


def follow_tags(put: Callable[..., object], peer: Peer) -> None:
    """Labels give tags, tags give attributes."""
    put(GOLD, tier="gold")
    put(PLAIN)
    wanted = {"community": "62112:100", "large": "62112:1:100", "localpref": 200, "med": 50}
    peer.wait_told(GOLD, **wanted)
    peer.wait_told(PLAIN, **PLAIN_TOLD)
    with peer.no_withdrawal(GOLD, PLAIN):
        put(GOLD)
        put(PLAIN, drain="true")
        peer.wait_told(GOLD, **PLAIN_TOLD)
        peer.wait_told(PLAIN, community="graceful-shutdown", localpref=0)


# ---- the guide -----------------------------------------------------------------------------------


def test_every_recipe_is_tested() -> None:
    """Each mark in the guide is named here (the receiver's lines: see test_graceful_shutdown)."""
    marks = set(re.findall(r"<!-- recipe: ([\w-]+) -->", GUIDE.read_text()))
    here = Path(__file__).read_text()
    assert len(marks) > 10
    assert {mark for mark in marks if f'recipe("{mark}")' not in here} == set()


def in_namespace(namespace: str, vip: str) -> list[dict]:
    """A Service with this VIP elsewhere."""
    found = service(vip)
    for obj in found:
        obj["metadata"]["namespace"] = namespace
    return found
