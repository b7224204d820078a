"""The fake API server as a process; prints its port when it listens.

python3 -m tests.fakeapi --listen 127.0.0.1 --port 6443 --pki DIR [--load FILE] [--control SOCKET]
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from .control import Commands, serve_control
from .pki import Pki
from .server import Server


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="tests.fakeapi", description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1", help="address")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--control", help="Unix socket for commands")
    parser.add_argument("--load", action="append", default=[], help="file with a list of objects")
    parser.add_argument("--token", action="append", default=[], help="accepted bearer token")
    security = parser.add_mutually_exclusive_group(required=True)
    security.add_argument("--pki", help="directory of certificates, made if it is empty")
    security.add_argument("--plain", action="store_true", help="http instead of https")
    return parser.parse_args()


async def main() -> None:
    """Serve until killed."""
    wanted = options()
    server = Server()
    pki = Pki(Path(wanted.pki)) if wanted.pki else None
    if pki:
        server.set_tls(pki.context())
    commands = Commands(server, pki)
    commands.set_tokens(*wanted.token)
    for path in wanted.load:
        commands.load(path)
    control = await serve_control(wanted.control, commands) if wanted.control else None
    print(await server.listen(wanted.listen, wanted.port), flush=True)
    await asyncio.Event().wait()
    del control


asyncio.run(main())
