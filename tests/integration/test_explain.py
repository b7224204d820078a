"""`explain` names the link of the chain that is broken: each of the seed's failures, made in the lab.

The module knows the whole way, to what each peer is sent. kubewatch knows it to the kernel, and says
so: the tests about bgpd's side are the module's only.
"""

from __future__ import annotations

import re

from tests.fakeapi import objects
from tests.lab import poll

from .faillab import UPSTREAM, VIP, Scene, TypedRoutes, prefix_of, web
from .shells import module_only

ADDRESS = VIP.partition("/")[0]
BGPD = "kubewatch runs beside bgpd and does not see into it"
SERVICE = "prod/web-192-168-77-128"
AFI = ["router bgp 62112", "address-family ipv4 unicast"]
QUICK = "bgp route-map delay-timer 1"  # the lab's 0 means never


def explain(scene: Scene, what: str = f"vip {ADDRESS}") -> dict:
    """The answer as JSON."""
    return scene.show(f"{what} explain")


def steps(answer: dict, step: str) -> list[dict]:
    """All links of this name."""
    return [s for s in answer["steps"] if s["step"] == step]


def details(answer: dict, step: str) -> dict[tuple[str, str], str]:
    """(name, reason) -> text of the details of these links."""
    found = {}
    for one in steps(answer, step):
        for detail in one.get("details", []):
            found[detail["name"], detail["reason"]] = detail["text"]
    return found


def diagnosis(scene: Scene, what: str = f"vip {ADDRESS}") -> tuple[str, str] | None:
    """(step, reason) of the first link that is broken."""
    found = explain(scene, what)["diagnosis"]
    return found and (found["step"], found["reason"])


def wait_diagnosis(
    scene: Scene, expected: tuple[str, str] | None, what: str = "", deadline: float = 15
) -> dict:
    """Return the answer when it says so."""
    what = what or f"vip {ADDRESS}"
    poll(
        lambda: diagnosis(scene, what) == expected,
        deadline,
        f"{what}: {expected}",
    )
    answer = explain(scene, what)
    assert expected is None or answer["diagnosis"]["text"]
    return answer


def remedy(answer: dict) -> str:
    """The command that the diagnosis says is to be typed."""
    (command,) = re.findall("`(.*)`", answer["diagnosis"]["remedy"])
    return command


def test_nothing_is_in_its_way(watched: Scene) -> None:
    """Every link is there, in the order of the way, and good."""
    watched.wait_state("installed")
    answer = wait_diagnosis(watched, None)
    order = ["cluster", "claim", "range", "selection", "endpoints", "nodes", "holder", "decision"]
    order += ["next-hops", "zebra", "kernel"]
    named = [s["step"] for s in answer["steps"]]
    assert named[: len(order)] == order
    assert {s["mark"] for s in answer["steps"][: len(order)]} == {"ok"}
    assert set(details(answer, "next-hops")) == {(a, "connected") for a, _ in watched.hops()}


@module_only(BGPD)
def test_up_to_the_peer(watched: Scene) -> None:
    """The entry of the route-map and of the prefix-list that let it pass, and who is sent it."""
    answer = wait_diagnosis(watched, None)
    marks = {s["step"]: (s["mark"], s["reason"]) for s in answer["steps"]}
    assert marks["redistribute"] == ("ok", "redistributed")
    assert marks["route-map"] == ("ok", "permitted")
    assert marks["bgp"] == ("ok", "best-path")
    assert ("KUBEVIP", "permit") in details(answer, "route-map")
    sent = [(s["object"], s["reason"]) for s in steps(answer, "peer")]
    assert sent == [("192.168.99.11", "sent")]


def test_nobody_has_the_address(watched: Scene) -> None:
    """The seed's first question: was an address assigned? The nearest range, and who waits."""
    watched.api.put(objects.service("waiting"))
    watched.send_witness()
    answer = wait_diagnosis(watched, ("claim", "nobody-has-it"), "vip 192.168.77.9")
    found = details(answer, "claim")
    assert ("vip-range", "inside") in found
    assert "prod/waiting" in found["waiting", "no-address"]
    answer = wait_diagnosis(watched, ("claim", "nobody-has-it"), "vip 192.168.78.1")
    assert details(answer, "claim")["vip-range", "nearest"].startswith("192.168.77.0/24")


def test_no_address_yet(watched: Scene) -> None:
    """A Gateway's Service that shows <none>."""
    watched.api.put(objects.service("waiting"))
    watched.send_witness()
    wait_diagnosis(watched, ("claim", "no-address"), "service prod/waiting")


def test_outside_the_range(watched: Scene) -> None:
    """An address from another pool than the one for BGP."""
    watched.api.put(*web("192.168.10.7/32"))
    watched.send_witness()
    wait_diagnosis(watched, ("range", "out-of-range"), "vip 192.168.10.7")
    wait_diagnosis(watched, ("range", "out-of-range"), "service prod/web-192-168-10-7")


def test_the_label_is_missing(watched: Scene) -> None:
    """The seed's hour: the generated Service had not the label."""
    watched.api.put(objects.service("web-192-168-77-128", ADDRESS, labels={"app": "cd"}))
    answer = wait_diagnosis(watched, ("selection", "not-selected"))
    assert details(answer, "selection")["web", "labels"].startswith("mdhlabs-bgp=enable")
    wait_diagnosis(watched, ("selection", "not-selected"), f"service {SERVICE}")


def test_no_endpoint(watched: Scene) -> None:
    """The pods are not ready."""
    endpoints = [objects.endpoint("10.244.1.10", "kube1", ready=False)]
    watched.api.put(objects.endpoint_slice("web-192-168-77-128", endpoints))
    wait_diagnosis(watched, ("endpoints", "no-endpoints"))


def test_prefix_list_of_the_cluster_without_ge(watched: Scene) -> None:
    """The seed's prefix-list `192.168.77.0/24` can match no host route."""
    lists = watched.shell.daemon
    watched.r1.vty(
        lists, "configure terminal", "ip prefix-list SEED seq 5 permit 192.168.77.0/24"
    )
    watched.type("kubevip cluster lab prefix-list SEED")
    answer = wait_diagnosis(watched, ("prefix-list", "prefix-list-denies"))
    assert ("SEED", "prefix-length") in details(answer, "prefix-list")
    watched.r1.vty(lists, "configure terminal", remedy(answer))
    wait_diagnosis(watched, None)
    watched.type("no kubevip cluster lab prefix-list")
    watched.r1.vty(lists, "configure terminal", "no ip prefix-list SEED")
    wait_diagnosis(watched, None)


def test_next_hops_do_not_resolve(watched: Scene) -> None:
    """FRR was up before the network: the seed's systemd story, and a pulled cable."""
    watched.lab.set_cable("r1", False)
    answer = wait_diagnosis(watched, ("next-hops", "no-next-hop-resolves"))
    assert {reason for _, reason in details(answer, "next-hops")} == {"unresolved"} or all(
        reason != "connected" for _, reason in details(answer, "next-hops")
    )
    watched.lab.set_cable("r1", True)
    wait_diagnosis(watched, None)


def test_flushed(watched: Scene) -> None:
    """An order of the operator: nothing is wrong with the next hops."""
    watched.order("kubevip flush")
    answer = wait_diagnosis(watched, ("zebra", "flushed"))
    assert set(details(answer, "next-hops")) == {(a, "connected") for a, _ in watched.hops()}
    watched.order(remedy(answer))
    wait_diagnosis(watched, None)


def test_a_route_of_the_operator(watched: Scene, operator: TypedRoutes) -> None:
    """With our distance it is not overwritten, with a better one it is preferred."""
    operator.add(f"ip route {VIP} {UPSTREAM} 15")
    wait_diagnosis(watched, ("zebra", "operator-route-same-distance"))
    operator.remove(f"ip route {VIP} {UPSTREAM} 15")
    wait_diagnosis(watched, None)
    operator.add(f"ip route {VIP} {UPSTREAM}")
    wait_diagnosis(watched, ("zebra", "operator-route"))
    operator.remove(f"ip route {VIP} {UPSTREAM}")
    wait_diagnosis(watched, None)


def test_a_route_in_the_kernel(watched: Scene) -> None:
    """Of no daemon of FRR: zebra prefers it, and does not say so. The kernel does."""
    vip = prefix_of(130)
    what = f"vip {vip.partition('/')[0]}"
    watched.r1.space.ip(f"route add {vip} via {UPSTREAM}")
    watched.add(vip, wait=False)
    wait_diagnosis(watched, ("kernel", "other-route"), what)
    watched.r1.space.ip(f"route del {vip} via {UPSTREAM}")
    watched.wait_up(vip)
    wait_diagnosis(watched, None, what)


def test_a_table_of_its_own(watched: Scene) -> None:
    """`table N` is for the kernel alone: that bgpd and the main table do not have it is right."""
    watched.type("kubevip cluster lab advertise web table 100")
    poll(
        lambda: [s["reason"] for s in steps(explain(watched), "kernel")] == ["other-table"],
        15,
        "it goes to table 100",
    )
    answer = wait_diagnosis(watched, None)
    assert not steps(answer, "bgp")
    shown = watched.vip()
    assert shown["sentAgeSec"] is not None and shown["installedAgeSec"] is None


def test_the_api_does_not_answer(watched: Scene) -> None:
    """Who has an address may not have been heard of; what is known is said with a warning."""
    watched.api.set_tokens("another")
    watched.api.close_connections()
    wait_diagnosis(watched, ("cluster", "stale"), "vip 192.168.77.9", 60)
    wait_diagnosis(watched, ("cluster", "stale"), "service prod/new")
    answer = wait_diagnosis(watched, None)
    assert [(s["mark"], s["reason"]) for s in steps(answer, "cluster")] == [("warn", "stale")]


def test_nodes_of_the_other_family(watched: Scene) -> None:
    """An IPv6 VIP, and no node with an IPv6 address: each node says so."""
    vip = prefix_of(5, family=6)
    ipv4 = [objects.node(node.name, node.address[4]) for node in watched.lab.nodes]
    watched.api.put(*ipv4, *web(vip))
    what = f"vip {vip.partition('/')[0]}"
    answer = wait_diagnosis(watched, ("nodes", "node-has-no-ipv6"), what)
    named = {(node.name, "node-has-no-ipv6") for node in watched.lab.nodes}
    assert set(details(answer, "nodes")) == named


def test_refused_before_endpoints_are_counted(watched: Scene) -> None:
    """Nobody looked at them: that is not zero of zero."""
    watched.api.put(objects.service("web-192-168-77-128", ADDRESS, labels={"app": "cd"}))
    poll(lambda: watched.claim_reason(VIP) == "not-selected", 15, "it is not selected")
    (claim,) = watched.vip()["claims"]
    assert (claim["endpoints"], claim["endpointsUsable"]) == (None, None)


@module_only(BGPD)
def test_not_redistributed(watched: Scene) -> None:
    """`redistribute static` is missing."""
    watched.r1.config([*AFI, "no redistribute static"])
    answer = wait_diagnosis(watched, ("redistribute", "not-redistributed"))
    assert "redistribute static" in answer["diagnosis"]["remedy"]
    watched.r1.config([*AFI, "redistribute static route-map KUBEVIP"])
    wait_diagnosis(watched, None)


@module_only(BGPD)
def test_route_map_that_does_not_exist(watched: Scene) -> None:
    """bgpd then denies everything, and says nothing."""
    watched.r1.config([*AFI, "redistribute static route-map NOWHERE"])
    wait_diagnosis(watched, ("route-map", "route-map-undefined"))
    watched.r1.config([*AFI, "redistribute static route-map KUBEVIP"])
    wait_diagnosis(watched, None)


@module_only(BGPD)
def test_prefix_list_of_the_route_map_without_ge(watched: Scene) -> None:
    """The seed's KUBEFILTER."""
    watched.r1.config(["ip prefix-list KUBEVIP seq 10 permit 192.168.77.0/24"])
    answer = wait_diagnosis(watched, ("route-map", "no-entry-matches"))
    assert "ge 32" in details(answer, "route-map")["KUBEVIP", "prefix-length"]
    watched.r1.config([remedy(answer)])
    wait_diagnosis(watched, None)


@module_only(BGPD)
def test_the_same_in_ipv6(watched: Scene) -> None:
    """The entry for IPv4 that does not match either is not what is wrong."""
    vip = prefix_of(5, family=6)
    watched.add(vip)
    what = f"vip {vip.partition('/')[0]}"
    watched.r1.config(["ipv6 prefix-list KUBEVIP6 seq 10 permit fd00:77::/64"])
    answer = wait_diagnosis(watched, ("route-map", "no-entry-matches"), what)
    watched.r1.config([remedy(answer)])
    wait_diagnosis(watched, None, what)
    assert "KUBEVIP6 seq 10 permit fd00:77::/64 ge 128" in watched.r1.vtysh("show running-config")


@module_only(BGPD)
def test_prefix_list_that_does_not_exist(watched: Scene) -> None:
    """The seed's MDHFILTER: a route-map on a list that nobody defined."""
    watched.r1.config(["no ip prefix-list KUBEVIP seq 10"])
    answer = wait_diagnosis(watched, ("route-map", "no-entry-matches"))
    assert ("KUBEVIP", "prefix-list-undefined") in details(answer, "route-map")
    watched.r1.config(["ip prefix-list KUBEVIP seq 10 permit 192.168.77.0/24 ge 32"])
    wait_diagnosis(watched, None)


@module_only(BGPD)
def test_another_tag(watched: Scene) -> None:
    """The route-map asks for a tag that the advertise block does not give."""
    watched.type("kubevip cluster lab advertise web tag 99")
    answer = wait_diagnosis(watched, ("route-map", "no-entry-matches"))
    assert ("entry 10", "no-match") in details(answer, "route-map")
    assert "advertise web tag 77" in answer["diagnosis"]["remedy"]
    watched.type("no kubevip cluster lab advertise web tag")
    wait_diagnosis(watched, None)


@module_only(BGPD)
def test_map_that_calls_another(watched: Scene) -> None:
    """What the other one denies is denied, though the entry that calls it matches; else it goes on."""
    watched.r1.config([QUICK, "route-map KUBEVIP permit 10", "call OTHER"])
    watched.r1.config(["route-map OTHER permit 10", "match tag 99"])
    answer = wait_diagnosis(watched, ("route-map", "denied-by-entry"))
    found = details(answer, "route-map")
    assert ("entry 10", "call-denies") in found and ("OTHER entry 10", "no-match") in found
    watched.wait_peer_lost(VIP)
    watched.r1.config(["route-map OTHER permit 10", "match tag 77"])
    watched.wait_peer(VIP)
    assert ("entry 10", "call-permits") in details(wait_diagnosis(watched, None), "route-map")


@module_only(BGPD)
def test_entry_that_goes_on(watched: Scene) -> None:
    """`on-match next`, `on-match goto`: a later entry has the last word, with what was set before."""
    watched.r1.config([QUICK, "route-map KUBEVIP permit 10", "set tag 5", "on-match next"])
    watched.r1.config(["route-map KUBEVIP deny 15", "match tag 5"])
    wait_diagnosis(watched, ("route-map", "denied-by-entry"))
    assert "entry 15" in steps(explain(watched), "route-map")[0]["text"]
    watched.wait_peer_lost(VIP)
    watched.r1.config(["route-map KUBEVIP permit 30", "match ip address prefix-list KUBEVIP"])
    watched.r1.config(["route-map KUBEVIP permit 10", "on-match goto 30"])
    watched.wait_peer(VIP)
    wait_diagnosis(watched, None)
    assert "entry 30" in steps(explain(watched), "route-map")[0]["text"]


@module_only(BGPD)
def test_other_instances(watched: Scene) -> None:
    """One of another VRF, and a view for something else, are in nobody's way."""
    elsewhere = ["router bgp 64999 vrf RED", "router bgp 64998 view LOOK"]
    for router in elsewhere:
        watched.r1.config([router, "address-family ipv4 unicast", "redistribute connected"])
    watched.r1.config([elsewhere[0], "address-family ipv4 unicast", "redistribute static"])
    answer = wait_diagnosis(watched, None)
    assert {s["object"] for s in steps(answer, "redistribute")} == {"router bgp 62112"}
    assert "redistribute-without-map" not in findings(watched)
    for router in elsewhere:
        watched.r1.config([f"no {router}"])


@module_only(BGPD)
def test_session_down(watched: Scene) -> None:
    """The seed's third question: is the session up?"""
    watched.r1.config(["router bgp 62112", "neighbor 192.168.99.11 shutdown"])
    wait_diagnosis(watched, ("peer", "session-down"))
    watched.r1.config(["router bgp 62112", "no neighbor 192.168.99.11 shutdown"])
    poll(lambda: watched.r1.bgp_established("192.168.99.11"), 30, "the session is back")
    wait_diagnosis(watched, None)


@module_only(BGPD)
def test_third_party_next_hop(watched: Scene) -> None:
    """Without next-hop-self the peer sends everything to one node: no break, a warning."""
    watched.r1.config([*AFI, "no neighbor 192.168.99.11 next-hop-self"])
    poll(
        lambda: steps(explain(watched), "peer")[0]["reason"] == "third-party-next-hop",
        10,
        "the warning about the next hop",
    )
    assert diagnosis(watched) is None
    watched.r1.config([*AFI, "neighbor 192.168.99.11 next-hop-self"])
    poll(lambda: steps(explain(watched), "peer")[0]["reason"] == "sent", 10, "mended")


@module_only(BGPD)
def test_external_peer(watched: Scene) -> None:
    """bgpd itself is the next hop for an external peer that is not on the nodes' network."""
    far, near = UPSTREAM, "192.168.99.77"
    for peer in (far, near):
        watched.r1.config(["router bgp 62112", f"neighbor {peer} remote-as 64777"])
        watched.r1.config([*AFI, f"neighbor {peer} activate"])

    def told() -> set[str]:
        texts = [f["text"] for f in watched.show("check")["findings"]]
        return {p for p in (far, near) for text in texts if f"neighbor {p}," in text}

    poll(lambda: told() == {near}, 10, "the one on the nodes' network alone")
    for peer in (far, near):
        watched.r1.config(["router bgp 62112", f"no neighbor {peer} remote-as 64777"])


def test_two_blocks(watched: Scene) -> None:
    """The first block decides; the later one is named."""
    watched.type("kubevip cluster lab advertise zoo service-selector any")
    poll(
        lambda: ("zoo", "later") in details(explain(watched), "selection"),
        10,
        "the block that would have matched too",
    )


def test_unknown_service_and_bad_words(watched: Scene) -> None:
    """Refused with the reason; nothing else."""
    for words in ("service prod/nobody", "service nobody"):
        answer = watched.r1.vty(
            watched.shell.daemon, f"show kubevip {words} explain", check=False
        )
        assert answer.startswith("%")


def findings(scene: Scene) -> dict[str, str]:
    """Kind -> text of `show kubevip check`."""
    return {f["kind"]: f["text"] for f in scene.show("check")["findings"]}


def wait_finding(scene: Scene, kind: str, there: bool = True) -> None:
    """Return when `show kubevip check` has, or no longer has, a finding of this kind."""
    poll(lambda: (kind in findings(scene)) == there, 10, f"{kind} is found: {there}")


@module_only(BGPD)
def test_check_finds_what_no_vip_can_pass(watched: Scene) -> None:
    """The seed's misprints in FRR's policy, before anybody misses a VIP: each said, each mended."""
    broken = {
        "redistribute-no-host-route": (
            ["ip prefix-list KUBEVIP seq 10 permit 192.168.77.0/24"],
            ["ip prefix-list KUBEVIP seq 10 permit 192.168.77.0/24 ge 32"],
        ),
        "route-map-prefix-list-undefined": (
            ["route-map FILTER_IN permit 10", "match ip address prefix-list MDHFILTER"],
            ["no route-map FILTER_IN"],
        ),
        "third-party-next-hop": (
            [*AFI, "no neighbor 192.168.99.11 next-hop-self"],
            [*AFI, "neighbor 192.168.99.11 next-hop-self"],
        ),
        "redistribute-map-missing": (
            [*AFI, "redistribute static route-map NOWHERE"],
            [*AFI, "redistribute static route-map KUBEVIP"],
        ),
    }
    assert not set(broken) & set(findings(watched))
    for kind, (lines, mended) in broken.items():
        watched.r1.config(lines)
        wait_finding(watched, kind)
        watched.r1.config(mended)
        wait_finding(watched, kind, False)
