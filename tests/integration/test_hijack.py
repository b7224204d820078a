"""Who may not have an address, and who has it when several want it (CVE-2020-8554), on a real API.

The vip-ranges are as wide as the grammar lets them be: what is refused here is refused in spite of
the operator's configuration. The API server is given by name.
"""

from __future__ import annotations

import os
from typing import Iterator

import pytest

from tests.kube import KubeError, service_path
from tests.lab import poll
from tests.lab.shell import find_kubewatch

from .kubelab import API_PORT, CLUSTER, LABEL, STEADY, STEADY6, KubeLab, host_prefix

SERVER = "kubernetes.default.svc"  # a name that the API server's certificate has
CONFIG = f"""\
{CLUSTER}
kubevip cluster lab vip-range 10.0.0.0/8
kubevip cluster lab vip-range 64.0.0.0/2
kubevip cluster lab vip-range 128.0.0.0/1
kubevip cluster lab vip-range 8000::/1
kubevip cluster lab advertise web address loadbalancer-ip external-ip
kubevip reserved-prefix 192.168.77.240/28
kubevip reserved-prefix fd00:77::f0/124
"""
NEVER = {
    "0.0.0.0": "not-a-unicast-address",
    "127.0.0.1": "not-a-unicast-address",
    "127.255.255.254": "not-a-unicast-address",
    "169.254.169.254": "not-a-unicast-address",
    "224.0.0.5": "not-a-unicast-address",
    "239.255.255.250": "not-a-unicast-address",
    "240.0.0.1": "not-a-unicast-address",
    "255.255.255.255": "not-a-unicast-address",
    "::": "not-a-unicast-address",
    "::1": "not-a-unicast-address",
    "fe80::1": "not-a-unicast-address",
    "ff02::5": "not-a-unicast-address",
    "8.8.8.8": "out-of-range",
    "2001:db8::1": "out-of-range",
    "192.168.99.12": "node-address",
    "fd00:99::14": "node-address",
    "192.168.99.10": "own-address",
    "10.0.12.1": "own-address",
    "fd00:99::10": "own-address",
    "192.168.99.20": "api-server-address",
    "10.0.12.2": "connected-prefix",
    "192.168.99.77": "connected-prefix",
    "fd00:99::77": "connected-prefix",
    "192.168.77.241": "reserved-prefix",
    "fd00:77::f1": "reserved-prefix",
}
WIDE = ["0.0.0.0/0", "0.0.0.0/1", "::/0", "::/1", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4"]
WIDE += ["ff00::/8", "fe80::/10"]


@pytest.fixture(scope="module", autouse=True)
def watching(kube: KubeLab) -> Iterator[None]:
    """The shell runs, with the API server's name in its kubeconfig."""
    hosts = kube.r1.directory / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{kube.api.address} {SERVER}\n")
    hosts.chmod(0o644)
    kube.r1.space.run(["mount", "--bind", str(hosts), "/etc/hosts"])
    path = kube.api.kubeconfig_cert(server=f"https://{SERVER}:{API_PORT}")
    kube.r1.write_etc("kubevip/lab.kubeconfig", path.read_text())
    kube.watch(CONFIG)
    yield
    kube.shell.stop()
    kube.r1.space.run(["umount", "/etc/hosts"])


@pytest.fixture(autouse=True)
def peace(kube: KubeLab, watching: None) -> Iterator[None]:
    """A test touches its own VIPs and no other."""
    kube.begin_test()
    yield
    for item in kube.client.get("/api/v1/services")["items"]:
        meta = item["metadata"]
        if meta["namespace"] in ("prod", "dev"):
            kube.remove(service_path(meta["namespace"], meta["name"]))
    kube.fence()
    kube.check_peace()


def name_of(address: str) -> str:
    """A Service's name for an address."""
    return "at-" + address.replace(".", "-").replace(":", "-").strip("-") + "-x"


def claims(kube: KubeLab) -> dict[str, dict]:
    """What is said of every claim of namespace prod, by address."""
    found = kube.show("service")["services"]
    return {c["address"]: c for c in found if c["namespace"] == "prod"}


def reasons(kube: KubeLab) -> dict[str, str]:
    """Address -> reason."""
    return {address: claim["reason"] for address, claim in claims(kube).items()}


def test_never_a_vip(kube: KubeLab) -> None:
    """Each is refused, with claimant and reason; none is routed for a moment; all are counted."""
    counted = kube.cluster()["refused"]
    before = {family: kube.r1.kernel_routes(family) for family in (4, 6)}
    for address in NEVER:
        kube.service("prod", name_of(address), address)
    kube.until(lambda: reasons(kube) == NEVER, "everything is refused as it should be")
    kube.fence()
    for address, claim in claims(kube).items():
        assert (claim["cluster"], claim["name"]) == ("lab", name_of(address))
        kube.never_routed(address)
    assert {family: kube.r1.kernel_routes(family) for family in (4, 6)} == before
    wanted = list(NEVER.values())
    expected = {reason: wanted.count(reason) + counted.get(reason, 0) for reason in wanted}
    refused = kube.cluster()["refused"]
    # What is not unicast lies in a range, or (counted as such) in none.
    for reason in set(wanted) - {"not-a-unicast-address", "out-of-range"}:
        assert refused[reason] == expected[reason]
    assert sum(refused.values()) == sum(counted.values()) + len(NEVER)
    for address in NEVER:
        kube.delete_service("prod", name_of(address))
    kube.until(lambda: kube.cluster()["refused"] == counted, "and the count goes with them")


@pytest.mark.parametrize("address", ["192.168.99.12", "192.168.99.20", "192.168.77.241"])
def test_explain_names_it(kube: KubeLab, address: str) -> None:
    kube.service("prod", "thief", address)
    kube.refused("prod", "thief", address, NEVER[address])
    found = kube.show(f"vip {address} explain")["diagnosis"]
    assert (found["step"], found["reason"]) == ("range", NEVER[address])


def test_server_s_address_is_known_by_its_name(kube: KubeLab) -> None:
    """The premise of api-server-address above: there is no address in the configuration."""
    (server,) = kube.cluster()["servers"]
    assert server["url"] == f"https://{SERVER}:{API_PORT}"
    assert server["addresses"] == [kube.api.address]


@pytest.mark.parametrize("prefix", WIDE)
def test_ranges_that_nobody_may_give(kube: KubeLab, prefix: str) -> None:
    """Refused when it is typed; nothing changes."""
    line = f"kubevip cluster lab vip-range {prefix}"
    said = kube.shell.vty("configure terminal", line, check=False)
    assert said.startswith("%") and "networks VIPs come from" in said, said
    assert f"{line}\n" not in kube.shell.vty("show running-config")


def test_wide_ranges_are_said(kube: KubeLab) -> None:
    found = kube.show("check")["findings"]
    said = " ".join(item["text"] for item in found if item["kind"] == "configuration")
    for prefix in ("128.0.0.0/1", "64.0.0.0/2", "8000::/1"):
        assert f"{prefix} is very wide" in said
    assert "10.0.0.0/8" not in said


def test_node_takes_a_vip(kube: KubeLab) -> None:
    """A node that joins with a VIP's address: traffic of the node would go to other nodes."""
    vip = "192.168.77.50"
    kube.service("prod", "web", vip, nodes=["kube2"], policy="Local")
    kube.routed(vip, "kube2")
    kube.nodes_change = True
    kube.node("kube1")
    kube.client.node("kube1", kube.lab.node("kube1").address[4], external_ip=vip)
    try:
        kube.gone(vip, "node-address")
    finally:
        kube.node("kube1")
    kube.routed(vip, "kube2")


def test_neighbour_is_no_vip(kube: KubeLab) -> None:
    """bgpd knows its neighbours: configured ones, and that one moves to an address that is a VIP.

    kubewatch cannot know them: that is what reserved-prefix is for.
    """
    vip, peers = "192.168.77.51", ["192.168.99.11", "fd00:99::11"]
    kube.service("prod", "web", vip)
    kube.routed(vip)
    if kube.shell.carries_bgp:
        reason = "neighbour-address"
        kube.r1.config(["router bgp 62112", f"neighbor {vip} remote-as 62113"])
    else:
        reason = "reserved-prefix"
        kube.settle(*(f"kubevip reserved-prefix {host_prefix(a)}" for a in (vip, *peers)))
    try:
        kube.gone(vip, reason)
        for address in peers:
            kube.service("prod", name_of(address), address)
        expected = dict.fromkeys([vip, *peers], reason)
        kube.until(lambda: reasons(kube) == expected, "neighbours are refused")
    finally:
        if kube.shell.carries_bgp:
            kube.r1.config(["router bgp 62112", f"no neighbor {vip}"])
        else:
            kube.settle(*(f"no kubevip reserved-prefix {host_prefix(a)}" for a in (vip, *peers)))
    kube.routed(vip)
    assert kube.kinds(vip) == ["announce", "withdraw", "announce"]
    for address in peers:
        kube.never_routed(address)


# ---- who has it --------------------------------------------------------------------------------


def external(kube: KubeLab, namespace: str, name: str, vip: str, node: str) -> None:
    """A Service that writes the address into its own spec."""
    spec = {"type": "ClusterIP", "externalIPs": [vip], "policy": "Local"}
    kube.service(namespace, name, nodes=[node], **spec)


def holder(kube: KubeLab, vip: str) -> str:
    """Whose VIP it is."""
    (first, *_) = kube.vip(vip)["claims"]
    return f"{first['namespace']}/{first['name']}" if first["reason"] == "selected" else ""


def said(kube: KubeLab, vip: str) -> dict[str, tuple[str, str | None]]:
    """Claimant -> its reason, and who has won."""
    return {
        f"{c['namespace']}/{c['name']}": (c["reason"], c["winner"]) for c in kube.vip(vip)["claims"]
    }


def test_allocated_before_claimed(kube: KubeLab) -> None:
    """Two namespaces. The thief is older, and has endpoints when the owner has none."""
    vip = "192.168.77.52"
    external(kube, "dev", "thief", vip, "kube3")
    kube.routed(vip, "kube3")  # externalIPs are allowed here, and nobody else wants it
    kube.service("prod", "web", vip, nodes=["kube1"], policy="Local")
    kube.routed(vip, "kube1")
    winner = "lab/Service prod/web"
    assert said(kube, vip) == {
        "prod/web": ("selected", None),
        "dev/thief": ("held-by-other", winner),
    }
    assert kube.show()["vips"]["conflicts"] == 1
    assert "withdraw" not in kube.kinds(vip)
    steps = {s["step"]: s["reason"] for s in kube.show(f"vip {vip} explain")["steps"]}
    assert steps["holder"] == "conflict"
    kube.endpoints("prod", "web")
    kube.gone(vip, "no-endpoints")
    kube.fence()
    assert kube.kinds(vip)[-1] == "withdraw", "not the thief's while the owner's pods restart"
    kube.endpoints("prod", "web", "kube1")
    kube.routed(vip, "kube1")
    kube.delete_service("prod", "web")
    kube.routed(vip, "kube3")
    kube.until(lambda: kube.show()["vips"]["conflicts"] == 0, "no conflict any more")


def test_the_oldest_claim_has_it(kube: KubeLab) -> None:
    """Of externalIPs the oldest, then by uid: the same for everybody, whatever came when."""
    vip, nodes = "192.168.77.53", {"kube1": "a", "kube2": "b", "kube3": "c"}
    for node, name in nodes.items():
        external(kube, "dev" if name == "b" else "prod", name, vip, node)
    meta = [
        kube.client.get(service_path("dev" if name == "b" else "prod", name))["metadata"]
        for name in nodes.values()
    ]
    node_of = {name: node for node, name in nodes.items()}
    for first in sorted(meta, key=lambda m: (m["creationTimestamp"], m["uid"])):
        kube.routed(vip, node_of[first["name"]])
        assert holder(kube, vip) == f"{first['namespace']}/{first['name']}"
        losers = [reason for reason, _ in said(kube, vip).values()]
        assert losers.count("held-by-other") == len(losers) - 1
        kube.delete_service(first["namespace"], first["name"])
    kube.gone(vip)


def contest(kube: KubeLab) -> dict[str, str]:
    """Three contested VIPs; who has which."""
    expected = {}
    for i in (60, 61, 62):
        vip = f"192.168.77.{i}"
        external(kube, "dev", f"claims-{i}", vip, "kube3")
        kube.service("prod", f"owns-{i}", vip, nodes=["kube1", "kube2"], policy="Local")
        external(kube, "prod", f"wants-{i}", vip, "kube3")
        expected[vip] = f"prod/owns-{i}"
    for vip in expected:
        kube.routed(vip, "kube1", "kube2")
    return expected


def test_same_after_a_restart(kube: KubeLab) -> None:
    expected = contest(kube)
    digest = kube.show()["tableDigest"]
    kube.touches(STEADY, STEADY6)  # with the module the sessions go as well
    kube.touches("192.168.77.2")
    kube.shell.kill()
    kube.shell.start()
    kube.until(lambda: kube.cluster()["state"] == "live", "the cluster is live", within=60)
    poll(lambda: not kube.vip(STEADY)["restored"], 20, "what was restored is confirmed")
    for vip, owner in expected.items():
        kube.routed(vip, "kube1", "kube2", within=60)
        assert holder(kube, vip) == owner
    poll(lambda: kube.show()["tableDigest"] == digest, 20, "the same table as before")
    kube.routed(STEADY, within=60)
    kube.routed(STEADY6)


def test_same_on_both_routers(kube: KubeLab) -> None:
    """No election: another router with the same configuration decides the same (F20)."""
    expected = contest(kube)
    setup = find_kubewatch(os.environ.get("KUBEWATCH", ""))
    if setup is None:
        pytest.skip("kubewatch is not built; set KUBEWATCH to its path")
    config = (kube.api.kubeconfig_cert()).read_text()  # by address: r2 does not know the name
    kube.r2.write_etc("kubevip/lab.kubeconfig", config)
    shell = kube.r2.install(setup)
    # It decides and injects nothing: r2 is the peer whose routes the other tests look at.
    shell.configure("hostname r2\nkubevip inject observe\n" + CONFIG)
    shell.start()
    try:
        poll(
            lambda: shell.vty_json("show kubevip")["tableDigest"] == kube.show()["tableDigest"],
            20,
            "both have the same table",
        )
        vips = shell.vty_json("show kubevip vip")["vips"]
        for vip, owner in expected.items():
            first = vips[host_prefix(vip)]["claims"][0]
            assert f"{first['namespace']}/{first['name']}" == owner
    finally:
        shell.kill()


def test_first_block_decides(kube: KubeLab) -> None:
    """Several advertise blocks match one Service: the first in natural order, not in that typed."""
    vip = "192.168.77.54"
    blocks = {
        "alpha10": ("192.168.99.14/32", "kube3"),
        "alpha2": ("192.168.99.13/32", "kube2"),
        "alpha1": ("192.168.99.12/32", "kube1"),
    }
    kube.service("prod", "web", vip, labels=LABEL | {"app": "web"})
    kube.routed(vip)
    for name, (subnet, _) in blocks.items():
        head = f"kubevip cluster lab advertise {name}"
        kube.settle(f"{head} service-selector app=web", f"{head} next-hop subnet {subnet}")
    try:
        for name in ("alpha1", "alpha2", "alpha10"):
            kube.routed(vip, blocks[name][1])
            assert kube.vip(vip)["claims"][0]["advertise"] == name
            steps = kube.show("service prod/web explain")["steps"]
            (step,) = [s for s in steps if s["step"] == "selection"]
            later = {d["name"] for d in step["details"] if d["reason"] == "later"}
            assert later == {n for n in blocks if len(n) > len(name) or n > name} - {name} | {"web"}
            kube.settle(f"no kubevip cluster lab advertise {name}")
            blocks.pop(name)
        kube.routed(vip)
    finally:
        for name in blocks:
            kube.configure(f"no kubevip cluster lab advertise {name}")
    assert "withdraw" not in kube.kinds(vip)


def test_the_api_refuses_some_of_it_too(kube: KubeLab) -> None:
    """Why the addresses above stand in the status: in externalIPs the API takes fewer of them."""
    with pytest.raises(KubeError):
        external(kube, "dev", "loop", "127.0.0.1", "kube1")
