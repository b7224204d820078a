"""The test API server itself, and packaging/kubernetes/rbac.yaml against a real RBAC authorizer."""
import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.kube import (CILIUM_CRDS, CRDS, RBAC, KubeApi, KubeError, KubeRest, endpoint, find_assets, gateway_path,
                        node_path, service_path, slice_path, tls_context, write_private)
from tests.lab import poll

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or find_assets() is None,
                                reason="needs root, and the servers of tests/kube/build.sh")
ADDRESS = "192.0.2.10"
ROOT = Path(__file__).resolve().parents[2]
WATCHED = ["/api/v1/services", "/api/v1/nodes", "/apis/discovery.k8s.io/v1/endpointslices",
           "/apis/gateway.networking.k8s.io/v1/gateways"]
WATCHED += [f"/apis/cilium.io/v2/cilium{kind}" for kind in (
    "bgpadvertisements", "bgpclusterconfigs", "bgppeerconfigs", "bgpnodeconfigoverrides",
    "loadbalancerippools")]


@pytest.fixture(scope="module", name="netns")
def _netns():
    name = f"kubeapi-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "-n", name, "address", "add", f"{ADDRESS}/32", "dev", "lo"], check=True)
    yield name
    subprocess.run(["ip", "netns", "delete", name], check=True)


@pytest.fixture(scope="module", name="api")
def _api(netns, tmp_path_factory):
    with KubeApi(tmp_path_factory.mktemp("kube"), netns, ADDRESS, controller_manager=True) as api:
        api.client.apply_yaml(RBAC)
        api.client.apply_yaml(api.assets / CRDS)
        api.client.apply_yaml(api.assets / CILIUM_CRDS)
        yield api


def curl(api, path, *options):
    """(HTTP status, body) as a router in the namespace sees it; "000" where no answer came."""
    done = subprocess.run(
        [*api.apiserver.prefix, "curl", "-sS", "-m", "3", "-w", "\n%{http_code}", *options, api.url + path],
        capture_output=True, text=True, check=False)
    body, _, code = done.stdout.rpartition("\n")
    return code, body


def with_token(api, path, token):
    return curl(api, path, "--cacert", api.pki.cert("ca"), "-H", f"Authorization: Bearer {token}")


def code_of(call, *args):
    with pytest.raises(KubeError) as error:
        call(*args)
    return error.value.code


def test_service_account_reads_what_is_watched_and_no_secret(api):
    api.client.service("default", "web", ips=["198.51.100.1", "2001:db8::1"], labels={"vip": "yes"})
    token = api.create_token("kubevip", "kubevip-router")
    code, body = with_token(api, "/api/v1/services?labelSelector=vip%3Dyes", token)
    assert code == "200" and "198.51.100.1" in body and "2001:db8::1" in body
    for path in (*WATCHED, "/api/v1/namespaces/kube-system"):
        # A CRD that has just been established may still answer 429.
        poll(lambda p=path: with_token(api, p, token)[0] == "200", 20, f"{path} is read")
    for path in "/api/v1/secrets", "/api/v1/namespaces", "/api/v1/configmaps", "/api/v1/pods":
        assert with_token(api, path, token)[0] == "403", path


def test_kubeconfig_as_readme_makes_it(api, tmp_path):
    text = (ROOT / "README.md").read_text()
    script = text[text.index("kubectl apply -f"):text.index("   On the router: `install")]
    (tmp_path / "packaging").symlink_to(ROOT / "packaging")
    environment = {**os.environ, "PATH": f"{api.assets}:{os.environ['PATH']}", "KUBECONFIG": api.kubeconfig_cert("admin")}
    subprocess.run([*api.apiserver.prefix, "sh", "-euc", script.replace("https://192.168.99.20:6443", api.url)],
                   cwd=tmp_path, env=environment, check=True, timeout=60)

    def get(kind):
        command = [*api.apiserver.prefix, api.assets / "kubectl", "--kubeconfig", tmp_path / "lab.kubeconfig"]
        return subprocess.run([*command, "get", kind, "-A"], check=False, timeout=60).returncode

    assert (get("services"), get("secrets")) == (0, 1)


def test_router_cannot_write(api):
    router = KubeRest(api.address, api.port, tls_context(api.pki.cert("ca")), api.netns,
                      token=api.create_token("kubevip", "kubevip-router"))
    web = service_path("default", "web")
    assert code_of(router.patch, web, {"metadata": {"labels": {"a": "b"}}}) == 403
    assert code_of(router.patch_status, web, {"loadBalancer": None}) == 403
    assert code_of(router.delete, web) == 403


def test_certificate_and_static_token_are_routers_too(api):
    certificate = ["--cert", api.pki.cert("router"), "--key", api.pki.key("router")]
    assert curl(api, WATCHED[0], "--cacert", api.pki.cert("ca"), *certificate)[0] == "200"
    assert with_token(api, WATCHED[0], api.pki.static_token)[0] == "200"


def test_wrong_credentials(api):
    assert with_token(api, WATCHED[0], "not-a-token")[0] == "401"
    assert curl(api, WATCHED[0], "--cacert", api.pki.cert("other-ca"))[0] == "000"


def test_kubeconfigs_are_what_kubectl_accepts(api):
    def services(kubeconfig):
        return subprocess.run([*api.apiserver.prefix, api.assets / "kubectl", "--kubeconfig", kubeconfig,
                               "get", "services", "-A"], capture_output=True, text=True, check=False)
    for kubeconfig in (api.kubeconfig_cert(), api.kubeconfig_token(), api.kubeconfig_token_file(),
                       api.kubeconfig_token(name="by-name", tls_server_name="localhost")):
        assert services(kubeconfig).returncode == 0, kubeconfig
        assert kubeconfig.stat().st_mode & 0o777 == 0o600
    assert "certificate" in services(api.kubeconfig_wrong_ca()).stderr
    assert "must be logged in" in services(api.kubeconfig_wrong_token()).stderr
    rotated = api.kubeconfig_token_file("not-a-token", name="rotated")
    assert services(rotated).returncode != 0
    write_private(api.scratch / "rotated.token", api.pki.static_token)
    assert services(rotated).returncode == 0


def test_endpointslice_and_gateway(api):
    api.client.endpointslice("default", "web", [endpoint("10.1.0.1", "n1"),
                                                endpoint("10.1.0.2", terminating=True)])
    first, second = api.client.get(slice_path("default", "web-ipv4"))["endpoints"]
    assert first["nodeName"] == "n1" and second["conditions"]["terminating"]
    api.client.gateway("default", "gw", ips=["198.51.100.2"])
    gateway = api.client.get(gateway_path("default", "gw"))
    assert gateway["status"]["addresses"] == [{"type": "IPAddress", "value": "198.51.100.2"}]
    api.client.service("default", "gw-service")
    owned = api.client.owned_by(service_path("default", "gw-service"), gateway)
    assert owned["metadata"]["ownerReferences"][0]["uid"] == gateway["metadata"]["uid"]
    api.client.set_ingress("default", "gw-service", ["198.51.100.2"])
    cleared = api.client.set_ingress("default", "gw-service", [])
    assert not cleared["status"]["loadBalancer"].get("ingress")


def test_controllers_make_endpointslices_of_pods(api):
    client = api.client
    client.node("n1", "192.0.2.1", ipv6="2001:db8:1::1", labels={"rack": "a"})
    client.start_heartbeat("n1")
    client.service("apps", "web", selector={"app": "web"}, policy="Local")
    client.pod("apps", "web-1", "n1", "10.1.0.1", labels={"app": "web"})

    def ready(value):
        def check(_):
            items = client.get(slice_path("apps", ""))["items"]
            return [e for s in items for e in s.get("endpoints") or ()
                    if e.get("nodeName") == "n1" and e["conditions"]["ready"] is value]
        return check
    client.wait_for(service_path("apps", "web"), ready(True))
    client.pod_terminate("apps", "web-1")
    client.wait_for(service_path("apps", "web"), ready(False))
    client.pod_gone("apps", "web-1")
    assert {a["address"] for a in client.get(node_path("n1"))["status"]["addresses"]} == \
        {"n1", "192.0.2.1", "2001:db8:1::1"}


def test_freeze_restart_and_kill(api):
    api.apiserver.freeze()
    assert with_token(api, "/readyz", api.pki.static_token)[0] == "000"
    api.apiserver.thaw()
    assert with_token(api, "/readyz", api.pki.static_token)[0] == "200"
    api.apiserver.kill()
    assert not api.apiserver.running
    api.apiserver.start()
    api.etcd.kill()
    api.etcd.start()
    api.client.get(service_path("default", "web"))


def test_restored_etcd_is_the_past_and_a_wiped_one_another_cluster(api):
    identity = api.client.get("/api/v1/namespaces/kube-system")["metadata"]["uid"]
    snapshot = api.etcd_snapshot()
    api.client.service("default", "later")
    api.restore(snapshot)
    assert code_of(api.client.get, service_path("default", "later")) == 404
    assert api.client.get("/api/v1/namespaces/kube-system")["metadata"]["uid"] == identity
    api.wipe_etcd()
    assert code_of(api.client.get, service_path("default", "web")) == 404
    assert api.client.wait_for("/api/v1/namespaces/kube-system", bool)["metadata"]["uid"] != identity
    api.client.apply_yaml(RBAC)  # the next test's tokens


def test_stop_is_quick_with_a_watch_open(netns, tmp_path):
    with KubeApi(tmp_path, netns, ADDRESS, port=16444, etcd_port=12479) as api:
        watch = subprocess.Popen([*api.apiserver.prefix, "curl", "-sN", "--cacert", api.pki.cert("ca"), "-H",
                                  f"Authorization: Bearer {api.pki.static_token}",
                                  f"{api.url}/api/v1/services?watch=1"], stdout=subprocess.DEVNULL)
        before = time.monotonic()
    watch.wait(5)
    assert time.monotonic() - before < 5
