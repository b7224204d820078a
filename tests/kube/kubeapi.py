"""A real Kubernetes API for tests: etcd, kube-apiserver and, if wanted, kube-controller-manager.

No node, no kubelet: the test plays those with the helpers in kubeobjects.py.

    with KubeApi("/tmp/x", netns="k8s", address="192.0.2.10") as api:
        api.client.apply_yaml(RBAC)
        api.client.service("default", "web", ips=["198.51.100.1"])
        kubeconfig = api.kubeconfig_token(api.create_token("kubevip", "kubevip-router"))
        api.apiserver.freeze()

Everything lies under the scratch directory: PKI, kubeconfigs, etcd's data, one log per program.
api.etcd, api.apiserver and api.manager are kubeproc.Process: start, stop, kill, restart, freeze, thaw.
etcd waits for the watches of its clients when it is told to stop: kill() it while the API server runs.
"""
import http.client
import os
import shutil
import subprocess
from pathlib import Path

import yaml

from .kubeobjects import KubeObjects
from .kubepki import Pki
from .kubeproc import NotReady, Process
from .kuberest import KubeError, KubeRest, connect, tls_context

HERE = Path(__file__).resolve().parent
RBAC = HERE.parent.parent / "packaging" / "kubernetes" / "rbac.yaml"
# Below the directory of the servers; apply_yaml() takes a whole directory.
CRDS = "crds/gateway-api"
CILIUM_CRDS = "crds/cilium"

# The controllers whose work a router sees: EndpointSlices from Pods, Ready=Unknown of silent nodes.
CONTROLLERS = ("endpointslice-controller", "node-lifecycle-controller", "deployment-controller",
               "replicaset-controller", "garbage-collector-controller", "namespace-controller",
               "serviceaccount-controller")

# Services may be of either family or of both; the first is the default.
DUAL_STACK = "10.96.0.0/12,fd00:10:96::/112"


def find_assets():
    """The directory build.sh made, or None: then a test skips."""
    done = subprocess.run([HERE / "build.sh", "--no-build"], capture_output=True, text=True, check=False)
    return Path(done.stdout.strip()) if done.returncode == 0 else None


class KubeApi:
    def __init__(self, scratch, netns=None, address="127.0.0.1", port=16443, etcd_port=12379, *,
                 assets=None, controller_manager=False, server_names=(), service_cidr=DUAL_STACK,
                 etcd_args=(), apiserver_args=(), manager_args=()):
        """netns: a name known to `ip netns`, or a path such as /proc/PID/ns/net (of the lab's
        Namespace: its holder's). address: where the API listens and what its certificate is for.
        etcd takes etcd_port and the one after it, on 127.0.0.1 of the namespace.
        service_cidr: its first range is of address's family. server_names: further names in the
        certificate, as openssl writes them ("DNS:api.example.org"). *_args: further options, after ours.
        """
        self.scratch = Path(scratch)
        self.scratch.mkdir(parents=True, exist_ok=True)
        self.address, self.port, self.etcd_port = address, port, etcd_port
        self.netns = f"/run/netns/{netns}" if netns and "/" not in netns else netns
        self.assets = Path(assets or find_assets() or _no_assets())
        self.pki = Pki(self.scratch / "pki", [
            f"IP:{address}", "IP:127.0.0.1", "IP:::1", "DNS:localhost", "DNS:kubernetes.default.svc",
            *server_names])
        self.client = KubeObjects(
            address, port, tls_context(self.pki.cert("ca"), self.pki.cert("admin"), self.pki.key("admin")),
            self.netns)
        etcd = KubeRest("127.0.0.1", etcd_port, None, self.netns)
        self.etcd = self._process("etcd", self._etcd_args(etcd_args),
                                  lambda: _answers(etcd, "/health", '"true"'))
        self.apiserver = self._process("kube-apiserver", self._apiserver_args(service_cidr, apiserver_args),
                                       lambda: _answers(self.client, "/readyz", "ok"))
        self.manager = self._process("kube-controller-manager", self._manager_args(manager_args))
        self.with_manager = controller_manager

    # -- all of it ---------------------------------------------------------------------------------

    def start(self):
        self._refuse_taken_ports()
        self.etcd.start()
        self.apiserver.start()
        if self.with_manager:
            self.manager.start()
        return self

    def stop(self):
        """Quickly: nobody waits for a test's open watches."""
        self.client.stop_heartbeats()
        self.manager.kill()
        self.apiserver.kill()
        self.etcd.stop(grace_s=2)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_):
        self.stop()

    @property
    def url(self):
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"https://{host}:{self.port}"

    # -- etcd's data (killed, not stopped: its log survives that, and nobody waits) -----------------

    @property
    def etcd_data(self):
        return self.scratch / "etcd"

    def wipe_etcd(self):
        """A new cluster at the old address: empty, other uids, resourceVersion begins again."""
        self._replace_etcd(None)

    def etcd_snapshot(self, name="snapshot"):
        """Copy etcd's data aside, and return where; etcd is away for the moment that takes."""
        copy = self.scratch / name
        self.etcd.kill()
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.etcd_data, copy)
        self.etcd.start()
        return copy

    def restore(self, copy):
        """Back to a snapshot: what was written since is gone and resourceVersion goes back."""
        self._replace_etcd(copy)

    def _replace_etcd(self, copy):
        # The API server's watch cache must not survive what it is a cache of.
        manager = self.manager.running
        self.manager.kill()
        self.apiserver.kill()
        self.etcd.kill()
        shutil.rmtree(self.etcd_data, ignore_errors=True)
        if copy:
            shutil.copytree(copy, self.etcd_data)
        self.client.forget()
        self.etcd.start()
        self.apiserver.start()
        if manager:
            self.manager.start()

    # -- credentials -------------------------------------------------------------------------------

    def create_token(self, namespace, account, duration_s=3600):
        """A ServiceAccount's token, by the TokenRequest API. The server's minimum is 600 s."""
        answer = self.client.create(
            f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
             "spec": {"expirationSeconds": duration_s}})
        return answer["status"]["token"]

    def kubeconfig(self, name, user, *, ca="ca", server=None, **cluster):
        """Write NAME.kubeconfig, mode 0600, and return its path. user and cluster: further fields as
        kubeconfig has them (with _ for -): kubeconfig("x", {"token": t}, tls_server_name="localhost")."""
        cluster = {key.replace("_", "-"): value for key, value in cluster.items()}
        cluster |= {"server": server or self.url}
        if ca:
            cluster |= {"certificate-authority-data": self.pki.base64(self.pki.cert(ca))}
        path = self.scratch / f"{name}.kubeconfig"
        write_private(path, yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": user}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}]}))
        return path

    def kubeconfig_cert(self, name="router", **options):
        """With a client certificate of the PKI: "router", "admin", or one the test made."""
        user = {"client-certificate-data": self.pki.base64(self.pki.cert(name)),
                "client-key-data": self.pki.base64(self.pki.key(name))}
        return self.kubeconfig(f"cert-{name}", user, **options)

    def kubeconfig_token(self, token=None, name="token", **options):
        """With a token in it; by default the static one of the group that rbac.yaml binds."""
        return self.kubeconfig(name, {"token": token or self.pki.static_token}, **options)

    def kubeconfig_token_file(self, token=None, name="token-file", **options):
        """With a token in NAME.token beside it, which a test then replaces by write_private()."""
        write_private(self.scratch / f"{name}.token", (token or self.pki.static_token) + "\n")
        return self.kubeconfig(name, {"tokenFile": f"{name}.token"}, **options)

    def kubeconfig_wrong_ca(self, token=None):
        return self.kubeconfig_token(token, "wrong-ca", ca="other-ca")

    def kubeconfig_wrong_token(self):
        return self.kubeconfig_token("not-a-token", "wrong-token")

    def kubectl(self, *args, stdin=None):
        """Run kubectl as admin, in the namespace; returns what it printed."""
        command = [*self.apiserver.prefix, self.assets / "kubectl",
                   "--kubeconfig", self.kubeconfig_cert("admin"), *args]
        return subprocess.run(command, input=stdin, check=True, text=True, stdout=subprocess.PIPE).stdout

    # -- the programs ------------------------------------------------------------------------------

    def _process(self, name, args, ready=None):
        return Process(name, [self.assets / name, *args], self.scratch / f"{name}.log", ready, self.netns)

    def _etcd_args(self, more):
        client, peer = (f"http://127.0.0.1:{port}" for port in (self.etcd_port, self.etcd_port + 1))
        return ["--data-dir", self.etcd_data, "--listen-client-urls", client,
                "--advertise-client-urls", client, "--listen-peer-urls", peer,
                "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}",
                "--unsafe-no-fsync", "--quota-backend-bytes", 4 << 30,
                # as kubeadm has it: bookmarks come also on kinds where nothing happens
                "--watch-progress-notify-interval=5s", *more]

    def _apiserver_args(self, service_cidr, more):
        pki = self.pki
        return ["--bind-address", self.address, "--advertise-address", self.address,
                "--secure-port", self.port, "--etcd-servers", f"http://127.0.0.1:{self.etcd_port}",
                "--cert-dir", self.scratch / "apiserver-certs",
                "--tls-cert-file", pki.cert("apiserver"), "--tls-private-key-file", pki.key("apiserver"),
                "--client-ca-file", pki.cert("ca"), "--token-auth-file", pki.path("tokens.csv"),
                "--service-account-issuer", "https://kubernetes.default.svc",
                "--service-account-signing-key-file", pki.key("sa"),
                "--service-account-key-file", pki.path("sa.pub"),
                "--authorization-mode", "RBAC", "--anonymous-auth=true", "--allow-privileged",
                # Pods of a test have no ServiceAccount, and nobody keeps the Endpoints of `kubernetes`
                "--disable-admission-plugins", "ServiceAccount", "--endpoint-reconciler-type", "none",
                "--service-cluster-ip-range", service_cidr, *more]

    def _manager_args(self, more):
        return ["--kubeconfig", self.kubeconfig_cert("admin"), "--leader-elect=false", "--secure-port=0",
                "--controllers=" + ",".join(CONTROLLERS), *more]

    def _refuse_taken_ports(self):
        """Another test's etcd would answer our health check, and get our data."""
        for address, port in ((self.address, self.port), ("127.0.0.1", self.etcd_port),
                              ("127.0.0.1", self.etcd_port + 1)):
            try:
                connect(address, port, self.netns).close()
            except OSError:
                continue
            raise NotReady(f"{address} port {port} is taken")


def _answers(client, path, expected):
    try:
        return expected in client.text(path)
    except (OSError, http.client.HTTPException, KubeError):
        return False


def write_private(path, text):
    """As a careful operator does: 0600, and never a moment with half a file."""
    new = Path(f"{path}.new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(text)
    new.rename(path)


def _no_assets():
    raise FileNotFoundError("no kube-apiserver: run tests/kube/build.sh, or set KUBEBUILDER_ASSETS")
