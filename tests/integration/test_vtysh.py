"""vtysh with its extension: one set of commands, whichever shell has them (rules R1, R5).

A line goes to the module where bgpd has it, else to kubewatch, and never to both. Where only a word
of help or a file's name differs, the tests run with either.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Iterator

import pytest

from tests.lab import Run, poll
from tests.lab.netns import CommandError
from tests.lab.shell import ROOT, frr_version
from tests.lab.wait import holds

from .vtyshlab import BOTH, CONFIG, KUBEWATCH, MODULE, Machine, Terminal, Vtysh, find_build

RANGE = "kubevip cluster lab vip-range 192.168.77.0/24"
SHUTDOWN = "kubevip cluster lab shutdown"
NAMESPACE = "kubevip cluster lab advertise web namespace prod"
LINES = [RANGE, SHUTDOWN, NAMESPACE]
HOST_BITS = RANGE.replace("77.0", "77.1")
OPERATORS = "ip prefix-list TYPED seq 5 permit 172.16.0.0/12"
FILE_OF = {MODULE: "frr.conf", KUBEWATCH: "kubewatch.conf"}


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """A router with zebra and staticd, and everything of ours installed."""
    with Run() as run:
        yield Machine(run)


@pytest.fixture(params=[MODULE, KUBEWATCH])
def mode(request: pytest.FixtureRequest) -> str:
    """Which shell there is."""
    return request.param


@pytest.fixture
def vtysh(machine: Machine, mode: str) -> Vtysh:
    """vtysh where that one runs, without configuration."""
    machine.only(mode)
    return machine.cli


@pytest.fixture
def module(machine: Machine) -> Vtysh:
    """vtysh where bgpd has the module."""
    machine.only(MODULE)
    return machine.cli


@pytest.fixture
def kubewatch(machine: Machine) -> Vtysh:
    """vtysh where bgpd has no module and kubewatch runs."""
    machine.only(KUBEWATCH)
    return machine.cli


def shown(vtysh: Vtysh, command: str = "show kubevip") -> dict:
    """A command's JSON."""
    return json.loads(vtysh.do(command + " json").out)


def log_of(machine: Machine, daemon: str) -> str:
    """All that a daemon has logged."""
    return machine.log_path(daemon).read_text(errors="replace")


# ---- commands ----------------------------------------------------------------------------------


def test_show(vtysh: Vtysh) -> None:
    text = vtysh.do("show kubevip")
    assert (text.status, text.err) == (0, "") and "VIPs:" in text.out
    assert shown(vtysh)["clusters"] == {}
    assert vtysh.do("sh kubev cl").status == 0
    for what in ("vip", "vip 192.168.77.1", "service", "node", "cluster", "check"):
        assert isinstance(shown(vtysh, f"show kubevip {what}"), dict)


def test_show_from_within_the_configuration(vtysh: Vtysh) -> None:
    """With `do`, and in a node below."""
    said = vtysh.configure("router bgp 65001", "do show kubevip json")
    assert said.status == 0 and json.loads(said.out)["vips"]["routed"] == 0


def test_include(vtysh: Vtysh) -> None:
    said = vtysh.do("show kubevip | include next-hop sets")
    assert said.status == 0
    assert len(said.out.splitlines()) == 1 and "next-hop sets" in said.out
    assert vtysh.do("show kubevip | include no such thing").out == ""
    assert vtysh.do("show kubevip | nonsense").out == "% Unknown action 'nonsense'\n"


def test_long_answers_are_whole(vtysh: Vtysh) -> None:
    """Longer than the pieces in which an answer is read."""
    lines = [f"kubevip reserved-prefix 10.99.{number}.0/24" for number in range(256)]
    assert vtysh.run(text="configure terminal\n" + "\n".join(lines) + "\n").status == 0
    assert vtysh.own_running() == lines


def test_status_of_commands(vtysh: Vtysh) -> None:
    """As vtysh gives it for commands of its own daemons."""
    assert vtysh.configure(RANGE).status == 0
    bad = vtysh.configure(HOST_BITS)
    assert bad.status == 1
    assert bad.out.count("\n") == 1 and "write 192.168.77.0/24" in bad.out
    assert vtysh.configure("kubevip nonsense").status == 1
    assert vtysh.do("clear kubevip cluster nowhere").out == "% there is no cluster nowhere\n"
    assert vtysh.do("show kubevip running-config", "configure", HOST_BITS, SHUTDOWN).status == 1
    assert vtysh.own_running() == [RANGE]


def test_orders(vtysh: Vtysh) -> None:
    assert "withdrawing" in vtysh.do("kubevip flush").out
    assert shown(vtysh)["flushed"]
    assert vtysh.do("clear kubevip flush").status == 0
    assert not shown(vtysh)["flushed"]
    assert "0 routes" in vtysh.do("clear kubevip orphans").out


def test_debugging_is_of_its_node(vtysh: Vtysh, mode: str) -> None:
    """Typed in the configuration it is kept, typed outside it is not."""
    assert vtysh.do("debug kubevip api").status == 0
    assert vtysh.configure("debug kubevip select").status == 0
    assert vtysh.do("show debugging kubevip").out.count("debug kubevip") == 2
    assert vtysh.own_running() == ["debug kubevip select", "!"]
    assert vtysh.do("write").status == 0
    assert vtysh.saved(FILE_OF[mode]) == ["debug kubevip select"]
    assert vtysh.configure("no debug kubevip select").status == 0
    assert vtysh.own_running() == []


def test_configuration_in_any_node(vtysh: Vtysh) -> None:
    """As from everywhere in FRR: vtysh walks up, and is where it succeeded."""
    assert vtysh.configure("router bgp 65001", RANGE, OPERATORS).status == 0
    assert vtysh.own_running() == [RANGE]
    assert OPERATORS in vtysh.do("show running-config").out
    assert vtysh.configure("router bgp 65001", HOST_BITS).status == 1
    assert vtysh.configure(f"no {RANGE}", f"no {OPERATORS}").status == 0
    assert vtysh.own_running() == []


def test_from_standard_input(vtysh: Vtysh) -> None:
    """A wrong line does not end it."""
    typed = ["configure terminal", RANGE, HOST_BITS, SHUTDOWN, "end", "show kubevip running-config"]
    said = vtysh.run(text="\n".join(typed) + "\n")
    assert said.status == 0
    assert f"\n{RANGE}\n{SHUTDOWN}\n" in said.out and "% vip-range" in said.out


@pytest.mark.parametrize("user", ["frr", "nobody", "root"])
def test_user(vtysh: Vtysh, user: str) -> None:
    look = "do show kubevip running-config"
    said = vtysh.run("-c", "configure", "-c", RANGE, "-c", look, user=user)
    assert (said.status, said.out) == (0, f"{RANGE}\n"), said


def test_unprivileged_mode_only_looks(vtysh: Vtysh) -> None:
    """-u stays in the view node, and so does what is relayed."""
    assert json.loads(vtysh.run("-u", "-c", "show kubevip json").out)["clusters"] == {}
    for command in ("show kubevip running-config", "kubevip flush", "configure terminal"):
        assert vtysh.run("-u", "-c", command).status == 1
    assert not shown(vtysh)["flushed"]


# ---- where lines are kept ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    ["write", "write memory", "write file", "wr", "copy running-config startup-config", "do write"],
)
def test_write(vtysh: Vtysh, mode: str, command: str) -> None:
    """The operator's lines to frr.conf, ours to the shell's own file, and to no other."""
    if command.startswith("do"):
        assert vtysh.configure(*LINES, OPERATORS, command).status == 0
    else:
        assert vtysh.configure(*LINES, OPERATORS).status == 0
        assert vtysh.do(command).status == 0
    kept = {name: vtysh.saved(name) for name in FILE_OF.values()}
    assert kept == {name: LINES if name == FILE_OF[mode] else [] for name in FILE_OF.values()}
    assert OPERATORS in (vtysh.router.etc / "frr.conf").read_text()
    assert OPERATORS not in (vtysh.router.etc / "kubewatch.conf").read_text()


def test_write_without_an_integrated_file(vtysh: Vtysh, machine: Machine, mode: str) -> None:
    """Each daemon writes its own file, where it has one."""
    (machine.etc / "frr.conf").unlink()
    vtysh.configure(RANGE)
    said = vtysh.do("write")
    assert not (machine.etc / "frr.conf").exists()
    name = "bgpd.conf" if mode == MODULE else "kubewatch.conf"
    assert vtysh.saved(name) == [RANGE], said


def test_running_config(vtysh: Vtysh, mode: str) -> None:
    """FRR's own shows what frr.conf is to hold (frr-reload goes by it); ours shows ours."""
    vtysh.configure(*LINES)
    assert vtysh.own_running() == LINES
    assert vtysh.running() == (LINES if mode == MODULE else [])
    assert vtysh.do("write terminal").out.count(RANGE) == (mode == MODULE)
    assert "frr.conf" not in vtysh.do("show running-config").out


def test_written_lines_are_there_again(vtysh: Vtysh, machine: Machine, mode: str) -> None:
    vtysh.configure(*LINES)
    vtysh.do("write")
    if mode == MODULE:
        machine.bgpd()
        assert vtysh.run("-b").status == 0
    else:
        machine.stop("kubewatch")
        machine.start("kubewatch")
    assert vtysh.own_running() == LINES


def as_unit(unit: str) -> tuple[str, str]:
    """Shell commands: to shut off what a systemd unit may not write, and to start as it does."""
    told = dict(line.split("=", 1) for line in unit.splitlines() if "=" in line)
    writable = {*told["ReadWritePaths"].split(), f"/var/lib/{told['StateDirectory']}"}
    shut = [
        f"mount --bind {path} {path} && mount -o remount,bind,ro {path}"
        for path in ("/etc/frr", "/run/frr", "/var/lib/kubevip", "/var/log/frr")
        if path not in writable
    ]
    groups = f"{told['Group']},{told['SupplementaryGroups']}"
    start = f"setpriv --reuid={told['User']} --regid={told['Group']} --groups={groups}"
    start += f" --no-new-privs --bounding-set=-all {told['ExecStart']}"
    assert (told["ProtectSystem"], told["CapabilityBoundingSet"]) == ("strict", "")
    return " && ".join(shut), start


def test_write_under_systemd(machine: Machine) -> None:
    """The unit leaves kubewatch what it needs: to start, to record its routes, and to write."""
    machine.only(KUBEWATCH)
    machine.stop("kubewatch")
    shut, start = as_unit((ROOT / "packaging/systemd/kubewatch.service").read_text())
    machine.space.shell("install -d -o frr -g frr /var/lib/kubevip")
    command = ["unshare", "--mount", "sh", "-c", f"{shut} && exec {start}"]
    with machine.log_path("kubewatch").open("a") as log:
        running = machine.space.popen(command, stdout=log, stderr=log)
    try:
        poll(lambda: machine.cli.do("show kubevip json").status == 0, 20, "it answers")
        machine.cli.configure(RANGE)
        assert machine.cli.do("write").status == 0
        assert machine.cli.saved("kubewatch.conf") == [RANGE]
    finally:
        machine.stop("kubewatch")
        running.wait(20)


# ---- both shells, and none -----------------------------------------------------------------------


def test_both_there_the_module_wins(machine: Machine) -> None:
    machine.only(BOTH)
    vtysh, file = machine.cli, machine.etc / "kubewatch.conf"
    before = file.stat().st_ino, file.read_text()
    assert vtysh.configure(RANGE).status == 0
    assert vtysh.running() == [RANGE]
    assert "kubevip" not in machine.vty("kubewatch", "show kubevip running-config")
    assert vtysh.do("write").status == 0
    assert vtysh.saved() == [RANGE]
    assert (file.stat().st_ino, file.read_text()) == before


@pytest.mark.parametrize("bgpd", [True, False], ids=["bgpd", "no bgpd"])
def test_none_there(machine: Machine, bgpd: bool) -> None:
    """One line that says so; what is not ours goes on."""
    machine.only(KUBEWATCH)
    machine.stop("kubewatch", *(() if bgpd else ("bgpd",)))
    vtysh = machine.cli
    for commands in (["show kubevip"], ["configure", RANGE], ["kubevip flush"]):
        said = vtysh.do(*commands)
        assert said.status == 1 and re.fullmatch(r"% kubevip: .*\n", said.out), said
        assert ("-M kubevip" in said.out) == bgpd
    assert vtysh.do("show version", "write").status == 0
    assert vtysh.running() == []


def test_the_shell_is_looked_for_again(machine: Machine) -> None:
    """An interactive vtysh outlives the daemons."""
    machine.only(KUBEWATCH)
    with Terminal(machine.cli) as terminal:
        assert "next-hop sets" in terminal.line("show kubevip")
        machine.stop("kubewatch")
        machine.bgpd(module=True)
        terminal.line("show bgp summary")  # vtysh finds that bgpd has hung up
        assert json.loads(terminal.line("show kubevip json"))["clusters"] == {}


@pytest.mark.slow
def test_bgpd_does_not_answer(machine: Machine) -> None:
    """Nobody can say whose the line is: it is nobody's."""
    machine.only(BOTH)
    pid = machine.pid("bgpd")
    os.kill(pid, signal.SIGSTOP)
    try:
        said = machine.cli.run("-d", "zebra", "-c", "configure", "-c", RANGE)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert said.status == 1 and "does not answer" in said.out
    assert RANGE not in machine.vty("kubewatch", "show kubevip running-config")
    assert RANGE not in machine.vty("bgpd", "show kubevip running-config")


@pytest.mark.slow
def test_a_file_waits_for_a_busy_bgpd(machine: Machine) -> None:
    """At boot: a line that is refused is missing from what the next `write` saves."""
    machine.only(BOTH)
    path = machine.etc / "some.conf"
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    command = machine.space.argv(["vtysh", "-f", "/etc/frr/some.conf"])
    loading = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    pid = machine.pid("bgpd")
    try:
        with path.open("w", buffering=1) as pipe:
            pipe.write(LINES[0] + "\n")
            ask = "bgpd", "show kubevip running-config"
            poll(lambda: LINES[0] in machine.vty(*ask), 20, "bgpd has the first line")
            os.kill(pid, signal.SIGSTOP)
            holds(lambda: loading.poll() is None, 1.5, "so long it knows whose the lines are")
            pipe.write("\n".join(LINES[1:]) + "\n")
        holds(lambda: loading.poll() is None, 12, "longer than it asks")
    finally:
        os.kill(pid, signal.SIGCONT)
        path.unlink()
    assert loading.communicate(timeout=60) == (None, "") and loading.returncode == 0
    assert machine.cli.running() == LINES


@pytest.mark.slow
def test_a_line_of_the_configuration_waits_for_a_busy_bgpd(machine: Machine) -> None:
    """frr-reload takes a word off a line that is refused: `no kubevip cluster lab` is one."""
    machine.only(MODULE)
    with Terminal(machine.cli) as terminal:
        terminal.line("configure", "(config)# ")
        pid = machine.pid("bgpd")
        os.kill(pid, signal.SIGSTOP)
        try:
            terminal.keys(RANGE + "\r")
            with pytest.raises(AssertionError, match="waited for"):
                terminal.wait("# ", 12)  # longer than the extension asks whose line it is
        finally:
            os.kill(pid, signal.SIGCONT)
        assert "kubevip:" not in terminal.wait("(config)# ", 60)
    assert machine.cli.running() == [RANGE]


def test_bgpd_is_not_asked_where_it_is_not_meant(machine: Machine) -> None:
    """watchfrr has restarted staticd: our lines between its own do not wait for a busy bgpd."""
    machine.only(MODULE)
    machine.write_etc("frr.conf", CONFIG + "\n".join(LINES) + "\n")
    pid = machine.pid("bgpd")
    os.kill(pid, signal.SIGSTOP)
    try:
        assert machine.cli.run("-b", "-d", "staticd") == (0, "", "")
        sockets = machine.space.run(["ss", "-xlHn"]).splitlines()
        (bgpd,) = (line.split() for line in sockets if "/bgpd.vty" in line)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert int(bgpd[2]) == 0, "somebody has connected and waits"


def test_kubewatchs_own_client(machine: Machine) -> None:
    """--command, where vtysh has not been taught."""
    machine.only(KUBEWATCH)
    ask = ["/usr/lib/frr/kubewatch", "--command"]
    assert json.loads(machine.space.run([*ask, "show kubevip json"]))["clusters"] == {}
    typed = machine.space.run([*ask, "configure", *ask[1:], RANGE, *ask[1:], "do write"])
    assert "kubewatch.conf" in typed and machine.cli.saved("kubewatch.conf") == [RANGE]
    with pytest.raises(CommandError, match="status 1: % vip-range"):
        machine.space.run([*ask, "configure", *ask[1:], HOST_BITS])
    machine.stop("kubewatch")
    with pytest.raises(CommandError, match="is kubewatch running"):
        machine.space.run([*ask, "show kubevip"])


# ---- files -------------------------------------------------------------------------------------


def test_file(module: Vtysh) -> None:
    assert module.file("\n".join([OPERATORS, *LINES]) + "\n").status == 0
    assert module.running() == LINES


@pytest.mark.parametrize("words", [("-f",), ("-b",)], ids=["f", "b"])
def test_wrong_lines_of_a_file(module: Vtysh, machine: Machine, words: tuple[str, ...]) -> None:
    """Refused with the reason and the line's number; the rest is loaded."""
    lines = [OPERATORS, RANGE, HOST_BITS, "kubevip nonsense", NAMESPACE, f"no {OPERATORS}"]
    text = CONFIG + "\n".join(lines) + "\n"
    machine.write_etc("frr.conf", text)
    said = module.run("-b") if words == ("-b",) else module.file(text)
    first = len(CONFIG.splitlines()) + 1
    assert said.status not in (0, 1)
    assert "% vip-range: `192.168.77.1/24` has bits set" in said.out
    assert f"line {first + 2}: Failure to communicate[13] to bgpd, line: {HOST_BITS}" in said.err
    assert re.search(rf"line {first + 3}: % Unknown command.*: kubevip nonsense", said.err)
    assert module.running() == [RANGE, NAMESPACE]
    assert OPERATORS not in module.do("show running-config").out


def test_dry_run(module: Vtysh, machine: Machine) -> None:
    """-C: no daemon is asked, and wrong grammar is found all the same."""
    good = "\n".join([*LINES, "route-map X permit 10", " match kubevip label tier=gold", "exit"])
    machine.stop("bgpd")
    assert module.file(good + "\n", "-C") == (0, "", "")
    assert module.file("kubevip cluster lab distance 5\n", "-C").status == 2
    assert module.run("-C").status == 0


def test_marked_file(module: Vtysh) -> None:
    """-m, which frr-reload reads: our lines are at the top level, wherever they stand."""
    rmap = ["route-map X permit 10", " match kubevip namespace prod"]
    said = module.file("\n".join([*rmap, RANGE, "router bgp 65001", SHUTDOWN]) + "\n", "-m")
    assert said.status == 0
    assert said.out.split("\n") == [*rmap, "exit", RANGE, "router bgp 65001", "exit", SHUTDOWN] + [
        "",
        "end",
        "",
    ]


def test_one_daemon_alone(module: Vtysh, machine: Machine) -> None:
    """What watchfrr does when it has restarted one: nothing is said of the others' lines."""
    machine.write_etc("frr.conf", CONFIG + RANGE + "\n")
    assert module.run("-b", "-d", "staticd") == (0, "", "")
    assert module.running() == []
    assert module.run("-b", "-d", "bgpd") == (0, "", "")
    assert module.running() == [RANGE]
    assert module.run("-d", "bgpd", "-c", "show kubevip json").status == 0
    assert module.run("-d", "zebra", "-c", "show kubevip").err == "bgpd is not running\n"


REFUSED = r"line {}: % kubevip: this is for bgpd's module, .*: " + re.escape(RANGE) + "\n"


def test_files_are_not_for_kubewatch(kubewatch: Vtysh, machine: Machine) -> None:
    """Said line by line, at boot and later; the rest is loaded, kubewatch is told nothing."""
    text = CONFIG + RANGE + "\n" + OPERATORS + "\n"
    number = len(CONFIG.splitlines()) + 1
    machine.write_etc("frr.conf", text)
    for said in (kubewatch.run("-b"), kubewatch.file(text)):
        assert said.status == 13
        assert re.search(REFUSED.format(number), said.err), said.err
    assert OPERATORS in kubewatch.do("show running-config").out
    copied = kubewatch.do("copy /etc/frr/some.conf running-config")
    assert copied.status == 1 and re.search(REFUSED.format(number), copied.err)
    assert kubewatch.own_running() == []
    assert kubewatch.file(text, "-C") == (0, "", "")


def test_files_without_any_shell(machine: Machine) -> None:
    """bgpd without the module: said. No bgpd: its lines are skipped, as all of them are."""
    machine.only(KUBEWATCH)
    machine.stop("kubewatch")
    machine.write_etc("frr.conf", CONFIG + RANGE + "\n" + OPERATORS + "\n")
    said = machine.cli.run("-b")
    assert said.status == 13 and "bgpd runs without its module" in said.err
    assert machine.cli.run("-b", "-d", "zebra") == (0, "", "")
    machine.stop("bgpd")
    assert machine.cli.run("-b") == (0, "", "")
    assert OPERATORS in machine.cli.do("show running-config").out


def test_match_is_bgpds_alone(kubewatch: Vtysh) -> None:
    """Known to vtysh always; kubewatch has no route-maps, so that it says so."""
    said = kubewatch.configure("route-map X permit 10", "match kubevip label tier=gold")
    assert said.status == 1 and said.out.startswith("% kubevip: this is for bgpd's module")
    assert kubewatch.configure("no route-map X permit 10").status == 0


def test_inert_module(machine: Machine) -> None:
    """Without its engine the module still has the lines: they are not for kubewatch, and kept."""
    engine = machine.directory / "modules" / "kubevip" / f"{frr_version()}.so"
    hidden = engine.rename(engine.with_suffix(".hidden"))
    try:
        machine.only(BOTH)
        rmap = ["route-map X permit 10", " match kubevip label tier=gold", "exit"]
        assert machine.cli.file("\n".join([*LINES, *rmap]) + "\n") == (0, "", "")
        assert machine.cli.running() == LINES
        assert shown(machine.cli)["engine"]["reason"] == "engine-missing"
        assert machine.cli.do("write").status == 0
        assert machine.cli.saved() == LINES and machine.cli.saved("kubewatch.conf") == []
        assert rmap[1] in (machine.etc / "frr.conf").read_text().splitlines()
    finally:
        hidden.rename(engine)


# ---- other places --------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("-N", "other"), ("--vty_socket", "/run/frr/other/")])
def test_another_place(machine: Machine, mode: str, words: tuple[str, str]) -> None:
    """The sockets are looked for where vtysh looks for its own."""
    machine.only(KUBEWATCH)
    machine.stop("bgpd", "kubewatch")
    other, etc = machine.run_dir / "other", machine.etc / "other"
    owner = machine.etc.stat()
    for directory in (other, etc):
        directory.mkdir(exist_ok=True)
        os.chown(directory, owner.st_uid, owner.st_gid)
    (etc / "vtysh.conf").touch()
    daemon = ["kubewatch"] if mode == KUBEWATCH else ["bgpd", "-M", "kubevip"]
    space = words if words[0] == "-N" else (words[0], "/run/frr/other")
    pid_file = ["-i", "/run/frr/other/own.pid", "-z", "/run/frr/zserv.api"]
    command = [f"/usr/lib/frr/{daemon[0]}", *daemon[1:], "-d", *space, *pid_file]
    machine.space.popen(command).wait(20)
    if mode == KUBEWATCH:  # vtysh wants one daemon of its own
        command = ["/usr/lib/frr/staticd", "-d", *space, "-z", "/run/frr/zserv.api"]
        machine.space.popen([*command, "-i", "/run/frr/other/staticd.pid"]).wait(20)
    try:
        look = "do show kubevip running-config"
        said = machine.cli.run(*words, "-c", "configure", "-c", RANGE, "-c", look)
        assert said == (0, f"{RANGE}\n", "")
        assert machine.cli.do("show kubevip").status == 1
    finally:
        for file in other.glob("*.pid"):
            os.kill(machine.space.outer_pid(int(file.read_text())), signal.SIGKILL)
            file.unlink()
        for file in other.glob("*.vty"):
            file.unlink()


# ---- in a terminal -------------------------------------------------------------------------------


def test_terminal(vtysh: Vtysh, mode: str) -> None:
    """TAB, `?`, walking in and out, a refusal, writing."""
    with Terminal(vtysh) as terminal:
        terminal.keys("show kubev\t")
        terminal.wait("kubevip ")
        terminal.keys("?")
        assert "Our lines in force" in terminal.wait("VIPs, who claims them")
        terminal.keys("cl\t")
        terminal.wait("cluster ")
        assert '"clusters"' in terminal.line("json")
        assert terminal.line("configure terminal", "(config)# ") == ""
        terminal.keys("kubevip cluster lab advertise web end\t")
        terminal.wait("endpoint-rule ")
        terminal.keys("?")
        assert "ready-or-serving" in terminal.wait("Ready and serving ones")
        assert "% " not in terminal.line("ready", "(config)# ")
        assert terminal.line(HOST_BITS, "(config)# ").startswith("% vip-range: ")
        assert terminal.line("kubevip cluster lab vip-range", "(config)# ").startswith(
            "% Command incomplete"
        )
        terminal.line("router bgp 65001", "(config-router)# ")
        assert terminal.line(RANGE, "(config)# ") == ""
        assert terminal.line("exit") == ""
        terminal.line("configure", "(config)# ")
        assert terminal.line("do show kubevip running-config", "(config)# ").splitlines() == [
            RANGE,
            "kubevip cluster lab advertise web endpoint-rule ready",
        ]
        assert terminal.line("end") == ""
        assert FILE_OF[mode] in terminal.line("write memory")
        assert terminal.end("quit") == 0
    assert RANGE in vtysh.saved(FILE_OF[mode])


def test_terminal_route_map(module: Vtysh) -> None:
    """The words after `match kubevip`."""
    with Terminal(module) as terminal:
        terminal.line("configure", "(config)# ")
        terminal.line("route-map X permit 10", "(config-route-map)# ")
        terminal.keys("match kubev\t")
        terminal.wait("kubevip ")
        terminal.keys("?")
        said = terminal.wait("namespace")
        terminal.keys("lab\t")
        terminal.wait("label ")
        terminal.keys("?")
        terminal.wait("WORD")
        assert "A label" in said
        assert terminal.line("\x15end") == ""


def test_terminal_with_a_pager(vtysh: Vtysh) -> None:
    """What is asked, and no line of the configuration, as vtysh does with its own daemons."""
    with Terminal(vtysh, VTYSH_PAGER="sed 's/^/paged: /'") as terminal:
        said = terminal.line("show kubevip cluster").splitlines()
        assert said and all(line.startswith("paged: ") for line in said)
        terminal.line("configure", "(config)# ")
        assert "has bits set" in terminal.line(HOST_BITS, "(config)# ")
        assert terminal.line("do show kubevip json", "(config)# ").startswith("paged: {")
    assert json.loads(vtysh.run("-c", "show kubevip json", env={"VTYSH_PAGER": "cat -n"}).out)


# ---- what it must not do -------------------------------------------------------------------------


@pytest.fixture
def other_version(
    module: Vtysh, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Vtysh]:
    """The extension of another FRR; with "unknown" it knows nothing of the running one's series."""
    built = module.extension.read_bytes()
    version = module.run("-c", "show version").out.split()[1].encode()
    for known in [version] + [version.rpartition(b".")[0]] * (request.param == "unknown"):
        other = known[:-1] + bytes([known[-1] ^ 1])
        assert built.count(b"\0" + known + b"\0") == 1
        built = built.replace(b"\0" + known + b"\0", b"\0" + other + b"\0")
    patched = tmp_path / "vtysh.so"
    patched.write_bytes(built)
    module.put(patched)
    yield module
    module.put(find_build() / "frr-module" / ".libs" / "vtysh.so")


@pytest.mark.parametrize("other_version", ["known", "unknown"], indirect=True)
def test_another_version(other_version: Vtysh) -> None:
    """One line, and vtysh as ever."""
    said = other_version.do("show version")
    assert said.status == 0 and said.out.startswith("FRRouting")
    assert re.fullmatch(r"vtysh: .*kubevip.*: this is FRR \S+, .*\n", said.err)
    assert other_version.do("write").status == 0
    assert other_version.configure(OPERATORS, f"no {OPERATORS}").status == 0


@pytest.mark.parametrize("other_version", ["unknown"], indirect=True)
def test_an_unknown_version(other_version: Vtysh) -> None:
    assert other_version.do("show kubevip").out == "% Unknown command: show kubevip\n"


@pytest.mark.parametrize("other_version", ["known"], indirect=True)
def test_nothing_is_lost_when_frr_has_been_upgraded(other_version: Vtysh, machine: Machine) -> None:
    """The module is inert, the extension does not fit: the lines of frr.conf come and stay."""
    engine = machine.directory / "modules" / "kubevip" / f"{frr_version()}.so"
    hidden = engine.rename(engine.with_suffix(".hidden"))
    rmap = ["route-map X permit 10", " match kubevip label tier=gold", "exit"]
    text = CONFIG + "\n".join([*LINES, *rmap, "debug kubevip api"]) + "\n"
    machine.write_etc("frr.conf", text)
    try:
        machine.bgpd()
        said = other_version.run("-b")
        assert said.status == 0 and said.err.count("\n") == 1
        assert shown(other_version)["engine"]["reason"] == "engine-missing"
        assert other_version.do("write").status == 0
        assert set(other_version.saved()) == {*LINES, "debug kubevip api"}
        assert rmap[1] in (machine.etc / "frr.conf").read_text().splitlines()
        assert other_version.reload(text.replace("77.0/24", "78.0/24")).status == 0
        assert RANGE.replace("77", "78") in other_version.running()
        gone = ["no match kubevip label tier=gold", "exit", *(f"no {line}" for line in LINES)]
        assert other_version.configure("route-map X permit 10", *gone).status == 0
        assert "match kubevip" not in other_version.do("show running-config").out
    finally:
        hidden.rename(engine)


def test_preloaded_twice(module: Vtysh) -> None:
    """Two copies, by a wrapper around the wrapper: the commands are there once."""
    copy = module.router.directory / "bin" / "copy.so"
    copy.write_bytes(module.extension.read_bytes())
    command = ["env", "LD_PRELOAD=/usr/lib/frr/copy.so", "vtysh", "-c", "configure", "-c", RANGE]
    assert module.space.run(command) == ""
    assert module.running() == [RANGE]


@pytest.mark.parametrize("content", [None, b"", b"\x7fELF and no more"])
def test_no_extension(module: Vtysh, content: bytes | None) -> None:
    """vtysh as ever, as on a machine without it."""
    module.extension.unlink()
    if content is not None:
        module.extension.write_bytes(content)
    try:
        said = module.do("show version")
        assert said.status == 0 and said.out.startswith("FRRouting")
        assert (said.err == "") == (content is None)
    finally:
        module.extension.unlink(missing_ok=True)
        module.put(find_build() / "frr-module" / ".libs" / "vtysh.so")


@pytest.mark.parametrize("given", ["", "/usr/lib/frr/other.so"])
def test_children_do_not_have_it(module: Vtysh, tmp_path: Path, given: str) -> None:
    """What vtysh starts (pager, ping) finds LD_PRELOAD as vtysh did."""
    other = module.router.directory / "bin" / "other.so"
    subprocess.run(["gcc", "-shared", "-o", other, "-x", "c", "/dev/null"], check=True)
    ping = tmp_path / "ping"
    ping.write_text('#!/bin/sh\necho "preloaded: $LD_PRELOAD"\n')
    for path in (tmp_path, ping):
        path.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"} | ({"LD_PRELOAD": given} if given else {})
    command = ["env", *(f"{k}={v}" for k, v in env.items()), "vtysh", "-c", "ping x"]
    said = module.space.run(command)
    assert f"preloaded: {given}\n" in said


def exported(path: Path) -> set[str]:
    """The symbols that a program or library offers."""
    return {line.split()[-1].partition("@")[0] for line in nm(path) if line.split()[-2] in "TBDRVW"}


def nm(path: Path) -> list[str]:
    """The dynamic symbols of a file."""
    command = ["nm", "-D", str(path)]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return said.stdout.splitlines()


def test_symbols() -> None:
    """What it offers is what it means to; what it wants is libc's or libfrr's, or it is weak."""
    built = find_build() / "frr-module" / ".libs" / "vtysh.so"
    wanted = {line.split()[-1] for line in nm(built) if line.split()[-2] == "U"}
    libfrr = next(Path("/usr/lib").glob("*/frr/libfrr.so.0"))
    assert {name for name in wanted if "@" not in name} <= exported(libfrr)
    offered = {"vty_init_vtysh", "cmd_execute", "command_config_read_one_line"}
    assert exported(built) == offered | {"vtysh_kubevip_present"}


@pytest.mark.parametrize(
    "command", [["true"], ["sh", "-c", "exit"], ["/usr/bin/python3", "-c", "import socket"]]
)
def test_other_programs_are_left_alone(command: list[str]) -> None:
    """Preloaded into something else it does not even fail to load."""
    built = find_build() / "frr-module" / ".libs" / "vtysh.so"
    env = {"LD_PRELOAD": str(built), "PATH": "/usr/bin:/bin"}
    assert subprocess.check_output(command, env=env, stderr=subprocess.STDOUT) == b""
