"""Receive traces over OTLP: `trueup collect`."""

from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import command

if TYPE_CHECKING:
    from harness.project import Project

PORT = click.IntRange(0, 65535)


@command(changes=False)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; any other than loopback needs a token.",
)
@click.option("--port", type=PORT, default=4318, show_default=True, help="Port for OTLP over HTTP; 0 takes a free one.")
@click.option("--name", "names", multiple=True, help="A further host name that senders may use.")
@click.option(
    "--token-env", default="TRUEUP_COLLECT_TOKEN", show_default=True, help="Variable with the senders' token."
)
@click.option("--grpc-port", type=PORT, default=0, help="Port for OTLP over gRPC, usually 4317 (needs trueup[grpc]).")
def collect(
    project: "Project", host: str, port: int, names: tuple[str, ...], token_env: str, grpc_port: int, as_json: bool
) -> dict[str, Any]:
    """Receive traces from running applications, until Ctrl-C.

    OTLP over HTTP, and over gRPC with --grpc-port.

    What was received waits on the disk, redacted; `trueup ingest` and `trueup run` read it, also while this runs. Where the
    variable of --token-env is set, senders must bring that bearer token; beyond this machine it has to be.

    \b
    Example: trueup collect &
             OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 python app.py
    """
    from harness.cli import console
    from harness.ingest.collector import serve

    def ready(address: str) -> None:
        console.warn(f"receiving at {address}; point OTEL_EXPORTER_OTLP_ENDPOINT there")

    counts = serve.collect(project, host, port, names, grpc_port, ready, token_env)
    taken = {name: counts.get(name, 0) for name in ("requests", "items", "rejected", "refused", "failed")}
    if not as_json:
        console.say(
            f"{taken['items']:,} spans and log records received in {taken['requests']:,} requests; "
            "trueup ingest reads them"
        )
    return taken
