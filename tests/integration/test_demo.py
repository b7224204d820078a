"""demo.sh is the first thing that anybody sees: its story is told to its end, by either shell."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.kube import find_assets
from tests.lab import ModuleSetup, ShellSetup
from tests.lab.netns import PYTHON

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("api", ["fake", "real"])
def test_demo(shell: ShellSetup, tmp_path: Path, api: str) -> None:
    if api == "real" and not find_assets():
        pytest.skip("no kube-apiserver: tests/kube/build.sh makes one")
    name = "module" if isinstance(shell, ModuleSetup) else "kubewatch"
    build = (shell.shim.parents[2] if name == "module" else shell.binary.parents[1])
    command = [PYTHON, "-m", "tests.lab.demo", name, str(build), str(tmp_path), api]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    demo = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )
    assert demo.stdout is not None
    told = []
    for line in demo.stdout:
        told.append(line.rstrip())
        if told[-1] == "@ready":
            break
    demo.send_signal(signal.SIGTERM)
    demo.wait(timeout=30)
    assert told[-1] == "@ready", "\n".join(told)
    answers = [json.loads(line) for line in told if line.startswith('{"')]
    assert [set(nodes) for nodes in answers] == [{"kube1", "kube2", "kube3"}] * 3
