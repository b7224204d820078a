"""A thin REST client for tests: JSON over HTTPS, also into another network namespace.

Python's own http.client, one connection per thread. Every method takes a path as the API has it
("/api/v1/namespaces/default/services/web") and gives the decoded answer, or raises KubeError.
"""
import ctypes
import http.client
import json
import os
import socket
import ssl
import threading
from pathlib import Path
from urllib.parse import urlencode

import yaml

from ..lab.wait import poll

FIELD_MANAGER = "kubevip-tests"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
_CLONE_NEWNET = 0x40000000


class KubeError(Exception):
    """An answer that is no success; .code is HTTP's, .status the Status object (or the text)."""

    def __init__(self, method, path, code, status):
        message = status.get("message") if isinstance(status, dict) else status
        super().__init__(f"{method} {path}: {code}: {message}")
        self.code, self.status = code, status


def connect(address, port, netns=None, timeout_s=10):
    """A TCP connection, made in the network namespace at the path netns."""
    return in_namespace(netns, lambda: socket.create_connection((address, port), timeout_s))


def in_namespace(netns, make):
    """What make() returns, a socket, made in the network namespace at the path netns.

    A socket belongs to the namespace of the thread that creates it, for life: so a thread that ends
    right afterwards enters the namespace, and the caller never leaves its own. (os.setns is 3.12's.)
    """
    if netns is None:
        return make()
    result = []

    def enter():
        try:
            fd = os.open(netns, os.O_RDONLY | os.O_CLOEXEC)
            try:
                libc = ctypes.CDLL(None, use_errno=True)
                if libc.setns(fd, _CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), f"setns {netns}")
            finally:
                os.close(fd)
            result.append(make())
        except OSError as error:
            result.append(error)
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    if isinstance(result[0], OSError):
        raise result[0]
    return result[0]


def https_connection(address, port, context, netns=None, timeout_s=10):
    """An http.client connection over connect(); plain HTTP where context is None."""
    connection = http.client.HTTPConnection(address, port, timeout=timeout_s)
    sock = connect(address, port, netns, timeout_s)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sock = context.wrap_socket(sock, server_hostname=address) if context else sock
    except BaseException:
        sock.close()
        raise
    return connection


def tls_context(ca, cert=None, key=None):
    context = ssl.create_default_context(cafile=ca)
    if cert:
        context.load_cert_chain(cert, key)
    return context


class KubeRest:
    def __init__(self, address, port, context, netns=None, token=None, timeout_s=10):
        self.address, self.port, self.context = address, port, context
        self.netns, self.token, self.timeout_s = netns, token, timeout_s
        self._local = threading.local()
        self._kinds = {}

    def forget(self):
        """What we remember of the server: after it got another etcd."""
        self._kinds = {}

    # -- requests ----------------------------------------------------------------------------------

    def request(self, method, path, body=None, content_type="application/json"):
        code, text = self._exchange(method, path, body, content_type)
        try:
            answer = json.loads(text)
        except ValueError:
            answer = text.decode(errors="replace")
        if code >= http.client.BAD_REQUEST:
            raise KubeError(method, path, code, answer)
        return answer

    def text(self, path):
        code, text = self._exchange("GET", path, None, None)
        if code >= http.client.BAD_REQUEST:
            raise KubeError("GET", path, code, text.decode(errors="replace"))
        return text.decode()

    def get(self, path, **query):
        return self.request("GET", path + (f"?{urlencode(query)}" if query else ""))

    def create(self, path, obj):
        return self.request("POST", path, obj)

    def replace(self, path, obj):
        return self.request("PUT", path, obj)

    def patch(self, path, obj):
        """JSON merge patch: None removes a field, a list replaces the whole list."""
        return self.request("PATCH", path, obj, MERGE_PATCH)

    def patch_status(self, path, status):
        return self.patch(f"{path}/status", {"status": status})

    def delete(self, path, grace_s=None):
        return self.request("DELETE", path, None if grace_s is None else {"gracePeriodSeconds": grace_s})

    def wait_for(self, path, condition, timeout_s=10):
        """Until condition(object) is true; an object that is not there counts as None."""
        found = None

        def check():
            nonlocal found
            try:
                found = self.get(path)
            except KubeError as error:
                if error.code != http.client.NOT_FOUND:
                    raise
                found = None
            return condition(found)
        poll(check, timeout_s, path)
        return found

    # -- server-side apply -------------------------------------------------------------------------

    def apply(self, obj):
        """Create the object, or change it to what is given (server-side apply, by force)."""
        return self.request("PATCH", f"{self.path_of(obj)}?fieldManager={FIELD_MANAGER}&force=true",
                            obj, APPLY_PATCH)

    def apply_yaml(self, path):
        """Every document of a file, or of a directory's files; a CRD is waited for until it is served."""
        path = Path(path)
        if path.is_dir():
            for file in sorted(path.glob("*.yaml")):
                self.apply_yaml(file)
            return
        with path.open(encoding="utf-8") as stream:
            for obj in filter(None, yaml.safe_load_all(stream)):
                self.apply(obj)
                if obj["kind"] == "CustomResourceDefinition":
                    self.wait_for(self.path_of(obj), _established)

    def path_of(self, obj):
        """Where the API has this object; asks the server for the kind's plural once."""
        version, kind, metadata = obj["apiVersion"], obj["kind"], obj["metadata"]
        plural, namespaced = self._kind(version, kind)
        base = _base(version)
        if namespaced:
            base += f"/namespaces/{metadata.get('namespace', 'default')}"
        return f"{base}/{plural}/{metadata['name']}"

    def _kind(self, version, kind):
        if (version, kind) not in self._kinds:
            for resource in self.get(_base(version))["resources"]:
                if "/" not in resource["name"]:
                    self._kinds[version, resource["kind"]] = resource["name"], resource["namespaced"]
        return self._kinds[version, kind]

    # -- the wire ----------------------------------------------------------------------------------

    def _exchange(self, method, path, body, content_type):
        headers = {"User-Agent": FIELD_MANAGER, "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = content_type
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body)
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            try:
                return self._once(connection, method, path, data, headers)
            except TimeoutError:
                raise
            except (OSError, http.client.HTTPException):
                pass  # the server was restarted since: once more, on a new connection
        self._local.connection = https_connection(self.address, self.port, self.context, self.netns,
                                                  self.timeout_s)
        return self._once(self._local.connection, method, path, data, headers)

    def _once(self, connection, method, path, data, headers):
        try:
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            return response.status, response.read()
        except BaseException:
            connection.close()
            self._local.connection = None
            raise


def _base(version):
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def _established(crd):
    conditions = crd.get("status", {}).get("conditions") or ()  # null at first
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)
