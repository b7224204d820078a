"""The objects a router watches, as short calls: what controllers, kubelets and users would write.

Every call may be repeated: objects are applied, not only created. Paths for KubeRest's methods come
from service_path() and its like.
"""
import threading
from datetime import datetime, timezone

from .kuberest import KubeRest

CORE = "/api/v1"
SLICES = "/apis/discovery.k8s.io/v1"
GATEWAYS = "/apis/gateway.networking.k8s.io/v1"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


def service_path(namespace, name):
    return f"{CORE}/namespaces/{namespace}/services/{name}"


def slice_path(namespace, name):
    return f"{SLICES}/namespaces/{namespace}/endpointslices/{name}"


def pod_path(namespace, name):
    return f"{CORE}/namespaces/{namespace}/pods/{name}"


def gateway_path(namespace, name):
    return f"{GATEWAYS}/namespaces/{namespace}/gateways/{name}"


def node_path(name):
    return f"{CORE}/nodes/{name}"


def endpoint(address, node=None, ready=True, serving=None, terminating=False):
    """One endpoint of an EndpointSlice. Terminating Pods are ready: false, and serving or not."""
    ready = ready and not terminating
    result = {"addresses": [address],
              "conditions": {"ready": ready, "serving": ready if serving is None else serving,
                             "terminating": terminating}}
    return result | ({"nodeName": node} if node else {})


class KubeObjects(KubeRest):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._namespaces = set()
        self._heartbeats = {}

    def forget(self):
        super().forget()
        self._namespaces = set()

    def namespace(self, name):
        if name not in self._namespaces:
            self.apply(_object("v1", "Namespace", None, name))
            self._namespaces.add(name)

    # -- nodes -------------------------------------------------------------------------------------

    def node(self, name, ip, ready=True, labels=None, ipv6=None, external_ip=None, annotations=None,
             unschedulable=False, taints=()):
        node = _object("v1", "Node", None, name, labels, annotations)
        node["spec"] = {"unschedulable": unschedulable, "taints": list(taints)}
        self.apply(node)
        addresses = [{"type": "Hostname", "address": name}]
        addresses += [{"type": "InternalIP", "address": a} for a in (ip, ipv6) if a]
        addresses += [{"type": "ExternalIP", "address": external_ip}] if external_ip else []
        # A merge patch replaces the list, where a strategic one would keep addresses that are gone.
        self.patch_status(node_path(name), {"addresses": addresses})
        return self.node_ready(name, ready)

    def node_ready(self, name, ready=True):
        """ready: True, False, or "Unknown" (what the node controller writes of a silent node)."""
        now = _now()
        condition = {"type": "Ready", "status": str(ready), "reason": "Test", "message": "",
                     "lastHeartbeatTime": now, "lastTransitionTime": now}
        return self.patch_status(node_path(name), {"conditions": [condition]})

    def start_heartbeat(self, name, interval_s=5):
        """Renew the node's Lease as its kubelet would, so that a running controller-manager leaves it
        Ready. After stop_heartbeat() it gets Ready=Unknown, in about 50 s with default options."""
        if name not in self._heartbeats:
            stop = threading.Event()
            thread = threading.Thread(target=self._beat, args=(name, interval_s, stop), daemon=True)
            self._heartbeats[name] = stop, thread
            thread.start()

    def stop_heartbeat(self, name):
        stop, thread = self._heartbeats.pop(name)
        stop.set()
        thread.join()

    def stop_heartbeats(self):
        for name in list(self._heartbeats):
            self.stop_heartbeat(name)

    def _beat(self, name, interval_s, stop):
        lease = _object("coordination.k8s.io/v1", "Lease", "kube-node-lease", name)
        while True:
            lease["spec"] = {"holderIdentity": name, "leaseDurationSeconds": 40,
                             "renewTime": _now(micro=True)}
            try:
                self.apply(lease)
            except Exception:  # the test took the API server away: a kubelet keeps trying, too
                pass
            if stop.wait(interval_s):
                return

    # -- Services ----------------------------------------------------------------------------------

    def service(self, namespace, name, ips=(), labels=None, selector=None, policy="Cluster",
                ports=(80,), annotations=None, **spec):
        """A Service, of type LoadBalancer unless spec says otherwise, and its status.loadBalancer.

        policy: externalTrafficPolicy. spec: further fields by their names in the API, such as
        loadBalancerClass=, externalIPs=, ipFamilyPolicy=, sessionAffinity=, type=."""
        self.namespace(namespace)
        service = _object("v1", "Service", namespace, name, labels, annotations)
        service["spec"] = {"type": "LoadBalancer"} | spec
        if selector:
            service["spec"]["selector"] = selector
        if service["spec"]["type"] in ("LoadBalancer", "NodePort") or spec.get("externalIPs"):
            service["spec"]["externalTrafficPolicy"] = policy
        if service["spec"]["type"] == "LoadBalancer":
            # node ports are a bounded pool, and no test here needs them
            service["spec"].setdefault("allocateLoadBalancerNodePorts", False)
        service["spec"]["ports"] = [{"name": f"p{port}", "port": port} for port in ports]
        result = self.apply(service)
        return self.set_ingress(namespace, name, ips) if ips else result

    def set_ingress(self, namespace, name, ips, ip_mode=None):
        """status.loadBalancer.ingress, as the load balancer's controller writes it; [] takes it back."""
        mode = {"ipMode": ip_mode} if ip_mode else {}
        return self.patch_status(service_path(namespace, name),
                                 {"loadBalancer": {"ingress": [{"ip": ip} | mode for ip in ips]}})

    def endpointslice(self, namespace, service, endpoints, name=None, family="IPv4", ports=(80,),
                      labels=None):
        """endpoints: what endpoint() gives. Without service, a slice that belongs to none."""
        self.namespace(namespace)
        owner = {"kubernetes.io/service-name": service} if service else {}
        obj = _object("discovery.k8s.io/v1", "EndpointSlice", namespace,
                      name or f"{service}-{family.lower()}", owner | (labels or {}))
        obj |= {"addressType": family, "endpoints": list(endpoints),
                "ports": [{"name": f"p{port}", "port": port, "protocol": "TCP"} for port in ports]}
        return self.apply(obj)

    # -- Pods: the test is scheduler and kubelet ---------------------------------------------------

    def pod(self, namespace, name, node, ip, labels=None, ready=True):
        """Create, bind to the node, and report as running."""
        self.namespace(namespace)
        pod = _object("v1", "Pod", namespace, name, labels)
        pod["spec"] = {"containers": [{"name": "c", "image": "example.org/none"}]}
        self.apply(pod)
        self.bind(namespace, name, node)
        return self.pod_status(namespace, name, ip, ready)

    def bind(self, namespace, name, node):
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name},
                   "target": {"apiVersion": "v1", "kind": "Node", "name": node}}
        if not self.get(pod_path(namespace, name))["spec"].get("nodeName"):
            self.create(f"{pod_path(namespace, name)}/binding", binding)

    def pod_status(self, namespace, name, ip, ready=True):
        conditions = [{"type": kind, "status": str(ready), "lastTransitionTime": _now()}
                      for kind in ("Ready", "ContainersReady")]
        return self.patch_status(pod_path(namespace, name), {
            "phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}], "conditions": conditions})

    def pod_terminate(self, namespace, name, grace_s=30):
        """Ask for the end: the endpoint is terminating until pod_gone(), as kubelet would report."""
        return self.delete(pod_path(namespace, name), grace_s)

    def pod_gone(self, namespace, name):
        return self.delete(pod_path(namespace, name), 0)

    # -- Gateways (their CRDs come first: apply_yaml(api.assets / CRDS)) ------------------

    def gateway(self, namespace, name, ips=(), gateway_class="cilium", labels=None, annotations=None,
                port=80, programmed=True, **spec):
        self.namespace(namespace)
        gateway = _object("gateway.networking.k8s.io/v1", "Gateway", namespace, name, labels, annotations)
        gateway["spec"] = {"gatewayClassName": gateway_class,
                           "listeners": [{"name": "http", "port": port, "protocol": "HTTP"}]} | spec
        self.apply(gateway)
        condition = {"type": "Programmed", "status": str(programmed), "reason": "Programmed", "message": "",
                     "lastTransitionTime": _now(), "observedGeneration": 1}
        return self.patch_status(gateway_path(namespace, name), {
            "addresses": [{"type": "IPAddress", "value": ip} for ip in ips], "conditions": [condition]})

    def owned_by(self, path, owner):
        """Make owner (an object the API gave) the controller of the object at path."""
        reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "controller": True,
                     "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
        return self.patch(path, {"metadata": {"ownerReferences": [reference]}})


def _object(version, kind, namespace, name, labels=None, annotations=None):
    metadata = {"name": name, "labels": labels or {}, "annotations": annotations or {}}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


def _now(micro=False):
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S" + (".%fZ" if micro else "Z"))
