"""A shell goes and comes back: by itself that is no reason to touch a route (rules R1, R4)."""

from __future__ import annotations

import signal

import pytest

from tests.lab import poll

from .faillab import CONFIG, URL, VIP, Scene, prefix_of
from .shells import SESSION, kubewatch_only

SIGNALS = pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL], ids=["term", "kill"])
VIP6 = prefix_of(128, 6)
OTHERS = tuple(prefix_of(number) for number in range(130, 133))
LIST = "ip prefix-list KUBEVIP seq 20 permit 10.77.0.0/16 ge 32"
OUT_OF_RANGE = "10.77.0.5/32"
WITHOUT_RANGE = [line for line in CONFIG if "192.168.77.0/24" not in line]


@SIGNALS
def test_routes_stay_while_it_is_gone(watched: Scene, sig: int) -> None:
    watched.add(VIP6)
    with watched.unharmed(VIP, VIP6, until=watched.send_operators_witness):
        watched.kill(sig)
    assert watched.route(VIP) and watched.route(VIP6)


@SIGNALS
def test_restart_is_not_seen(watched: Scene, sig: int) -> None:
    watched.add(VIP6)
    with watched.unharmed(VIP, VIP6):
        watched.restart(sig)
    assert watched.wait_state("installed")["restored"] is False


@kubewatch_only(SESSION)
@SIGNALS
def test_restart_is_not_felt(watched: Scene, sig: int) -> None:
    with watched.unharmed(VIP), watched.lab.traffic(URL) as traffic:
        watched.restart(sig)
    assert traffic.failures == [] and traffic.answers.total() > 0


def test_restarts_in_a_row(watched: Scene) -> None:
    with watched.unharmed(VIP):
        for _ in range(5):
            watched.restart(synchronised=False)


def test_restart_with_the_api_down(watched: Scene) -> None:
    watched.add(VIP6)
    watched.wait_identity_recorded()
    with watched.unharmed(VIP, VIP6, until=watched.send_operators_witness):
        watched.kill()
        watched.api.refuse()
        watched.api.close_connections()
        watched.start(synchronised=False)
        restored = [watched.wait_state("installed", prefix) for prefix in (VIP, VIP6)]
    for vip in restored:
        assert (vip["restored"], vip["reason"], vip["routed"]) == (True, "restored", True)
        assert vip["restoredAgeSec"] >= 0
    assert watched.show()["vips"]["restored"] == 2
    with watched.unharmed(VIP, VIP6):
        watched.api.accept()
    assert watched.show()["vips"]["restored"] == 0


def test_restored_routes_survive_a_second_restart(watched: Scene) -> None:
    """The state file must not lose what nobody has confirmed yet."""
    watched.api.refuse()
    watched.api.close_connections()
    with watched.unharmed(VIP, until=watched.send_operators_witness):
        for _ in range(3):
            watched.restart(synchronised=False)
            assert watched.wait_state("installed")["restored"] is True
    watched.api.accept()


def test_vip_deleted_while_it_was_gone(watched: Scene) -> None:
    """Others are there, so the guard has no reason to hold it."""
    watched.add(*OTHERS)
    with watched.unharmed(*OTHERS):
        watched.kill()
        watched.remove(VIP)
        watched.start()
        watched.wait_gone(VIP)


def test_restart_into_an_empty_api(watched: Scene) -> None:
    """An emptied etcd, or the wrong one: the guard holds until somebody says that it is right."""
    watched.add(*OTHERS)
    with watched.unharmed(VIP, *OTHERS, until=watched.send_operators_witness):
        watched.kill()
        watched.api.clear("services", "endpointslices")
        watched.start()
        poll(lambda: watched.cluster()["guardActive"], 10, "the guard holds")
    page = watched.show()
    assert page["vips"]["held"] == 4 and page["clusters"]["lab"]["heldVips"] == 4
    assert "withdraw-guard" in watched.trouble()
    assert watched.vip()["held"] is True
    watched.order("clear kubevip withdraw-guard cluster lab")
    watched.wait_gone(VIP, *OTHERS)


def test_restart_into_another_cluster(watched: Scene) -> None:
    """Other uid of kube-system under the same address: held, even for a single VIP of many."""
    watched.add(*OTHERS)
    watched.wait_identity_recorded()
    with watched.unharmed(VIP, *OTHERS, until=watched.send_operators_witness):
        watched.kill()
        watched.api.delete("namespaces", "kube-system")
        watched.api.put(
            {"kind": "Namespace", "metadata": {"name": "kube-system", "uid": "another"}}
        )
        watched.remove(VIP)
        watched.start()
        poll(lambda: watched.cluster()["identityChanged"], 10, "another cluster answers")
    watched.order("clear kubevip withdraw-guard cluster lab")
    watched.wait_gone(VIP)


def test_range_removed_while_it_was_gone(watched: Scene) -> None:
    """Withdrawn once the cluster has listed; a VIP of another range is none of its business."""
    watched.r1.keep(LIST)
    watched.add(OUT_OF_RANGE)
    with watched.unharmed(OUT_OF_RANGE, until=watched.wait_synchronised):
        watched.kill()
        watched.configure(lines=WITHOUT_RANGE)
        watched.start()
        watched.wait_gone(VIP)
    watched.r1.drop(LIST)


def test_range_removed_and_the_api_down(watched: Scene) -> None:
    """What today's configuration refuses is not restored, and not removed before it is known."""
    watched.kill()
    watched.api.refuse()
    watched.api.close_connections()
    watched.configure(lines=WITHOUT_RANGE)
    with watched.unharmed(VIP, until=watched.send_operators_witness):
        watched.start(synchronised=False)
        watched.wait_state("kept")
        poll(lambda: watched.vip()["reason"] == "not-synchronised", 10, "it is known why")
    assert (watched.vip()["state"], watched.vip()["routed"]) == ("kept", False)
    watched.api.accept()
    watched.wait_gone(VIP)


def test_restart_without_any_cluster(watched: Scene) -> None:
    """No configuration is not an empty one: orphans stay until they are cleared."""
    watched.kill()
    watched.configure(lines=[])
    with watched.unharmed(VIP, until=watched.send_operators_witness):
        watched.start(synchronised=False)
        watched.wait_state("kept")
        poll(lambda: watched.vip()["reason"] == "orphan", 10, "and is said to be an orphan")
    watched.order("clear kubevip orphans")
    watched.wait_gone(VIP)


def test_configuration_comes_after_a_while(watched: Scene) -> None:
    """As in bgpd, which starts empty and gets its lines later."""
    watched.kill()
    watched.configure(lines=[])
    with watched.unharmed(VIP):
        watched.start(synchronised=False)
        watched.wait_state("kept")
        watched.type(*CONFIG)
        poll(lambda: "lab" in watched.show()["clusters"], 10, "the configuration is in force")
    assert watched.wait_state("installed")["cluster"] == "lab"


def test_killed_in_the_middle_of_a_burst(watched: Scene) -> None:
    """What was recorded and not sent, or sent and not confirmed, must not confuse the next run."""
    burst = tuple(prefix_of(number) for number in range(1, 101))
    watched.add(*burst, wait=False)
    watched.kill()
    with watched.unharmed(VIP):
        watched.start()
        watched.wait_up(*burst)
    assert watched.trouble() == set()
