"""Serve `trueup collect`: listen on this machine, and leave what arrives in the store's inbox.

Takes no lock of the store: a nightly run goes on beside it, and finds what has arrived.
"""

import asyncio
import signal
import socket
from collections.abc import Callable
from contextlib import suppress

from harness.core.admission import authority, hosts_of, token_of
from harness.errors import UsageError
from harness.ingest import settings as ingest_settings
from harness.ingest.collector.admission import Door
from harness.ingest.collector.receiver import Receiver
from harness.ingest.collector.server import Server
from harness.project import Project

TOKEN = "TRUEUP_COLLECT_TOKEN"
"""Environment variable: when set, senders must bring it (OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20…")."""


def collect(
    project: Project,
    host: str,
    port: int,
    names: tuple[str, ...],
    grpc_port: int,
    ready: Callable[[str], None],
    token_env: str = TOKEN,
) -> dict[str, int]:
    """Serve until the process is told to end. Returns the counts. `ready` gets the address.

    `token_env` names the environment variable with the token that senders must bring. Raises UsageError for an address
    that others can reach without a token, for a variable that was named and is empty, and for what cannot be listened on.
    """
    host = host.removeprefix("[").removesuffix("]")
    token = token_of("collect", token_env, TOKEN, host)
    with _listening(host, port) as sock:
        port = sock.getsockname()[1]
        receiver = Receiver(
            project.store.root / ingest_settings.INBOX, ingest_settings.redactor(project), project.progress.note
        )
        if grpc_port:
            from harness.ingest.collector import grpc  # an extra

            rpc = grpc.start(receiver, f"{authority(host)}:{grpc_port}", token)
        server = Server(receiver, Door(hosts_of([host, *names], port), token))
        asyncio.run(_until_told(server, sock, lambda: ready(f"http://{authority(host)}:{port}")))
        if grpc_port:
            rpc.stop(5).wait()
    return dict(receiver.counts)


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise UsageError(
            f"cannot listen: {error}", where=f"{host}:{port}", next="trueup collect --port PORT, with one that is free"
        ) from error


async def _until_told(server: Server, sock: socket.socket, ready: Callable[[], None]) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(ValueError, RuntimeError):  # not in the main thread
            loop.add_signal_handler(number, stop.set)
    await server.run(sock, stop, ready)
