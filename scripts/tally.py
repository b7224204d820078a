#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Count what the test runners say, and end with one line.

    tally.py add FILE BUILD     read automake's .trs files below BUILD into FILE
    tally.py report DIR         sum up everything in DIR; exit 1 if anything failed, or, in CI, was skipped

A Check program counts each of its checks, any other automake test counts as one.
"""
import os
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

CHECK_LINE = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$", re.M)


def automake_test(trs: Path) -> tuple[int, int, int]:
    """One .trs file: passed, failed, skipped."""
    result = re.search(r":test-result: (\w+)", trs.read_text())
    log = trs.with_suffix(".log")
    text = log.read_text(errors="replace") if log.exists() else ""
    checks = CHECK_LINE.search(text)
    outcome = result.group(1) if result else "ERROR"
    if outcome == "SKIP":
        return 0, 0, 1
    if outcome != "PASS":
        print(f"--- {trs.stem}\n{text[-4000:]}")
        failed = sum(map(int, checks.groups()[1:])) if checks else 0
        return (int(checks.group(1)) - failed if checks else 0), max(failed, 1), 0
    return (int(checks.group(1)) if checks else 1), 0, 0


def add(out: Path, build: Path) -> None:
    """Write NAME PASSED FAILED SKIPPED for each test below @build."""
    skip = build / "check-asan", build / "check-tsan"
    lines = []
    for trs in sorted(build.rglob("*.trs")):
        if any(s in trs.parents for s in skip):
            continue
        lines.append(" ".join([trs.stem, *map(str, automake_test(trs))]))
    if not lines:
        lines = ["nothing-ran 0 1 0"]
    out.with_name("counts").open("a").write("\n".join(lines) + "\n")


def pytest_counts(xml: Path) -> tuple[int, int, int]:
    """A junit file: passed, failed, skipped."""
    passed = failed = skipped = 0
    for case in ET.parse(xml).getroot().iter("testcase"):
        if case.find("skipped") is not None:
            skipped += 1
        elif case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        else:
            passed += 1
    return passed, failed, skipped


def report(results: Path) -> int:
    """Print the closing line; the exit status."""
    rows = []
    counts, broken = results / "counts", results / "broken"
    if counts.exists():
        rows += [tuple(map(int, line.split()[1:])) for line in counts.read_text().splitlines()]
    rows += [pytest_counts(xml) for xml in results.glob("*.xml") if xml.stat().st_size]
    for name in broken.read_text().splitlines() if broken.exists() else []:
        print(f"broken: {name}")
        rows.append((0, 1, 0))
    passed, failed, skipped = (sum(r[i] for r in rows) for i in range(3))
    print(f"\n{passed} passed, {failed} failed, {skipped} skipped")
    strict = os.environ.get("CI") == "true"
    return 1 if failed or not passed or (strict and skipped) else 0


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "add":
        add(Path(sys.argv[2]), Path(sys.argv[3]))
    elif len(sys.argv) == 3 and sys.argv[1] == "report":
        sys.exit(report(Path(sys.argv[2])))
    else:
        sys.exit(__doc__)
