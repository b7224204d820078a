"""Clients that go on connecting while a test changes something."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path

from .netns import PYTHON, Namespace

SCRIPT = str(Path(__file__).with_name("httpget.py"))


def get(space: Namespace, url: str, n: int, timeout: float, parallel: int) -> Counter[str]:
    """n connections, one after the other in `parallel` rows."""
    command = [PYTHON, "-ISE", SCRIPT, url, str(n), str(timeout), str(parallel)]
    return Counter(json.loads(space.run(command))["answers"])


class Traffic:
    """Connections without a pause for as long as the `with` block lasts.

    The block is entered when the first connection was answered. Afterwards `answers` counts them
    by what came back, and `failures` lists (when, what).
    """

    def __init__(self, space: Namespace, url: str, parallel: int = 4, timeout: float = 1) -> None:
        self._space = space
        self._command = [PYTHON, "-ISE", SCRIPT, url, "0", str(timeout), str(parallel)]
        self._process: subprocess.Popen | None = None
        self.answers: Counter[str] = Counter()
        self.failures: list[tuple[float, str]] = []

    def __enter__(self) -> "Traffic":
        self._process = self._space.popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        result = json.loads(self._process.communicate(timeout=30)[0])
        self.answers = Counter(result["answers"])
        self.failures = [(when, what) for when, what in result["failures"]]
