"""What operators copy from README.md is what the tests run with (rules R6)."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Iterator

import pytest

from tests.fakeapi import FakeApiProcess, Pki
from tests.lab import Lab, ModuleSetup, ShellSetup, poll
from tests.lab.seedlab import CLIENT_NETWORKS, EXAMPLES, lan
from tests.lab.shell import is_ours

from .faillab import NODES, URL, Scene, prefix_of, web

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
MANUAL = ROOT / "doc" / "kubewatch.8"
GRAMMAR = ROOT / "lib" / "vip" / "tbl" / "kvip_conf.def"
VIPS = {4: {prefix_of(128), prefix_of(129)}, 6: {prefix_of(128, 6)}}
OPERATORS = {4: {"0.0.0.0/0", "10.20.0.0/16"}, 6: {"::/0", "fd00:20::/48"}}


def code_after(heading: str) -> list[str]:
    """The lines of the first indented block after a text."""
    lines = README[README.index(heading) :].splitlines()[1:]
    start = next(i for i, line in enumerate(lines) if line.startswith("    ") and line.strip())
    while lines[start - 1].strip():  # the rest of a list's item, not code
        start = next(i for i in range(start + 1, len(lines)) if lines[i].startswith("    "))
    depth = len(lines[start]) - len(lines[start].lstrip())
    block = []
    for line in lines[start:]:
        if not line.startswith(" " * depth):
            break
        block.append(line.strip())
    return block


FRR_CONF = code_after("`/etc/frr/frr.conf`;")
OURS = [line for line in FRR_CONF if is_ours(line)]


def test_frr_conf_is_that_of_the_example() -> None:
    """The lab runs packaging/examples/r1.conf."""
    example = [line.strip() for line in (EXAMPLES / "r1.conf").read_text().splitlines()]
    assert len(FRR_CONF) > 10 and len(OURS) == 4
    assert [line for line in FRR_CONF if line not in example] == []


def test_both_shells_have_the_same_lines() -> None:
    """r1.conf is the source."""
    for name in ("r1.conf", "kubewatch.conf"):
        lines = (EXAMPLES / name).read_text().splitlines()
        assert [line for line in lines if is_ours(line)] == OURS, name


def test_links_lead_somewhere() -> None:
    for page in (ROOT / "README.md", ROOT / "frr-module" / "README.md", *(ROOT / "doc").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


# systemd.special(7): the order of the targets themselves
TARGETS = {
    "network.target": {"network-pre.target"},
    "network-online.target": {"network.target"},
}


def unit(name: str, text: str) -> dict[str, set[str]]:
    """What comes before what, as a unit says: each name with those before it."""
    order: dict[str, set[str]] = {}
    for line in text.splitlines():
        key, _, names = line.partition("=")
        for other in names.split() if key in ("After", "Before") else ():
            late, early = (name, other) if key == "After" else (other, name)
            order.setdefault(late, set()).add(early)
    return order


def has_cycle(*orders: dict[str, set[str]]) -> bool:
    """Whether systemd would have to leave one of the units out."""
    names = {name for order in orders for name in order}
    whole = {n: set().union(*(order.get(n, set()) for order in orders)) for n in names}
    try:
        TopologicalSorter(whole).prepare()
    except CycleError:
        return True
    return False


def test_units_are_in_an_order() -> None:
    """kubewatch's beside FRR's own; the seed's edit of the latter makes an ordering cycle."""
    ours = (ROOT / "packaging" / "systemd" / "kubewatch.service").read_text()
    frr = "After=network-pre.target systemd-sysctl.service\nBefore=network.target\n"
    edited = frr.replace("network-pre.target", "network-online.target")
    kubewatch = unit("kubewatch.service", ours)
    assert kubewatch["kubewatch.service"] >= {"frr.service", "network-online.target"}
    assert not has_cycle(TARGETS, kubewatch, unit("frr.service", frr))
    assert has_cycle(TARGETS, kubewatch, unit("frr.service", edited))


def test_kernel_settings_are_those_of_the_lab() -> None:
    """The lab sets them from seedlab.ROUTER_SYSCTLS."""
    from tests.lab.seedlab import ROUTER_SYSCTLS

    lines = code_after("4. The kernel")
    assert len(lines) == 6
    for line in lines:
        key, value = line.split("=")
        assert ROUTER_SYSCTLS[key] == int(value)


# ---- the quick start ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quick(shell: ShellSetup, pki: Pki) -> Iterator[Scene]:
    """A router as README has it, started by frrinit.sh: its own daemons file, its own frr.conf."""
    with Lab(watchfrr=True, shell=replace(shell, config="\n".join(OURS) + "\n")) as lab:
        with FakeApiProcess(lan(20)[4], 6443, pki, lab.api) as api:
            lab.r1.write_etc("kubevip/lab.kubeconfig", api.kubeconfig())
            lab.r1.space.run(["/usr/lib/frr/frrinit.sh", "stop"])
            write_daemons(lab, shell)
            api.put(*lab.node_objects(), *web(*VIPS[4], *VIPS[6]))
            lab.r1.start_all()
            for family, clients in CLIENT_NETWORKS.items():
                poll(lambda f=family, c=clients: c in lab.r1.kernel_routes(f), 30, f"{clients}")
            yield Scene(lab, api, running=True)


def write_daemons(lab: Lab, shell: ShellSetup) -> None:
    """/etc/frr/daemons: Debian's, with README's lines; watchfrr has no patience in the lab."""
    module = isinstance(shell, ModuleSetup)
    lines = code_after("3. `/etc/frr/daemons`")
    if not module:
        lines = [line.replace(" -M kubevip", "") for line in lines]
        lines += code_after("## kubewatch instead")
    assert ("-M kubevip" in "".join(lines)) is module and ("kubewatch=yes" in lines) is not module
    own = (lab.r1.etc / "daemons").read_text().splitlines()
    kept = [line for line in own if line.startswith(("watchfrr_options=", "vtysh_enable="))]
    lab.r1.write_etc("daemons", "\n".join([*kept, *lines]) + "\n")


def test_peer_sees_vips_alone(quick: Scene) -> None:
    """With an operator's static and default route present, in both families, at any time."""
    quick.wait_up(*VIPS[4], *VIPS[6], deadline=30)
    for family, afi in ((4, "ipv4"), (6, "ipv6")):
        assert OPERATORS[family] <= quick.r1.kernel_routes(family).keys(), "the premise"
        known = quick.r2.bgp_table(afi)
        assert set(known) - {CLIENT_NETWORKS[family]} == VIPS[family]
    told = {update.prefix for update in quick.lab.peerlog.updates()}
    assert told == VIPS[4] | VIPS[6]


def test_one_client_meets_every_node(quick: Scene) -> None:
    quick.wait_up(*VIPS[4], *VIPS[6], deadline=30)
    assert set(quick.lab.client_get(URL, 60)) == set(NODES)
    assert set(quick.lab.client_get("http://[fd00:77::128]/", 60)) == set(NODES)


def test_nothing_is_wrong(quick: Scene) -> None:
    """README's router has nothing to be told, and `write` keeps what it has."""
    quick.wait_synchronised()
    assert quick.trouble() == set()
    quick.shell.write()
    assert quick.shell.saved() == OURS


# ---- kubewatch -----------------------------------------------------------------------------------------


def test_kubewatch_conf_is_accepted(kubewatch_binary: Path) -> None:
    """Every line, and nothing to warn about."""
    done = subprocess.run(
        [kubewatch_binary, "--check-config", EXAMPLES / "kubewatch.conf"],
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_every_option_of_the_manual_exists(kubewatch_binary: Path) -> None:
    """Options in the manual are options of the program."""
    manual = MANUAL.read_text()
    usage = subprocess.run(
        [kubewatch_binary, "--help"], stdout=subprocess.PIPE, text=True, timeout=30
    ).stdout
    for option in ("check-config", "dry-run", "input", "json", "flush", "command", "state-file"):
        assert f"--{option}" in usage
        assert f"Fl -{option}" in manual


def manual_lines() -> list[str]:
    """The configuration as the manual has it, without what it says of the defaults."""
    text = MANUAL.read_text()
    block = text[text.index(".Sh CONFIGURATION") : text.index(".Ss Cilium")]
    lines = [re.split(r"\s{2,}", line)[0] for line in block.splitlines()]
    return [line for line in lines if line.startswith("kubevip ")]


ELSEWHERE = ("kubevip cluster NAME in-cluster", "kubevip inject bgp")  # in a pod, in bgpd

# One value for each word of the manual that stands for some value.
VALUES = {
    "URL": "https://192.0.2.1:6443",
    "PATH": "/etc/frr/x",
    "PREFIX": "192.0.2.0/24",
    "SELECTOR": "a=b",
    "CLASS": "example.org/x",
    "KEY": "example.org/address",
    "SECONDS": "60",
    "N": "3",
    "NAME": "lab",
    "BLOCK": "web",
}


def written(line: str) -> str:
    """The longest line of this form: every option, the first of its alternatives, a value for each NAME."""
    line = line.replace("[", "").replace("]", "").replace(" ...", "")
    line = re.sub(r"\((\d+)-\d+\)", r"\1", line)
    return " ".join(VALUES.get(word.split("|")[0], word.split("|")[0]) for word in line.split())


@pytest.mark.parametrize("form", [form for form in manual_lines() if form not in ELSEWHERE])
def test_line_of_the_manual_is_accepted(kubewatch_binary: Path, tmp_path: Path, form: str) -> None:
    base = ["kubevip cluster lab kubeconfig /etc/frr/x", "kubevip cluster lab vip-range 192.0.2.0/24"]
    conf = tmp_path / "conf"
    conf.write_text("\n".join([*base, written(form)]) + "\n")
    done = subprocess.run([kubewatch_binary, "--check-config", conf], stderr=subprocess.PIPE, text=True, timeout=30)
    assert done.returncode == 0, f"{written(form)}: {done.stderr}"


def test_manual_has_every_line() -> None:
    """Each row of the grammar, with the bounds of its number."""
    rows = re.findall(r'^KVIP_CONF\((\w+), \w+, "([^"]+)".*?\n\t  "([^"]*)"', GRAMMAR.read_text(), re.M | re.S)
    assert len(rows) > 30
    forms = [form.split() for form in manual_lines()]
    for scope, word, tail in rows:
        depth = {"TOP": 1, "CLUSTER": 3, "ADV": 5}[scope]
        having = [form for form in forms if form[depth : depth + 1] == [word]]
        assert having, f"{scope} {word}"
        bounds = re.match(r"\(\d+-\d+\)", tail)
        assert not bounds or having[0][depth + 1] in (bounds[0], "(2-254)"), f"{word} {bounds}"
