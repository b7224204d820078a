"""Which shell a test runs with: both, unless it says why not.

A promise that one shell cannot keep, or that only one has, is marked with the shell and a reason:

    @kubewatch_only(SESSION)
    def test_the_peer_notices_nothing(watched): ...

Such a test is not collected for the other shell; nothing is skipped.
"""

from __future__ import annotations

import pytest

KUBEWATCH, MODULE = "kubewatch", "module"
BOTH = (KUBEWATCH, MODULE)

# ---- reasons -----------------------------------------------------------------------------------

SESSION = "bgpd's end is the end of its sessions: the peer loses what it had until the next one"
OPTION = "an option of kubewatch, which bgpd does not have"
NO_BGP = "only the module has a bgpd to put routes into"
TWO_PROCESSES = "kubewatch is the other one of the two"


def kubewatch_only(reason: str) -> pytest.MarkDecorator:
    """The test has no meaning for the module."""
    return pytest.mark.shells(KUBEWATCH, why=reason)


def module_only(reason: str) -> pytest.MarkDecorator:
    """The test has no meaning for kubewatch."""
    return pytest.mark.shells(MODULE, why=reason)


def shells_of(metafunc: pytest.Metafunc) -> tuple[str, ...]:
    """The shells that a test runs with."""
    marker = metafunc.definition.get_closest_marker("shells")
    return marker.args if marker else BOTH
