"""etcd restored to an older state, or emptied: the table is held until the operator accepts.

kubewatch is told to list again (KubeLab.relist). By itself it would find a restored store when its
watches have been silent for 75 s, which the replayed conversations test with a clock of their own.
"""

from __future__ import annotations

from typing import Iterator

import pytest

from tests.kube import RBAC

from .kubelab import BYSTANDERS, CLUSTER, PINNED, STEADY, STEADY6, KubeLab

LATER = ["192.168.77.100", "192.168.77.101", "192.168.77.102", "192.168.77.103"]
# More than three withdrawals that are more than half of the table wait.
CONFIG = CLUSTER.replace("withdraw-guard 100", "withdraw-guard 50 min 3")


@pytest.fixture(scope="module", autouse=True)
def watching(kube: KubeLab) -> Iterator[None]:
    """The shell runs, with a certificate: tokens do not outlive the accounts of an emptied etcd."""
    kube.use_certificate()
    kube.watch(CONFIG)
    yield
    kube.found_cluster()


@pytest.fixture(autouse=True)
def calm(kube: KubeLab, watching: None) -> None:
    """From here on counts what the peer is told."""
    kube.begin_test()


def guard(kube: KubeLab) -> tuple[bool, bool, int]:
    """(active, identity changed, VIPs held) as `show kubevip cluster` has it."""
    shown = kube.cluster()
    return shown["guardActive"], shown["identityChanged"], shown["heldVips"]


def trouble(kube: KubeLab) -> list[str]:
    """What `show kubevip` puts first."""
    return [trouble["kind"] for trouble in kube.show()["trouble"]]


def routed_in_both(kube: KubeLab, vips: list[str]) -> None:
    """Nothing has happened to these at the peer, and both kernels have them."""
    for vip in vips:
        kube.still_there(vip)
        assert kube.kinds(vip) == []


def spend_versions(kube: KubeLab, n: int) -> None:
    """Let the store move on, as a cluster in use does: what is restored is older by far."""
    kube.client.namespace("prod")
    path = "/api/v1/namespaces/prod/configmaps"
    kube.client.create(path, {"metadata": {"name": "counter"}})
    for i in range(n):
        kube.client.patch(f"{path}/counter", {"data": {"n": str(i)}})


def test_etcd_is_restored_to_an_older_state(kube: KubeLab) -> None:
    snapshot = kube.api.etcd_snapshot()
    spend_versions(kube, 200)
    for index, vip in enumerate(LATER):
        kube.service("prod", f"later-{index}", vip)
    for vip in LATER:
        kube.routed(vip, within=60)
    kube.begin_test()

    kube.api.restore(snapshot)
    kube.relist()
    kube.until(lambda: guard(kube) == (True, False, len(LATER)), "the guard holds", within=120)
    assert "withdraw-guard" in trouble(kube)
    for vip in LATER:
        shown = kube.vip(vip)
        assert (shown["held"], shown["state"], shown["routed"]) == (True, "installed", True)
        assert shown["warning"] == "withdraw-guard-holds"
    routed_in_both(kube, [*LATER, *BYSTANDERS])

    new = "192.168.77.104"
    kube.service("prod", "new", new)
    kube.routed(new)
    routed_in_both(kube, [*LATER, *BYSTANDERS])

    kube.command("clear kubevip withdraw-guard cluster lab")
    for vip in LATER:
        kube.gone(vip)
    assert guard(kube) == (False, False, 0) and trouble(kube) == []
    routed_in_both(kube, list(BYSTANDERS))
    kube.delete_service("prod", "new")
    kube.gone(new)


def test_etcd_is_emptied(kube: KubeLab) -> None:
    """A new cluster under the old address: nothing of the old table goes by itself."""
    kube.api.wipe_etcd()
    kube.client.apply_yaml(RBAC)
    kube.relist()
    held = len(BYSTANDERS)
    kube.until(lambda: guard(kube) == (True, True, held), "the guard holds", within=120)
    assert {"withdraw-guard", "identity-changed"} <= set(trouble(kube))
    routed_in_both(kube, list(BYSTANDERS))

    new = "192.168.77.105"
    for node in kube.lab.nodes:
        kube.node(node.name)
    kube.client.apply_yaml(kube.api.assets / "crds" / "gateway-api")
    kube.service("prod", "first", new)
    kube.routed(new)
    routed_in_both(kube, list(BYSTANDERS))

    kube.command("clear kubevip withdraw-guard")
    for vip in (STEADY, STEADY6, PINNED):
        kube.gone(vip)
        assert kube.kinds(vip) == ["withdraw"]
    assert guard(kube) == (False, False, 0) and trouble(kube) == []
    kube.routed(new)
    assert kube.kinds(new) == ["announce"]
    kube.delete_service("prod", "first")
