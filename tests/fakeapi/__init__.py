"""A small fake Kubernetes API server: for faults, for replays, for measuring.

It speaks HTTP/1.1 over TLS or plain, serves lists, watches and streaming lists of the kinds in
`store.KINDS`, and does on request what no real server does on request: see `faults`.

    with FakeApi() as api:                       # in this process, in a thread
        api.put(objects.service("web", vip="192.168.77.128"))
    with FakeApiProcess(space=lab.api, ...) as api:   # the same, in a network namespace

Semantics of defaulting, validation and RBAC are not here: the real API server is in tests/kube.
"""

from .control import FakeApi, FakeApiProcess
from .pki import Pki
from .replay import Recording

__all__ = ["FakeApi", "FakeApiProcess", "Pki", "Recording"]
