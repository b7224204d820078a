"""What zebra's options make of us in the kernel."""

from __future__ import annotations

import pytest

from tests.fakeapi import FakeApiProcess, Pki
from tests.lab import Lab, ShellSetup
from tests.lab.seedlab import lan

from .faillab import Scene, prefix_of

VIP6 = prefix_of(128, 6)


@pytest.mark.parametrize("option", ["", "--v6-rr-semantics"], ids=["default", "v6-rr-semantics"])
def test_ipv6_route_is_replaced(option: str, pki: Pki, shell: ShellSetup) -> None:
    """Without the option zebra deletes and adds, so that each change is a gap of its making."""
    with Lab(r1_options={"zebra": option}, shell=shell) as lab:
        with FakeApiProcess(lan(20)[4], 6443, pki, lab.api) as api:
            api.put(*lab.node_objects())
            scene = Scene(lab, api)
            scene.configure()
            scene.start()
            scene.add(VIP6)
            with scene.r1.monitor() as monitor, scene.unharmed(VIP6):
                scene.restart()
                api.delete("nodes", "kube3")
                scene.wait_hops(scene.hops("kube1", "kube2", family=6), VIP6)
            assert bool(monitor.deleted(VIP6)) is (option == "")
