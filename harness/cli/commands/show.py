"""Show one case over all arms: `trueup show`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import command

if TYPE_CHECKING:
    from harness.gate.stored_runs import ShownAnswer, ShownCase
    from harness.project import Project
    from harness.types import Result


@command(changes=False)
@click.argument("case")
@click.option("--suite", default="", metavar="PART", help="Only suites whose name contains this.")
@click.option(
    "--run", "chosen", multiple=True, metavar="ARM|ID", help="Only these arms or stored runs; may be repeated."
)
def show(project: "Project", case: str, suite: str, chosen: tuple[str, ...], as_json: bool) -> dict[str, Any]:
    """Show one case: what was asked, and what each arm answered.

    CASE is a case's id, or its first characters. It is looked for in the latest evaluation, then in the newest stored runs.

    \b
    Example: trueup show refund-17
    Example: trueup show refund-17 --run base --run 3fa91c
    """
    from harness.gate import stored_runs

    shown = stored_runs.case(project, case, chosen, suite)
    if not as_json:
        for each in shown:
            _say(each)
    return {"cases": shown}


def _say(shown: "ShownCase") -> None:
    from harness.cli import console
    from harness.core import plugins
    from harness.core.codec import canonical

    plain = plugins.helper("reports", "parts.pack").said
    console.say(f"{shown.case.id}  {shown.suite}", style="bold")
    for message in shown.case.messages:
        role, text = plain(message)
        _block(role, text)
    expected = shown.case.expected
    if expected is not None:
        _block("expected", expected if isinstance(expected, str) else canonical(expected))
    for answer in shown.answers:
        _answer(answer)
    console.say()


def _answer(answer: "ShownAnswer") -> None:
    from harness.cli import console

    prompt = "" if answer.prompt == "none" else f", prompt {answer.prompt}"
    console.say(f"\n{answer.arm}  (run {answer.run[:12]}{prompt})", style="bold")
    for result in answer.results:
        if len(answer.results) > 1:
            console.say(f"  repeat {result.repeat + 1}", style="dim")
        for label, text in _lines(result):
            _block(label, text)


def _lines(result: "Result") -> Iterator[tuple[str, str]]:
    for reply in result.replies:
        calls = [f"{call.name}({call.arguments})" for call in reply.tool_calls]
        ended = [] if reply.finish_reason in ("stop", "tool_calls") else [f"[{reply.finish_reason}]"]
        yield "answer", "\n".join([*filter(None, [reply.text]), *calls, *ended]) or "(nothing)"
    for score in result.scores:
        label = f" {score.label}" if score.label else ""
        why = f"\n{score.explanation}" if score.explanation else ""
        yield "score", f"{score.name} = {score.value:g}{label}{why}"
    for label, text in (("error", result.error), ("skipped", result.skipped)):
        if text:
            yield label, text


def _block(label: str, text: str) -> None:
    """A label and text of any number of lines beside it: no line of a text can be taken for one of ours."""
    from harness.cli import console

    first, *rest = text.splitlines() or [""]
    console.say(f"  {label:<10}{first}")
    for line in rest:
        console.say(f"  {'':<10}{line}")
