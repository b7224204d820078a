"""vtysh with its extension, as after an installation, on a router of the lab.

/usr/bin of the router is an overlay in its own mount namespace, so that packaging/vtysh's script
diverts a real /usr/bin/vtysh, with a dpkg data base of the router's own; the host keeps its own.
"""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import pytest

from tests.lab import Router, Run
from tests.lab.shell import BUILDS, find_kubewatch, find_module

MODULE, KUBEWATCH, BOTH = "module", "kubewatch", "both"
CONFIG = """\
frr defaults traditional
hostname r1
ip prefix-list OPERATORS seq 5 permit 10.0.0.0/8
router bgp 65001
exit
"""


def find_build() -> Path:
    """Where extension and scripts were built."""
    for build in BUILDS:
        if (build / "frr-module" / ".libs" / "vtysh.so").is_file():
            return build
    pytest.skip("vtysh's extension is not built")


class Said(NamedTuple):
    """What a program said, and its status."""

    status: int
    out: str
    err: str


class Vtysh:
    """vtysh of a router, installed with the extension by the script that packages use."""

    def __init__(self, router: Router) -> None:
        self.router, self.space = router, router.space
        modules = router.directory / "modules" / "kubevip"
        modules.mkdir(exist_ok=True)
        self.extension = modules / "vtysh.so"
        self.put(find_build() / "frr-module" / ".libs" / "vtysh.so")
        base = router.directory / "usr-bin"
        for name in ("upper", "work"):
            (base / name).mkdir(parents=True)
        layers = f"lowerdir=/usr/bin,upperdir={base}/upper,workdir={base}/work"
        self.space.shell(f"mount -t overlay overlay -o '{layers}' /usr/bin")
        self.script("install")

    def put(self, extension: Path) -> None:
        """Install an extension."""
        self.router.replace_file(extension, self.extension)

    def script(self, what: str) -> str:
        """Run kubevip-vtysh."""
        dpkg = self.router.directory / "lib" / "dpkg"
        for name in ("info", "updates"):
            (dpkg / name).mkdir(parents=True, exist_ok=True)
        (dpkg / "status").touch()
        build = find_build() / "packaging" / "vtysh"
        wrapper = {"KUBEVIP_VTYSH_WRAPPER": str(build / "vtysh")}
        return self.space.run([str(build / "kubevip-vtysh"), what], env=wrapper)

    def run(
        self, *words: str, text: str | None = None, user: str = "", env: dict | None = None
    ) -> Said:
        """Run vtysh, by its usual name; nobody is an operator, of group frrvty and no other."""
        command = ["vtysh", *words]
        if user == "nobody":
            command = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--groups=frrvty", *command]
        elif user:
            command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", *command]
        return self._run(command, text, env)

    def _run(self, command: list[str], text: str | None = None, env: dict | None = None) -> Said:
        done = subprocess.run(
            self.space.argv(command),
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            env={**os.environ, "VTYSH_HISTFILE": "/dev/null", **(env or {})},
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def do(self, *commands: str) -> Said:
        """Commands of one session, each with -c."""
        return self.run(*(word for command in commands for word in ("-c", command)))

    def configure(self, *lines: str) -> Said:
        """Lines of configuration, typed."""
        return self.do("configure terminal", *lines)

    def file(self, text: str, *words: str) -> Said:
        """Read a file with -f, and what other words say."""
        self.router.write_etc("some.conf", text)
        return self.run(*words, "-f", "/etc/frr/some.conf")

    def reload(self, config: str, *words: str) -> Said:
        """Make this the running configuration with frr-reload.py; its log is in what it said."""
        self.router.write_etc("frr.conf", config)
        command = ["/usr/lib/frr/frr-reload.py", "--stdout", *(words or ("--reload",))]
        return self._run([*command, "/etc/frr/frr.conf"])

    def running(self) -> list[str]:
        """Our lines of `show running-config`, in order."""
        return ours(self.do("show running-config").out)

    def own_running(self) -> list[str]:
        """`show kubevip running-config`."""
        said = self.do("show kubevip running-config")
        assert said.status == 0, said
        return said.out.splitlines()

    def saved(self, name: str = "frr.conf") -> list[str]:
        """Our lines of a file in /etc/frr."""
        return ours((self.router.etc / name).read_text())


def ours(text: str) -> list[str]:
    """The lines that are ours."""
    return [line for line in text.splitlines() if re.match(r"(debug )?kubevip ", line)]


class Machine(Router):
    """A router without neighbours, with both shells installed: tests say which runs."""

    def __init__(self, run: Run, name: str = "r1") -> None:
        super().__init__(run, run.namespace(name), CONFIG)
        self.space.ip("link set lo up")
        for setup in (find_module(), find_kubewatch()):
            if setup is None:
                pytest.skip("module or kubewatch is not built")
            self.install(setup)
        for daemon in ("zebra", "staticd"):
            self._spawn(daemon)
        self.cli = Vtysh(self)

    def bgpd(self, *words: str, module: bool = True) -> None:
        """bgpd runs, with the module or without it, and has read nothing."""
        self.stop("bgpd")
        command = ["/usr/lib/frr/bgpd", "-d", *self._daemon_options("bgpd").split(), *words]
        if not module:
            at = command.index("-M")
            del command[at : at + 2]
        self._run_logged("bgpd", command)

    def kubewatch(self, *lines: str) -> None:
        """kubewatch runs, with these lines in its file."""
        self.stop("kubewatch")
        self._shells[KUBEWATCH].configure(lines)
        self._spawn("kubewatch")

    def stop(self, *daemons: str) -> None:
        """End them, if they run."""
        for daemon in daemons:
            if self.pid(daemon):
                self.kill(daemon)

    def only(self, mode: str) -> None:
        """This shell runs, without a configuration; without the module bgpd runs all the same."""
        self.stop("bgpd", "kubewatch")
        self.forget_state()
        self.write_etc("frr.conf", CONFIG)
        self.bgpd(module=mode != KUBEWATCH)
        self.config(CONFIG, daemon="bgpd")
        if mode != MODULE:
            self.kubewatch()


class Terminal:
    """vtysh in a terminal of its own: press keys, look at what appears."""

    def __init__(self, vtysh: Vtysh, *words: str, **env: str) -> None:
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            os.environ |= {"TERM": "vt100", "VTYSH_HISTFILE": "/dev/null", **env}
            command = vtysh.space.argv(["vtysh", *words])
            os.execvp(command[0], command)
        self._ended = False
        self.screen = ""
        self.wait("# ")

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._ended:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self._fd)

    def keys(self, keys: str) -> None:
        """Press them; what appears from now on is looked at by wait()."""
        self.screen = ""
        os.write(self._fd, keys.encode())

    def wait(self, text: str, deadline: float = 15) -> str:
        """Read until this is on the screen; return all that has appeared since the last keys()."""
        end = time.monotonic() + deadline
        while text not in self.screen:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self._fd], [], [], left)[0]:
                raise AssertionError(f"waited for {text!r} on the screen: {self.screen!r}")
            self._read()
        return self.screen

    def line(self, text: str, prompt: str = "# ") -> str:
        """Type a line; return what it said, up to the next prompt."""
        self.keys(text + "\r")
        self.wait("\n")  # the echo
        _, _, self.screen = self.screen.partition("\n")
        return self.wait(prompt).rpartition("\n")[0].replace("\r", "")

    def end(self, text: str, deadline: float = 15) -> int:
        """Type a line that ends vtysh; return its status."""
        self.keys(text + "\r")
        end = time.monotonic() + deadline
        while time.monotonic() < end:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self._ended = True
                return os.waitstatus_to_exitcode(status)
            if select.select([self._fd], [], [], 0.05)[0]:
                self._read()
        raise AssertionError(f"vtysh goes on: {self.screen!r}")

    def _read(self) -> None:
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # EIO: the other end is closed
            time.sleep(0.01)
            return
        self.screen += data.decode(errors="replace")
