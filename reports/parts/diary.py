"""Tell the nights in order: what was watched, judged, tried and promoted, a line an event."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec import Struct

from harness.types import Story
from reports.parts.words import moment, percent

CANARY_TAGS = {"finished": "promote", "rolled back": "hold", "stopped": "undecided"}
"""How a canary ended to the verdict whose mark and colour it gets."""


class DiaryLine(Struct):
    at_ns: int
    at: str
    """Day of traffic, or moment (UTC)."""
    what: str
    words: str
    tag: str = ""
    """Outcome whose mark and colour it gets; empty: none."""
    link: str = ""


def diary(story: Story) -> list[DiaryLine]:
    """The newest first. A day on which `trueup watch` named nothing that it had not named the day before is left out."""
    lines = [*_watched(story), *_nights(story), *_canaries(story), *_promotions(story)]
    return sorted(lines, key=lambda line: line.at_ns, reverse=True)


def _watched(story: Story) -> Iterator[DiaryLine]:
    """At the end of its day, before what was done about it in the night."""
    known: tuple[str, ...] = ()
    for seen in story.watched:
        if set(seen.names) - set(known):
            end = datetime.fromisoformat(f"{seen.day}T00:00:00Z") + timedelta(days=1)
            yield DiaryLine(int(end.timestamp()) * 10**9, seen.day, f"watch: {seen.action}", seen.sentence)
        known = seen.names


def _nights(story: Story) -> Iterator[DiaryLine]:
    for point in sorted(story.history, key=lambda point: point.at_ns):
        judged = story.served.get(point.adapter) or f"adapter {point.adapter[:12]}" if point.adapter else "no adapter"
        yield _line(point.at_ns, "verdict", f"{point.outcome}: {judged}", point.outcome, point.report)


def _canaries(story: Story) -> Iterator[DiaryLine]:
    for tried in story.canaries:
        plan, end = tried.canary, tried.end
        served = story.served.get(plan.candidate) or plan.candidate[:12]
        way = "are mirrored to" if plan.shadow else "go to"
        yield _line(plan.start_ns, "canary started", f"{percent(plan.share)} of sessions {way} {served}")
        if end:
            yield _line(end.at_ns, f"canary {end.kind}", end.reason, CANARY_TAGS[end.kind])


def _promotions(story: Story) -> Iterator[DiaryLine]:
    for move in story.promotions:
        served = story.served.get(move.adapter) or move.adapter[:12] or "the base model"
        yield _line(move.at_ns, move.reason or "moved", f"{move.alias} serves {served}")


def _line(at_ns: int, what: str, words: str, tag: str = "", link: str = "") -> DiaryLine:
    return DiaryLine(at_ns, moment(at_ns), what, words, tag, link)
