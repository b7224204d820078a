"""doc/features.md names the test that proves each feature: every test that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINES = (ROOT / "doc" / "features.md").read_text(encoding="utf-8").splitlines()
ROWS = [line for line in LINES if re.match(r"\| *F\d", line)]
HOW = {".py": r"^def {}\(", ".c": r"^START_TEST\({}\)"}


def cells(row: str) -> list[str]:
    """What stands between the bars."""
    return [cell.strip() for cell in row.strip("|").split("|")]


def names_in(row: str) -> list[str]:
    """The tests that it names."""
    return [name.strip() for name in cells(row)[2].split(",")]


def test_rows_are_in_order() -> None:
    """Each feature once, none without a name and a test."""
    assert ROWS
    numbers = [int(cells(row)[0][1:]) for row in ROWS]
    assert numbers == sorted(set(numbers))
    for row in ROWS:
        assert len(cells(row)) == 3 and all(cells(row)), row
        assert len(names_in(row)) == len(set(names_in(row))), row


@pytest.mark.parametrize("row", ROWS, ids=lambda row: cells(row)[0])
def test_named_tests_exist(row: str) -> None:
    for name in names_in(row):
        file, _, test = name.partition("::")
        path = ROOT / "tests" / file
        assert test and path.is_file(), name
        pattern = HOW[path.suffix].format(re.escape(test))
        assert re.search(pattern, path.read_text(encoding="utf-8"), re.MULTILINE), name
        if path.suffix == ".c":  # and is run
            program = path.with_suffix("").relative_to(ROOT)
            assert re.search(rf"{program}( \\|$)", (ROOT / "Makefile.am").read_text(), re.MULTILINE)
            assert re.search(rf"tcase_add_\w+\(\w+, {test}\b", path.read_text()), name
