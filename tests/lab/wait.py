"""Waiting by looking, never by sleeping and hoping."""

from __future__ import annotations

import time
from typing import Callable, TypeVar

T = TypeVar("T")


class WaitError(AssertionError):
    """A condition did not become true in time; the message carries the last value seen."""


def poll(fn: Callable[[], T], deadline: float, what: str, interval: float = 0.03) -> T:
    """Call `fn` until it returns something truthy, and return that.

    `deadline` is in seconds from now. An exception counts as "not yet" (a daemon that is still
    coming up refuses connections) and is shown if it was the last thing seen.
    """
    end = time.monotonic() + deadline
    last: object = None
    while True:
        try:
            value = fn()
            if value:
                return value
            last = value
        except Exception as error:  # noqa: BLE001 - reported below, when it was the last
            last = error
        if time.monotonic() >= end:
            message = f"waited {deadline:g} s for: {what}; last seen: {last!r}"
            print(message)
            raise WaitError(message)
        time.sleep(interval)


def holds(fn: Callable[[], object], seconds: float, what: str, interval: float = 0.03) -> None:
    """Fail as soon as `fn` is not truthy; return after `seconds` of it being so.

    For the few statements about absence ("no withdrawal within 2 s") that no event can end.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = fn()
        if not value:
            raise WaitError(f"did not hold for {seconds:g} s: {what}; saw {value!r}")
        time.sleep(interval)
