"""scripts/build.sh: whatever an earlier run left, or another one does, the next one builds. With a small project."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIGURE_AC = """\
AC_INIT([small], [1])
AC_SUBST([with_frr_src])
AC_ARG_WITH([frr-src])
AC_CONFIG_FILES([Makefile])
AC_OUTPUT
"""
# Two at once would both find no directory, or one the other's.
MAKEFILE_IN = """\
all:
\tmkdir busy
\tsleep 0.5
\techo @with_frr_src@ >built
\trmdir busy
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "build.sh", tmp_path / "scripts")
    (tmp_path / "configure.ac").write_text(CONFIGURE_AC)
    (tmp_path / "Makefile.in").write_text(MAKEFILE_IN)
    headers(tmp_path, "/headers/of/8.4.4")
    return tmp_path


def headers(tree: Path, path: str) -> None:
    """What frr-headers.sh prints."""
    script = tree / "scripts" / "frr-headers.sh"
    script.write_text(f"#!/bin/sh\necho {path}\n")
    script.chmod(0o755)


def start(tree: Path) -> subprocess.Popen:
    return subprocess.Popen([tree / "scripts" / "build.sh"], stderr=subprocess.PIPE, text=True)


def built(tree: Path) -> str:
    """Build; for which headers that was."""
    running = start(tree)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 0, said
    return (tree / "build" / "built").read_text().strip()


def test_after_an_interrupted_autoreconf_and_configure(tree: Path) -> None:
    (tree / "build").mkdir()
    (tree / "build" / "Makefile").write_text("all:\n\tfalse\n")
    (tree / "configure").write_text("#!/bin/sh\nexit 1\n")
    (tree / "configure").chmod(0o755)
    assert built(tree) == "/headers/of/8.4.4"


def test_another_frr_is_configured_for(tree: Path) -> None:
    assert built(tree) == "/headers/of/8.4.4"
    (tree / "build" / "check-asan").mkdir()
    headers(tree, "/headers/of/8.4.5")
    assert built(tree) == "/headers/of/8.4.5"
    assert not (tree / "build" / "check-asan").exists(), "configured for the other one"


def test_two_at_once(tree: Path) -> None:
    both = [start(tree), start(tree)]
    said = [running.communicate(timeout=120)[1] for running in both]
    assert [running.returncode for running in both] == [0, 0], said
