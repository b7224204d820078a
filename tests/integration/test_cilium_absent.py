"""from-cilium on a cluster that has no Cilium, or not yet: a warning and no more (feature F17)."""

from __future__ import annotations

from tests.lab import poll

from .faillab import VIP, Scene, web

CILIUM = "ciliumbgpadvertisements"
ALL = [CILIUM, "ciliumbgpclusterconfigs", "ciliumbgppeerconfigs"]
ALL += ["ciliumbgpnodeconfigoverrides", "ciliumloadbalancerippools"]
OTHER = "192.168.77.200/32"
ADVERTISEMENT = {
    "apiVersion": "cilium.io/v2",
    "kind": "CiliumBGPAdvertisement",
    "metadata": {"name": "adv"},
    "spec": {
        "advertisements": [
            {
                "advertisementType": "Service",
                "service": {"addresses": ["LoadBalancerIP"]},
                "selector": {"matchLabels": {"tier": "cilium"}},
            }
        ]
    },
}


def states(scene: Scene) -> dict[str, str]:
    """The watch states of Cilium's kinds; {} where they are not asked for."""
    kinds = scene.show("cluster lab")["clusters"]["lab"]["kinds"]
    return {kind: kinds[kind]["state"] for kind in ALL if kind in kinds}


def test_no_such_kind(scene: Scene) -> None:
    """Configured blocks go on; what there is comes in when the CRD does."""
    scene.configure("kubevip cluster lab from-cilium")
    scene.start()
    scene.add(VIP)
    scene.wait_up(VIP)
    poll(lambda: set(states(scene).values()) == {"absent"}, 10, "each of them is known to be absent")
    assert scene.trouble() == set()
    found = {f["kind"] for f in scene.show("check")["findings"]}
    assert found == {"cilium-no-advertisement"}
    scene.api.put(*web(OTHER, labels={"tier": "cilium"}))
    poll(lambda: scene.vip(OTHER).get("reason") == "not-selected", 10, "nobody selects it")
    for kind in ALL:
        scene.api.serve(kind)
    scene.api.put(ADVERTISEMENT)
    scene.order("clear kubevip cluster lab")
    scene.wait_up(OTHER)
    assert set(states(scene).values()) == {"watching"}


def test_not_asked_for(watched: Scene) -> None:
    """Without from-cilium nobody asks for them: a router without the right to is no error."""
    for kind in ALL:
        watched.api.serve(kind)
    watched.order("clear kubevip cluster lab")
    watched.wait_up(VIP)
    assert states(watched) == {}
    asked = [request["path"] for request in watched.api.requests()]
    assert asked and not [path for path in asked if "cilium" in path]
