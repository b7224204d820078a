"""A daemon's .vty socket, spoken as vtysh speaks it.

Stock vtysh knows only commands compiled into it, so it cannot ask kubewatch. This is also faster
than starting vtysh, which matters for polling. Request: text NUL. Answer: text NUL NUL NUL status
(FRR lib/vty.c, vtysh_read and vtysh_client).
"""

from __future__ import annotations

import socket
from pathlib import Path


class VtyError(AssertionError):
    """The daemon refused a command."""


def vty(path: Path, *commands: str, check: bool = True, timeout: float = 15) -> str:
    """Run commands in enable mode on one connection; return the output of the last."""
    output = ""
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(timeout)
        channel.connect(str(path))
        for command in ("enable", *commands):
            channel.sendall(command.encode() + b"\0")
            status, output = _answer(channel, path)
            if check and status:
                raise VtyError(f"{path.name}: {command!r}: status {status}: {output}")
    return output


def _answer(channel: socket.socket, path: Path) -> tuple[int, str]:
    data = bytearray()
    while not (len(data) >= 4 and data[-4:-1] == b"\0\0\0"):
        part = channel.recv(1 << 16)
        if not part:
            raise ConnectionError(f"{path} closed after {bytes(data)!r}")
        data += part
    return data[-1], data[:-4].decode(errors="replace")
