"""A real Kubernetes API server for tests (build.sh builds it), and calls to fill it.

    from tests.kube import KubeApi, endpoint

kubeapi: the servers and their credentials; kubeobjects and kuberest: what the test writes into them.
"""

from .h2proxy import H2Proxy
from .kubeapi import CILIUM_CRDS, CRDS, RBAC, KubeApi, find_assets, write_private
from .kubeobjects import endpoint, gateway_path, node_path, pod_path, service_path, slice_path
from .kubeproc import NotReady
from .kuberest import KubeError, KubeRest, tls_context

__all__ = [
    "CILIUM_CRDS",
    "CRDS",
    "H2Proxy",
    "RBAC",
    "KubeApi",
    "KubeError",
    "KubeRest",
    "NotReady",
    "endpoint",
    "find_assets",
    "gateway_path",
    "node_path",
    "pod_path",
    "service_path",
    "slice_path",
    "tls_context",
    "write_private",
]
