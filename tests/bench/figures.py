"""Printing figures, and the little statistics that they need."""

from __future__ import annotations

import json
import math
import os
from statistics import median
from typing import Sequence


def percentile(values: Sequence[float], percent: float) -> float:
    """By nearest rank: a value that was measured."""
    return sorted(values)[max(1, math.ceil(len(values) * percent / 100)) - 1]


def figure(
    name: str,
    unit: str,
    value: float | None,
    *,
    reference: float | None = None,
    ratio: float | None = None,
    target: float | None = None,
) -> None:
    """Print one line. The target is a ceiling: for the ratio if there is one, else the value."""
    judged = value if ratio is None else ratio
    text = {
        "figure": name,
        "unit": unit,
        "value": _short(value),
        "reference": _short(reference),
        "ratio": _short(ratio),
        "target": target,
        "ok": None if judged is None or target is None else judged <= target,
        "load": round(os.getloadavg()[0], 2),
    }
    print(json.dumps(text), flush=True)


def compared(
    name: str,
    unit: str,
    values: Sequence[float],
    references: Sequence[float],
    target: float | None,
) -> None:
    """Print the medians of runs made in turn, and the median of the runs' ratios."""
    ratios = [value / reference for value, reference in zip(values, references)]
    figure(
        name,
        unit,
        median(values),
        reference=median(references),
        ratio=median(ratios),
        target=target,
    )


def _short(number: float | None) -> float | None:
    return None if number is None else round(number, 3)
