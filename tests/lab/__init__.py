"""A test lab of network namespaces with real FRR routers in them.

Layers, lowest first: `wait` (polling), `netns` (namespaces and their life), `router` (FRR in one),
`monitor` and `peerlog` (what kernel and peer really saw), `seedlab` (the seed's topology).
"""

from .netns import Namespace, Run, reap
from .peerlog import PeerLog, Update
from .router import KubewatchSetup, Router
from .seedlab import Lab
from .wait import WaitError, poll

__all__ = [
    "KubewatchSetup",
    "Lab",
    "Namespace",
    "PeerLog",
    "Router",
    "Run",
    "Update",
    "WaitError",
    "poll",
    "reap",
]
