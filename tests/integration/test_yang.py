"""The model frr-kubevip in the running shells: operational data, other northbound clients, orders.

FRR 8.4.4's packages bring no northbound client (no gRPC, no sysrepo); the one that is not a typed
line is the daemons' own transactional mode, `--tcli`: a candidate, loaded from JSON, committed.
"""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Iterator

import pytest

from tests.lab import poll
from tests.lab.vty import VtyError

from .faillab import CONFIG, NODES, VIP, Scene, prefix_of
from .shells import module_only

MODEL = Path(__file__).resolve().parents[2] / "yang" / "frr-kubevip.yang"
TOP = "/frr-kubevip:kubevip"
VTYSH = "vtysh asks a daemon that it knows: bgpd"
WEB = "kubevip cluster lab advertise web"


def operational(scene: Scene, more: str = "") -> dict:
    """What the shell gives out below kubevip."""
    text = scene.order(f"show yang operational-data {TOP} {more}".strip())
    return json.loads(text).get("frr-kubevip:kubevip", {})


def vip_of(data: dict, prefix: str = VIP) -> dict:
    """One VIP of it."""
    return next((v for v in data["state"].get("vip", []) if v["prefix"] == prefix), {})


def cluster_of(data: dict, name: str = "lab") -> dict:
    """One cluster's state."""
    return next((c["state"] for c in data.get("cluster", []) if c["name"] == name), {})


def said(scene: Scene, text: str) -> bool:
    """Whether the shell's log has it."""
    return text in scene.r1.log_path(scene.shell.daemon).read_text(errors="replace")


def yanglint(*words: object) -> subprocess.CompletedProcess:
    """libyang's own checker."""
    command = ["yanglint", *map(str, words)]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


# ---- the model -----------------------------------------------------------------------------------


def test_the_model_is_valid_and_written_as_frr_wants_it() -> None:
    """FRR's developer guide: a model is what `yanglint -f yang` makes of it."""
    checked = yanglint("-f", "yang", MODEL)
    assert checked.returncode == 0, checked.stdout
    assert checked.stdout == MODEL.read_text()


def test_a_shell_has_that_model(watched: Scene) -> None:
    shown = watched.order("show yang module frr-kubevip yang")
    assert shown.strip() == MODEL.read_text().strip()


# ---- operational data ----------------------------------------------------------------------------


def test_operational_data_is_what_show_says(watched: Scene) -> None:
    watched.wait_state("installed")
    poll(lambda: cluster_of(operational(watched)).get("last-sync-age", 99) < 60, 10, "an age")
    data, page = operational(watched), watched.show()
    shown, vip = watched.vip(), vip_of(data)
    nodes = sorted(address for address, _ in watched.hops())
    assert (vip["state"], vip["reason"], vip["routed"]) == ("installed", "selected", True)
    assert sorted(vip["next-hop"]) == sorted(vip["installed-next-hop"]) == nodes
    assert (vip["tag"], vip["distance"]) == (shown["tag"], shown["distance"])
    assert [o["name"] for o in vip["owner"]] == [c["name"] for c in shown["claims"]]
    assert {n["name"]: n["ready"] for n in data["state"]["node"]} == dict.fromkeys(NODES, "ready")
    state, cluster = data["state"], cluster_of(data)
    assert state["table-digest"] == page["tableDigest"]
    assert int(state["configuration-generation"]) == page["configurationGeneration"]
    assert (state["active"], state["zebra-connected"], state["routes"]) == (True, True, 1)
    assert (cluster["state"], cluster["vips"], cluster["nodes"]) == ("live", 1, 3)
    assert cluster["current-server"] == page["clusters"]["lab"]["server"]


def test_operational_data_fits_the_model(watched: Scene, tmp_path: Path) -> None:
    watched.wait_state("installed")
    for name, more in (("state", ""), ("config", "with-config")):
        text = watched.order(f"show yang operational-data {TOP} {more}".strip())
        path = tmp_path / f"{name}.json"
        path.write_text(text)
        checked = yanglint("-t", "get", MODEL, path)
        assert checked.returncode == 0, checked.stdout
        path.write_text(text.replace('"routed": true', '"routed": "perhaps"'))
        assert yanglint("-t", "get", MODEL, path).returncode != 0, "yanglint checks nothing"


def test_operational_data_follows(watched: Scene) -> None:
    other = prefix_of(129)
    watched.add(other)
    watched.remove(VIP)
    watched.wait_gone(VIP)
    poll(lambda: not vip_of(operational(watched)), 10, f"{VIP} has left the list")
    assert vip_of(operational(watched), other)["state"] == "installed"
    watched.order("kubevip flush")
    poll(lambda: operational(watched)["state"]["flushed"], 10, "the order is seen")
    assert vip_of(operational(watched), other)["state"] == "flushed"


def test_operational_data_of_a_cluster_in_trouble(watched: Scene) -> None:
    watched.api.refuse()
    watched.api.close_connections()
    poll(lambda: "last-error" in cluster_of(operational(watched)), 20, "an error is given out")
    assert cluster_of(operational(watched))["last-error"] == watched.cluster()["lastError"]


def test_operational_data_with_the_configuration(watched: Scene) -> None:
    data = operational(watched, "with-config")
    (cluster,) = data["cluster"]
    assert cluster["kubeconfig"] == {"path": "/etc/frr/kubevip/lab.kubeconfig"}
    ranges = {r["prefix"] for r in cluster["vip-range"]}
    assert ranges == {line.split()[-1] for line in CONFIG if "vip-range" in line}
    assert cluster["advertise"][0]["service-selector"] == "mdhlabs-bgp=enable"
    assert cluster["advertise"][0]["tag"] == 77  # a default


@module_only(VTYSH)
def test_operational_data_through_vtysh(watched: Scene) -> None:
    watched.wait_state("installed")
    data = json.loads(watched.r1.vtysh(f"show yang operational-data {TOP} bgpd"))
    assert vip_of(data["frr-kubevip:kubevip"])["state"] == "installed"


# ---- configuration -------------------------------------------------------------------------------


def lines(scene: Scene) -> list[str]:
    """Our lines in force."""
    running = scene.order("show running-config").splitlines()
    return [line for line in running if line.startswith("kubevip ")]


def test_a_refused_line_leaves_model_and_lines_as_they_were(watched: Scene) -> None:
    before = lines(watched), operational(watched, "with-config")["cluster"][0]["advertise"]
    for wrong in (f"{WEB} distance 1", "kubevip cluster lab vip-range 0.0.0.0/0"):
        with pytest.raises(VtyError):
            watched.type(wrong)
    after = lines(watched), operational(watched, "with-config")["cluster"][0]["advertise"]
    assert before == after


def test_a_load_in_one_transaction(watched: Scene) -> None:
    """`vtysh -b` lets libfrr gather YANG commands and refuse them together: none of ours is lost."""
    good = [f"{WEB} tag 99", "kubevip cluster lab preference 7", "kubevip reserved-prefix 10.9.9.9/32"]
    refused_later = "ip prefix-list MORE seq 5 permit 10.0.0.0/8 ge 4"
    session = ["configure terminal", "XFRR_start_configuration", good[0], refused_later, good[1]]
    watched.shell.vty(*session, good[2], refused_later, "XFRR_end_configuration")
    assert set(good) <= set(lines(watched))
    assert "prefix-list MORE" not in watched.order("show running-config")


def test_other_models_work_beside_ours(watched: Scene) -> None:
    """The module's model comes into a libfrr that has its own: they must not have changed."""
    watched.type("ip prefix-list BESIDE seq 5 permit 10.0.0.0/8")
    assert "BESIDE" in watched.order("show running-config")
    shown = watched.order("show yang operational-data /frr-interface:lib")
    assert "frr-interface:lib" in json.loads(shown) or json.loads(shown) == {}
    watched.type("no ip prefix-list BESIDE")
    assert "BESIDE" not in watched.order("show running-config")
    assert lines(watched)


@contextmanager
def transactional(scene: Scene) -> Iterator[None]:
    """The shell with `--tcli`, running, its configuration committed."""
    was = scene.shell.setup
    scene.shell.setup = replace(was, options=f"{was.options} --tcli".strip())
    try:
        scene.start(synchronised=False)
        scene.type("commit")
        scene.wait_synchronised()
        yield
    finally:
        scene.shell.setup = was


def load(scene: Scene, data: dict) -> None:
    """Merge JSON into the candidate and commit it."""
    scene.r1.write_etc("candidate.json", json.dumps({"frr-kubevip:kubevip": data}))
    scene.type("configuration load file json /etc/frr/candidate.json", "commit")


def block(**leaves: object) -> dict:
    """The advertise block of the lab's cluster."""
    names = {key.replace("_", "-"): value for key, value in leaves.items()}
    return {"cluster": [{"name": "lab", "advertise": [{"name": "web", **names}]}]}


def test_lines_wait_for_the_commit(scene: Scene) -> None:
    line = f"{WEB} tag 99"
    with transactional(scene):
        scene.add(VIP)
        scene.type(line)
        assert line not in lines(scene)
        candidate = scene.shell.vty("configure terminal", "show configuration candidate")
        assert line in candidate.splitlines()
        scene.type(f"no {line}", f"{WEB} tag 100", "commit")
        assert f"{WEB} tag 100" in lines(scene)
        poll(lambda: scene.vip().get("tag") == 100, 10, "the route has the tag")


def test_another_client_changes_the_routes(scene: Scene) -> None:
    with transactional(scene):
        scene.add(VIP)
        load(scene, block(tag=99, distance=12))
        assert {f"{WEB} tag 99", f"{WEB} distance 12"} <= set(lines(scene))
        poll(lambda: (scene.vip()["tag"], scene.vip()["distance"]) == (99, 12), 10, "both are new")
        scene.wait_up(VIP)
        shown = json.loads(scene.order("show configuration running json"))
        assert shown["frr-kubevip:kubevip"]["cluster"][0]["advertise"][0]["distance"] == 12


def test_another_client_is_refused_what_a_terminal_is(scene: Scene) -> None:
    with transactional(scene):
        scene.add(VIP)
        before = lines(scene)
        for wrong, why in (
            (block(service_selector="((("), "cluster lab advertise web: service-selector"),
            (block(distance=1), "distance"),
            ({"inject": "nowhere"}, "inject"),
        ):
            with pytest.raises(VtyError, match=why):
                load(scene, wrong)
            scene.type("discard")
        assert lines(scene) == before
        assert scene.vip()["state"] == "installed"


# ---- orders and notifications ---------------------------------------------------------------------


def test_orders_are_rpcs(watched: Scene) -> None:
    watched.order("debug northbound callbacks rpc")
    watched.order("kubevip flush")
    watched.wait_gone(VIP)
    watched.order("clear kubevip flush")
    watched.wait_up(VIP)
    lists = watched.show("cluster")["clusters"]["lab"]["kinds"]["services"]["lists"]
    watched.order("clear kubevip cluster lab")
    poll(
        lambda: watched.show("cluster")["clusters"]["lab"]["kinds"]["services"]["lists"] > lists,
        20,
        "Services were listed again",
    )
    for rpc in ("flush", "clear-flush", "relist"):
        assert said(watched, f"northbound RPC: /frr-kubevip:{rpc}")
    watched.order("no debug northbound callbacks rpc")


def test_notifications(watched: Scene) -> None:
    watched.order("debug northbound notifications")
    watched.type("kubevip cluster lab shutdown")
    watched.wait_gone(VIP)
    notification = "northbound notification: /frr-kubevip:cluster-state-change"
    poll(lambda: said(watched, notification), 10, "the change was told")
    watched.order("no debug northbound notifications")
