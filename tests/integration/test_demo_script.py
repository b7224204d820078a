"""demo.sh itself: whoever interrupts it is left with nothing or with a lab that `down` finds; never two labs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Iterator

import pytest

from tests.lab import poll
from tests.lab.shell import find_kubewatch

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 90


class Demo:
    """demo.sh of a tree in which everything is built; its /run is not the machine's."""

    def __init__(self, tree: Path, run: Path) -> None:
        self.tree, self.run = tree, run
        self.started: list[subprocess.Popen] = []

    def start(self, *words: str) -> subprocess.Popen:
        script = f'mount --bind {self.run} /run && exec "$@"'
        command = ["unshare", "--mount", "--", "bash", "-c", script, "bash", "./demo.sh", *words]
        output = (self.tree / f"output{len(self.started)}").open("w")
        demo = subprocess.Popen(command, cwd=self.tree, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        output.close()
        self.started.append(demo)
        return demo

    def said(self, which: int = -1) -> str:
        return (self.tree / f"output{range(len(self.started))[which]}").read_text()

    def down(self) -> str:
        assert self.start("down").wait(DEADLINE_S) == 0, self.said()
        return self.said()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    kubewatch = find_kubewatch(os.environ.get("KUBEWATCH", ""))
    if not kubewatch:
        pytest.skip("kubewatch is not built")
    tree, run = tmp_path / "tree", tmp_path / "run"
    (tree / "scripts").mkdir(parents=True)
    run.mkdir()
    shutil.copy(ROOT / "demo.sh", tree)
    for built in ("deps.sh", "build.sh"):
        (tree / "scripts" / built).symlink_to("/bin/true")
    for name in ("tests", "packaging"):
        (tree / name).symlink_to(ROOT / name)
    (tree / "build").symlink_to(kubewatch.binary.parents[1])
    raised = Demo(tree, run)
    yield raised
    raised.down()


def is_raising(demo: Demo) -> bool:
    """The lab's process has begun, and is not done."""
    return any((demo.run / "kubevip-demo").glob("pid"))


def interrupted(demo: Demo, sig: signal.Signals) -> None:
    running = demo.start("--daemon", "--fake-api")
    poll(lambda: is_raising(demo), DEADLINE_S, "the lab's process")
    running.send_signal(sig)
    assert running.wait(DEADLINE_S) != 0


def test_who_interrupts_it_wants_no_lab(demo: Demo) -> None:
    interrupted(demo, signal.SIGTERM)
    assert demo.down() == "no demo lab is up\n"


def test_killed_it_leaves_what_down_finds(demo: Demo) -> None:
    interrupted(demo, signal.SIGKILL)
    assert demo.down() == "the demo lab is down\n"
    assert demo.down() == "no demo lab is up\n"


def test_one_of_two_at_once(demo: Demo) -> None:
    both = [demo.start("--daemon", "--fake-api") for _ in range(2)]
    assert sorted(one.wait(DEADLINE_S) for one in both) == [0, 1], demo.said(0) + demo.said(1)
    assert demo.start("--daemon", "--fake-api").wait(DEADLINE_S) == 1
    assert "a demo lab is up already" in demo.said()
    assert demo.down() == "the demo lab is down\n"
