"""Clients of a VIP: many connections, each from its own source port.

usage: httpget.py URL COUNT TIMEOUT-SECONDS PARALLEL     COUNT 0: until standard input ends
Prints {"answers": {text: count}, "failures": [[when, text], ...]}, and with COUNT 0 before that
"started" after the first answer. A connection that fails counts as the answer "error: ..." so that
a test sees losses as numbers.
"""

import asyncio
import collections
import itertools
import json
import os
import sys
import time
from urllib.parse import urlsplit


async def get(host: str, port: int, path: str) -> str:
    """One request over one new connection; the body is the answer."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: vip\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
    finally:
        writer.close()
    head, _, body = answer.decode().partition("\r\n\r\n")
    return body if head.startswith("HTTP/1.1 200") else "error: " + head.split("\r\n")[0]


async def attempt(url, limit: float) -> str:
    """The answer, or what went wrong."""
    try:
        work = get(url.hostname, url.port or 80, url.path or "/")
        return await asyncio.wait_for(work, limit)
    except asyncio.TimeoutError:
        return "error: timeout"
    except OSError as error:
        return f"error: {os.strerror(error.errno) if error.errno else error}"


async def until_stdin_ends(stop: asyncio.Event) -> None:
    """Set `stop` when the test has seen enough."""
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    stop.set()


async def main() -> None:
    """Let PARALLEL clients share the work."""
    url, count, limit, parallel = urlsplit(sys.argv[1]), *map(float, sys.argv[2:5])
    turns = iter(range(int(count))) if count else itertools.count()
    stop = asyncio.Event()
    answers: collections.Counter = collections.Counter()
    failures = []
    if not count:
        asyncio.ensure_future(until_stdin_ends(stop))

    async def client() -> None:
        for _ in turns:
            began = time.time()
            answer = await attempt(url, limit)
            answers[answer] += 1
            if not count and answers.total() == 1:
                print("started", flush=True)
            if answer.startswith("error"):
                failures.append([began, answer])
            if stop.is_set():
                return

    await asyncio.gather(*(client() for _ in range(int(parallel))))
    print(json.dumps({"answers": answers, "failures": failures}))


asyncio.run(main())
