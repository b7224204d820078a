"""Driving a fake API server: from the same process, or through a Unix socket.

`Commands` is what can be asked, and the place to read. `FakeApi` runs a server in a thread of this
process; `FakeApiProcess` runs it in a process of its own, for example in a network namespace. Both
have every public method of `Commands`.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, Protocol, Sequence

from .faults import Rule
from .pki import Pki
from .server import Server
from .store import BY_PLURAL

ROOT = Path(__file__).resolve().parents[2]
MAX_COMMAND_BYTES = 256 << 20


class Commands:
    """What a test can ask of a running server. Arguments and results are JSON values."""

    def __init__(self, server: Server, pki: Pki | None) -> None:
        self._server = server
        self._store = server.store
        self._pki = pki

    # objects

    def put(self, *objects: dict) -> int:
        """Create or replace objects; returns the last resourceVersion."""
        for obj in objects:
            self._store.put(obj)
        return self._store.rv

    def delete(self, plural: str, name: str, namespace: str = "prod") -> int:
        """Delete an object; returns the resourceVersion of the deletion."""
        return self._store.delete(plural, name, namespace)

    def get(self, plural: str, name: str, namespace: str = "prod") -> dict | None:
        """An object as it is stored."""
        key = namespace if BY_PLURAL[plural].namespaced else ""
        body = self._store.get(plural, name, key)
        return json.loads(body) if body else None

    def load(self, path: str, keep_rv: bool = False) -> int:
        """Store every object of a file: `kubectl get -o json`, or a recorded list."""
        return self._store.load(json.loads(Path(path).read_text()), keep_rv=keep_rv)

    def replay(self, plural: str, event: dict) -> None:
        """Apply one recorded watch event with its own resourceVersion (see replay.Recording)."""
        self._store.replay(plural, event)

    def clear(self, *plurals: str) -> None:
        """Forget objects silently, as an emptied etcd would; default: all kinds."""
        self._store.clear(*plurals)

    async def reset(self) -> None:
        """As after a start: no objects, no faults, no memory of requests; connections broken."""
        self._server.plan.rules.clear()
        self._store.clear()
        self._store.put({"kind": "Namespace", "metadata": {"name": "kube-system"}})
        for plural in BY_PLURAL:
            self._store.shelves[plural].served = "cilium" not in plural
        self._server.streaming_lists = True
        self._server.bookmark_s = 60.0
        self._server.tokens.clear()
        if self._pki:
            self.set_certificate("good")
        self._server.requests.clear()
        self._server.close_connections()
        if not self._server.listening:
            await self._server.listen()

    # the counter

    def rv(self) -> int:
        """The current resourceVersion."""
        return self._store.rv

    def set_rv(self, rv: int) -> None:
        """Set it; lower than it was is a restored etcd. Watches stay open and fall silent."""
        self._store.set_rv(rv)

    def bump_rv(self, by: int = 1) -> int:
        """Other kinds, not shown here, have changed."""
        self._store.set_rv(self._store.rv + by)
        return self._store.rv

    def compact(self) -> None:
        """Forget the history: watches and continue tokens from before get 410."""
        self._store.compact()

    # behaviour

    def serve(self, plural: str, served: bool = True) -> None:
        """Let a kind exist or not (404); open watches of a kind that vanishes end."""
        self._store.shelves[plural].served = served
        if not served:
            self.end_watches(plural)

    def set_streaming_lists(self, on: bool) -> None:
        """Whether sendInitialEvents works, or is 422 as on old servers."""
        self._server.streaming_lists = on

    def set_tokens(self, *tokens: str) -> None:
        """Bearer tokens that are accepted; none: everybody is."""
        self._server.tokens = set(tokens)

    def set_bookmark_interval(self, seconds: float) -> None:
        """For watches that begin from now on."""
        self._server.bookmark_s = seconds

    def set_certificate(self, name: str) -> None:
        """For new connections: one of pki.CERTIFICATES."""
        assert self._pki is not None, "a plain server has no certificate"
        self._server.set_tls(self._pki.context(name))

    # watches and connections

    def watches(self) -> list[str]:
        """Kinds that are being watched, one entry per open watch."""
        return sorted(watch.kind.plural for watch in self._server.watches)

    def send_bookmarks(self) -> None:
        """Send a bookmark on every watch that may have one."""
        for watch in list(self._server.watches):
            watch.send_bookmark()

    def send_raw(self, plural: str, text: str) -> None:
        """Send bytes as they are on every watch of a kind."""
        for watch in self._matching(plural):
            watch.send(text.encode())

    def end_watches(self, plural: str | None = None) -> int:
        """End watches cleanly, as at their time-out."""
        watches = self._matching(plural)
        for watch in watches:
            watch.end()
        return len(watches)

    def freeze_watches(self, plural: str | None = None) -> int:
        """Open watches will never say anything again, and stay open."""
        watches = self._matching(plural)
        for watch in watches:
            watch.frozen = True
        return len(watches)

    def close_connections(self) -> int:
        """Break every TCP connection; new ones are served."""
        return self._server.close_connections()

    def refuse(self) -> None:
        """Refuse new connections until accept()."""
        self._server.refuse()

    async def accept(self) -> None:
        """Accept connections again at the same address."""
        await self._server.listen()

    # faults and requests

    def fault(
        self,
        action: str,
        path: str = ".*",
        verb: str = "any",
        nth: int = 1,
        times: int | None = 1,
        **args: Any,
    ) -> int:
        """Add a rule to the fault plan (faults.ACTIONS); returns its number.

        It acts on matching requests from the nth on, `times` often (None: for ever).
        """
        return self._server.plan.add(Rule(action, path, verb, nth, times, args))

    def clear_faults(self) -> None:
        """Behave from now on; answers under way keep their faults."""
        self._server.plan.rules.clear()

    def requests(self, path: str = "", verb: str = "", since: float = 0) -> list[dict]:
        """What was asked: method, path, query, headers, connection, when, verb, code."""
        return [
            dataclasses.asdict(request)
            for request in self._server.requests
            if path in request.path and verb in ("", request.verb) and request.when >= since
        ]

    def clear_requests(self) -> None:
        """Forget what was asked."""
        self._server.requests.clear()

    def _matching(self, plural: str | None) -> list:
        return [w for w in self._server.watches if plural in (None, w.kind.plural)]


COMMANDS = frozenset(name for name in vars(Commands) if not name.startswith("_"))


async def execute(commands: Commands, name: str, args: Sequence, kwargs: dict) -> Any:
    """Run one command on the server's loop."""
    if name not in COMMANDS:
        raise AttributeError(f"no command {name!r}")
    result = getattr(commands, name)(*args, **kwargs)
    return await result if asyncio.iscoroutine(result) else result


class _Remote:
    """Turns method calls into commands."""

    port: int
    host: str
    pki: Pki | None

    def _call(self, name: str, args: tuple, kwargs: dict) -> Any:
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        if name not in COMMANDS:
            raise AttributeError(name)
        return lambda *args, **kwargs: self._call(name, args, kwargs)

    @property
    def url(self) -> str:
        """https://HOST:PORT, or http:// for a plain server."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.pki else 'http'}://{host}:{self.port}"

    def kubeconfig(self, token: str = "test-token") -> str:
        """The text of a kubeconfig for this server; needs no other file."""
        cluster = {"server": self.url}
        if self.pki:
            authority = base64.b64encode(self.pki.ca.read_bytes()).decode()
            cluster["certificate-authority-data"] = authority
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "fake",
            "clusters": [{"name": "fake", "cluster": cluster}],
            "users": [{"name": "router", "user": {"token": token}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "router"}}],
        }
        return json.dumps(config, indent=2) + "\n"  # JSON is YAML

    def wait_watching(self, *plurals: str, deadline: float = 10) -> None:
        """Return when each of these kinds is being watched."""
        from tests.lab.wait import poll

        poll(lambda: set(plurals) <= set(self.watches()), deadline, f"watches on {plurals}")


class FakeApi(_Remote):
    """A server in a thread of this process, on 127.0.0.1."""

    def __init__(self, pki: Pki | None = None, port: int = 0) -> None:
        self.host, self.pki = "127.0.0.1", pki
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.server = Server()
        if pki:
            self.server.set_tls(pki.context())
        self._commands = Commands(self.server, pki)
        self.port = self._await(self.server.listen(self.host, port))

    def _await(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    def _call(self, name: str, args: tuple, kwargs: dict) -> Any:
        return self._await(execute(self._commands, name, args, kwargs))

    def close(self) -> None:
        """Stop the server."""
        self._call("refuse", (), {})
        self._call("close_connections", (), {})
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def __enter__(self) -> "FakeApi":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Space(Protocol):
    """What FakeApiProcess needs of tests.lab.Namespace."""

    holder: int


class FakeApiProcess(_Remote):
    """A server in a process of its own; with `space`, in that network namespace."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        pki: Pki | None = None,
        space: _Space | None = None,
    ) -> None:
        self.host, self.pki = host, pki
        self._directory = tempfile.TemporaryDirectory(prefix="fakeapi-")
        path = str(Path(self._directory.name) / "control")
        command = [sys.executable, "-m", "tests.fakeapi", "--control", path]
        command += ["--listen", host, "--port", str(port)]
        command += ["--pki", str(pki.directory)] if pki else ["--plain"]
        command = ["setpriv", "--pdeathsig", "TERM", "--", *command]
        if space:  # its network alone: the pid is the server's, and a router hides parts of the disk
            command = ["nsenter", "-t", str(space.holder), "-n", "--", *command]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        self._channel = socket.socket(socket.AF_UNIX)
        self._channel.connect(path)
        self._answers = self._channel.makefile("rb")

    def _call(self, name: str, args: tuple, kwargs: dict) -> Any:
        self._channel.sendall(json.dumps([name, args, kwargs]).encode() + b"\n")
        answer = json.loads(self._answers.readline())
        if "error" in answer:
            raise RuntimeError(f"fake API: {name}: {answer['error']}")
        return answer["result"]

    def pause(self) -> None:
        """Stop the process: connections stay, nobody answers."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End the server."""
        self.resume()
        self._channel.close()
        self.process.terminate()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._directory.cleanup()

    def __enter__(self) -> "FakeApiProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


async def serve_control(path: str, commands: Commands) -> asyncio.Server:
    """Accept commands on a Unix socket: a JSON line [name, args, kwargs] each."""

    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            try:
                answer = {"result": await execute(commands, *json.loads(line))}
            except Exception as error:  # noqa: BLE001 - the caller raises it
                answer = {"error": f"{type(error).__name__}: {error}"}
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()

    return await asyncio.start_unix_server(session, path, limit=MAX_COMMAND_BYTES)
