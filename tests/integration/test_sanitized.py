"""Built with AddressSanitizer and UBSan, either shell lives through a day and has nothing to report.

libfrr and bgpd are not instrumented, so leaks are not looked for here: the engine's unit tests count
every allocation. In bgpd the runtime is preloaded (see tests/lab/without_deepbind.c).
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Iterator

import pytest

from tests.fakeapi import FakeApiProcess
from tests.lab import KubewatchSetup, Lab, ModuleSetup, ShellSetup
from tests.lab.shell import ROOT, find_module

from .faillab import VIP, Scene, prefix_of

OTHER = prefix_of(129)
ENV = {
    "ASAN_OPTIONS": "detect_leaks=0:verify_asan_link_order=0:log_path=/var/log/frr/asan",
    "UBSAN_OPTIONS": "print_stacktrace=1:log_path=/var/log/frr/ubsan",
}


@pytest.fixture(scope="session")
def sanitized_kubewatch() -> KubewatchSetup:
    """$KUBEWATCH_SANITIZED (check.sh sets it)."""
    binary = Path(os.environ.get("KUBEWATCH_SANITIZED", ""))
    if not binary.is_file():
        pytest.skip("set KUBEWATCH_SANITIZED to a kubewatch built by `make check-asan`")
    return KubewatchSetup(binary, env=ENV)


@pytest.fixture(scope="session")
def sanitized_module(tmp_path_factory: pytest.TempPathFactory) -> ModuleSetup:
    """$KUBEVIP_MODULES_SANITIZED (check.sh sets it), and what bgpd needs to load that."""
    directory = Path(os.environ.get("KUBEVIP_MODULES_SANITIZED", "/nowhere"))
    setup = find_module(directory)
    if setup is None or directory not in setup.engine.parents:
        pytest.skip("set KUBEVIP_MODULES_SANITIZED to build/check-asan/frr-module")
    wrapper = tmp_path_factory.mktemp("sanitized") / "without_deepbind.so"
    source = ROOT / "tests" / "lab" / "without_deepbind.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", wrapper, source], check=True)
    needed = subprocess.run(["ldd", setup.engine], stdout=subprocess.PIPE, text=True, check=True)
    libraries = re.findall(r"=> (\S*/lib(?:asan|crypto)\.so\S*)", needed.stdout)
    assert len(libraries) == 2, needed.stdout
    setup.env = {**ENV, "LD_PRELOAD": ":".join([str(wrapper), *libraries])}
    return setup


@pytest.fixture
def sanitized(
    lab: Lab, api: FakeApiProcess, shell: ShellSetup, request: pytest.FixtureRequest
) -> Iterator[Scene]:
    """A scene with the instrumented shell."""
    name = "module" if isinstance(shell, ModuleSetup) else "kubewatch"
    setup = request.getfixturevalue(f"sanitized_{name}")
    lab.r1.shell.stop()
    lab.r1.install(setup)
    scene = Scene(lab, api)
    scene.configure()
    yield scene
    lab.clear()
    lab.r1.install(shell)


def test_a_day_under_sanitizers(sanitized: Scene) -> None:
    scene, lab = sanitized, sanitized.lab
    scene.start()
    assert "libasan" in Path(f"/proc/{scene.shell.pid()}/maps").read_text()
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
    scene.kill(15)
    assert scene.r1.sanitizer_reports() == {}
