"""The lab's parts that need no root and no FRR."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import PeerLog, WaitError, kernel, poll, proc, reap

LOG = """\
2026/11/23 12:35:53.5 BGP: [T5AAP-5GA85] 192.168.99.10(vm) rcvd UPDATE w/ attr: nexthop \
192.168.99.10, origin ?, localpref 100, metric 0, path
2026/11/23 12:35:53.5 BGP: [YCKEM-GB33T] 192.168.99.10(vm) rcvd 192.168.77.128/32 IPv4 unicast
2026/11/23 12:35:53.6 BGP: [T5AAP-5GA85] fd00:99::10(vm) rcvd UPDATE w/ attr: , origin ?, \
mp_nexthop fd00:99::10(fe80::1), localpref 100, metric 0, path
2026/11/23 12:35:53.6 BGP: [PCFFM-WMARW] fd00:99::10(vm) rcvd UPDATE wlen 0 attrlen 80 alen 0
2026/11/23 12:35:53.6 BGP: [YCKEM-GB33T] fd00:99::10(vm) rcvd fd00:77::128/128 IPv6 unicast
2026/11/23 12:35:54.2 BGP: [PAPP6-VDAWM] 192.168.99.10(vm) rcvd UPDATE about \
192.168.77.128/32 IPv4 unicast -- withdrawn
"""


def test_peerlog_reads_a_growing_file(tmp_path: Path) -> None:
    path = tmp_path / "frr.log"
    path.write_text(LOG[:-20])  # the last line is still being written
    log = PeerLog(path)
    assert log.kinds("192.168.77.128/32") == ["announce"]
    with path.open("a") as file:
        file.write(LOG[-20:])
    assert log.kinds("192.168.77.128/32") == ["announce", "withdraw"]
    (announced,) = log.events("fd00:77::128/128")
    assert announced[1:] == ("announce", "fd00:99::10")
    withdrawn = log.updates()[-1]
    assert log.kinds("192.168.77.128/32", since=withdrawn.when) == ["withdraw"]
    assert round(withdrawn.when - announced[0], 3) == 0.6


class Canned:
    """A namespace in which `ip -j route` says what we like."""

    def __init__(self, routes: list[dict]) -> None:
        self._routes = routes

    def run(self, _command: list[str]) -> str:
        return json.dumps(self._routes)


def test_kernel_routes_have_one_shape() -> None:
    routes = [
        {"dst": "default", "gateway": "10.0.0.1", "dev": "a", "protocol": "static", "metric": 20},
        {"dst": "10.0.0.7", "protocol": "static", "metric": 30, "dev": "a"},
        {
            "dst": "10.0.0.7",
            "protocol": "bgp",
            "metric": 20,
            "nexthops": [
                {"gateway": "10.0.0.3", "dev": "a"},
                {"via": {"family": "inet6", "host": "fe80::1"}, "dev": "b"},
            ],
        },
    ]
    assert kernel.kernel_routes(Canned(routes), 4) == {
        "0.0.0.0/0": {"proto": "static", "metric": 20, "nexthops": [("10.0.0.1", "a")]},
        "10.0.0.7/32": {
            "proto": "bgp",
            "metric": 20,
            "nexthops": [("10.0.0.3", "a"), ("fe80::1", "b")],
        },
    }


def test_kernel_routes_merge_siblings() -> None:
    routes = [{"dst": "fd00::1", "gateway": f"fd00::{i}", "dev": "a"} for i in (3, 2)]
    merged = kernel.kernel_routes(Canned(routes), 6)["fd00::1/128"]
    assert merged["nexthops"] == [("fd00::2", "a"), ("fd00::3", "a")]


def test_poll_says_what_it_saw(capsys: pytest.CaptureFixture) -> None:
    values = iter([0, 0, 5])
    assert poll(lambda: next(values), 1, "a number") == 5
    with pytest.raises(WaitError, match="waited 0.1 s for: the moon; last seen: 0"):
        poll(lambda: 0, 0.1, "the moon")
    with pytest.raises(WaitError, match="ZeroDivisionError"):
        poll(lambda: 1 // 0, 0.1, "an answer")
    assert "the moon" in capsys.readouterr().out


def test_a_process_is_pid_and_start_time() -> None:
    child = subprocess.Popen(["sleep", "60"])
    started = proc.start_time(child.pid)
    assert proc.is_alive(child.pid, started)
    proc.end(child.pid, started + 1)  # another process that had this pid: not ours to end
    assert proc.is_alive(child.pid, started)
    proc.end(child.pid, started)
    child.wait()
    assert proc.start_time(child.pid) is None
    assert proc.in_pid_namespace(os.getpid())[os.getpid()] == os.getpid()


# The first thread ends, the process does not.
WITHOUT_ITS_FIRST_THREAD = """
import ctypes, platform, threading, time
threading.Thread(target=time.sleep, args=(60,)).start()
ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[platform.machine()], 0)
"""


def test_a_process_lives_as_long_as_a_thread_of_it() -> None:
    """Killed, it may hold its files after its first thread is a zombie."""
    child = subprocess.Popen([sys.executable, "-c", WITHOUT_ITS_FIRST_THREAD])
    try:
        stat = Path(f"/proc/{child.pid}/stat")
        poll(lambda: ") Z " in stat.read_text(), 10, "its first thread is a zombie")
        assert proc.start_time(child.pid)
    finally:
        child.kill()
    poll(lambda: proc.start_time(child.pid) is None, 10, "all of it is gone")
    child.wait()


def test_reap_leaves_live_runs_alone(tmp_path: Path) -> None:
    me = os.getpid()
    states = {"alive": [me, proc.start_time(me)], "dead": [me, 1]}
    for name, owner in states.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "state.json").write_text(json.dumps({"owner": owner, "holders": []}))
    assert reap(tmp_path) == ["dead"]
    assert [path.name for path in tmp_path.iterdir()] == ["alive"]
