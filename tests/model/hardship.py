"""Histories in which more goes wrong: restarts, silent nodes, a lost API, other credentials,
clusters that come and go, guards, limits, prefix-lists that are gone for a moment, no memory.

What then happens in between depends on the past, by design; the model has none. So before the two
are compared everything is put right again and time goes by: nothing may be left of it. And what
must never happen on the way is checked at once: a restart, or a prefix-list that is being edited,
takes no route away.
"""

from __future__ import annotations

import random
from copy import deepcopy
from dataclasses import replace
from typing import Iterator

from .history import CLUSTERS, KINDS, Life, Operation, config, make_node, ordinary, population
from .model import Cluster, Config, Entry

LISTS = ("PL", "PL2")
FEED = ("begin", "end", "abort", "absent", "put", "del", "lost", "renew", "identity")
# Longer than anything that is kept, silent or remembered for a while.
SETTLED = ("pass 100", "accept", "pass 61000", "pass 61000", "pass 121000", "accept", "pass 100")
EXTRA = (
    "withdraw-guard 50 min 1",
    "withdraw-guard 30 min 0 release-after 20",
    "maximum-vips 1",
    "maximum-vips 3",
    "min-ready-nodes 2",
)
# fmt: off
WEIGHTS = {
    "usual": 80, "node": 5, "conf": 1, "tweak": 2, "restart": 2, "quiet": 2, "loud": 2, "lost": 2,
    "renew": 2, "edit": 1, "sleep": 6, "accept": 2, "oom": 4, "republish": 1, "identity": 2,
    "sync": 15,
}
# fmt: on


def _entries(rng: random.Random) -> tuple[Entry, ...]:
    found = [
        entry
        for entry in (
            Entry(rng.random() < 0.5, "192.168.77.2/32"),
            Entry(rng.random() < 0.8, "192.168.77.0/30", ge=32),
            Entry(True, "192.168.77.0/24"),  # matches no host route
            Entry(rng.random() < 0.5, "fd00:77::2/127", le=128),
        )
        if rng.random() < 0.4
    ]
    return (*found, Entry(True, "192.168.0.0/16", 17, 32), Entry(True, "fd00::/16", ge=64))


def _config(rng: random.Random) -> Config:
    """One or two clusters, with prefix-lists."""
    conf = config(rng)
    clusters = [
        replace(c, prefix_list=rng.choice((None, None, *LISTS)))
        for c in conf.clusters
        if rng.random() < 0.85
    ]
    lists = tuple((name, _entries(rng)) for name in LISTS)
    return replace(conf, clusters=tuple(clusters), plists=lists)


def _extra(rng: random.Random) -> tuple[str, ...]:
    names = [name for name in CLUSTERS if rng.random() < 0.4]
    return tuple(f"{name} {rng.choice(EXTRA)}" for name in names)


def operations(rng: random.Random, length: int) -> list[Operation]:
    """A hard life."""
    found: list[Operation] = [("conf", _config(rng), _extra(rng))]
    found += [*population(rng), ("sync",)]
    for _ in range(length):
        found.append(_operation(rng, found))
    found.append(("check",))
    return found


def _operation(rng: random.Random, past: list[Operation]) -> Operation:
    cluster = rng.choice(CLUSTERS)
    what = rng.choices(tuple(WEIGHTS), tuple(WEIGHTS.values()))[0]
    last = next(op[1] for op in reversed(past) if op[0] == "conf")
    if what == "usual":
        return ordinary(rng)
    if what == "node":
        return "put", cluster, "Node", "", "n0", make_node(rng, "n0", rng.random() < 0.5)
    if what == "conf":
        return what, _config(rng), _extra(rng)
    if what == "tweak":
        some = tuple(c for c in _config(rng).clusters if c.name == cluster)
        kept = tuple(c for c in last.clusters if c.name != cluster)
        return "conf", replace(last, clusters=tuple(sorted(some + kept, key=_name))), _extra(rng)
    if what in ("quiet", "loud", "renew"):
        return what, cluster
    if what == "restart":
        return what, _config(rng) if rng.random() < 0.4 else None
    if what in ("lost", "identity"):
        return what, cluster, rng.choice((0, 0, 1))
    if what == "sleep":
        return what, rng.choice((1000, 5000, 31000, 61000, 130000))
    if what == "oom":
        return what, rng.randrange(1, 40)
    return (what,)


def _name(cluster: Cluster) -> str:
    return cluster.name


class HardLife(Life):
    """What is known of such a life."""

    def __init__(self) -> None:
        super().__init__()
        self.extra: tuple[str, ...] = ()
        self.edited = False  # no prefix-list is there
        self._later: tuple[str, ...] = ()  # what a check has put aside

    def lines(self, op: Operation) -> Iterator[str]:
        for line in (*self._go_on(), *super().lines(op)):
            words = line.split(" ", 2)
            if words[0] not in FEED or words[1] in self._configured():
                yield line
        for cluster in CLUSTERS:
            if cluster not in self._configured():
                self._forget(cluster)

    def _configured(self) -> set[str]:
        return {c.name for c in self.config.clusters} if self.config else set()

    def _go_on(self) -> Iterator[str]:
        if self._later:
            self.extra, self._later = self._later, ()
            yield from self._publish()

    def _forget(self, cluster: str) -> None:
        """Whatever it said has to be said again."""
        for kind in KINDS:
            self.missed.add((cluster, kind))
            self.listed.discard((cluster, kind))

    def _publish(self) -> Iterator[str]:
        assert self.config is not None
        lines = list(super()._conf(self.config))
        for cluster in self.config.clusters:
            if cluster.prefix_list:
                lines.insert(0, f"conf cluster {cluster.name} prefix-list {cluster.prefix_list}")
        for line in self.extra:
            if line.split(" ", 1)[0] in self._configured():
                lines.insert(-1, f"conf cluster {line}")
        yield from lines[:-1]
        yield from () if self.edited else self._plists()
        yield lines[-1]

    def _plists(self) -> Iterator[str]:
        assert self.config is not None
        for name, entries in self.config.plists:
            for e in entries:
                word = "permit" if e.permit else "deny"
                yield f"plist {name} {word} {e.prefix} {e.ge} {e.le}"

    def _conf(self, conf: Config, extra: tuple[str, ...] = ()) -> Iterator[str]:
        self.config, self.extra = conf, extra
        yield from self._publish()

    def _restart(self, conf: Config | None) -> Iterator[str]:
        """Whatever the configuration is now: before a cluster has said a word nothing is removed."""
        yield from ("pass 100", "restart")
        self.config = conf or self.config
        assert self.config is not None
        for cluster in CLUSTERS:
            self._forget(cluster)
        yield from (*self._publish(), "pass 61000")
        if not any(c.shutdown for c in self.config.clusters):
            yield "kept"

    def _edit(self) -> Iterator[str]:
        """FRR's prefix-lists are gone."""
        self.edited = True
        yield from ("pass 100", "mark", *self._publish(), "pass 100", "kept")

    def _ready(self, cluster: str, word: str) -> Iterator[str]:
        for key, obj in self.objects.items():
            if key[:2] == (cluster, "Node"):
                self.objects[key] = new = deepcopy(obj)
                new["status"]["conditions"][0]["status"] = word
                yield from self._again(*key)

    def _quiet(self, cluster: str) -> Iterator[str]:
        """All its kubelets are cut off."""
        yield from self._ready(cluster, "Unknown")

    def _loud(self, cluster: str) -> Iterator[str]:
        yield from self._ready(cluster, "True")

    def _lost(self, cluster: str, lost: int) -> Iterator[str]:
        yield f"lost {cluster} {lost}"

    def _identity(self, cluster: str, number: int) -> Iterator[str]:
        yield f"identity {cluster} uid{number}"

    def _renew(self, cluster: str) -> Iterator[str]:
        self._forget(cluster)
        yield f"renew {cluster}"

    def _sleep(self, milliseconds: int) -> Iterator[str]:
        yield f"pass {milliseconds}"

    def _accept(self) -> Iterator[str]:
        yield "accept"

    def _republish(self) -> Iterator[str]:
        yield "republish"

    def _oom(self, nth: int) -> Iterator[str]:
        yield from (f"oom {nth}", "pass 600")

    def _sync(self) -> Iterator[str]:
        """The API is there, and says everything."""
        for cluster in CLUSTERS:
            yield f"lost {cluster} 0"
        *lines, accept, later, _table = super()._check()
        yield from lines

    def _check(self) -> Iterator[str]:
        """Put everything right."""
        rng = random.Random(1)
        self.extra, self._later, self.edited = (), self.extra, False
        yield from self._publish()
        for cluster in CLUSTERS:
            yield f"lost {cluster} 0"
            yield from self._put(cluster, "Node", "", "n0", make_node(rng, "n0", True))
        *lines, table = super()._check()
        yield from (*lines, *SETTLED, "clear-orphans", "pass 100", table)
