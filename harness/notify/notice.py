"""Put together what is told of a verdict, or of a run that stopped before it: plain values and a first screen."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from harness.core.ci_job import CiJob
from harness.core.plugins import helper, load
from harness.errors import Exit, TrueupError
from harness.types import Noun, Story

Outcome = Literal["promote", "hold", "undecided", "invalid", "stopped", "watch"]
EXITS = {"promote": Exit.PROMOTE, "hold": Exit.HOLD, "undecided": Exit.UNDECIDED, "invalid": Exit.INVALID}
SCHEMA = 1
"""Rises when a key of `Notice.plain` changes its meaning."""


class Notice(Noun, frozen=True):
    """What every kind of notification is made from."""

    project: str
    outcome: Outcome
    """`stopped`: an error ended the run before its verdict; too little evidence is undecided. `watch`: production changed."""
    exit_code: int
    sentence: str
    next: str = ""
    """What to type next."""
    verdict: str = ""
    """Content id; empty without a verdict."""
    at: str = ""
    """ISO time (UTC) of the verdict."""
    url: str = ""
    """Page with the whole report, where it is known."""
    commit: str = ""
    suites: tuple[dict[str, Any], ...] = ()
    """One a suite: name, role, cases, means, difference, interval, outcome, fixed, broken."""
    markdown: str = ""
    """The first screen."""
    annotations: tuple[dict[str, Any], ...] = ()
    """Broken cases with their place: path, line, title, message."""

    def plain(self) -> dict[str, Any]:
        """The body of a webhook: every field but the pages that others are made of."""
        fields = {
            name: getattr(self, name) for name in self.__struct_fields__ if name not in ("markdown", "annotations")
        }
        return {"schema": SCHEMA, **msgspec.to_builtins(fields)}


def of_story(story: Story, job: CiJob, url: str = "") -> Notice:
    """The notice of a verdict. `url` is the page with the report; by default that of the job."""
    verdict, first = story.verdict, helper("reports", "parts.summary").summary(story)
    page = url or job.page
    against = [finding for finding in verdict.findings if finding.outcome in ("fail", "invalid", "unresolved")]
    return Notice(
        project=story.title,
        outcome=verdict.outcome,
        exit_code=int(EXITS[verdict.outcome]),
        sentence=verdict.sentence,
        next=next((finding.next for finding in against if finding.next), ""),
        verdict=verdict.id,
        at=datetime.fromtimestamp(verdict.at_ns / 1e9, tz=UTC).isoformat(timespec="seconds") if verdict.at_ns else "",
        url=page,
        commit=job.commit,
        suites=tuple(_suite(row) for row in first.suites),
        markdown=_linked(load("reports", "comment").render(story).decode(), page),
        annotations=tuple(helper("reports", "parts.places").broken(story)),
    )


def of_error(project: str, error: TrueupError, job: CiJob, url: str = "") -> Notice:
    """The notice of a run that an error ended before its verdict."""
    words, safe = helper("reports", "parts.words"), helper("reports", "parts.safe").markdown
    outcome: Outcome = "undecided" if error.exit is Exit.UNDECIDED else "stopped"
    lines = [f"## {words.MARKS['undecided']} {outcome.capitalize()}: {safe(project)}", f"**{safe(error.what)}**"]
    lines += [f"Where: {safe(error.where)}"] if error.where else []
    lines += [f"Next: {safe(error.next)}"] if error.next else []
    return Notice(
        project=project,
        outcome=outcome,
        exit_code=int(error.exit),
        sentence=error.what,
        next=error.next,
        url=url or job.page,
        commit=job.commit,
        markdown=_linked("\n\n".join(lines) + "\n", url or job.page),
    )


def of_watch(project: str, alarms: Sequence[tuple[str, str, str]], job: CiJob, url: str = "") -> Notice:
    """The notice of what changed in production. `alarms`: what to do, what changed, and the command; the first counts most."""
    safe = helper("reports", "parts.safe").markdown
    action, sentence, command = alarms[0]
    lines = [f"## {safe(project)}: {action}", *(f"- {word}: {safe(what)}" for word, what, _ in alarms)]
    lines += [f"Next: {safe(command)}"] if command else []
    return Notice(
        project=project,
        outcome="watch",
        exit_code=int(Exit.HOLD),
        sentence=f"{action}: {sentence}",
        next=command,
        url=url or job.page,
        commit=job.commit,
        markdown=_linked("\n\n".join(lines) + "\n", url or job.page),
    )


def _linked(markdown: str, page: str) -> str:
    return f"{markdown}\n[Report and job]({page})\n" if page.startswith(("https://", "http://")) else markdown


def _suite(row: Any) -> dict[str, Any]:
    names = ("suite", "role", "n", "baseline", "candidate", "baseline_mean", "candidate_mean")
    return {name: getattr(row, name) for name in (*names, "estimate", "low", "high", "outcome", "fixed", "broken")}
