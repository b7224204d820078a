"""Recorded watch streams of a real cluster, played event by event."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Iterator, NamedTuple

from .store import BY_PLURAL


class Step(NamedTuple):
    """One recorded event of one kind."""

    plural: str
    event: dict

    @property
    def rv(self) -> int:
        """Its resourceVersion."""
        return int(self.event["object"]["metadata"]["resourceVersion"])

    def __str__(self) -> str:
        meta = self.event["object"]["metadata"]
        name = "/".join(filter(None, (meta.get("namespace"), meta.get("name"))))
        return f"{self.rv} {self.event['type']} {self.plural} {name}"


class Recording:
    """A directory of KIND.watch.jsonl files, merged into the order in which things happened.

    resourceVersion is one counter for the whole cluster, so it gives that order.
    """

    def __init__(self, directory: Path, *plurals: str) -> None:
        self.steps: list[Step] = []
        for path in sorted(directory.glob("*.watch.jsonl")):
            plural = path.name.split(".")[0]
            if plural in BY_PLURAL and (not plurals or plural in plurals):
                lines = path.read_text().splitlines()
                self.steps += [Step(plural, json.loads(line)) for line in lines if line.strip()]
        self.steps.sort(key=lambda step: step.rv)

    def play(self, api, *, until_rv: int | None = None) -> Iterator[Step]:
        """Give the events to `api` one by one; each is yielded after it was applied."""
        while self.steps and (until_rv is None or self.steps[0].rv <= until_rv):
            step = self.steps.pop(0)
            api.replay(step.plural, step.event)
            yield step
