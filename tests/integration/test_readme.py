"""What operators copy from README.md is what the tests ran with (rules R6)."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def code_after(heading: str) -> list[str]:
    """The lines of the first indented block after a text."""
    lines = README[README.index(heading) :].splitlines()[1:]
    start = next(i for i, line in enumerate(lines) if line.startswith("       "))
    block = []
    for line in lines[start:]:
        if not line.startswith("       "):
            break
        block.append(line.strip())
    return block


def test_bgp_lines_are_those_of_the_lab() -> None:
    """Rules R6: the lab runs packaging/examples/r1.conf with an operator's static routes present."""
    example = [line.strip() for line in (ROOT / "packaging/examples/r1.conf").read_text().splitlines()]
    lines = code_after("3. bgpd:")
    assert len(lines) > 10
    assert [line for line in lines if line not in example] == []


def test_kernel_settings_are_those_of_the_lab() -> None:
    """The lab sets them from seedlab.ROUTER_SYSCTLS."""
    from tests.lab.seedlab import ROUTER_SYSCTLS

    lines = code_after("4. The kernel")
    assert len(lines) == 4
    for line in lines:
        key, value = line.split("=")
        assert ROUTER_SYSCTLS[key] == int(value)


def test_kubewatch_conf_is_accepted(kubewatch_binary: Path, tmp_path: Path) -> None:
    """Every line, and nothing to warn about."""
    config = tmp_path / "kubewatch.conf"
    lines = code_after("2. `/etc/frr/kubewatch.conf`")
    config.write_text("\n".join(lines) + "\n")
    done = subprocess.run(
        [kubewatch_binary, "--check-config", config],
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
    )
    assert len(lines) == 4
    assert (done.returncode, done.stderr) == (0, "")


def test_every_command_of_the_manual_exists(kubewatch_binary: Path) -> None:
    """Options in the manual are options of the program."""
    manual = (ROOT / "doc" / "kubewatch.8").read_text()
    usage = subprocess.run(
        [kubewatch_binary, "--help"], stdout=subprocess.PIPE, text=True, timeout=30
    ).stdout
    for option in ("check-config", "dry-run", "input", "json", "flush", "command", "state-file"):
        assert f"--{option}" in usage
        assert f"Fl -{option}" in manual
