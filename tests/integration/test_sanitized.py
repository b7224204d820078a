"""kubewatch built with AddressSanitizer and UBSan lives through a day and has nothing to report.

libfrr itself is not instrumented, so leaks are not looked for here: the engine's unit tests count
every allocation.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterator

import pytest

from tests.fakeapi import FakeApiProcess
from tests.lab import KubewatchSetup, Lab, ShellSetup, poll

from .faillab import VIP, Scene, prefix_of
from .shells import INSTRUMENTED, kubewatch_only

OTHER = prefix_of(129)
ENV = {
    "ASAN_OPTIONS": "detect_leaks=0:log_path=/var/log/frr/asan",
    "UBSAN_OPTIONS": "print_stacktrace=1:log_path=/var/log/frr/ubsan",
}


@pytest.fixture
def sanitized(lab: Lab, api: FakeApiProcess, shell: ShellSetup) -> Iterator[Scene]:
    """A scene with the binary of $KUBEWATCH_SANITIZED (check.sh sets it)."""
    binary = Path(os.environ.get("KUBEWATCH_SANITIZED", ""))
    if not binary.is_file():
        pytest.skip("set KUBEWATCH_SANITIZED to a kubewatch built by `make check-asan`")
    lab.r1.install(KubewatchSetup(binary, env=ENV))
    scene = Scene(lab, api)
    scene.configure()
    yield scene
    lab.clear()
    lab.r1.install(shell)


@kubewatch_only(INSTRUMENTED)
def test_a_day_under_sanitizers(sanitized: Scene) -> None:
    scene, lab = sanitized, sanitized.lab
    scene.start()
    scene.add(VIP, OTHER, prefix_of(128, 6))
    for page in ("", "vip", f"vip {VIP}", "service", "node", "cluster", "check"):
        scene.show(page)
        scene.order(f"show kubevip {page}".strip())
    scene.api.fault("drop", verb="watch", after=40)
    scene.api.fault("status", code=503)
    scene.api.close_connections()
    scene.remove(OTHER)
    scene.wait_gone(OTHER)
    lab.set_cable("kube1", False)
    lab.set_cable("kube1", True)
    scene.wait_up(VIP)
    scene.type("no kubevip cluster lab vip-range 192.168.77.0/24")
    scene.wait_gone(VIP)
    scene.type("kubevip cluster lab vip-range 192.168.77.0/24")
    scene.wait_up(VIP)
    scene.order("kubevip flush")
    scene.wait_gone(VIP)
    scene.order("clear kubevip flush")
    scene.wait_up(VIP)
    scene.restart()
    scene.type("no kubevip cluster lab")
    scene.wait_gone(VIP)
    pid = scene.shell.pid()
    scene.kill(15)
    poll(lambda: scene.shell.pid() != pid, 20, "kubewatch ended")
    assert scene.r1.sanitizer_reports() == {}
