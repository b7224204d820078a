"""packaging/vtysh: the wrapper in the place of /usr/bin/vtysh, and dpkg told about it.

In a mount namespace where /usr/bin is an overlay and dpkg's data base is empty; `frr` is a package
of one file, /usr/bin/vtysh, which says its version.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Iterator

import pytest

from tests.lab import Namespace, Run

from .vtyshlab import find_build

# What the script starts; it is killed before the first, the second, ... of them.
STARTED = ("rm", "ln", "mv", "cp", "chmod", "dpkg-divert", "grep")


class Host:
    """A machine with dpkg, and the package frr in some version."""

    def __init__(self, run: Run) -> None:
        self.directory = run.directory
        self.space: Namespace = run.namespace("host")
        base = self.directory / "overlay"
        layers = f"lowerdir=/usr/bin,upperdir={base}/upper,workdir={base}/work"
        self.space.shell(
            f"""
            mkdir -p '{base}/upper' '{base}/work'
            mount -t overlay overlay -o '{layers}' /usr/bin
            mount -t tmpfs tmpfs /var/lib/dpkg
            """
        )
        for version in (1, 2):
            self._package(version)
        self._stubs()

    def fresh(self) -> None:
        """Nothing is installed, whatever there was."""
        self.space.shell(
            """
            mountpoint -q /usr/bin
            mountpoint -q /var/lib/dpkg
            rm -rf /var/lib/dpkg/* /usr/bin/vtysh*
            mkdir /var/lib/dpkg/info /var/lib/dpkg/updates
            touch /var/lib/dpkg/status
            """
        )

    def dpkg(self, *words: str) -> str:
        """Run dpkg."""
        return self.space.run(["dpkg", "--log=/dev/null", *words])

    def frr(self, version: int) -> None:
        """Install a version of frr."""
        self.dpkg("-i", str(self.directory / f"frr-{version}.deb"))

    def script(self, *words: str, killed_before: int | None = None, **env: str) -> int:
        """Run kubevip-vtysh; return its status."""
        build = find_build() / "packaging" / "vtysh"
        path = "/usr/bin:/usr/sbin:/bin:/sbin"
        if killed_before is not None:
            (self.directory / "left").write_text(str(killed_before))
            path = f"{self.directory}/stubs:{path}"
        env = {"KUBEVIP_VTYSH_WRAPPER": str(build / "vtysh"), "PATH": path, **env}
        command = ["env", *(f"{k}={v}" for k, v in env.items()), "setsid", "--wait"]
        command += [str(build / "kubevip-vtysh"), *words]
        return subprocess.run(self.space.argv(command), timeout=60, check=False).returncode

    def vtysh(self) -> str:
        """What /usr/bin/vtysh is: "frr 1"."""
        return self.space.run(["/usr/bin/vtysh"]).strip()

    def is_wrapped(self) -> bool:
        """Whether the wrapper is in its place."""
        return "kubevip" in self.space.run(["head", "-c", "100", "/usr/bin/vtysh"])

    def files(self) -> set[str]:
        """Those of ours that there are."""
        said = self.space.run(["ls", "/usr/bin"]).splitlines()
        return {name for name in said if name.startswith("vtysh")}

    def diverted(self) -> bool:
        """Whether dpkg has a diversion."""
        return self.space.run(["dpkg-divert", "--list", "*vtysh*"]) != ""

    def verified(self) -> bool:
        """Whether dpkg finds frr's files as it unpacked them."""
        return self.dpkg("--verify", "frr") == ""

    def is_installed(self) -> bool:
        """The state that `install` makes."""
        return self.is_wrapped() and self.files() == {"vtysh", "vtysh.frr"} and self.diverted()

    def is_removed(self) -> bool:
        """The state without us."""
        return not self.is_wrapped() and self.files() == {"vtysh"} and not self.diverted()

    def _package(self, version: int) -> None:
        root = self.directory / f"frr-{version}"
        program = root / "usr" / "bin" / "vtysh"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\necho frr {version}\n")
        program.chmod(0o755)
        control = root / "DEBIAN" / "control"
        control.parent.mkdir()
        control.write_text(
            f"Package: frr\nVersion: {version}\nArchitecture: all\nMaintainer: nobody\n"
            "Description: one file\n"
        )
        command = ["dpkg-deb", "--root-owner-group", "-Znone", "-b", str(root), f"{root}.deb"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def _stubs(self) -> None:
        stubs, left = self.directory / "stubs", self.directory / "left"
        stubs.mkdir()
        for name in STARTED:
            (stubs / name).write_text(
                f"""#!/bin/sh
                read -r left <'{left}'
                [ "$left" -gt 0 ] || kill -KILL 0
                echo $((left - 1)) >'{left}'
                exec /usr/bin/{name} "$@"
                """
            )
            (stubs / name).chmod(0o755)


@pytest.fixture(scope="module")
def machine() -> Iterator[Host]:
    """A machine, made once."""
    with Run() as run:
        yield Host(run)


@pytest.fixture
def host(machine: Host) -> Host:
    """The same with frr 1 and nothing of ours."""
    machine.fresh()
    machine.frr(1)
    return machine


def test_install(host: Host) -> None:
    assert host.is_removed() and host.vtysh() == "frr 1"
    for _ in range(2):
        assert host.script("install") == 0
        assert host.is_installed() and host.vtysh() == "frr 1" and host.verified()
    assert host.script("status") == 0


def test_remove(host: Host) -> None:
    host.script("install")
    for _ in range(2):
        assert host.script("remove") == 0
        assert host.is_removed() and host.vtysh() == "frr 1" and host.verified()
    assert host.script("status") == 3


def test_upgrade_of_frr(host: Host) -> None:
    """The new vtysh runs, by the wrapper, and it is what remains in the end."""
    host.script("install")
    host.frr(2)
    assert host.is_installed() and host.vtysh() == "frr 2" and host.verified()
    host.script("remove")
    assert host.is_removed() and host.vtysh() == "frr 2" and host.verified()


def test_frr_removed_and_back(host: Host) -> None:
    host.script("install")
    host.dpkg("--purge", "frr")
    assert host.files() == {"vtysh"}
    host.frr(2)
    assert host.is_installed() and host.vtysh() == "frr 2"


def test_removed_without_frr(host: Host) -> None:
    """Nothing of ours is left, not even a wrapper that wraps nothing."""
    host.script("install")
    host.dpkg("--purge", "frr")
    assert host.script("remove") == 0
    assert host.files() == set() and not host.diverted()


def test_without_frr(machine: Host) -> None:
    machine.fresh()
    assert machine.script("install") == 1
    assert machine.files() == set() and not machine.diverted()
    assert machine.script("remove") == 0


@pytest.mark.parametrize("whose", ["--local", "--package=other"])
def test_diverted_by_another(host: Host, whose: str) -> None:
    """There can be one diversion: nothing is touched."""
    divert = ["dpkg-divert", "--quiet", whose, "--rename", "--divert", "/usr/bin/vtysh.other"]
    host.space.run([*divert, "--add", "/usr/bin/vtysh"])
    host.space.shell("printf '#!/bin/sh\\necho another\\n' >/usr/bin/vtysh; chmod +x /usr/bin/vtysh")
    for what in ("install", "remove"):
        assert (host.script(what) != 0) == (what == "install")
        assert host.files() == {"vtysh", "vtysh.other"} and host.vtysh() == "another"
    assert host.diverted()


def test_wrapper_missing(host: Host) -> None:
    assert host.script("install", KUBEVIP_VTYSH_WRAPPER="/nowhere") == 1
    assert host.is_removed() and host.vtysh() == "frr 1"


def test_newer_wrapper(host: Host, tmp_path: Path) -> None:
    """An upgrade of ours replaces it."""
    host.script("install")
    newer = tmp_path / "vtysh"
    newer.write_text("#!/bin/sh\n# kubevip: newer\nexec /usr/bin/vtysh.frr\n")
    assert host.script("install", KUBEVIP_VTYSH_WRAPPER=str(newer)) == 0
    assert host.is_installed() and host.vtysh() == "frr 1"
    assert "newer" in host.space.run(["head", "/usr/bin/vtysh"])


def test_another_root(host: Host) -> None:
    """DPKG_ROOT: everything happens below it."""
    root = host.directory / "root"
    for name in ("usr/bin", "var/lib/dpkg/info", "var/lib/dpkg/updates", "wrapper"):
        (root / name).mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    (root / "usr/bin/vtysh").write_text("#!/bin/sh\n")
    (root / "usr/bin/vtysh").chmod(0o755)
    wrapper = find_build() / "packaging" / "vtysh" / "vtysh"
    (root / "wrapper" / "vtysh").write_text(wrapper.read_text())
    env = {"DPKG_ROOT": str(root), "KUBEVIP_VTYSH_WRAPPER": "/wrapper/vtysh"}
    assert host.script("install", **env) == 0
    assert (root / "usr/bin/vtysh").read_text() == wrapper.read_text()
    assert (root / "usr/bin/vtysh.frr").read_text() == "#!/bin/sh\n"
    assert "vtysh" in (root / "var/lib/dpkg/diversions").read_text()
    assert host.is_removed()
    assert host.script("remove", **env) == 0
    assert (root / "usr/bin/vtysh").read_text() == "#!/bin/sh\n"
    assert not (root / "usr/bin/vtysh.frr").exists()


@pytest.mark.parametrize(
    "options, left", [("-A 127.0.0.1", set()), ("-A 127.0.0.1 -M kubevip", {"bgpd_kubevip.so"})]
)
def test_make_uninstall(tmp_path: Path, options: str, left: set[str]) -> None:
    """What was installed is gone, but for the file without which bgpd would not start."""
    daemons = tmp_path / "etc" / "frr" / "daemons"
    daemons.parent.mkdir(parents=True)
    daemons.write_text(f'#bgpd_options="-M kubevip"\nbgpd_options="{options}"\n')
    make = ["make", "-s", "-C", str(find_build()), f"DESTDIR={tmp_path}"]
    for what, installed in (("install", True), ("uninstall", False)):
        subprocess.run([*make, what], check=True, stdout=subprocess.DEVNULL, timeout=300)
        files = {path.name for path in tmp_path.rglob("*") if not path.is_dir()}
        assert ({"bgpd_kubevip.so", "vtysh.so", "kubewatch", "kubevip-vtysh"} <= files) == installed
    assert files == left | {"daemons"}


@pytest.mark.parametrize("what", ["install", "remove"])
@pytest.mark.parametrize("then", ["nothing", "upgrade of frr"])
def test_interrupted(machine: Host, what: str, then: str) -> None:
    """Killed at any point: there is a vtysh that works; the same command again completes it."""
    done = machine.is_installed if what == "install" else machine.is_removed
    for step in range(40):
        machine.fresh()
        machine.frr(1)
        if what == "remove":
            machine.script("install")
        status = machine.script(what, killed_before=step)
        version = "frr 1"
        assert machine.vtysh() == version, f"killed before step {step}"
        if then != "nothing":
            machine.frr(2)
            version = "frr 2"
            assert machine.vtysh() == version, f"killed before step {step}, then upgraded"
        assert machine.script(what) == 0
        assert done() and machine.vtysh() == version, f"killed before step {step}, then again"
        assert machine.verified()
        if status == 0:
            assert step > 3
            return
    raise AssertionError("it never came to its end")
