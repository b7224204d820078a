"""The engine's table equals the model's, for every order and interleaving of what happened.

Thousands of histories are lived by the real engine (tests/model/driver.c); whenever one is checked,
its routes and the reason of every claim must be what the model says of the objects as they are.
Half of them are hard ones (hardship.py). The driver looks at the engine's counts and decisions after
every step. A failure prints its seed and the shortest history that still fails.

KUBEVIP_MODEL_SEEDS    how many histories of each kind (default 1500)
KUBEVIP_MODEL_SEED     live this one alone
"""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

import pytest

from . import hardship, history
from .hardship import HardLife
from .history import Life, Operation
from .model import Model

ROOT = Path(__file__).resolve().parents[2]
FIRST = int(os.environ.get("KUBEVIP_MODEL_SEED", "1"))
COUNT = 1 if "KUBEVIP_MODEL_SEED" in os.environ else int(os.environ.get("KUBEVIP_MODEL_SEEDS", 1500))
PARTS = 8  # tests; each lives a part of the seeds in one process
LENGTH = 60


class Kind(NamedTuple):
    """A kind of history."""

    operations: Callable[[random.Random, int], list[Operation]]
    life: type[Life]


KINDS = {"usual": Kind(history.operations, Life), "hard": Kind(hardship.operations, HardLife)}


class Driver:
    """The engine behind its line protocol."""

    def __init__(self, binary: Path) -> None:
        self._process = subprocess.Popen(
            [binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def tell(self, line: str) -> None:
        """Send one command."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")

    def table(self) -> dict:
        """The answer to `table`."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the driver ended with {self._process.wait()}"
        return json.loads(line)

    def close(self) -> None:
        """End it: it says whether memory was lost."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(timeout=10) == 0

    def kill(self) -> None:
        """Away with it."""
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="session")
def binary() -> Path:
    """The driver: $KUBEVIP_MODEL_DRIVER, or what the build left."""
    built = ROOT / "build" / "tests" / "model" / "driver"
    found = Path(os.environ.get("KUBEVIP_MODEL_DRIVER", built))
    if not found.is_file():
        pytest.skip(f"{found} is not built: make check")
    return found


def live(driver: Driver, past: list[Operation], life: Life) -> str:
    """Live it; the first difference between engine and model, "" when there is none."""
    driver.tell("new")
    for op in past:
        for line in life.lines(op):
            driver.tell(line)
        if op[0] == "check":
            difference = compare(driver.table(), life)
            if difference:
                return difference
    return ""


def compare(table: dict, life: Life) -> str:
    """What the engine has and the model has not, or the other way round."""
    assert life.config is not None
    model = Model(life.config, life.objects)
    reasons = {
        (c["cluster"], c["kind"], c["namespace"], c["name"], c["address"]): c["reason"]
        for c in table["claims"]
    }
    return _differences("routes", table["routes"], model.routes()) or _differences(
        "reasons", reasons, model.reasons()
    )


def _differences(what: str, engine: dict, model: dict) -> str:
    keys = [k for k in sorted({*engine, *model}) if engine.get(k) != model.get(k)]
    return "\n".join(f"{what}: {k}: engine {engine.get(k)}, model {model.get(k)}" for k in keys)


def shrink(binary: Path, kind: Kind, past: list[Operation]) -> list[Operation]:
    """The same failure with as few operations as possible: drop ever smaller parts of it."""
    size = len(past) // 2
    while size:
        at = 1  # the first operation is the configuration
        while at < len(past) - 1:
            shorter = past[:at] + past[at + size :]
            if shorter[-1] != ("check",):
                shorter.append(("check",))
            if len(shorter) < len(past) and _fails(binary, kind, shorter):
                past = shorter
            else:
                at += size
        size //= 2
    return past


def _fails(binary: Path, kind: Kind, past: list[Operation]) -> bool:
    driver = Driver(binary)
    try:
        return bool(live(driver, past, kind.life()))
    except (AssertionError, BrokenPipeError):
        return True
    finally:
        driver.kill()


def seeds(part: int) -> Iterator[int]:
    """Those of one part."""
    return iter(range(FIRST + part, FIRST + COUNT, PARTS))


@pytest.mark.parametrize("word", KINDS)
@pytest.mark.parametrize("part", range(PARTS))
def test_engine_equals_model(binary: Path, part: int, word: str) -> None:
    """Whatever the order, the interleaving, the lists that broke off and what was missed."""
    driver, kind = Driver(binary), KINDS[word]
    for seed in seeds(part):
        past = kind.operations(random.Random(seed), LENGTH)
        try:
            difference = live(driver, past, kind.life())
        except (AssertionError, BrokenPipeError) as error:
            difference = f"the driver failed: {error}"
        if difference:
            driver.kill()
            told = "\n".join(map(str, shrink(binary, kind, past)))
            pytest.fail(f"seed {seed}:\n{difference}\nshortest history:\n{told}")
    driver.close()


def test_a_difference_is_found(binary: Path) -> None:
    """The comparison itself: a model that is not told of the last object differs, and shrinks."""

    class Deaf(Life):
        """Nothing that is put after the beginning reaches the model."""

        def _put(self, cluster, kind, namespace, name, obj):
            yield from super()._put(cluster, kind, namespace, name, obj)
            if name != "n0":
                del self.objects[cluster, kind, namespace, name]
                self.missed.discard((cluster, kind))

        def _relist(self, cluster, kind, seed):
            self.listed.add((cluster, kind))
            yield f"end {cluster} {kind}"

    driver = Driver(binary)
    life, past = Deaf(), history.operations(random.Random(1), LENGTH)
    driver.tell("new")
    differences = []
    for op in past:
        for line in life.lines(op):
            driver.tell(line)
        if op[0] == "check":
            differences.append(compare(driver.table(), life))
    driver.kill()
    assert any(differences)
