"""The web server of a Kubernetes node in the lab: answers every request with the node's name.

usage: nodehttp.py NAME HEALTH-FILE   ports 80 and, for kube-proxy's health check, 10256
/healthz on 10256 is 200 while HEALTH-FILE does not exist, else 503.
"""

import asyncio
import os
import sys

NAME, UNHEALTHY = sys.argv[1:3]


def reply(status: str, body: str) -> bytes:
    """A whole HTTP/1.1 answer that closes the connection."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return (head + body).encode()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One request per connection."""
    try:
        await reader.readuntil(b"\r\n\r\n")
        port = writer.get_extra_info("sockname")[1]
        if port == 10256 and os.path.exists(UNHEALTHY):
            writer.write(reply("503 Service Unavailable", "unhealthy"))
        else:
            writer.write(reply("200 OK", NAME))
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    """Listen on both ports, both families; say so; serve for ever."""
    for port in (80, 10256):
        for host in ("0.0.0.0", "::"):
            await asyncio.start_server(serve, host, port, backlog=1024)
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
