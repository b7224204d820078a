"""Long answers of `show` are made in slices: whole, in order, and nobody else waits (rules R5)."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import time
from typing import Iterator

import pytest

from tests.lab import poll

from .faillab import Scene
from .test_failure_scale import services

MANY = 3000
PAGES = ("", " vip", " service", " node", " observe")
# libfrr cannot suspend a command with a filter: what comes through this one is made at once.
AT_ONCE = " | include .*"
END = b"\0\0\0"


class Connection:
    """A connection to a daemon's vty socket, as vtysh has one."""

    def __init__(self, scene: Scene, *, receive_bytes: int = 0) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(20)
        if receive_bytes:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self._socket.connect(str(scene.r1.run_dir / f"{scene.shell.daemon}.vty"))
        self._read = bytearray()
        self.ask("enable")

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, command: str) -> None:
        """A command, without waiting for the answer."""
        self._socket.sendall(command.encode() + b"\0")

    def read(self, size: int = 1 << 16) -> bytes:
        """Some more of what the daemon sends."""
        part = self._socket.recv(size)
        assert part, "the daemon has closed the connection"
        self._read += part
        return part

    def answer(self) -> str:
        """The next answer, whole. What follows it stays for the next call."""
        while END not in self._read or len(self._read) < self._read.index(END) + 4:
            self.read()
        end = self._read.index(END)
        text, status = self._read[:end].decode(), self._read[end + 3]
        del self._read[: end + 4]
        assert status == 0, text
        return text

    def ask(self, command: str) -> str:
        """A command and its answer."""
        self.send(command)
        return self.answer()


def fill(scene: Scene, count: int) -> None:
    """So many VIPs, all decided and confirmed, and the one that is there already."""
    scene.api.put(*services(count))

    def is_quiet() -> bool:
        page = scene.show()
        return page["routes"]["byState"]["installed"] == count + 1 and page["backlog"] == 0

    poll(is_quiet, 60, f"{count} VIPs are there")


@pytest.fixture
def many(watched: Scene) -> Scene:
    """The scene with many VIPs."""
    fill(watched, MANY)
    return watched


def without_time(text: str) -> str:
    """What differs between two answers to the same question: ages, and what the loop has done."""
    text = re.sub(r'"(\w*Age\w*|runs|longestRun\w*|totalUsec)":("[^"]*"|-?\d+)', r'"\1":0', text)
    return re.sub(r"\d\d:\d\d:\d\d", "00:00:00", text)


@pytest.fixture
def connection(many: Scene) -> Iterator[Connection]:
    """A connection to the shell."""
    with Connection(many) as opened:
        yield opened


def test_same_text(many: Scene, connection: Connection) -> None:
    """Made at once and made in slices, it is the same, byte for byte."""
    for page in PAGES:
        for form in ("", " json"):
            command = f"show kubevip{page}{form}"
            poll(
                lambda c=command: without_time(connection.ask(c))
                == without_time(connection.ask(c + AT_ONCE)),
                10,
                f"`{command}` is the same both ways",
            )
    assert len(json.loads(connection.ask("show kubevip vip json"))["vips"]) == MANY + 1


def test_others_are_answered_meanwhile(many: Scene, connection: Connection) -> None:
    """While a long answer is made, and while nobody reads it."""
    with Connection(many, receive_bytes=4096) as slow:
        slow.send("show kubevip vip json")
        for _ in range(20):
            assert "Kubevip debugging" in connection.ask("show debugging kubevip")
        before = slow.read(1)
        assert before == b"{"
        assert many.show()["vips"]["routed"] == MANY + 1
        assert len(json.loads(slow.answer())["vips"]) == MANY + 1


def test_meter_catches_a_long_run(many: Scene, connection: Connection) -> None:
    """What the figures of `make bench` rest on: an answer that is made at once is such a run.

    20 MB of text and a regular expression for each line: no processor does that in 50 ms.
    """
    fill(many, 4 * MANY)
    connection.ask("show kubevip vip json" + AT_ONCE)
    loop = many.show()["mainLoop"]
    assert loop["longestRunUsec"] > 50_000
    assert loop["longestRun"] == "show"


def test_slow_reader_loses_nothing(many: Scene, connection: Connection) -> None:
    expected = without_time(connection.ask("show kubevip vip json"))
    with Connection(many, receive_bytes=4096) as slow:
        slow.send("show kubevip vip json")
        for _ in range(300):
            slow.read(4096)
            time.sleep(0.002)
        assert without_time(slow.answer()) == expected


def test_many_readers_at_once(many: Scene) -> None:
    """More than are made side by side: the rest is answered as ever."""
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(Connection(many)) for _ in range(24)]
        for reader in readers:
            reader.send("show kubevip vip")
        answers = {without_time(reader.answer()) for reader in readers}
    assert len(answers) == 1
    assert len(answers.pop().splitlines()) == MANY + 2


def test_answers_come_in_order(connection: Connection) -> None:
    """Commands that are sent before the one before them is answered, long and short ones."""
    connection.send("show kubevip vip json")
    time.sleep(0.02)  # libfrr drops what comes in the same packet as a suspended command
    connection.send("show kubevip cluster json")
    time.sleep(0.02)
    connection.send("show kubevip service json")
    assert "vips" in json.loads(connection.answer())
    assert "lab" in json.loads(connection.answer())["clusters"]
    assert len(json.loads(connection.answer())["services"]) == MANY + 1


def open_files(scene: Scene) -> int:
    """How many descriptors the shell has."""
    return len(os.listdir(f"/proc/{scene.shell.pid()}/fd"))


def test_readers_that_leave(many: Scene, connection: Connection) -> None:
    """At any moment of an answer: nothing is left behind, and the next one is answered."""
    before = open_files(many)
    for bytes_read in (0, 0, 1, 70000, 300000):
        for page in PAGES:
            with Connection(many, receive_bytes=4096) as reader:
                reader.send(f"show kubevip{page} json")
                left = bytes_read if page in (" vip", " service") else 0
                while left > 0:
                    left -= len(reader.read(min(left, 65536)))
    poll(lambda: open_files(many) == before, 10, "no descriptor is left")
    assert len(json.loads(connection.ask("show kubevip vip json"))["vips"]) == MANY + 1


def test_vips_change_under_an_answer(many: Scene) -> None:
    """An answer that waits for its reader while a third of the VIPs goes: still JSON, each once."""
    names = [o["metadata"]["name"] for o in services(MANY) if o["kind"] == "Service"]
    with Connection(many, receive_bytes=4096) as slow:
        slow.send("show kubevip vip json")
        slow.read(1000)
        for name in names[::3]:
            many.api.delete("services", name)
        poll(lambda: many.show()["vips"]["routed"] <= MANY * 2 // 3 + 1, 30, "a third is gone")
        pairs: list[str] = []
        json.loads(slow.answer(), object_pairs_hook=lambda p: pairs.extend(k for k, _ in p))
    shown = [key for key in pairs if key.endswith("/32")]
    assert len(shown) == len(set(shown))
    assert MANY // 2 < len(shown) < MANY + 1, "no more is made than the reader takes"


def test_ends_in_the_middle_of_an_answer(many: Scene) -> None:
    """The shell is stopped while somebody waits: it ends well, and starts again."""
    with Connection(many, receive_bytes=4096) as slow:
        slow.send("show kubevip vip json")
        slow.read(1000)
        many.shell.kill()
    many.start()
    assert many.show()["vips"]["routed"] == MANY + 1
