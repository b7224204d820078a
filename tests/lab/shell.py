"""The engine's two shells on a router: kubewatch, the daemon, and the module inside bgpd.

A setup says what to run; `Router.install()` puts its files where a package would and makes a `Shell`
of it. Tests speak to the Shell: what they say is the same for both, and what differs is here.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Iterable, Union

if TYPE_CHECKING:
    from .router import Router

ROOT = Path(__file__).resolve().parents[2]
BUILDS = (ROOT, ROOT / "build")  # in place, or where check.sh and demo.sh build


def sanitizer_logs() -> dict[str, str]:
    """Options that only say where a report goes: a daemon has no stderr, it would vanish."""
    return {
        "ASAN_OPTIONS": "log_path=/var/log/frr/asan",
        "UBSAN_OPTIONS": "log_path=/var/log/frr/ubsan:print_stacktrace=1",
        "TSAN_OPTIONS": "log_path=/var/log/frr/tsan",
    }


def frr_version() -> str:
    """FRR's own version, by which the module's shim finds its engine."""
    said = subprocess.run(
        ["/usr/lib/frr/bgpd", "--version"], stdout=subprocess.PIPE, text=True, check=True
    )
    return said.stdout.split()[2]


@dataclass
class KubewatchSetup:
    """How to run kubewatch."""

    binary: Path
    config: str = ""
    options: str = "-f /etc/frr/kubewatch.conf"
    env: dict[str, str] = field(default_factory=sanitizer_logs)


@dataclass
class VtyshSetup:
    """What makes a router's vtysh know our commands: the extension, and packaging/vtysh's script."""

    extension: Path
    wrapper: Path


@dataclass
class ModuleSetup:
    """How to run the module: `shim` and `engine` as they are built, words for bgpd beside -M."""

    shim: Path
    engine: Path
    vtysh: VtyshSetup | None = None
    config: str = ""
    options: str = ""
    env: dict[str, str] = field(default_factory=dict)


ShellSetup = Union[KubewatchSetup, ModuleSetup]


def find_kubewatch(given: str | Path = "") -> KubewatchSetup | None:
    """kubewatch at a path, or what the build left."""
    for path in [Path(given), *(build / "kubewatch" / "kubewatch" for build in BUILDS)]:
        if path.is_file():
            return KubewatchSetup(path)
    return None


def find_module(given: str | Path = "") -> ModuleSetup | None:
    """The module in a build's frr-module directory, or what the build left."""
    for path in [Path(given or "/nowhere"), *(build / "frr-module" for build in BUILDS)]:
        built = ModuleSetup(path / ".libs" / "bgpd_kubevip.so", path / ".libs" / "engine.so")
        if built.shim.is_file() and built.engine.is_file():
            built.vtysh = find_vtysh(path)
            return built
    return None


def find_vtysh(directory: Path) -> VtyshSetup | None:
    """vtysh's extension in a build's frr-module directory."""
    wrapper = directory.parent / "packaging" / "vtysh" / "vtysh"
    found = VtyshSetup(directory / ".libs" / "vtysh.so", wrapper)
    return found if found.extension.is_file() and found.wrapper.is_file() else None


class Shell:
    """One of the two on a router. Routes stay when it ends (rules R4)."""

    name = ""  # as in the names of tests
    daemon = ""  # the process: its pid file, its vty socket, its log, its User-Agent
    carries_bgp = False  # whether the BGP sessions go with the process
    frr_conf = ""  # its part of frr.conf

    def __init__(self, router: Router) -> None:
        self._router = router

    # ---- files -----------------------------------------------------------------------------

    def configure(self, config: str | Iterable[str]) -> None:
        """Our configuration for the next start."""
        raise NotImplementedError

    def options_of(self, daemon: str) -> str:
        """Words on the command line of one of the router's daemons."""
        raise NotImplementedError

    def env_of(self, daemon: str) -> dict[str, str]:
        """Environment of one of the router's daemons."""
        raise NotImplementedError

    # ---- life ------------------------------------------------------------------------------

    def start(self) -> None:
        """Start it with its configuration; returns when it answers."""
        self._router.start(self.daemon)

    def kill(self, sig: int = signal.SIGTERM) -> int:
        """End it; returns its pid."""
        return self._router.kill(self.daemon, sig)

    def stop(self) -> None:
        """End it, if it runs."""
        if self.pid():
            self.kill()

    def pid(self) -> int | None:
        """The process, as we see it."""
        return self._router.pid(self.daemon)

    def inner_pid(self) -> int | None:
        """The process, as it is called on the router."""
        return self._router.inner_pid(self.daemon)

    # ---- talk ------------------------------------------------------------------------------

    def vty(self, *commands: str, check: bool = True) -> str:
        """Commands, as its operator types them; returns what the last one said."""
        return self._router.vty(self.daemon, *commands, check=check)

    def vty_json(self, command: str):
        """The same, with `json` appended and the answer parsed."""
        return json.loads(self.vty(command + " json"))

    def type(self, *lines: str) -> None:
        """Configuration lines, typed."""
        self.vty("configure terminal", *lines)

    def write(self) -> None:
        """`write`, where its operator types it."""
        raise NotImplementedError

    def saved(self) -> list[str]:
        """Our lines in the file that this writes."""
        raise NotImplementedError

    def log_tail(self, lines: int = 30) -> str:
        """The end of its log."""
        return self._router.log_tail(self.daemon, lines)


class Kubewatch(Shell):
    """The daemon, with a configuration file of its own."""

    name = daemon = "kubewatch"

    def __init__(self, router: Router, setup: KubewatchSetup) -> None:
        super().__init__(router)
        self.setup = setup
        router.replace_file(setup.binary, router.directory / "bin" / "kubewatch")

    def configure(self, config: str | Iterable[str]) -> None:
        self._router.write_etc("kubewatch.conf", _text(config))

    def options_of(self, daemon: str) -> str:
        return self.setup.options if daemon == self.daemon else ""

    def env_of(self, daemon: str) -> dict[str, str]:
        return self.setup.env if daemon == self.daemon else {}

    def write(self) -> None:
        self.vty("write")

    def saved(self) -> list[str]:
        return _ours((self._router.etc / "kubewatch.conf").read_text())


class Module(Shell):
    """bgpd with `-M kubevip`: its configuration is part of frr.conf."""

    name, daemon = "module", "bgpd"
    carries_bgp = True

    def __init__(self, router: Router, setup: ModuleSetup) -> None:
        super().__init__(router)
        self.setup = setup
        modules = router.directory / "modules"
        router.replace_file(setup.shim, modules / "bgpd_kubevip.so")
        router.replace_file(setup.engine, modules / "kubevip" / f"{frr_version()}.so")
        if setup.vtysh:
            router.extend_vtysh(setup.vtysh)

    def configure(self, config: str | Iterable[str]) -> None:
        self.frr_conf = _text(config)
        self._router.write_frr_conf()

    def options_of(self, daemon: str) -> str:
        return f"-M kubevip {self.setup.options}".strip() if daemon == self.daemon else ""

    def env_of(self, daemon: str) -> dict[str, str]:
        return self.setup.env if daemon == self.daemon else {}

    def write(self) -> None:
        self._router.vtysh("write memory")

    def saved(self) -> list[str]:
        return _ours((self._router.etc / "frr.conf").read_text())


def make_shell(router: Router, setup: ShellSetup) -> Shell:
    """Put a shell's files in place."""
    kind = Kubewatch if isinstance(setup, KubewatchSetup) else Module
    return kind(router, setup)


def is_ours(line: str) -> bool:
    """Whether a line of configuration is one of our top-level ones."""
    return re.match(r"(no )?(debug )?kubevip ", line) is not None


def _ours(text: str) -> list[str]:
    return [line for line in text.splitlines() if is_ours(line)]


def _text(config: str | Iterable[str]) -> str:
    return config if isinstance(config, str) else "".join(f"{line}\n" for line in config)
