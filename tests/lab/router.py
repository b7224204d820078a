"""FRR in a namespace, with the paths it has in production.

The router's directories are bind-mounted over /run, /etc/frr, /var/lib, /var/log, /var/tmp and
/usr/lib/frr in its private mount namespace. So no daemon needs an option that production does not
have, watchfrr and Debian's own scripts work as they are, and the host is left untouched.

kubewatch is copied into the router's own /usr/lib/frr, and the module into its own directory of
modules, where installed ones would be: that also proves that they do not lean on their build tree.
"""

from __future__ import annotations

import json as jsonlib
import os
import pwd
import shutil
import signal
from pathlib import Path
from typing import Iterable, Iterator

from . import proc
from .kernel import KernelRoute, kernel_routes
from .monitor import RouteMonitor
from .netns import CommandError, Namespace, Run
from .shell import Shell, ShellSetup, VtyshSetup, is_ours, make_shell
from .vty import vty
from .wait import poll

FRR_BIN = Path("/usr/lib/frr")
VTYSH = Path("/usr/bin/vtysh")
FRR_MODULES = next(Path("/usr/lib").glob("*/frr/modules"), Path("/usr/lib/frr/modules"))
FRR_DAEMONS = ("zebra", "mgmtd", "staticd", "bgpd")
# Production waits 60 s between restarts, counted from the first start: too long for a test.
WATCHFRR_OPTIONS = "--min-restart-interval 1 --max-restart-interval 2"
BASE_OPTIONS = "-A 127.0.0.1 --limit-fds 1024"


class Router:
    """One FRR router: zebra, staticd, bgpd (mgmtd where it exists) and, on demand, our shells."""

    def __init__(
        self,
        run: Run,
        space: Namespace,
        config: str,
        *,
        watchfrr: bool = False,
        options: dict[str, str] | None = None,
        shell: ShellSetup | None = None,
        binds: Iterable[tuple[Path, str]] = (),
    ) -> None:
        """`options` adds words to a daemon's command line, e.g. {"bgpd": "-M /path/module.so"};

        `binds` are more (host path, router path) pairs, e.g. for a module directory.
        """
        self.name = space.name
        self.space = space
        self.directory = run.directory / space.name
        self.watchfrr = watchfrr
        self._base_config = config
        self.shell: Shell
        self.vtysh_is_extended = False
        self._shells: dict[str, Shell] = {}
        self._options = options or {}
        self._user = pwd.getpwnam("frr")
        self.daemons = tuple(d for d in FRR_DAEMONS if (FRR_BIN / d).exists())
        self._lay_out(list(binds))
        self.write_etc("vtysh.conf", "")
        self.write_frr_conf()
        if shell:
            self.install(shell)
        self._write_daemons_file()

    # ---- files -----------------------------------------------------------------------------

    @property
    def etc(self) -> Path:
        """The router's /etc/frr, as the host sees it."""
        return self.directory / "etc"

    @property
    def run_dir(self) -> Path:
        """The router's /run/frr, as the host sees it."""
        return self.directory / "run" / "frr"

    def log_path(self, daemon: str) -> Path:
        """A daemon's log file."""
        return self.directory / "log" / "frr" / f"{daemon}.log"

    def log_tail(self, daemon: str, lines: int = 30) -> str:
        """The end of a daemon's log, for failure reports."""
        path = self.log_path(daemon)
        text = path.read_text(errors="replace") if path.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def sanitizer_reports(self) -> dict[str, str]:
        """What sanitizers wrote, by file name; empty is good."""
        found: dict[str, str] = {}
        for kind in ("asan", "ubsan", "tsan"):
            for path in self.log_path("x").parent.glob(f"{kind}.*"):
                found[path.name] = path.read_text(errors="replace")
        return found

    def write_etc(self, name: str, text: str) -> Path:
        """Write a file below /etc/frr as Debian has it: 0640 frr:frr, replaced as a whole."""
        path = self.etc / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".new")
        temporary.write_text(text)
        temporary.chmod(0o640)
        for item in (temporary, path.parent):
            os.chown(item, self._user.pw_uid, self._user.pw_gid)
        temporary.replace(path)
        return path

    def write_frr_conf(self) -> None:
        """The router's configuration, and after it the module's."""
        ours = "".join(shell.frr_conf for shell in self._shells.values())
        self.write_etc("frr.conf", self._base_config + ours)

    def forget_state(self) -> None:
        """Remove what daemons keep below /var/lib: the next start is a first one."""
        for path in (self.directory / "lib").rglob("*"):
            if not path.is_dir():
                path.unlink()

    def install(self, setup: ShellSetup) -> Shell:
        """Put (another build of) a shell in place; starts nothing. It is `shell` from then on."""
        self.shell = self.add_shell(setup)
        return self.shell

    def add_shell(self, setup: ShellSetup) -> Shell:
        """The same, beside the one that is `shell`."""
        self.make_state_directory()
        shell = make_shell(self, setup)
        self._shells[shell.name] = shell
        shell.configure(setup.config)
        self._write_daemons_file()
        return shell

    def remove_shell(self, shell: Shell) -> None:
        """End it, and forget that it was there."""
        shell.stop()
        shell.configure("")
        del self._shells[shell.name]
        self._write_daemons_file()

    def replace_file(self, source: Path, target: Path) -> None:
        """Put a program in place of one that may be running."""
        temporary = target.with_name(f".{target.name}.new")
        shutil.copy(source, temporary)
        temporary.chmod(0o755)
        temporary.replace(target)

    def extend_vtysh(self, setup: VtyshSetup) -> None:
        """vtysh knows our commands from now on: it is run by packaging/vtysh's script."""
        self.replace_file(setup.extension, self.directory / "modules" / "kubevip" / "vtysh.so")
        if not self.vtysh_is_extended:
            real, script = self.directory / "bin" / "vtysh.frr", self.directory / "bin" / "vtysh"
            _link_or_copy(VTYSH, real)
            text = setup.wrapper.read_text()
            script.write_text(text.replace("/usr/bin/vtysh.frr", "/usr/lib/frr/vtysh.frr"))
            script.chmod(0o755)
            self.space.run(["mount", "--bind", str(script), str(VTYSH)])
        self.vtysh_is_extended = True

    @property
    def state_directory(self) -> Path:
        """/var/lib/kubevip, as the host sees it."""
        return self.directory / "lib" / "kubevip"

    def make_state_directory(self) -> None:
        """As the packages do it."""
        self.state_directory.mkdir(mode=0o755, exist_ok=True)
        os.chown(self.state_directory, self._user.pw_uid, self._user.pw_gid)

    def stop_shells(self) -> None:
        """End our shells, and bgpd with the module; what they would find at a start is gone."""
        for shell in self._shells.values():
            shell.stop()
            shell.configure("")
        self.forget_state()

    # ---- processes -------------------------------------------------------------------------

    def start_all(self) -> None:
        """Start FRR and load its configuration; kubewatch only under watchfrr, else start() it."""
        if self.watchfrr:
            self._run_logged("watchfrr", ["/usr/lib/frr/frrinit.sh", "start"])
            return
        for daemon in self.daemons:
            self._spawn(daemon)
        self.load_config()

    def stop_all(self) -> None:
        """End our shells and all of FRR, with its routes."""
        self.stop_shells()
        for daemon in reversed(self.daemons):
            if self.pid(daemon):
                self.kill(daemon)

    def start_missing(self) -> None:
        """Start those of FRR's daemons that do not run."""
        for daemon in self.daemons:
            if not self.pid(daemon):
                self.start(daemon)

    def start(self, daemon: str) -> None:
        """Start one daemon and type its part of frr.conf; returns when its vty answers."""
        self._spawn(daemon)
        if daemon in self.daemons:
            self.load_config(daemon)

    def pid(self, daemon: str) -> int | None:
        """The pid of a running daemon as the host sees it, else None."""
        inner = self.inner_pid(daemon)
        outer = inner and self.space.outer_pid(inner)
        return outer if outer and proc.start_time(outer) else None

    def inner_pid(self, daemon: str) -> int | None:
        """The pid that the daemon itself and its pid file know."""
        try:
            return int((self.run_dir / f"{daemon}.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def kill(self, daemon: str, sig: int = signal.SIGTERM, *, wait: float = 15) -> int:
        """Signal a daemon and, for signals that end it, wait until it is gone; return its pid."""
        pid = self.pid(daemon)
        if pid is None:
            raise CommandError(f"{self.name}: {daemon} does not run")
        started = proc.start_time(pid)
        os.kill(pid, sig)
        if sig in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGABRT, signal.SIGSEGV):
            poll(lambda: proc.start_time(pid) != started, wait, f"{self.name}: {daemon} ended")
        return pid

    # ---- commands --------------------------------------------------------------------------

    def vtysh(self, command: str, json: bool = False):
        """Run one command in vtysh; with `json`, append the word and return the parsed answer."""
        output = self.space.run(["vtysh", "-c", command + (" json" if json else "")])
        return jsonlib.loads(output) if json else output

    def vty(self, daemon: str, *commands: str, check: bool = True) -> str:
        """Run commands on a daemon's own socket; quick, and knows what vtysh does not."""
        return vty(self.run_dir / f"{daemon}.vty", *commands, check=check)

    def vty_json(self, daemon: str, command: str):
        """The same, with `json` appended and the answer parsed."""
        return jsonlib.loads(self.vty(daemon, command + " json"))

    def config(self, lines: str | Iterable[str], *, daemon: str | None = None) -> None:
        """Type configuration. `vtysh -b` would hold new BGP peers shut for a second or more."""
        text = lines if isinstance(lines, str) else "\n".join(lines)
        command = ["vtysh"] + (["-d", daemon] if daemon else [])
        output = self.space.run(command, text=f"configure terminal\n{text}\nend\n")
        refused = [line for line in output.splitlines() if line.lstrip().startswith("%")]
        if refused and not daemon:  # one daemon alone does not know the others' commands
            raise CommandError(f"{self.name}: vtysh: {refused}: in\n{text}")

    def keep(self, *lines: str) -> None:
        """Type configuration and save it: a daemon that starts later has it as well."""
        self.config(lines)
        self._base_config += "".join(f"{line}\n" for line in lines)
        self.write_frr_conf()

    def drop(self, *lines: str, no: Iterable[str] = ()) -> None:
        """Take back what was kept; `no` are the lines to type, if not each line with a no."""
        self.config(list(no) or [f"no {line}" for line in lines])
        self._base_config = self._base_config.replace("".join(f"{x}\n" for x in lines), "")
        self.write_frr_conf()

    def boot_config(self) -> None:
        """Load frr.conf as frrinit.sh does, within a start and an end mark."""
        ours = self._our_lines()
        self.space.run(["vtysh", "-b"], check=not ours)
        self._type_ours(ours)

    def reload(self, config: str) -> None:
        """Make `config` the running configuration with frr-reload.py, as `systemctl reload`."""
        self.write_etc("frr.conf", config)
        self.space.run(["/usr/lib/frr/frr-reload.py", "--reload", "/etc/frr/frr.conf"])

    def restore_static_routes(self) -> None:
        """Only the static routes of frr.conf again, whoever added or removed some.

        Routes that a dead client left in zebra belong to nobody; zebra drops them with staticd's
        own when staticd goes (it sweeps type static), and staticd then gets its own typed again.
        """
        self.kill("staticd")
        self.start("staticd")

    # ---- what is -----------------------------------------------------------------------------

    def kernel_routes(self, family: int = 4, table: str = "main") -> dict[str, KernelRoute]:
        """Prefix -> {"proto", "metric", "nexthops": [(gateway, device)]}."""
        return kernel_routes(self.space, family, table)

    def bgp_table(self, afi: str = "ipv4") -> dict[str, list[dict]]:
        """bgpd's unicast table: prefix -> paths."""
        return self.vty_json("bgpd", f"show bgp {afi} unicast").get("routes", {})

    def zebra_routes(self, family: int = 4, proto: str = "static") -> dict[str, list[dict]]:
        """zebra's routes of one protocol: prefix -> entries."""
        return self.vty_json("zebra", f"show {'ip' if family == 4 else 'ipv6'} route {proto}")

    def bgp_established(self, neighbor: str) -> bool:
        """Whether the session with a neighbour is up."""
        answer = self.vty_json("bgpd", f"show bgp neighbors {neighbor}")
        return answer.get(neighbor, {}).get("bgpState") == "Established"

    def monitor(self) -> RouteMonitor:
        """Record the kernel's route notifications within a `with` block."""
        return RouteMonitor(self.space)

    # ---- inside ------------------------------------------------------------------------------

    def load_config(self, daemon: str | None = None) -> None:
        """Type frr.conf into one daemon or into all of them."""
        ours = self._our_lines()
        lines = (self.etc / "frr.conf").read_text().splitlines()
        self.config([line for line in lines if line not in ours], daemon=daemon)
        if daemon in (None, "bgpd"):
            self._type_ours(ours)

    def _our_lines(self) -> list[str]:
        """The lines of frr.conf that vtysh does not know."""
        if self.vtysh_is_extended:
            return []
        return [line for line in (self.etc / "frr.conf").read_text().splitlines() if is_ours(line)]

    def _type_ours(self, lines: list[str]) -> None:
        """Type them into bgpd itself."""
        if lines:
            self.vty("bgpd", "configure terminal", *lines)

    def _lay_out(self, binds: list[tuple[Path, str]]) -> None:
        """Create the router's directories and mount them over the host's."""
        for name in ("run/frr", "etc", "lib/frr", "log/frr", "tmp", "bin", "modules/kubevip"):
            path = self.directory / name
            path.mkdir(parents=True)
            os.chown(path, self._user.pw_uid, self._user.pw_gid)
        (self.directory / "tmp").chmod(0o1777)
        for place, name in ((FRR_BIN, "bin"), (FRR_MODULES, "modules")):
            for source in place.iterdir():
                if source.is_file():
                    _link_or_copy(source, self.directory / name / source.name)
        over = {"run": "/run", "etc": "/etc/frr", "lib": "/var/lib", "log": "/var/log"}
        over |= {"tmp": "/var/tmp", "bin": "/usr/lib/frr", "modules": str(FRR_MODULES)}
        mounts = [(self.directory / name, path) for name, path in over.items()] + binds
        self.space.shell("\n".join(f"mount --bind '{src}' '{dst}'" for src, dst in mounts))

    def _daemon_options(self, daemon: str) -> str:
        words = [BASE_OPTIONS, f"--log file:/var/log/frr/{daemon}.log --log-level debug"]
        words += [shell.options_of(daemon) for shell in self._shells.values()]
        return " ".join([word for word in (*words, self._options.get(daemon, "")) if word])

    def _env(self, daemon: str) -> dict[str, str]:
        env: dict[str, str] = {}
        for shell in self._shells.values():
            env |= shell.env_of(daemon)
        return env

    def _write_daemons_file(self) -> None:
        """/etc/frr/daemons as Debian's scripts read it, with the lines that README adds."""
        self.write_etc("daemons", "\n".join(self._daemons_lines()) + "\n")

    def _daemons_lines(self) -> Iterator[str]:
        yield "bgpd=yes"
        yield "vtysh_enable=yes"
        yield f'watchfrr_options="{WATCHFRR_OPTIONS}"'
        daemons = list(self.daemons)
        if "kubewatch" in self._shells:
            daemons.append("kubewatch")
            yield 'DAEMONS="$DAEMONS kubewatch"'
            yield "kubewatch=yes"
        for daemon in daemons:
            yield f'{daemon}_options="{self._daemon_options(daemon)}"'
            if environment := " ".join(f"{k}={v}" for k, v in self._env(daemon).items()):
                yield f'{daemon}_wrap="env {environment}"'

    def _spawn(self, daemon: str) -> None:
        """Start a daemon with -d: it returns when pid file and vty socket are there."""
        command = [f"/usr/lib/frr/{daemon}", "-d", *self._daemon_options(daemon).split()]
        environment = [f"{key}={value}" for key, value in self._env(daemon).items()]
        self._run_logged(daemon, ["env", *environment, *command])

    def _run_logged(self, name: str, command: list[str]) -> None:
        """Run a command that leaves daemons behind: they would keep a pipe open, so use a file."""
        errors = self.log_path(name).with_suffix(".err")
        with errors.open("ab") as sink:
            process = self.space.popen(command, stdout=sink, stderr=sink, stdin=-3)
            status = process.wait(timeout=60)
        if status:
            raise CommandError(f"{self.name}: {command}: {status}: {errors.read_text()[-3000:]}")


def _link_or_copy(source: Path, target: Path) -> None:
    """Hard-link when both are on one file system, as that costs nothing."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
