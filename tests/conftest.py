"""How tests are spread over processes (pytest -n N --dist loadgroup).

What shares fixtures stays together: one file with one shell, for it shares a lab, an API server, a
story that is told chapter by chapter; and whatever needs the real API server with one shell, for
such a server takes half a gigabyte.
"""

from __future__ import annotations

from collections import Counter
from typing import Iterator

import pytest

SLOW_S = 10  # what the mark says; the others take about one


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator:
    """Name the groups, which xdist reads; let the longest begin."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
    yield
    if hasattr(config, "workerinput"):
        length: Counter[str] = Counter()
        for item in items:
            length[_group(item)] += SLOW_S if item.get_closest_marker("slow") else 1
        items.sort(key=lambda item: (-length[_group(item)], _group(item)))


def _group(item: pytest.Item) -> str:
    shell = item.callspec.params.get("shell") if hasattr(item, "callspec") else None
    needs_kube = "kube_server" in getattr(item, "fixturenames", ())
    return f"{'kube' if needs_kube else item.path.stem}-{shell or 'alone'}"
