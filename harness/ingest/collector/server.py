"""Serve HTTP/1.1 for the receiver: asyncio for the sockets, h11 for the protocol, and every wait bounded.

Bounds: time to the end of the head, of the body, and of the answer; bytes of a head, of a body, and of all bodies in memory;
connections. When all connections are taken, the one that has waited longest without bringing a whole request gives its place
up, so that slow ones never keep others out.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import h11
from msgspec import Struct

from harness.core.admission import Refused
from harness.errors import TrueupError
from harness.ingest.collector import bodies, signals
from harness.ingest.collector.admission import Door
from harness.ingest.collector.receiver import Receiver
from harness.redact.redaction import RedactionTooSlow

CONNECTIONS = 64
HEAD_BYTES = 32 << 10
IN_MEMORY = 64 << 20
"""Bytes of all bodies that are being read, or wait to be written."""
RETRY_S = 5
LINGER_S = 1.0


class Limits(Struct, frozen=True):
    idle_s: float = 60.0
    """Between two requests of a connection."""
    head_s: float = 10.0
    body_s: float = 30.0
    answer_s: float = 10.0


class Server:
    """Serves one receiver until it is stopped."""

    def __init__(self, receiver: Receiver, door: Door, limits: Limits | None = None) -> None:
        self._receiver, self._door, self._limits = receiver, door, limits or Limits()
        self._open: set[_Connection] = set()
        self._bytes = 0
        self._worker = ThreadPoolExecutor(1, "receiver")

    async def run(self, sock: Any, stop: asyncio.Event, ready: Callable[[], None] = lambda: None) -> None:
        """Serve a listening socket until `stop` is set; what was begun is answered before it returns."""
        server = await asyncio.start_server(self._connected, sock=sock, limit=64 << 10, backlog=128)
        async with server:
            ready()
            while not stop.is_set():
                await asyncio.get_running_loop().run_in_executor(self._worker, self._receiver.rotate)
                await _quietly(asyncio.wait_for(stop.wait(), 1.0))
            server.close()
            for connection in list(self._open):
                if not connection.working:
                    connection.drop()
            deadline = time.monotonic() + self._limits.answer_s
            while self._open and time.monotonic() < deadline:
                await asyncio.sleep(0.02)
        self._worker.shutdown()
        self._receiver.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(reader, writer)
        idle = [one for one in self._open if not one.working]
        if len(self._open) >= CONNECTIONS and idle:
            longest = min(idle, key=lambda one: one.since)
            self._open.discard(longest)  # now: many may come before its end is noticed
            longest.drop()
        self._open.add(connection)
        try:
            if len(self._open) > CONNECTIONS and not idle:
                await self._answer(connection, 503, signals.JSON, signals.refusal(signals.JSON, "too many connections"))
            else:
                while await self._request(connection):
                    connection.next()
        except (OSError, h11.RemoteProtocolError, h11.LocalProtocolError, TimeoutError):
            pass  # the other side is gone, or does not speak the protocol: nobody to answer to
        finally:
            self._open.discard(connection)
            connection.close()

    async def _request(self, connection: "_Connection") -> bool:
        """Read one request and answer it; whether another may follow."""
        media, held = signals.JSON, 0
        try:
            head = await connection.head(self._limits)
            if head is None:
                return False
            headers = _headers(head)
            path = head.target.decode("ascii", "replace")
            media = self._door.media(head.method.decode(), path, headers)
            async with asyncio.timeout(self._limits.body_s):
                body = bytearray()
                async for piece in connection.body():
                    body += piece
                    held += len(piece)
                    self._bytes += len(piece)
                    self._check(len(body))
            connection.working = True
            encoding = headers.get("content-encoding", [""])[0]
            take = partial(self._take, signals.PATHS[path], bytes(body), media, encoding)
            status, answer = await asyncio.get_running_loop().run_in_executor(self._worker, take)
        except Refused as refused:
            self._receiver.counts["refused"] += 1
            status, answer = refused.status, signals.refusal(media, refused.reason)
        except TimeoutError:
            self._receiver.counts["refused"] += 1
            status, answer = 408, signals.refusal(media, "too slow")
        except h11.RemoteProtocolError as error:
            self._receiver.counts["refused"] += 1
            status, answer = error.error_status_hint, signals.refusal(media, "not an HTTP request")
        finally:
            self._bytes -= held
        return await self._answer(connection, status, media, answer)

    def _check(self, size: int) -> None:
        if size > bodies.LARGEST:
            raise Refused(413, f"more than {bodies.LARGEST} bytes")
        if self._bytes > IN_MEMORY:
            raise Refused(503, "too much at once")

    def _take(self, signal: signals.Signal, body: bytes, media: str, encoding: str) -> tuple[int, bytes]:
        """Status and answer; runs in the worker's thread."""
        receiver = self._receiver
        try:
            return 200, receiver.take(signal, bodies.plain(body, encoding), media)
        except bodies.BodyTooLarge as error:
            status, reason = 413, str(error)
        except bodies.Unsupported as error:
            status, reason = 415, str(error)
        except RedactionTooSlow as error:  # the same request would take as long again
            status, reason = 413, error.what
        except ValueError as error:
            status, reason = 400, str(error)
        except Exception as error:  # full disk, a detector that fails, no memory: nothing was acknowledged
            told = error.what if isinstance(error, TrueupError) else type(error).__name__
            receiver.note(f"a request was not taken: {told}")
            receiver.counts["failed"] += 1
            return 503, signals.refusal(media, told)
        receiver.counts["refused"] += 1
        return status, signals.refusal(media, reason)

    async def _answer(self, connection: "_Connection", status: int, media: str, body: bytes) -> bool:
        async with asyncio.timeout(self._limits.answer_s):
            headers = [("content-type", media), ("content-length", str(len(body)))]
            headers += [("retry-after", str(RETRY_S))] if status == 503 else []
            headers += (
                [("allow", "POST")] if status == 405 else [("www-authenticate", "Bearer")] if status == 401 else []
            )
            headers += [] if status == 200 else [("connection", "close")]
            another = await connection.answer(status, headers, body)
        if not another:
            await _quietly(asyncio.wait_for(connection.linger(), LINGER_S))
        return another


class _Connection:
    """One client; h11 keeps the state of the protocol."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._protocol = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
        self.working, self.since, self._served = False, time.monotonic(), False

    def next(self) -> None:
        self._protocol.start_next_cycle()
        self.working, self.since, self._served = False, time.monotonic(), True

    def drop(self) -> None:
        """End it now, whatever it was about to say."""
        self._writer.transport.abort()

    def close(self) -> None:
        """End it once everything is sent."""
        self._writer.close()

    async def head(self, limits: Limits) -> h11.Request | None:
        """The head of the next request; None when the client has no more. Raises TimeoutError."""
        event = self._protocol.next_event()
        if event is h11.NEED_DATA:
            try:
                async with asyncio.timeout(limits.idle_s if self._served else limits.head_s):
                    first = await self._reader.read(1)
            except TimeoutError:
                return None
            self.since = time.monotonic()
            self._protocol.receive_data(first)
        async with asyncio.timeout(limits.head_s):
            event = event if isinstance(event, h11.Request) else await self._event()
        return event if isinstance(event, h11.Request) else None

    async def body(self) -> Any:
        """Pieces of the body as they come."""
        if self._protocol.they_are_waiting_for_100_continue:
            await self._send(h11.InformationalResponse(status_code=100, headers=[]))
        while True:
            event = await self._event()
            if isinstance(event, h11.EndOfMessage):
                return
            if not isinstance(event, h11.Data):
                raise ConnectionResetError("the request is cut")
            yield event.data

    async def answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> bool:
        await self._send(h11.Response(status_code=status, headers=headers))
        await self._send(h11.Data(data=body))
        await self._send(h11.EndOfMessage())
        return self._protocol.our_state is h11.DONE and self._protocol.their_state is h11.DONE

    async def linger(self) -> None:
        """Read on without looking: a client that is still sending would be reset, and never see its answer."""
        self._writer.write_eof()
        while await self._reader.read(64 << 10):
            pass

    async def _event(self) -> Any:
        while (event := self._protocol.next_event()) is h11.NEED_DATA:
            self._protocol.receive_data(await self._reader.read(64 << 10))
        return event

    async def _send(self, event: Any) -> None:
        data = self._protocol.send(event)
        if data:
            self._writer.write(data)
            await self._writer.drain()


def _headers(head: h11.Request) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in head.headers:
        found.setdefault(name.decode(), []).append(value.decode("latin-1"))
    return found


async def _quietly(waiting: Any) -> None:
    try:
        await waiting
    except TimeoutError:
        return
