"""The lab for integration tests: raised once for each shell, put in order before each module."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Iterator

import pytest

from tests.fakeapi import FakeApiProcess, Pki
from tests.kube import KubeApi, find_assets
from tests.lab import Lab, Router, ShellSetup
from tests.lab.router import FRR_BIN
from tests.lab.seedlab import lan
from tests.lab.shell import find_kubewatch, find_module

from .faillab import VIP, Scene, TypedRoutes
from .kubelab import KubeLab, new_api
from .shells import KUBEWATCH, shells_of
from .test_api_faults import Faulty
from .test_api_faults_slow import SlowFaults

def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, where the machine cannot hold a lab."""
    missing = _missing()
    if missing:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=missing))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test that needs a shell runs with both (see shells.py)."""
    if "shell" in metafunc.fixturenames:
        metafunc.parametrize("shell", shells_of(metafunc), indirect=True, scope="session")


def _missing() -> str:
    if os.geteuid() != 0:
        return "the lab needs root"
    if not (FRR_BIN / "bgpd").exists():
        return "the lab needs the package frr"
    tools = [tool for tool in ("unshare", "nsenter", "ip", "vtysh") if not shutil.which(tool)]
    return f"the lab needs {', '.join(tools)}" if tools else ""


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """Attach the routers' logs to a failure: the lab is gone when somebody reads it."""
    report = (yield).get_result()
    used = getattr(item, "funcargs", {}).get("lab")
    # After the session's last test the lab is down before that test's report is made.
    if not report.failed or used is None or not used.run.namespaces:
        return
    report.sections.append(("lab", used.describe() + "\n" + used.logs()))
    if isinstance(used, Lab) and hasattr(used.r1, "shell"):
        report.sections.append(("shell", said_by(used.r1)))


def said_by(router: Router) -> str:
    """What the shell says of everything."""
    try:
        looks = ("", "cluster", "vip", "service", "node")
        return "\n".join(router.shell.vty(f"show kubevip {look}".strip()) for look in looks)
    except (OSError, AssertionError) as error:
        return f"{router.shell.daemon} does not answer: {error}"


@pytest.fixture(scope="session")
def shell(request: pytest.FixtureRequest) -> ShellSetup:
    """What is under test: kubewatch ($KUBEWATCH) or the module ($KUBEVIP_MODULES), or as built."""
    if request.param == KUBEWATCH:
        setup = find_kubewatch(os.environ.get("KUBEWATCH", ""))
    else:
        setup = find_module(os.environ.get("KUBEVIP_MODULES", ""))
    if setup is None:
        pytest.skip("not built; set KUBEWATCH to its path and KUBEVIP_MODULES to build/frr-module")
    return setup


@pytest.fixture(scope="session")
def labs() -> Iterator[dict[type, Lab]]:
    """The labs that are up, by the kind of their shell."""
    raised: dict[type, Lab] = {}
    yield raised
    for lab in raised.values():
        lab.close()


@pytest.fixture(scope="session")
def raised_lab(shell: ShellSetup, labs: dict[type, Lab]) -> Lab:
    """One lab for all tests of a shell: three nodes, FRR's daemons started directly."""
    if type(shell) not in labs:
        labs[type(shell)] = Lab(shell=shell).up()
    return labs[type(shell)]


@pytest.fixture(scope="module")
def lab(raised_lab: Lab) -> Lab:
    """The session's lab, put back in order for this module."""
    raised_lab.reset()
    return raised_lab


@pytest.fixture
def r1(lab: Lab) -> Router:
    """Router one, where the shell runs."""
    return lab.r1


@pytest.fixture
def r2(lab: Lab) -> Router:
    """Router two, the clients' router and r1's peer."""
    return lab.r2


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Certificates of the fake API server."""
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def module_api(lab: Lab, pki: Pki) -> Iterator[FakeApiProcess]:
    """A fake API server at https://192.168.99.20:6443, reachable from r1."""
    with FakeApiProcess(lan(20)[4], 6443, pki, lab.api) as api:
        yield api


@pytest.fixture
def api(lab: Lab, module_api: FakeApiProcess) -> FakeApiProcess:
    """The same, as new: it knows the lab's nodes and nothing else."""
    module_api.reset()
    module_api.put(*lab.node_objects())
    return module_api


@pytest.fixture(scope="session")
def kubewatch_binary() -> Path:
    """kubewatch, for tests of what it does without a router."""
    setup = find_kubewatch(os.environ.get("KUBEWATCH", ""))
    if setup is None:
        pytest.skip("kubewatch is not built; set KUBEWATCH to its path")
    return setup.binary


@pytest.fixture(scope="session")
def kube_server(raised_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeApi]:
    """A real Kubernetes API in the lab, for every module that asks for one."""
    if find_assets() is None:
        pytest.skip("no kube-apiserver: run tests/kube/build.sh, or set KUBEBUILDER_ASSETS")
    with new_api(raised_lab, tmp_path_factory.mktemp("kube")) as server:
        yield server


@pytest.fixture(scope="module")
def kube(lab: Lab, kube_server: KubeApi) -> KubeLab:
    """The same with the lab's nodes in it and nothing else; the module starts the shell itself."""
    kubelab = KubeLab(lab, kube_server)
    kubelab.found_cluster()
    return kubelab


@pytest.fixture
def scene(lab: Lab, api: FakeApiProcess) -> Iterator[Scene]:
    """The shell of r1, configured and not started, with an empty state directory."""
    scene = Scene(lab, api)
    scene.configure()
    yield scene
    lab.clear()


@pytest.fixture
def watched(scene: Scene) -> Scene:
    """The same, running, with one VIP that is everywhere."""
    scene.start()
    scene.add(VIP)
    return scene


@pytest.fixture
def operator(lab: Lab) -> Iterator[TypedRoutes]:
    """Configuration that an operator types into r1, taken back afterwards."""
    typed = TypedRoutes(lab.r1)
    yield typed
    typed.close()


@pytest.fixture(scope="module")
def zebra_may_die(lab: Lab) -> Iterator[None]:
    """r1 has a fresh zebra before the module and after it.

    A zebra 8.4.4 that follows a killed one stumbles, now and then, over what that one left in the
    kernel, and then installs nothing any more, no route of anybody.
    """
    lab.restart_r1()
    yield
    lab.restart_r1()


@pytest.fixture
def faulty(lab: Lab, api: FakeApiProcess) -> Iterator[Faulty]:
    """The shell of r1, not started; its routes stay for the next test, which finds them again."""
    found = Faulty(lab, api)
    yield found
    found.end()


@pytest.fixture(scope="module")
def slow_faults(pki: Pki, shell: ShellSetup) -> Iterator[SlowFaults]:
    """Faults that need minutes, in a lab of their own, all at once."""
    faults = SlowFaults(pki, shell)
    yield faults
    faults.close()
