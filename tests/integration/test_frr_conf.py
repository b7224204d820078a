"""Our lines in frr.conf, as operators keep them: written, booted from, reloaded (rules R4).

With the extension of vtysh in place everything here is Debian's own: frrinit.sh, watchfrr, vtysh -b
and frr-reload.py.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from typing import Iterator

import pytest

from tests.fakeapi import FakeApiProcess, Pki
from tests.lab import Lab, Router, Run, poll
from tests.lab.seedlab import lan
from tests.lab.shell import find_module
from tests.lab.wait import holds

from .faillab import VIP, Scene, prefix_of
from .grammar import rounds
from .shells import module_only
from .vtyshlab import CONFIG, KUBEWATCH, MODULE, Machine, Said, Vtysh

FILE = "kubewatch reads its file itself, before it begins"
RANGE = "kubevip cluster lab vip-range 192.168.77.0/24"
SHUTDOWN = "kubevip cluster lab shutdown"
# Lines that say what is so anyway are not written.
DEFAULTS = {
    "kubevip inject zebra",
    "kubevip cluster lab on-api-loss hold",
    "kubevip cluster lab advertise web address loadbalancer-ip",
    "kubevip cluster lab advertise web next-hop internal-ip",
    "kubevip cluster lab advertise web next-hop-resolution connected",
    "kubevip cluster lab advertise web endpoint-rule ready-else-serving",
}


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """A router without neighbours."""
    with Run() as run:
        yield Machine(run)


@pytest.fixture
def cli(machine: Machine) -> Vtysh:
    """Its vtysh; bgpd has the module and no configuration of ours."""
    machine.only(MODULE)
    return machine.cli


# ---- every line ----------------------------------------------------------------------------------


def reload_by_whole_lines(cli: Vtysh, config: str) -> None:
    """frr-reload takes a word off a line whose `no` is refused, and tries again: never of ours."""
    said = cli.reload(config)
    assert said.status == 0, said
    assert "Failed to execute" not in said.out


def left_to_do(said: Said) -> list[str]:
    """What frr-reload would change that is ours."""
    return [line for line in said.out.splitlines() if re.match(r"(no )?(debug )?kubevip ", line)]


@pytest.mark.slow
def test_every_line(cli: Vtysh, machine: Machine) -> None:
    """Each shape of each line is kept as it is: written, booted, reloaded; and it has its `no`."""
    unwritten = set()
    for lines in rounds(cli.configure("list").out):
        machine.only(MODULE)
        assert cli.file("\n".join(lines) + "\n") == (0, "", ""), lines
        before = cli.running()
        assert set(before) <= set(lines)
        unwritten |= set(lines) - set(before)
        assert cli.do("write memory").status == 0 and cli.saved() == before
        written = (machine.etc / "frr.conf").read_text()
        machine.bgpd()
        assert cli.run("-b") == (0, "", "")
        assert cli.running() == before
        assert left_to_do(cli.reload(written, "--test")) == []
        reload_by_whole_lines(cli, CONFIG)
        assert cli.running() == []
        reload_by_whole_lines(cli, written)
        assert cli.running() == before
        assert cli.configure(*(f"no {line}" for line in before)) == (0, "", "")
        assert cli.running() == []
    assert unwritten == DEFAULTS


def test_no_of_what_is_not_there(cli: Vtysh) -> None:
    """frr-reload may remove a cluster's lines in any order: the last must not fail (see above)."""
    cli.configure(RANGE)
    assert cli.configure("no kubevip cluster lab", f"no {RANGE}", f"no {SHUTDOWN}").status == 0


def test_reload_refuses_a_wrong_line(cli: Vtysh) -> None:
    """It says so, and the others are in force."""
    bad = RANGE.replace("77.0", "77.1")
    said = cli.reload(CONFIG + "\n".join([bad, SHUTDOWN]) + "\n")
    assert said.status == 1
    assert "has bits set beyond its length" in said.out
    assert cli.running() == [SHUTDOWN]


def test_reload_leaves_kubewatch_alone(machine: Machine) -> None:
    """What is not in frr.conf and not in `show running-config` does not exist for it."""
    machine.only(KUBEWATCH)
    cli = machine.cli
    cli.configure(RANGE)
    said = cli.reload(CONFIG + "ip prefix-list MORE seq 5 permit 172.16.0.0/12\n")
    assert said.status == 0
    assert cli.own_running() == [RANGE]
    assert "MORE" in cli.do("show running-config").out


# ---- a load is one change ------------------------------------------------------------------------


def generation(machine: Router) -> int:
    """Counts configurations that were put in force."""
    return machine.vty_json("bgpd", "show kubevip")["configurationGeneration"]


def ours_in_bgpd(machine: Router) -> str:
    """Our lines that bgpd has taken."""
    return machine.vty("bgpd", "show kubevip running-config")


@pytest.mark.parametrize("flag", ["-f", "-b"])
def test_nothing_in_the_middle_of_a_file(cli: Vtysh, machine: Machine, flag: str) -> None:
    """A file that takes its time, by a pipe: it is put in force at its end, and once."""
    path = machine.etc / "frr.conf"
    path.unlink()
    os.mkfifo(path)
    command = ["vtysh", flag] + (["/etc/frr/frr.conf"] if flag == "-f" else [])
    loading = subprocess.Popen(cli.space.argv(command))
    with path.open("w", buffering=1) as pipe:
        pipe.write(RANGE + "\n")
        poll(lambda: RANGE in ours_in_bgpd(machine), 10, "bgpd has the first line")
        before = generation(machine)
        holds(lambda: generation(machine) == before, 3, "nothing is in force yet")
        pipe.write(SHUTDOWN + "\n")
        pipe.write("\n" * 5000)  # vtysh reads in blocks
    poll(lambda: SHUTDOWN in ours_in_bgpd(machine), 10, "bgpd has the last line")
    assert loading.wait(20) == 0
    poll(lambda: generation(machine) > before, 10, "the configuration is in force")
    assert generation(machine) == before + 1
    path.unlink()


def test_large_file(cli: Vtysh, machine: Machine) -> None:
    """Thousands of lines of others between two of ours."""
    many = "".join(
        f"bgp community-list standard C{n} seq 5 permit 65001:{n}\n" for n in range(4000)
    )  # more would reach the 30 s after which we wait no longer, on a busy machine
    machine.write_etc("frr.conf", f"{CONFIG}{RANGE}\n{many}{SHUTDOWN}\n")
    before = generation(machine)
    loading = subprocess.Popen(cli.space.argv(["vtysh", "-b"]))
    poll(lambda: RANGE in ours_in_bgpd(machine), 20, "bgpd has the first line")
    assert loading.wait(60) == 0
    poll(lambda: generation(machine) > before, 10, "the configuration is in force")
    holds(lambda: generation(machine) == before + 1, 2, "all of it came at once")
    assert cli.running() == [RANGE, SHUTDOWN]


# ---- on a router with VIPs -----------------------------------------------------------------------

OURS = [
    "kubevip cluster lab kubeconfig /etc/frr/kubevip/lab.kubeconfig",
    "kubevip cluster lab vip-range 192.168.77.0/25",
    "kubevip cluster lab vip-range 192.168.77.128/25",
    "kubevip cluster lab vip-range fd00:77::/64",
    "kubevip cluster lab advertise web service-selector mdhlabs-bgp=enable",
]
LOWER, UPPER = OURS[1:3]
OTHER = prefix_of(10)  # in the lower range, the others are in the upper one
VIPS = (VIP, prefix_of(130), OTHER, prefix_of(128, 6))
DEADLINE = 60


class Booted(Scene):
    """r1 under watchfrr with the module; its frr.conf, with our lines, is loaded by vtysh -b."""

    def __init__(self, lab: Lab, api: FakeApiProcess, cli: Vtysh) -> None:
        # pylint: disable=super-init-not-called
        # Scene's own ends the shell, and watchfrr would start it at once.
        self.lab, self.api, self.cli = lab, api, cli
        self.r1, self.r2, self.shell = lab.r1, lab.r2, lab.r1.shell
        for name in ("lab", "other"):
            self.r1.write_etc(f"kubevip/{name}.kubeconfig", api.kubeconfig())
        self.without = (self.r1.etc / "frr.conf").read_text()

    def conf(self, *lines: str) -> str:
        """r1's frr.conf with these lines of ours."""
        return self.without + "".join(f"{line}\n" for line in lines)

    def reload(self, *lines: str) -> None:
        """Make these our lines, with frr-reload.py; returns when they are in force."""
        before, running = self.show()["configurationGeneration"], self.cli.running()
        reload_by_whole_lines(self.cli, self.conf(*lines))
        assert set(self.cli.running()) == set(lines)
        if set(running) != set(lines):
            poll(lambda: self.show()["configurationGeneration"] > before, 10, "it is in force")

    def wait_whole(self) -> None:
        """Return when everything is as it should be."""
        self.wait_up(*VIPS, deadline=DEADLINE)
        poll(lambda: self.show()["active"], DEADLINE, "the module injects")
        self.wait_synchronised()
        for prefix in VIPS:
            self.wait_state("installed", prefix)
        assert self.trouble() == set()

    def restarted(self, *daemons: str, before: dict[str, int | None]) -> None:
        """Return when each of them has another pid."""
        poll(
            lambda: all((pid := self.r1.pid(d)) and pid != before[d] for d in daemons),
            DEADLINE,
            f"{' '.join(daemons)} restarted",
        )


@pytest.fixture(scope="module")
def raised(pki: Pki) -> Iterator[Booted]:
    """A lab of its own, in which everything is as Debian starts it."""
    module = find_module()
    if module is None:
        pytest.skip("the module is not built")
    with Lab(watchfrr=True, shell=module) as lab, FakeApiProcess(
        lan(20)[4], 6443, pki, lab.api
    ) as api:
        api.put(*lab.node_objects())
        booted = Booted(lab, api, Vtysh(lab.r1))
        booted.add(*VIPS, wait=False)
        yield booted


@pytest.fixture
def booted(raised: Booted) -> Booted:
    """The same, in order, before each test."""
    raised.cli.reload(raised.conf(*OURS))
    raised.wait_whole()
    return raised


@pytest.mark.slow
def test_bgpd_restarted_by_watchfrr(booted: Booted) -> None:
    """bgpd begins without a line and has them all a moment later: the kernel sees neither."""
    with booted.r1.monitor() as monitor:
        for sig in (signal.SIGKILL, signal.SIGTERM):
            before = {"bgpd": booted.r1.pid("bgpd")}
            booted.kill(sig)
            booted.restarted("bgpd", before=before)
            poll(lambda: booted.cli.running() == OURS, DEADLINE, "vtysh -b has loaded our lines")
            booted.wait_whole()
    ipv4 = [prefix for prefix in VIPS if ":" not in prefix]
    assert [monitor.deleted(prefix) for prefix in ipv4] == [[]] * len(ipv4)


@pytest.mark.slow
def test_everything_restarted_by_the_init_script(booted: Booted) -> None:
    daemons = ("zebra", "bgpd", "staticd")
    before = {daemon: booted.r1.pid(daemon) for daemon in daemons}
    script = ["/usr/lib/frr/frrinit.sh", "restart"]
    assert booted.r1.space.popen(script, stdout=subprocess.DEVNULL).wait(60) == 0
    booted.restarted(*daemons, before=before)
    booted.wait_whole()
    assert booted.cli.running() == OURS


@pytest.mark.slow
def test_written_by_watchfrr(booted: Booted) -> None:
    """`write` in vtysh lets watchfrr run `vtysh -w`, by its usual name."""
    (booted.r1.etc / "frr.conf").write_text("")
    assert booted.cli.do("write").status == 0
    assert booted.cli.saved() == OURS


def test_reload_by_the_init_script(booted: Booted) -> None:
    """`systemctl reload frr`."""
    wanted = [*OURS, "kubevip cluster lab vip-range 10.78.0.0/16"]
    with booted.unharmed(*VIPS):
        booted.r1.write_etc("frr.conf", booted.conf(*wanted))
        script = ["/usr/lib/frr/frrinit.sh", "reload"]
        assert booted.r1.space.popen(script, stdout=subprocess.DEVNULL).wait(60) == 0
        assert set(booted.cli.running()) == set(wanted)
        booted.reload(*OURS)


RELOADS = {
    "nothing": OURS,
    "a range more": [*OURS, "kubevip cluster lab vip-range 10.78.0.0/16"],
    "one range for two": [
        UPPER.replace("77.128/25", "77.0/24") if line == UPPER else line
        for line in OURS
        if line != LOWER
    ],
    "another range for the same VIPs": [line.replace("77.0/25", "77.0/28") for line in OURS],
    "another kubeconfig": [line.replace("lab.kubeconfig", "other.kubeconfig") for line in OURS],
    "another block for the same VIPs": [
        line.replace("advertise web", "advertise net") for line in OURS
    ],
    "everything in another order": OURS[::-1],
    "a line of each kind more": [
        *OURS,
        "kubevip reserved-prefix 192.168.77.1/32",
        "kubevip cluster lab maximum-vips 2000",
        "kubevip cluster lab withdraw-guard 40 min 5",
        "kubevip cluster lab advertise zone service-selector zone=a",
        "kubevip cluster second kubeconfig /etc/frr/kubevip/other.kubeconfig",
    ],
}


@pytest.mark.parametrize("lines", RELOADS.values(), ids=RELOADS)
def test_reload(booted: Booted, lines: list[str]) -> None:
    """There, and back again: no kernel delete, no withdrawal at the peer."""
    with booted.unharmed(*VIPS):
        for wanted in (lines, OURS):
            booted.reload(*wanted)
            booted.wait_synchronised()
            booted.wait_up(*VIPS)
    assert booted.trouble() == set()


def test_reload_takes_a_range_away(booted: Booted) -> None:
    """What was in it goes, nothing else does."""
    rest = [prefix for prefix in VIPS if prefix != OTHER]
    with booted.unharmed(*rest):
        booted.reload(*(line for line in OURS if line != LOWER))
        booted.wait_gone(OTHER)
        booted.reload(*OURS)
        booted.wait_up(OTHER)


@pytest.mark.slow
@module_only(FILE)
def test_started_in_the_middle_of_a_load(scene: Scene) -> None:
    """vtysh -b runs while bgpd comes up: half of a configuration is not acted upon.

    Without zebra the engine begins 2 s after bgpd, and the cluster would be live before the file's
    end.
    """
    scene.configure(lines=OURS)
    scene.start()
    scene.add(VIP, OTHER)
    text = (scene.r1.etc / "frr.conf").read_text()
    path = scene.r1.etc / "frr.conf"
    with scene.r1.monitor() as monitor:
        scene.kill()
        path.unlink()
        os.mkfifo(path)
        socket = scene.r1.run_dir / "zserv.api"
        hidden = socket.rename(socket.with_suffix(".hidden"))
        try:
            start_without_configuration(scene)
            command = scene.r1.space.argv(["vtysh", "-b", "-d", "bgpd"])
            loading = subprocess.Popen(command)  # the lab's vtysh has the extension
            pipe = path.open("w", buffering=1)
            pipe.write("".join(f"{x}\n" for x in text.splitlines() if x != LOWER))
            pipe.write("\n" * 5000)  # vtysh reads in blocks
            poll(lambda: OURS[-1] in ours_in_bgpd(scene.r1), 30, "bgpd has the first lines")
            holds(lambda: OTHER in scene.r1.kernel_routes(4), 2.5, "the engine does not begin")
        finally:
            hidden.rename(socket)
        holds(lambda: OTHER in scene.r1.kernel_routes(4), 5, "its range comes late")
        pipe.write(LOWER + "\n")
        pipe.close()
        assert loading.wait(20) == 0
        path.unlink()
        scene.wait_synchronised()
        scene.wait_up(VIP, OTHER)
    assert monitor.deleted(OTHER) == []


def start_without_configuration(scene: Scene) -> None:
    """bgpd runs with the module and has read nothing."""
    words = ["-d", "-A", "127.0.0.1", "-M", "kubevip", "--log", "file:/var/log/frr/bgpd.log"]
    done = scene.r1.space.popen(["/usr/lib/frr/bgpd", *words], stdout=subprocess.DEVNULL)
    assert done.wait(20) == 0
