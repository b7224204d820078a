"""Daemons killed under watchfrr, as they run on a real router (facts/frr-zebra.md, 1 and 3).

After each death everything must be as it was: the VIPs in r1's kernel and at the peer, every static
route of the operator, and kubewatch without a complaint. watchfrr restarts zebra together with
everybody else, and anyone else alone.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from typing import Iterator

import pytest

from tests.fakeapi import FakeApiProcess, Pki
from tests.lab import Lab, ShellSetup, poll, proc
from tests.lab.seedlab import lan

from .faillab import CONFIG, URL, VIP, Scene, prefix_of
from .shells import SESSION, kubewatch_only

DAEMONS = ("zebra", "bgpd", "staticd")
VIPS = (VIP, prefix_of(128, 6), *(prefix_of(number) for number in range(130, 140)))
OPERATORS = {4: {"0.0.0.0/0", "10.20.0.0/16"}, 6: {"::/0", "fd00:20::/48"}}
PEERS = ("192.168.99.11", "fd00:99::11")
DEADLINE = 60


@pytest.fixture(scope="module")
def guarded(pki: Pki, shell: ShellSetup) -> Iterator[Scene]:
    """A lab of its own, with watchfrr and the shell under its eyes, and VIPs everywhere."""
    with Lab(watchfrr=True, shell=replace(shell, config="\n".join(CONFIG) + "\n")) as lab:
        with FakeApiProcess(lan(20)[4], 6443, pki, lab.api) as api:
            api.put(*lab.node_objects())
            scene = Scene(lab, api, running=True)
            scene.wait_synchronised()
            scene.add(*VIPS)
            yield scene


@pytest.fixture
def scene(guarded: Scene) -> Scene:
    """The same, in order, before each test."""
    wait_whole(guarded)
    return guarded


def pids(scene: Scene) -> dict[str, int | None]:
    """Every daemon's pid."""
    return {daemon: scene.r1.pid(daemon) for daemon in {*DAEMONS, scene.shell.daemon}}


def wait_restarted(scene: Scene, before: dict[str, int | None]) -> None:
    """Return when each of these daemons has another pid, and all of them run."""
    poll(
        lambda: all((pid := now) and pid != before.get(d) for d, now in pids(scene).items()),
        DEADLINE,
        f"watchfrr has restarted {' '.join(before)}",
    )


def wait_whole(scene: Scene) -> None:
    """Return when everything is as it should be."""
    for peer in PEERS:
        poll(lambda p=peer: scene.r1.bgp_established(p), DEADLINE, f"the session with {peer}")
    poll(lambda: operators_routes(scene), DEADLINE, "the operator's static routes are there")
    scene.wait_up(*VIPS, deadline=DEADLINE)
    poll(lambda: scene.show()["active"], DEADLINE, "the shell injects")
    scene.wait_synchronised()
    for prefix in VIPS:
        scene.wait_state("installed", prefix)
    assert scene.trouble() == set()


def operators_routes(scene: Scene) -> bool:
    """Whether r1's kernel has every static route of the operator."""
    return all(OPERATORS[family] <= scene.r1.kernel_routes(family).keys() for family in (4, 6))


def kill(scene: Scene, *daemons: str) -> dict[str, int | None]:
    """SIGKILL them as nearly at once as can be; return the pids they had."""
    had = {daemon: scene.r1.pid(daemon) for daemon in daemons}
    started = {pid: proc.start_time(pid) for pid in had.values()}
    for pid in had.values():
        os.kill(pid, signal.SIGKILL)
    for pid in had.values():
        poll(lambda p=pid: proc.start_time(p) != started[p], 10, f"pid {pid} is gone")
    return had


@pytest.mark.slow
@kubewatch_only(SESSION)
def test_kubewatch_killed(scene: Scene) -> None:
    """Nobody but us notices: no delete, no withdrawal, no lost connection."""
    with scene.unharmed(*VIPS), scene.lab.traffic(URL) as traffic:
        wait_restarted(scene, kill(scene, "kubewatch"))
        wait_whole(scene)
    assert traffic.failures == []


@pytest.mark.slow
def test_staticd_killed(scene: Scene) -> None:
    """Its sweep takes ours along; bgpd's hold hides the gap of some milliseconds from the peer."""
    with scene.unharmed(*VIPS, kernel=False):
        wait_restarted(scene, kill(scene, "staticd"))
        wait_whole(scene)


@pytest.mark.slow
def test_bgpd_killed(scene: Scene) -> None:
    """The kernel keeps the VIPs and his routes; the peer gets the VIPs with the new session."""
    with scene.r1.monitor() as monitor:
        wait_restarted(scene, kill(scene, "bgpd"))
        wait_whole(scene)
    kept = {prefix for prefix in VIPS if ":" not in prefix} | OPERATORS[4] | OPERATORS[6]
    assert {prefix for prefix in kept if monitor.deleted(prefix)} == set()


@pytest.mark.slow
def test_zebra_killed(scene: Scene) -> None:
    """watchfrr restarts everybody, so that bgpd is not left deaf: a VIP that goes is withdrawn."""
    before = pids(scene)
    kill(scene, "zebra")
    wait_restarted(scene, before)
    wait_whole(scene)
    scene.send_witness()


@pytest.mark.slow
def test_all_killed(scene: Scene) -> None:
    wait_restarted(scene, kill(scene, *pids(scene)))
    wait_whole(scene)
    scene.send_witness()


@pytest.mark.slow
def test_all_killed_and_the_api_down(scene: Scene) -> None:
    """A power cut of the rack: zebra and the API are gone, the record is all there is."""
    scene.wait_identity_recorded()
    scene.api.refuse()
    scene.api.close_connections()
    began = time.time()
    wait_restarted(scene, kill(scene, *pids(scene)))
    scene.wait_up(*VIPS, deadline=DEADLINE)
    assert all(scene.vip(prefix)["restored"] for prefix in VIPS)
    assert not scene.lab.peerlog.kinds(VIP, began).count("withdraw")
    scene.api.accept()
    wait_whole(scene)
