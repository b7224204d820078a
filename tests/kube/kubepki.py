"""Keys and certificates of a test cluster, by openssl.

One directory holds it all; a file that exists is kept, so a restarted server meets the clients of
before. Names: ca, other-ca (unrelated, for wrong-CA tests), apiserver, admin, router, sa (the key
that signs ServiceAccount tokens), tokens.csv (the API server's static token file).
"""
import base64
import os
import secrets
import subprocess
from pathlib import Path

# What the router's certificate and static token say; packaging/kubernetes/rbac.yaml binds the group.
ROUTER_GROUP = "kubevip-routers"

# An openssl.cnf without Debian's: its v3_ca extensions would be added to ours.
_CONFIG = "[req]\ndistinguished_name = dn\n[dn]\n"
_CA_EXTENSIONS = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")


class Pki:
    def __init__(self, directory, server_names):
        """server_names: what the serving certificate is for, as openssl writes it: "IP:192.0.2.1"."""
        self.directory = Path(directory)
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.directory / "openssl.cnf").write_text(_CONFIG)
        for ca in "ca", "other-ca":
            self._request(ca, f"/CN=test {ca}", 3650, _CA_EXTENSIONS)
        self.server_names = server_names
        self.serving_certificate()
        self.client_certificate("admin", "admin", "system:masters")
        self.client_certificate("router", "router1", ROUTER_GROUP)
        self._service_account_key()
        self.static_token = self._static_token()

    def path(self, name):
        return self.directory / name

    def cert(self, name):
        return self.path(f"{name}.crt")

    def key(self, name):
        return self.path(f"{name}.key")

    def base64(self, path):
        """A file as kubeconfig's *-data fields want it."""
        return base64.b64encode(Path(path).read_bytes()).decode()

    def serving_certificate(self, ca="ca", renew=False):
        """The API server's. It reads a renewed one again by itself within a minute."""
        extensions = (*self._leaf("serverAuth"), "subjectAltName=" + ",".join(self.server_names))
        self._request("apiserver", "/CN=kube-apiserver", 365, extensions, ca, renew)

    def client_certificate(self, name, user, group, ca="ca", days=365, renew=False):
        """name.crt and name.key; Kubernetes takes the user from CN and the group from O."""
        self._request(name, f"/O={group}/CN={user}", days, self._leaf("clientAuth"), ca, renew)

    @staticmethod
    def _leaf(usage):
        return ("basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature",
                f"extendedKeyUsage={usage}")

    def _request(self, name, subject, days, extensions, ca=None, renew=False):
        """A P-256 key and its certificate, signed by ca or by itself."""
        if self.cert(name).exists() and not renew:
            return
        command = ["openssl", "req", "-x509", "-config", self.path("openssl.cnf"), "-nodes",
                   "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-subj", subject,
                   "-days", str(days), "-keyout", self.key(f"{name}.new"),
                   "-out", self.cert(f"{name}.new")]
        if ca:
            command += ["-CA", self.cert(ca), "-CAkey", self.key(ca)]
        for extension in extensions:
            command += ["-addext", extension]
        _openssl(command)
        # Both files change at once, as far as that goes: a running server may be watching them.
        os.replace(self.key(f"{name}.new"), self.key(name))
        os.replace(self.cert(f"{name}.new"), self.cert(name))

    def _service_account_key(self):
        if not self.key("sa").exists():
            _openssl(["openssl", "genrsa", "-out", self.key("sa"), "2048"])
            _openssl(["openssl", "rsa", "-in", self.key("sa"), "-pubout", "-out", self.path("sa.pub")])

    def _static_token(self):
        tokens = self.path("tokens.csv")
        if not tokens.exists():
            tokens.write_text(f'{secrets.token_hex(16)},router-token,u1,"{ROUTER_GROUP}"\n')
        return tokens.read_text().split(",")[0]


def _openssl(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}:\n{done.stderr}")
