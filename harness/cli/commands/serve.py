"""Serve models of the store: `trueup serve`."""

from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import command

if TYPE_CHECKING:
    from harness.project import Project


@command(changes=False)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; any other than loopback needs a token.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option("--name", "names", multiple=True, help="A further host name that clients may use.")
@click.option(
    "--token-env",
    default="TRUEUP_SERVE_TOKEN",
    show_default=True,
    help="Variable with the key that clients must bring.",
)
@click.option(
    "--backend", default="", help="How models are asked; vllm where it is installed, else as trueup.toml says."
)
@click.option("--otel", default="", metavar="URL", help="An OTLP collector for the traces; the store's inbox else.")
def serve(project: "Project", as_json: bool, **options: Any) -> dict[str, Any]:
    """Serve base, champion and adapters at one address.

    The address has the OpenAI API; Ctrl-C ends it. The model is `base`, `champion`, the alias, or the first digits of an adapter's digest. A canary's split is applied to the alias. Each call is traced with the digest
    of what answered; `trueup ingest` reads the traces.

    \b
    Example: trueup serve &
             curl http://127.0.0.1:8000/v1/chat/completions -H 'content-type: application/json' \\
               -d '{"model": "champion", "messages": [{"role": "user", "content": "Hello"}]}'
    """
    from harness.cli import console
    from harness.promote import serve as serving

    def ready(address: str) -> None:
        console.warn(f"serving at {address}; point OPENAI_BASE_URL there")

    counts = serving.serve(project, serving.ServeOptions(**options), ready)
    if not as_json:
        console.say(f"{counts['requests']:,} requests answered, {counts['failed']:,} of them with an error")
    return dict(counts)
