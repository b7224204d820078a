"""Ours is what our record says; whatever else there is belongs to somebody else (rules R1).

Static routes of the operator with a VIP's prefix come and go before and after ours, with the
default distance, with ours, with our tag; the state file is lost, damaged, cannot be written; a
second process runs on the same router.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import Iterator

import pytest

from tests.lab import poll
from tests.lab.netns import CommandError

from .faillab import CONFIG, UPSTREAM, VIP, Scene, TypedRoutes, prefix_of, web
from .shells import OPTION, kubewatch_only

OWN = f"ip route {VIP} {UPSTREAM}"
HIS_HOPS = [(UPSTREAM, "uplink")]
OTHER = prefix_of(129)
# Like ours in tag, in prefix, in distance, and still his.
TAGGED = {
    "10.30.0.0/16": "ip route 10.30.0.0/16 192.168.99.1 tag 77",
    "192.168.77.200/32": f"ip route 192.168.77.200/32 {UPSTREAM} tag 77",
    "192.168.77.0/25": f"ip route 192.168.77.0/25 {UPSTREAM} 15 tag 77",
}
LOOKALIKE = "192.168.77.201/32"


def static_routes(scene: Scene, prefix: str = VIP) -> list[tuple[int, int]]:
    """(distance, tag) of zebra's static routes for a prefix."""
    entries = scene.r1.zebra_routes().get(prefix, [])
    return sorted((entry["distance"], entry.get("tag", 0)) for entry in entries)


# ---- the same prefix ---------------------------------------------------------------------------


def test_his_first(scene: Scene, operator: TypedRoutes) -> None:
    operator.add(OWN)
    scene.wait_hops(HIS_HOPS)
    scene.start()
    scene.add(VIP, wait=False)
    scene.wait_state("shadowed")
    poll(lambda: static_routes(scene) == [(1, 0), (15, 77)], 10, "both are in zebra")
    assert scene.route()["nexthops"] == HIS_HOPS
    operator.remove(OWN)
    scene.wait_up(VIP)
    scene.wait_state("installed")


def test_ours_first(watched: Scene, operator: TypedRoutes) -> None:
    operator.add(OWN)
    watched.wait_hops(HIS_HOPS)
    assert watched.wait_state("shadowed")["reason"] == "operator-route"
    operator.remove(OWN)
    watched.wait_up(VIP)
    watched.wait_state("installed")


@pytest.mark.parametrize("distance", [1, 14, 16, 200])
def test_ours_comes_and_goes_beside_his(
    scene: Scene, operator: TypedRoutes, distance: int
) -> None:
    """At every other distance both are there, and the lower one wins."""
    operator.add(f"{OWN} {distance}")
    scene.wait_hops(HIS_HOPS)
    scene.start()
    for _ in range(2):
        scene.add(VIP, wait=False)
        poll(lambda: len(static_routes(scene)) == 2, 10, "both are in zebra")
        scene.wait_hops(HIS_HOPS if distance < 15 else scene.hops())
        scene.remove(VIP)
        poll(lambda: static_routes(scene) == [(distance, 0)], 10, "his alone")
        scene.wait_hops(HIS_HOPS)


def test_next_hops_change_under_his_route(watched: Scene, operator: TypedRoutes) -> None:
    """What is sent while it is shadowed is what is there when he goes."""
    operator.add(OWN)
    watched.wait_state("shadowed")
    watched.api.put(*watched.lab.node_objects()[:2])
    watched.api.delete("nodes", "kube3")
    poll(lambda: len(watched.vip()["nextHops"]) == 2, 10, "the node has left the VIP")
    assert watched.wait_state("shadowed") and watched.route()["nexthops"] == HIS_HOPS
    operator.remove(OWN)
    watched.wait_up(VIP, hops=watched.hops("kube1", "kube2"))


def test_staticd_restarts_while_shadowed(watched: Scene, operator: TypedRoutes) -> None:
    """Its sweep takes ours too, and no notification speaks of ours: it was not selected."""
    operator.add(OWN)
    watched.wait_state("shadowed")
    watched.r1.restore_static_routes()  # his VIP route is not in frr.conf: it goes with staticd
    watched.wait_up(VIP)
    watched.wait_state("installed")


def test_staticd_restarts_while_shadowed_and_his_comes_back(
    watched: Scene, operator: TypedRoutes
) -> None:
    operator.add(OWN)
    watched.wait_state("shadowed")
    watched.r1.kill("staticd", signal.SIGKILL)
    watched.r1.start("staticd")
    watched.r1.config([OWN])
    watched.wait_hops(HIS_HOPS)
    watched.wait_state("shadowed")
    operator.remove(OWN)
    watched.wait_up(VIP)


def test_same_distance_his_first(scene: Scene, operator: TypedRoutes) -> None:
    """One route would replace the other: we stay away and say why."""
    operator.add(f"{OWN} 15")
    scene.wait_hops(HIS_HOPS)
    scene.start()
    scene.add(VIP, wait=False)
    assert scene.wait_state("refused")["reason"] == "operator-route-same-distance"
    scene.add(OTHER)
    assert static_routes(scene) == [(15, 0)]
    scene.remove(VIP)
    scene.remove(OTHER)
    scene.wait_gone(OTHER)
    assert static_routes(scene) == [(15, 0)]
    scene.add(VIP, wait=False)
    scene.wait_state("refused")
    operator.remove(f"{OWN} 15")
    scene.wait_up(VIP)


def test_same_distance_ours_first(watched: Scene, operator: TypedRoutes) -> None:
    """zebra gives him our place. From then on it is his: neither re-sent nor deleted."""
    operator.add(f"{OWN} 15")
    watched.wait_hops(HIS_HOPS)
    assert watched.wait_state("refused")["reason"] == "operator-route-same-distance"
    watched.api.delete("nodes", "kube3")  # next hops change: everything that is ours is sent again
    poll(lambda: len(watched.vip()["nextHops"]) == 2, 10, "the node has left the VIP")
    watched.api.put(*watched.lab.node_objects())
    watched.add(OTHER)
    assert static_routes(watched) == [(15, 0)]
    watched.restart()
    watched.wait_state("refused")
    watched.remove(VIP)
    watched.remove(OTHER)
    watched.wait_gone(OTHER)
    assert static_routes(watched) == [(15, 0)]


def test_same_distance_ours_first_and_his_goes(watched: Scene, operator: TypedRoutes) -> None:
    operator.add(f"{OWN} 15")
    watched.wait_state("refused")
    operator.remove(f"{OWN} 15")
    watched.wait_up(VIP)
    watched.wait_state("installed")


# ---- other routes that look like ours ------------------------------------------------------------


@pytest.fixture
def tagged(scene: Scene, operator: TypedRoutes) -> Iterator[None]:
    """Static routes of the operator with our tag; at the end of the test they are as they were."""
    operator.add(*TAGGED.values())
    poll(lambda: TAGGED.keys() <= scene.r1.kernel_routes(4).keys(), 10, "his routes are there")
    with scene.r1.monitor() as monitor:
        yield
        scene.send_operators_witness()
    touched = {prefix: monitor.about(prefix) for prefix in TAGGED}
    assert touched == dict.fromkeys(TAGGED, [])


def test_his_tagged_routes_through_our_whole_life(scene: Scene, tagged: None) -> None:
    scene.start()
    scene.add(VIP)
    scene.restart()
    assert scene.show()["routes"]["suspects"] == 0
    scene.order("kubevip flush")
    scene.wait_gone(VIP)
    scene.order("clear kubevip flush")
    scene.wait_up(VIP)
    scene.order("clear kubevip orphans")
    scene.remove(VIP)
    scene.wait_gone(VIP)
    scene.add(VIP)
    scene.restart()


@kubewatch_only(OPTION)
def test_his_tagged_routes_survive_our_removal(scene: Scene, tagged: None) -> None:
    scene.start()
    scene.add(VIP)
    scene.kill(signal.SIGTERM)
    flush_outside(scene)
    scene.wait_gone(VIP)


def flush_outside(scene: Scene, *options: str, check: bool = True) -> str:
    """kubewatch --flush, as a package's removal runs it; returns what it said."""
    command = ["/usr/lib/frr/kubewatch", "-f", "/etc/frr/kubewatch.conf", "--flush", *options]
    return scene.r1.space.run(["timeout", "-s", "KILL", "20", *command], check=check)


def test_flush_lasts(watched: Scene) -> None:
    watched.order("kubevip flush")
    watched.wait_gone(VIP)
    assert watched.vip()["state"] == "flushed" and watched.vip()["reason"] == "flushed"
    assert "flushed" in watched.trouble()
    watched.add(OTHER, wait=False)
    watched.wait_state("flushed", OTHER)
    watched.send_operators_witness()
    assert watched.route(VIP) is None and watched.route(OTHER) is None
    watched.restart()
    watched.wait_up(VIP, OTHER)


@kubewatch_only(OPTION)
def test_flush_outside(watched: Scene) -> None:
    watched.add(OTHER)
    watched.kill(signal.SIGTERM)
    flush_outside(watched)
    watched.wait_gone(VIP, OTHER)
    watched.start()
    watched.wait_up(VIP, OTHER)


@kubewatch_only(OPTION)
def test_flush_outside_without_the_api(watched: Scene) -> None:
    """The record says what there is to withdraw."""
    watched.api.refuse()
    watched.api.close_connections()
    watched.kill()
    flush_outside(watched)
    watched.wait_gone(VIP)
    watched.api.accept()


@kubewatch_only(OPTION)
def test_flush_outside_takes_nothing_from_one_that_runs(watched: Scene) -> None:
    pid = watched.shell.inner_pid()
    with watched.unharmed(VIP):
        move_vty(watched, "first")
        said = flush_outside(watched, "-i", "/run/frr/flush.pid", check=False)
        move_vty(watched, "kubewatch", "first")
        assert f"kubewatch (pid {pid})" in said
        watched.restart()


@kubewatch_only(OPTION)
def test_flush_outside_without_zebra(watched: Scene, zebra_gone: None) -> None:
    """It says so and ends: a package's removal must not hang."""
    watched.kill()
    with pytest.raises(CommandError, match="zebra does not answer"):
        flush_outside(watched)


@kubewatch_only(OPTION)
def test_flush_outside_is_given_the_turn(watched: Scene) -> None:
    """One that runs and has nothing to inject makes room within a second."""
    watched.kill()
    watched.configure(lines=[])
    watched.start(synchronised=False)
    watched.wait_state("kept")
    move_vty(watched, "first")
    flush_outside(watched, "-i", "/run/frr/flush.pid")
    move_vty(watched, "kubewatch", "first")
    watched.wait_gone(VIP)
    watched.configure()
    watched.restart()
    watched.wait_up(VIP)


@kubewatch_only(OPTION)
def test_flush_outside_while_zebra_is_stopped(watched: Scene) -> None:
    """What zebra has not carried out is neither said to be gone nor forgotten."""
    watched.kill()
    pid = watched.r1.kill("zebra", signal.SIGSTOP)
    try:
        with pytest.raises(CommandError, match="zebra does not answer"):
            flush_outside(watched)
    finally:
        os.kill(pid, signal.SIGCONT)
    flush_outside(watched)
    watched.wait_gone(VIP)


@kubewatch_only(OPTION)
def test_flush_outside_with_a_damaged_record(watched: Scene) -> None:
    """Nobody knows what there is to withdraw: a package's removal has to hear of it."""
    watched.kill()
    watched.state_file.write_text("this is no record\n")
    with pytest.raises(CommandError, match="may still be there"):
        flush_outside(watched)
    assert watched.route(VIP)
    watched.start()
    watched.wait_up(VIP)


@pytest.fixture
def zebra_gone(watched: Scene) -> Iterator[None]:
    """zebra's socket is not there for a while; zebra and its clients are not disturbed."""
    socket = watched.r1.run_dir / "zserv.api"
    aside = socket.rename(socket.with_suffix(".aside"))
    yield
    aside.rename(socket)


def move_vty(scene: Scene, to: str, name: str = "kubewatch") -> None:
    """Rename a daemon's vty socket: another kubewatch would take its place."""
    (scene.r1.run_dir / f"{name}.vty").rename(scene.r1.run_dir / f"{to}.vty")


# ---- the record is lost -------------------------------------------------------------------------


def test_lookalike_is_suspect_and_left(scene: Scene, operator: TypedRoutes) -> None:
    """His route has our distance, our tag and a VIP's length. Only he may say that it can go."""
    line = f"ip route {LOOKALIKE} {UPSTREAM} 15 tag 77"
    operator.add(line)
    poll(lambda: scene.route(LOOKALIKE), 10, "his route is there")
    scene.start()
    scene.add(VIP)
    poll(lambda: scene.show()["routes"]["suspects"] == 1, 10, "it is shown")
    assert "suspects" in scene.trouble()
    scene.order("kubevip flush")
    scene.wait_gone(VIP)
    scene.order("clear kubevip flush")
    scene.wait_up(VIP)
    assert scene.route(LOOKALIKE)["nexthops"] == HIS_HOPS
    scene.order("clear kubevip orphans")
    poll(lambda: scene.route(LOOKALIKE) is None, 10, "gone, as ordered")
    assert scene.route(VIP)


def test_state_lost_while_it_was_gone(watched: Scene) -> None:
    """What the API says again is ours again, without a gap; the rest waits for an order."""
    watched.add(OTHER)
    with watched.unharmed(VIP):
        watched.kill()
        watched.state_file.unlink()
        watched.remove(OTHER)
        watched.start()
        watched.wait_state("installed")
        assert watched.show()["routes"]["suspects"] == 1
    assert watched.route(OTHER), "left alone"
    watched.order("clear kubevip orphans")
    watched.wait_gone(OTHER)
    with watched.unharmed(VIP):
        watched.restart()
    watched.remove(VIP)
    watched.order("clear kubevip withdraw-guard")
    watched.wait_gone(VIP)


def test_state_lost_and_the_api_down(watched: Scene) -> None:
    watched.kill()
    watched.state_file.unlink()
    watched.api.refuse()
    watched.api.close_connections()
    with watched.unharmed(VIP, until=watched.send_operators_witness):
        watched.start(synchronised=False)
        poll(lambda: watched.show()["routes"]["suspects"] == 1, 10, "suspect, and left")
    with watched.unharmed(VIP):
        watched.api.accept()
    poll(lambda: watched.show()["routes"]["suspects"] == 0, 10, "ours again")


def damage(text: bytes) -> bytes:
    """One bit of the first route's line is wrong."""
    at = text.index(b"192.168.77.")
    return text[:at] + b"182" + text[at + 3 :]


DAMAGES = {
    "bit": damage,
    "cut-head": lambda text: text[7:],
    "garbage": lambda text: b"\0" * len(text),
    "empty": lambda text: b"",
}


@pytest.mark.parametrize("how", sorted(DAMAGES))
def test_damaged_state_is_refused(watched: Scene, how: str) -> None:
    """Ownership that is half right deletes the wrong routes."""
    watched.kill()
    damaged = DAMAGES[how](watched.state_file.read_bytes())
    watched.state_file.write_bytes(damaged)
    watched.api.refuse()
    watched.api.close_connections()
    with watched.unharmed(VIP, until=watched.send_operators_witness):
        watched.start(synchronised=False)
        poll(lambda: watched.show()["routes"]["suspects"] == 1, 10, "suspect, and left")
    assert watched.state_directory.joinpath("kubevip.state.damaged").read_bytes() == damaged
    assert "state-file" in watched.trouble()
    text = next(t["text"] for t in watched.show()["trouble"] if t["kind"] == "state-file")
    assert "kubevip.state.damaged" in text
    assert "kubevip.state.damaged" in watched.shell.log_tail(200)
    with watched.unharmed(VIP):
        watched.api.accept()
    with watched.unharmed(VIP):
        watched.restart()
    assert "state-file" not in watched.trouble(), "the new file is sound"


def test_crash_in_the_middle_of_a_line(watched: Scene) -> None:
    """A last line without its end is what a crash leaves: the rest is believed."""
    watched.kill()
    with watched.state_file.open("ab") as file:
        file.write(b"+ 192.168.77.9/32 0 0 15 77")
    with watched.unharmed(VIP):
        watched.start()
    assert "state-file" not in watched.trouble()
    with watched.unharmed(VIP):
        watched.restart()


def test_state_cannot_be_opened(scene: Scene) -> None:
    """Said on the first page; VIPs are routed all the same."""
    scene.state_file.mkdir()
    try:
        scene.start()
        scene.add(VIP)
        assert "state-file" in scene.trouble()
        with scene.unharmed(VIP):
            scene.restart()
        assert scene.wait_state("installed")
    finally:
        scene.kill()
        scene.state_file.rmdir()


def test_missing_state_directory(scene: Scene) -> None:
    """Run in place, without a package: what is ours is kept in the run directory."""
    scene.state_directory.rmdir()
    scene.start()
    scene.add(VIP)
    scene.api.refuse()
    scene.api.close_connections()
    with scene.unharmed(VIP, until=scene.send_operators_witness):
        scene.restart(synchronised=False)
        assert scene.wait_state("installed")["restored"] is True
    scene.api.accept()


@pytest.fixture
def read_only(watched: Scene) -> Iterator[Scene]:
    """The shell has ended, and its record is there and cannot be written any more."""
    watched.wait_identity_recorded()
    watched.kill()
    path = "/var/lib/kubevip"
    watched.r1.space.run(["mount", "--bind", path, path])
    watched.r1.space.run(["mount", "-o", "remount,bind,ro", path])
    yield watched
    watched.kill()
    watched.r1.space.run(["umount", path])


def test_state_is_read_only(read_only: Scene) -> None:
    """Said on the first page, and no other record is begun elsewhere: routes stay, VIPs work."""
    scene = read_only
    with scene.unharmed(VIP):
        scene.start()
        scene.wait_state("installed")
    assert "state-file" in scene.trouble()
    assert not (scene.r1.run_dir / "kubevip.state").exists()
    scene.add(OTHER)


@pytest.fixture
def full_disk(scene: Scene) -> Iterator[Scene]:
    """The state directory is a file system of its own, and so small that it can be filled."""
    options = "size=64k,mode=0777"
    scene.r1.space.run(["mount", "-t", "tmpfs", "-o", options, "none", "/var/lib/kubevip"])
    yield scene
    scene.kill()
    scene.r1.space.run(["umount", "/var/lib/kubevip"])


def fill(scene: Scene) -> None:
    """Until nothing more can be written."""
    scene.r1.space.run(["sh", "-c", "cat /dev/zero >/var/lib/kubevip/filler || true"])


def test_disk_full(full_disk: Scene) -> None:
    """A route that cannot be recorded is not sent; what is there goes on, and is withdrawn."""
    scene = full_disk
    scene.start()
    scene.add(VIP, OTHER)
    fill(scene)
    more = tuple(prefix_of(number) for number in range(1, 121))
    scene.add(*more, wait=False)
    poll(lambda: "state-file" in scene.trouble(), 10, "said on the first page")
    poll(lambda: unsent_states(scene, more) == {"waiting"}, 10, "they wait, and are not sent")
    scene.remove(OTHER)
    scene.wait_gone(OTHER)
    scene.wait_up(VIP)
    scene.r1.space.run(["rm", "/var/lib/kubevip/filler"])
    scene.wait_up(*more)
    assert scene.trouble() == set()
    with scene.unharmed(VIP, *more[:5]):
        scene.restart()
    assert scene.route(OTHER) is None


def unsent_states(scene: Scene, prefixes: tuple[str, ...]) -> set[str]:
    """The states of those VIPs that are not in r1's kernel."""
    routes, shown = scene.r1.kernel_routes(4), scene.show("vip")["vips"]
    return {shown.get(prefix, {}).get("state") for prefix in prefixes if prefix not in routes}


# ---- two of them --------------------------------------------------------------------------------


class Second:
    """A kubewatch that comes when another process injects: kubewatch itself, or bgpd.

    Its vty is `kubewatch`; if that is the first one's as well, that one's is moved to `first`.
    """

    def __init__(self, scene: Scene, binary: Path) -> None:
        self._router, self._scene = scene.r1, scene
        self.first = scene.shell.daemon
        if self.first == "kubewatch":
            move_vty(scene, "first")
            self.first = "first"
        self._router.replace_file(binary, self._router.directory / "bin" / "kubewatch")
        self._router.write_etc("kubewatch.conf", "\n".join(CONFIG) + "\n")
        command = ["/usr/lib/frr/kubewatch", "-d", "-f", "/etc/frr/kubewatch.conf"]
        command += ["-i", "/run/frr/second.pid", "--log", "file:/var/log/frr/second.log"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        assert scene.r1.space.popen(command, **quiet).wait(timeout=20) == 0
        poll(self.show, 10, "the second one answers")

    def show(self) -> dict:
        """Its first page."""
        return self._scene.show(daemon="kubewatch")

    def vip(self, prefix: str = VIP) -> dict:
        """What it says of a VIP."""
        return self._scene.vip(prefix, daemon="kubewatch")

    def wait_synchronised(self) -> None:
        """Return when it knows everything that the API says."""
        poll(self._is_synchronised, 20, "the second one has nothing left to decide")

    def _is_synchronised(self) -> bool:
        page = self.show()
        return page["clusters"]["lab"]["state"] == "live" and page["backlog"] == 0

    def wait_installed(self, prefix: str = VIP) -> None:
        """Return when it has seen its route confirmed."""
        poll(lambda: self.vip(prefix)["state"] == "installed", 10, f"{prefix} is installed")

    def close(self) -> None:
        """End it."""
        if self._router.pid("second"):
            self._router.kill("second")


@pytest.fixture
def second(watched: Scene, kubewatch_binary: Path) -> Iterator[Second]:
    """A kubewatch which came later than the shell."""
    second = Second(watched, kubewatch_binary)
    yield second
    second.close()


def test_second_stands_by(watched: Scene, second: Second) -> None:
    first_pid = watched.shell.inner_pid()
    second.wait_synchronised()
    page = second.show()
    assert page["standby"] == f"{watched.shell.daemon} (pid {first_pid})"
    assert page["active"] is False and page["routes"]["announcements"] == 0
    assert "standby" in watched.trouble("kubewatch")
    poll(lambda: second.vip()["state"] == "standby", 10, "decided, not sent")
    assert second.vip()["reason"] == "standby"
    assert watched.show(daemon=second.first)["standby"] is None
    watched.add(OTHER)
    watched.remove(OTHER)
    watched.wait_gone(OTHER)
    poll(lambda: not second.vip(OTHER).get("routed"), 10, "the second one has seen it go")
    page = second.show()
    assert (page["routes"]["announcements"], page["routes"]["withdrawals"]) == (0, 0)


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL], ids=["term", "kill"])
def test_second_takes_over(watched: Scene, second: Second, sig: int) -> None:
    """With everything the first one has done since the second was started."""
    late = tuple(prefix_of(number) for number in range(1, 31))
    watched.add(OTHER, *late)
    watched.remove(late[0])
    watched.wait_gone(late[0])
    second.wait_synchronised()
    with watched.unharmed(VIP, OTHER, *late[1:], until=second.wait_synchronised):
        watched.kill(sig)
        poll(lambda: second.show()["active"], 10, "the second one injects")
        second.wait_installed()
    assert second.show()["standby"] is None and watched.trouble("kubewatch") == set()
    watched.remove(OTHER)
    watched.wait_gone(OTHER)


def test_makes_room_without_anything_to_inject(watched: Scene, kubewatch_binary: Path) -> None:
    """A shell without a cluster keeps what was in force, and no other one from injecting."""
    watched.kill()
    watched.configure(lines=[])
    with watched.unharmed(VIP, until=watched.send_operators_witness):
        watched.start(synchronised=False)
        watched.wait_state("kept")
        second = Second(watched, kubewatch_binary)
        try:
            poll(lambda: second.show()["active"], 20, "the second one injects")
            second.wait_installed()
            first = second.first
            poll(lambda: watched.show(daemon=first)["standby"], 10, "the first one has seen it")
            assert watched.show(daemon=first)["active"] is False
            poll(lambda: not watched.show("vip", first)["vips"], 10, "and says no more of VIPs")
            watched.api.put(*web(OTHER))
            second.wait_installed(OTHER)
        finally:
            second.close()
        for prefix in (VIP, OTHER):
            kept = partial(watched.vip, prefix, first)
            poll(lambda: kept().get("reason") == "orphan", 10, f"{prefix} is kept by the first one")
            assert kept()["state"] == "kept"


def test_record_is_whole_after_a_takeover(watched: Scene, second: Second) -> None:
    """Two processes have written it: what the next one reads must be true."""
    late = tuple(prefix_of(number) for number in range(1, 21))
    late6 = tuple(prefix_of(number, 6) for number in range(1, 11))
    watched.add(*late6, *late)
    watched.remove(*late[:10])
    watched.wait_gone(*late[:10])
    watched.kill()
    poll(lambda: second.show()["active"], 10, "the second one injects")
    watched.api.put(*web(OTHER))
    second.wait_synchronised()
    second.wait_installed(OTHER)
    second.close()
    watched.api.refuse()
    watched.api.close_connections()
    kept = (VIP, OTHER, *late[10:], *late6)
    with watched.unharmed(*kept, until=watched.send_operators_witness):
        watched.start(synchronised=False)
        watched.wait_state("installed")
        poll(lambda: set(watched.show("vip")["vips"]) == set(kept), 10, "all, and no other")
    restored = watched.show("vip")["vips"]
    assert all(restored[prefix]["restored"] for prefix in kept)
    assert "state-file" not in watched.trouble()
    watched.api.accept()
    watched.wait_synchronised()


def test_vip_deleted_in_the_moment_of_takeover(watched: Scene, second: Second) -> None:
    """The first one dies before it can withdraw; the second one knows from the record."""
    watched.add(OTHER)
    second.wait_synchronised()
    pid = watched.shell.kill(signal.SIGSTOP)
    watched.remove(OTHER)
    poll(lambda: not second.vip(OTHER).get("routed"), 10, "the second one has seen it go")
    with watched.unharmed(VIP, until=second.wait_synchronised):
        os.kill(pid, signal.SIGKILL)
        watched.wait_gone(OTHER)


def test_lock_is_not_left_behind(watched: Scene) -> None:
    """The kernel lets go of it with the process: no file must be removed by hand."""
    watched.kill()
    began = time.time()
    watched.start()
    assert watched.show()["active"] and watched.show()["standby"] is None
    assert watched.lab.peerlog.kinds(VIP, began) in ([], ["announce"])
