"""Credentials that stop working: said, held, and mended without a restart of kubewatch.

Each way to lose access has a cluster of its own here, all at the same API server, so that all of
them can fail and recover at the same time: how soon a client that was refused asks again is counted
in tens of seconds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Iterator

import pytest

from tests.kube import KubeError, KubeRest, tls_context
from tests.lab.seedlab import lan

from .kubelab import API_PORT, CLUSTER, KubeLab, host_prefix

SERVER = f"https://{lan(20)[4]}:{API_PORT}"
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
ACCOUNTS = "/api/v1/namespaces/kubevip/serviceaccounts"
RECOVERY_S = 90  # a refused client asks again after 30 to 60 s


@dataclass(frozen=True)
class Case:
    """A cluster of the configuration, and what `show` says when its credentials fail."""

    name: str
    first: int  # of its addresses: first, first + 1, ...
    error: str
    http_status: int

    def vip(self, index: int) -> str:
        """One of its VIPs."""
        return f"192.168.77.{self.first + index}"

    @property
    def config(self) -> str:
        """Its lines; where the credentials are is the same for all, what is in the files is not."""
        cluster = f"kubevip cluster {self.name}"
        return f"""\
{cluster} server {SERVER}
{cluster} ca-file /etc/frr/kubevip/{self.name}.ca
{cluster} token-file /etc/frr/kubevip/{self.name}.token
{cluster} vip-range 192.168.77.{self.first}/29
{cluster} withdraw-guard 100
{cluster} advertise own service-selector case={self.name}
"""


REVOKED = Case("revoked", 32, "401", 401)  # its ServiceAccount is deleted
GARBLED = Case("garbled", 40, "401", 401)  # somebody writes rubbish into the token file
UNBOUND = Case("unbound", 48, "403", 403)  # its ClusterRoleBinding is deleted
WRONG_CA = Case("wrong-ca", 56, "TLS", 0)  # its CA file is another CA's
CASES = (REVOKED, GARBLED, UNBOUND, WRONG_CA)
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


class Access:
    """What the four clusters have in files and in RBAC; each part can be broken and mended."""

    def __init__(self, kube: KubeLab) -> None:
        self.kube, self.client = kube, kube.client
        self.tokens: dict[Case, str] = {}

    def grant(self) -> None:
        """Everything is well: an account for each cluster, bound to the packaged role."""
        for case in CASES:
            self.bind(case)
            self.write_token(case)
            self.write_ca(case, "ca")

    def bind(self, case: Case) -> None:
        """The account and its binding."""
        account = {"name": case.name, "namespace": "kubevip"}
        self.client.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
        self.client.apply(
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": case.name},
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "ClusterRole",
                    "name": "kubevip-reader",
                },
                "subjects": [{"kind": "ServiceAccount", **account}],
            }
        )

    def write_token(self, case: Case, token: str | None = None) -> None:
        """The token file: `token`, or a good one."""
        self.tokens[case] = token or self.kube.api.create_token("kubevip", case.name)
        self.kube.r1.write_etc(f"kubevip/{case.name}.token", self.tokens[case] + "\n")

    def is_accepted(self, case: Case) -> bool:
        """Whether the API server takes the token; it remembers a good one for some seconds."""
        api = self.kube.api
        context = tls_context(api.pki.cert("ca"))
        rest = KubeRest(api.address, api.port, context, api.netns, token=self.tokens[case])
        try:
            rest.get("/api/v1/nodes")
        except KubeError as error:
            assert error.code == 401
            return False
        return True

    def write_ca(self, case: Case, name: str) -> None:
        """The CA file: the API server's, or that of an unrelated one."""
        text = self.kube.api.pki.cert(name).read_text()
        self.kube.r1.write_etc(f"kubevip/{case.name}.ca", text)

    def take_away(self) -> None:
        """All four; then every cluster is asked to list, which needs the credentials."""
        self.client.delete(f"{ACCOUNTS}/{REVOKED.name}")
        self.write_token(GARBLED, "rubbish")
        self.client.delete(f"{BINDINGS}/{UNBOUND.name}")
        self.write_ca(WRONG_CA, "other-ca")
        for case in (GARBLED, UNBOUND, WRONG_CA, REVOKED):
            if case is REVOKED:
                self.kube.until(lambda: not self.is_accepted(REVOKED), "the token is revoked")
            self.kube.relist(case.name)

    def mend(self) -> None:
        """What an operator would do, and nothing on the router but files."""
        self.bind(REVOKED)
        self.write_token(REVOKED)
        self.write_token(GARBLED)
        self.bind(UNBOUND)
        self.write_ca(WRONG_CA, "ca")

    def remove(self) -> None:
        """Nothing is left for other modules."""
        for case in CASES:
            self.kube.remove(f"{BINDINGS}/{case.name}")
            self.kube.remove(f"{ACCOUNTS}/{case.name}")


def service(kube: KubeLab, case: Case, index: int) -> None:
    """The case's VIP number `index`."""
    kube.service("access", f"{case.name}-{index}", case.vip(index), labels={"case": case.name})


@pytest.fixture(scope="module")
def access(kube: KubeLab) -> Iterator[Access]:
    """The shell runs with all clusters, and each has two VIPs."""
    access = Access(kube)
    access.grant()
    kube.use_token_file()
    kube.watch(CLUSTER + "".join(case.config for case in CASES))
    for case in CASES:
        service(kube, case, 0)
        service(kube, case, 1)
    for case in CASES:
        kube.routed(case.vip(0))
        kube.routed(case.vip(1))
    yield access
    access.remove()


@pytest.fixture(scope="module")
def lost(kube: KubeLab, access: Access) -> float:
    """All access is lost, and meanwhile one VIP of each cluster goes and another comes."""
    began = time.time()
    access.take_away()
    for case in CASES:
        kube.until(lambda: error_of(kube, case), f"{case.name} has an error to show")
        kube.delete_service("access", f"{case.name}-1")
        service(kube, case, 2)
    return began


@pytest.fixture(scope="module")
def mended(kube: KubeLab, access: Access, lost: float) -> float:
    """All access is back; when it was lost."""
    access.mend()
    return lost


def error_of(kube: KubeLab, case: Case) -> str | None:
    """What the cluster complains of, if it is what it should be."""
    error = kube.cluster(case.name)["lastError"]
    return error if error and case.error in error else None


@EACH
def test_loss_is_said(kube: KubeLab, lost: float, case: Case) -> None:
    for kind in ("services", "endpointslices", "nodes"):
        kube.until(lambda k=kind: case.error in error_of_kind(kube, case, k), f"{kind} have it, too")
    shown = kube.cluster(case.name)
    assert case.error in shown["lastError"]
    for kind in ("services", "endpointslices", "nodes"):
        assert shown["kinds"][kind]["httpStatus"] == case.http_status
    refused = case.http_status in (401, 403)
    assert shown["unauthorized"] == refused
    assert shown["state"] == ("stale" if refused else "live")
    assert ("stale" in troubles(kube, case)) == refused


def error_of_kind(kube: KubeLab, case: Case, kind: str) -> str:
    """What one kind's watch complains of."""
    return kube.cluster(case.name)["kinds"][kind]["lastError"] or ""


def troubles(kube: KubeLab, case: Case) -> list[str]:
    """What `show kubevip` puts first about a cluster."""
    return [t["kind"] for t in kube.show()["trouble"] if t["cluster"] == case.name]


@EACH
def test_loss_changes_no_route(kube: KubeLab, lost: float, case: Case) -> None:
    """Not even that of a Service which is no longer there: nobody can know."""
    kube.fence()
    kube.routed(case.vip(0))
    kube.routed(case.vip(1))
    assert kube.kinds(case.vip(0), lost) == kube.kinds(case.vip(1), lost) == []
    kube.never_routed(case.vip(2))


def test_other_clusters_do_not_notice(kube: KubeLab, lost: float) -> None:
    shown = kube.cluster()
    assert (shown["state"], shown["lastError"], shown["unauthorized"]) == ("live", None, False)


@pytest.mark.slow
@EACH
def test_api_is_followed_again(kube: KubeLab, mended: float, case: Case) -> None:
    """By itself: nobody restarts kubewatch or tells it anything."""
    kube.routed(case.vip(2), within=RECOVERY_S)
    kube.gone(case.vip(1))
    kube.routed(case.vip(0))
    assert kube.kinds(case.vip(0), mended) == []
    kube.until(
        lambda: kube.cluster(case.name)["lastError"] is None, "the error is history", RECOVERY_S
    )
    shown = kube.cluster(case.name)
    assert (shown["state"], shown["unauthorized"]) == ("live", False)
    assert troubles(kube, case) == []


def test_no_bystander_was_touched(kube: KubeLab, mended: float) -> None:
    own = {host_prefix(case.vip(index)) for case in CASES for index in range(3)}
    told = {update.prefix for update in kube.lab.peerlog.updates(mended)}
    assert told - own == {host_prefix("192.168.77.3")}, "and the fence"
