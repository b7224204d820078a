"""The fault plan: which request gets which wrong answer.

A `Rule` says when (path, list or watch, from the nth matching request on, how often) and what:
an action of one of three sorts, all documented in `ACTIONS`:

- answers given instead of the right one,
- changes of what is said (the items of a list, the lines of a watch),
- changes of how it is delivered (cut, frozen, byte by byte, compressed).
"""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass, field
from typing import Any

ACTIONS = {
    # instead of an answer
    "status": "code, [body], [reason], [message], [headers]: an error, with a Status as body",
    "html": "200 with a proxy's HTML page",
    "raw": "body, [content_type], [code]: exactly this",
    "silent": "never answer, never close",
    "reset": "close the connection without an answer",
    "too_large_rv": "504 with the cause ResourceVersionTooLarge",
    "gone_continue": "410 whose Status carries a new, inconsistent continue token",
    # what is said in a list
    "endless_continue": "every page is the first one and promises more",
    "empty_page": "a page without items that promises more; the next is right",
    "items_null": '"items": null',
    "metadata_last": "metadata after the items",
    "metadata_first": "metadata before the items",
    "pretty": "indented JSON with CRLF line ends",
    # what is said in a watch
    "error_event": "[code 410], [reason], [message], [after 0]: an ERROR event, then the end",
    "no_end_mark": "no initial-events-end bookmark",
    "bookmarks_only": "every event but bookmarks is lost",
    "end_at_once": "[after_ms 0]: a clean end",
    "pairs": "events leave two at a time in one chunk",
    # what is said in either
    "inject": "text: one more item of the list, or line of the watch right at its start",
    "rv": "[value]: every resourceVersion replaced by this text; without value: left out",
    # how it is delivered; after_bytes counts bytes of the body
    "drop": "after_bytes: the TCP connection breaks",
    "freeze": "after_bytes: nothing more comes, the connection stays",
    "truncate": "after_bytes: the body ends there, with a proper end of HTTP",
    "bytewise": "[size 1]: in pieces of that many bytes, each a chunk of its own",
    "gzip_members": "gzip, a member per write, if the client asks for gzip (it must not)",
}

INSTEAD = {"status", "html", "raw", "silent", "reset", "too_large_rv", "gone_continue"}

_ids = itertools.count(1)


@dataclass
class Rule:
    """One line of the fault plan."""

    action: str
    path: str = ".*"  # a regular expression, searched for in the path
    verb: str = "any"  # list, watch, get, any
    nth: int = 1  # act from the nth matching request on ...
    times: int | None = 1  # ... on so many; None: for ever
    args: dict[str, Any] = field(default_factory=dict)
    number: int = field(default_factory=lambda: next(_ids))
    seen: int = 0
    acted: int = 0

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"no action {self.action!r}; there are {', '.join(ACTIONS)}")

    def takes(self, verb: str, path: str) -> bool:
        """Count a request and say whether this rule acts on it."""
        if self.verb not in ("any", verb) or not re.search(self.path, path):
            return False
        self.seen += 1
        if self.seen < self.nth or (self.times is not None and self.acted >= self.times):
            return False
        self.acted += 1
        return True


class Plan:
    """All rules; several may act on one request."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def add(self, rule: Rule) -> int:
        """Add a rule; returns its number."""
        self.rules.append(rule)
        return rule.number

    def remove(self, number: int) -> None:
        """Take a rule out again."""
        self.rules = [rule for rule in self.rules if rule.number != number]

    def acting(self, verb: str, path: str) -> "Acting":
        """The rules for one request (each counts it)."""
        return Acting([rule for rule in self.rules if rule.takes(verb, path)])


class Acting:
    """The faults of one answer."""

    def __init__(self, rules: list[Rule]) -> None:
        self._by_action = {rule.action: rule.args for rule in rules}

    def __contains__(self, action: str) -> bool:
        return action in self._by_action

    def args(self, action: str) -> dict[str, Any]:
        """Arguments of an action that is in force, else an empty dictionary."""
        return self._by_action.get(action, {})

    def instead(self) -> str | None:
        """The action that replaces the whole answer, if one does."""
        return next((action for action in self._by_action if action in INSTEAD), None)

    def say(self, body: bytes) -> bytes:
        """Change JSON text on its way out."""
        if "rv" in self:
            body = change_rv(body, self.args("rv").get("value"))
        return body

    def end_of_body(self) -> tuple[str, int] | None:
        """("drop" | "freeze" | "truncate", after so many bytes), if one is in force."""
        for action in ("drop", "freeze", "truncate"):
            if action in self:
                return action, int(self.args(action)["after_bytes"])
        return None


def change_rv(body: bytes, value: str | None) -> bytes:
    """Replace every resourceVersion by `value`, or take it out."""
    if value is None:
        return re.sub(rb'"resourceVersion":"[^"]*",?', b"", body).replace(b",}", b"}")
    return re.sub(rb'("resourceVersion":)"[^"]*"', rb"\1" + json.dumps(value).encode(), body)


def pretty(body: bytes) -> bytes:
    """Indented, with CRLF, as after a proxy that means well."""
    return json.dumps(json.loads(body), indent=2).replace("\n", "\r\n").encode()


# ---- texts for "inject" and "raw" ----------------------------------------------------------------


def big_service(size: int = 5 << 20) -> str:
    """A valid Service of about `size` bytes, far beyond etcd's limit."""
    meta = {"name": "big", "namespace": "default", "uid": "big", "resourceVersion": "1"}
    meta["annotations"] = {"padding": "x" * size}
    return json.dumps({"kind": "Service", "apiVersion": "v1", "metadata": meta, "spec": {}})


def deep_service(depth: int = 100_000) -> str:
    """Valid JSON of a depth that breaks recursive parsers."""
    meta = '"metadata":{"name":"deep","namespace":"default","uid":"deep","resourceVersion":"1"}'
    return '{"kind":"Service","apiVersion":"v1",%s,"spec":%s1%s}' % (
        meta,
        '{"a":' * depth,
        "}" * depth,
    )


def duplicate_keys_service(vip: str) -> str:
    """metadata and status twice; parsers take the last, or the first."""
    meta = '"metadata":{"name":"%s","namespace":"default","uid":"twice","resourceVersion":"1"}'
    address = '"status":{"loadBalancer":{"ingress":[{"ip":"%s"}]}}'
    parts = [meta % "first", meta % "twice", '"spec":{"type":"LoadBalancer"}']
    parts += [address % "192.0.2.66", address % vip]
    return '{"kind":"Service","apiVersion":"v1",%s}' % ",".join(parts)


def watch_line(event_type: str, obj: str) -> str:
    """An object as a line for "inject" into a watch."""
    return '{"type":"%s","object":%s}\n' % (event_type, obj)
