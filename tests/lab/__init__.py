"""A test lab of network namespaces with real FRR routers in them.

Layers, lowest first: `wait` (polling), `netns` (namespaces and their life), `router` (FRR in one),
`shell` (kubewatch and the module on it), `monitor` and `peerlog` (what kernel and peer really saw),
`seedlab` (the seed's topology).
"""

from .netns import Namespace, Run, reap
from .peerlog import PeerLog, Update
from .router import Router
from .seedlab import Lab
from .shell import KubewatchSetup, ModuleSetup, Shell, ShellSetup
from .wait import WaitError, poll

__all__ = [
    "KubewatchSetup",
    "Lab",
    "ModuleSetup",
    "Namespace",
    "PeerLog",
    "Router",
    "Run",
    "Shell",
    "ShellSetup",
    "Update",
    "WaitError",
    "poll",
    "reap",
]
