"""A router boots, and the peer never sees the operator's own static routes (rules R5).

As Debian does it: frrinit.sh and watchfrr, `-M kubevip` in /etc/frr/daemons. What our match is in
is in a file of bgpd's own (-f), which it reads before anything else happens: so no instant is judged
in which an entry is half typed, and stock vtysh, which does not know our lines, is not needed.

Entry KUBEVIP 10 is as recipes have it, with a prefix-list and a tag beside our match; entry ONLY 10
has our match alone.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Callable, Iterator

import pytest

from tests.lab import Lab, poll
from tests.lab.router import FRR_MODULES

from .modulelab import (
    ANNOUNCED,
    EXTRA,
    OUR_LINES,
    OUR_MATCHES,
    WITNESSES,
    ModuleDirectory,
    ModuleRouter,
    compile_engine,
    ours,
)
from .test_module_load import entry

ETC = "/mnt"  # in r1's mount namespace: where bgpd's own file is
INNOCENT = {ANNOUNCED, *WITNESSES}
LEAK = "fd00:20::/48"


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> ModuleDirectory:
    """FRR's directory of modules for r1."""
    found = ModuleDirectory(tmp_path_factory.mktemp("boot") / "modules")
    found.clear()
    return found


@pytest.fixture(scope="module")
def lab(modules: ModuleDirectory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab whose r1 runs under watchfrr, with the module."""
    etc = tmp_path_factory.mktemp("boot") / "etc"
    etc.mkdir()
    (etc / "bgpd.conf").write_text("\n".join(OUR_LINES + OUR_MATCHES) + "\n")
    options = {"bgpd": f"-f {ETC}/bgpd.conf -M kubevip"}
    binds = [(modules.path, str(FRR_MODULES)), (etc, ETC)]
    with Lab(watchfrr=True, r1_options=options, r1_binds=binds, r1_extra=EXTRA) as raised:
        yield raised


@pytest.fixture
def router(lab: Lab, modules: ModuleDirectory) -> Iterator[ModuleRouter]:
    """r1, off; afterwards as it was."""
    found = ModuleRouter(lab, modules)
    daemons = (lab.r1.etc / "daemons").read_text()
    stop(found)
    modules.clear()
    yield found
    lab.r1.write_etc("daemons", daemons)


def stop(router: ModuleRouter) -> None:
    """As at shutdown."""
    router.r1.space.run(["/usr/lib/frr/frrinit.sh", "stop"])


def boot(router: ModuleRouter) -> None:
    """As at boot; returns when the sessions are up."""
    router.began = time.time()
    router.r1.start_all()
    router.wait_announced()


def no_engine(router: ModuleRouter) -> None:
    pass


def engine_of_another_frr(router: ModuleRouter) -> None:
    compile_engine(entry("__builtin_trap();", frr='"8.4.3"'), router.modules.engine)


@pytest.mark.slow
@pytest.mark.parametrize(
    "arrange, reason",
    [(no_engine, "engine-missing"), (engine_of_another_frr, "engine-frr-version")],
    ids=["inert", "another version"],
)
def test_boot_without_a_fitting_engine(
    router: ModuleRouter, arrange: Callable[[ModuleRouter], None], reason: str
) -> None:
    """Neither entry lets anything pass, after the boot and after bgpd has died once."""
    arrange(router)
    boot(router)
    assert router.show()["engine"]["reason"] == reason
    assert router.announced() == INNOCENT
    running = ours(router.r1.vty("bgpd", "show running-config"))
    assert running == OUR_LINES + [OUR_MATCHES[1], OUR_MATCHES[4]]
    kill_bgpd(router)
    assert router.show()["engine"]["reason"] == reason
    assert router.announced() == INNOCENT


def kill_bgpd(router: ModuleRouter) -> None:
    """SIGKILL; returns when watchfrr has brought it back and the sessions are up."""
    pid = router.r1.pid("bgpd")
    router.began = time.time()
    os.kill(pid, signal.SIGKILL)
    poll(lambda: router.r1.pid("bgpd") not in (None, pid), 30, "watchfrr has restarted bgpd")
    poll(lambda: (router.r1.run_dir / "bgpd.vty").exists(), 10, "bgpd answers")
    router.wait_announced()


@pytest.mark.slow
def test_boot_without_the_module(router: ModuleRouter) -> None:
    """No -M: our lines are errors. A recipe holds; an entry with our match alone is a bare permit.

    The latter is why rule R5 wants another match in each entry, and shows that the tests here see
    a leak when there is one.
    """
    daemons = (router.r1.etc / "daemons").read_text()
    assert " -M kubevip" in daemons
    router.r1.write_etc("daemons", daemons.replace(" -M kubevip", ""))
    boot(router)
    announced = router.announced()
    assert LEAK in announced
    assert {prefix for prefix in announced if ":" not in prefix} == {ANNOUNCED, WITNESSES[0]}
