"""A proxy between a client and the API server that knows HTTP/2's frames, and can spoil them.

    with H2Proxy(api, 6444) as proxy:
        kubeconfig = api.kubeconfig_token(server=proxy.url)
        proxy.reset_streams(INTERNAL_ERROR)

It has the API server's own certificate, and TLS on both sides. Frames are relayed as they come: of
their contents, only type and stream are looked at (RFC 9113, 4.1). Everything happens in one thread,
because an SSL object is not made for two; the calls of a test are carried out there.
"""
import asyncio
import contextlib
import socket
import ssl
import struct
import threading

from .kuberest import connect, in_namespace

DATA, HEADERS, RST_STREAM, GOAWAY = 0, 1, 3, 7
END_STREAM = 1
NO_ERROR, INTERNAL_ERROR, ENHANCE_YOUR_CALM = 0, 2, 11
LAST_STREAM = 0x7FFFFFFF
PREFACE_BYTES, HEAD_BYTES, LENGTH_BYTES = 24, 9, 3
_LOST = (OSError, asyncio.IncompleteReadError)


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


class H2Proxy:
    def __init__(self, api, port):
        self.api, self.port = api, port
        self.connections = []  # that are open
        self.goaways = 0  # of the API server itself
        self._faces_client = _context(ssl.PROTOCOL_TLS_SERVER)
        self._faces_client.load_cert_chain(api.pki.cert("apiserver"), api.pki.key("apiserver"))
        self._faces_server = _context(ssl.PROTOCOL_TLS_CLIENT)
        self._faces_server.load_verify_locations(api.pki.cert("ca"))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self):
        listener = in_namespace(self.api.netns,
                                lambda: socket.create_server((self.api.address, self.port)))
        self._thread.start()
        self._do(asyncio.start_server(self._serve, sock=listener, ssl=self._faces_client))
        return self

    def __exit__(self, *_):
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self):
        return f"https://{self.api.address}:{self.port}"

    # -- faults, of every connection that is open ----------------------------------------------------

    def reset_streams(self, error):
        self._tell(lambda one: b"".join(
            frame(RST_STREAM, 0, stream, struct.pack(">I", error)) for stream in one.streams))

    def end_streams(self):
        """As at a watch's time-out."""
        self._tell(lambda one: b"".join(frame(DATA, END_STREAM, stream) for stream in one.streams))

    def goaway(self, last_stream, error):
        self.inject(frame(GOAWAY, 0, 0, struct.pack(">II", last_stream, error) + b"a test"))

    def inject(self, data):
        self._tell(lambda one: data)

    def cut(self):
        self._do(self._each(_Connection.close))

    def freeze(self):
        """Bytes are taken and acknowledged, nothing is relayed any more; new connections are well."""
        return self._do(self._each(_Connection.freeze))

    # -- inside; coroutines run in the thread --------------------------------------------------------

    def _do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    def _tell(self, data_for):
        self._do(self._each(lambda one: one.tell(data_for(one))))

    async def _each(self, act):
        """To each connection, between two frames. Returns them."""
        connections = list(self.connections)
        for one in connections:
            act(one)
        return connections

    async def _end(self):
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, from_client, client):
        try:
            sock = connect(self.api.address, self.api.port, self.api.netns)
            from_server, server = await asyncio.open_connection(
                sock=sock, ssl=self._faces_server, server_hostname=self.api.address)
        except OSError:
            client.close()
            return
        one = _Connection(client, server)
        self.connections.append(one)
        backwards = asyncio.create_task(self._from_server(one, from_server))
        try:
            with contextlib.suppress(*_LOST):
                await one.relay_requests(from_client)
        finally:
            one.close()
            self.connections.remove(one)
            backwards.cancel()

    async def _from_server(self, one, reader):
        with contextlib.suppress(*_LOST):
            while not one.frozen:
                self.goaways += await one.relay_answer(reader) == GOAWAY
        if not one.frozen:
            one.close()


class _Connection:
    def __init__(self, client, server):
        self.client, self.server = client, server
        self.streams = set()
        self.frozen = self.closed = False

    def freeze(self):
        self.frozen = True

    def tell(self, data):
        if not self.closed:
            self.client.write(data)

    def close(self):
        self.closed = True
        self.client.transport.abort()
        self.server.transport.abort()

    async def relay_requests(self, reader):
        """Until the client closes."""
        self.server.write(await reader.readexactly(PREFACE_BYTES))
        while True:
            kind, _, stream, whole = await _next_frame(reader)
            if kind == HEADERS:
                self.streams.add(stream)
            elif kind == RST_STREAM:
                self.streams.discard(stream)
            if not self.frozen and not self.closed:
                self.server.write(whole)

    async def relay_answer(self, reader):
        """One frame. Returns its type."""
        kind, flags, stream, whole = await _next_frame(reader)
        if kind == RST_STREAM or (kind in (DATA, HEADERS) and flags & END_STREAM):
            self.streams.discard(stream)
        if not self.frozen:
            self.tell(whole)
        return kind


async def _next_frame(reader):
    """Type, flags, stream, and the frame as it came."""
    head = await reader.readexactly(HEAD_BYTES)
    payload = await reader.readexactly(int.from_bytes(head[:LENGTH_BYTES], "big"))
    _, kind, flags, stream = struct.unpack(">3sBBI", head)
    return kind, flags, stream & LAST_STREAM, head + payload


def _context(protocol):
    context = ssl.SSLContext(protocol)
    context.set_alpn_protocols(["h2"])
    return context
