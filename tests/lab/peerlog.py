"""Exactly which UPDATEs a router received, from bgpd's own `debug bgp updates in`.

The BGP table shows only what is; a withdrawal that was followed at once by an announcement is
visible here alone. bgpd logs, for each UPDATE, the attributes and then each prefix
(bgpd/bgp_route.c, bgp_update and bgp_withdraw; same texts in FRR 8.4, 10.3 and 10.7).
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

LOG_FILE = "frr.log"
# "log file" and not the daemon's --log option: that one has whole seconds only.
DEBUG_LINES = [
    f"log file /var/log/frr/{LOG_FILE} debugging",
    "log timestamp precision 6",
    "debug bgp updates in",
]

TIME = r"(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d+) BGP: (?:\[[\w-]+\] )?"
PEER = r"(?P<peer>[\w.:%-]+)(?:\([^)]*\))?"
ATTRIBUTES = re.compile(TIME + PEER + r" rcvd UPDATE w/ attr: (?P<attr>.*)$")
WITHDRAWN = re.compile(TIME + PEER + r" rcvd UPDATE about (?P<prefix>[\w.:/]+) .*-- withdrawn")
ANNOUNCED = re.compile(TIME + PEER + r" rcvd (?P<prefix>[\w.:]+/\d+)\b")
NEXTHOP = re.compile(r"(?:nexthop|mp_nexthop) ([\w.:]+)")


class Update(NamedTuple):
    """One prefix in one UPDATE; `when` in seconds since the epoch."""

    when: float
    kind: str  # "announce" or "withdraw"
    nexthop: str
    peer: str
    prefix: str
    attributes: str = ""  # as bgpd logs them


class PeerLog:
    """Reads bgpd's log file as it grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = ""
        self._attributes: dict[str, str] = {}  # of a peer's UPDATE that is being read
        self._updates: list[Update] = []

    def updates(self, since: float = 0) -> list[Update]:
        """Everything received since a time, oldest first."""
        self._catch_up()
        return [update for update in self._updates if update.when >= since]

    def events(self, prefix: str, since: float = 0) -> list[tuple[float, str, str]]:
        """(time, "announce" | "withdraw", next hop) for one prefix."""
        return [(u.when, u.kind, u.nexthop) for u in self.updates(since) if u.prefix == prefix]

    def kinds(self, prefix: str, since: float = 0) -> list[str]:
        """Only what happened to the prefix, in order."""
        return [kind for _, kind, _ in self.events(prefix, since)]

    def _catch_up(self) -> None:
        with self._path.open(errors="replace") as log:
            log.seek(self._offset)
            text = self._rest + log.read()
            self._offset = log.tell()
        lines = text.split("\n")
        self._rest = lines.pop()  # a line that is still being written
        for line in lines:
            self._line(line)

    def _line(self, line: str) -> None:
        if " rcvd " not in line:
            return
        if match := ATTRIBUTES.search(line):
            self._attributes[match["peer"]] = match["attr"]
        elif match := WITHDRAWN.search(line):
            self._add(match, "withdraw", "")
        elif match := ANNOUNCED.search(line):
            self._add(match, "announce", self._attributes.get(match["peer"], ""))

    def _add(self, match: re.Match, kind: str, attributes: str) -> None:
        when = datetime.strptime(match["time"], "%Y/%m/%d %H:%M:%S.%f").timestamp()
        hops = NEXTHOP.findall(attributes)
        nexthop = hops[-1] if hops else ""
        update = Update(when, kind, nexthop, match["peer"], match["prefix"], attributes)
        self._updates.append(update)
