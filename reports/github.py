"""Write workflow commands of GitHub Actions: the verdict, what is in its way, and broken cases beside their eval file.

Printed in a step, each line becomes an annotation of the pull request: `cat out/report.github.txt`. GitHub shows ten
errors and ten warnings a step, so what decides comes first and broken cases are counted where they are not shown.
"""

from collections.abc import Iterator

from harness.types import Finding, Story
from reports.parts import places
from reports.parts.safe import line
from reports.parts.words import short_name

SUFFIX = ".github.txt"
SHOWN = 10
"""Annotations of one kind that GitHub shows of a step."""
LONGEST = 600
LEVELS = {"fail": "error", "invalid": "error", "unresolved": "warning"}


def render(story: Story) -> bytes:
    """UTF-8 text, one command a line. Text of a trace can neither end a line nor start a command of its own."""
    lines = [*_verdict(story), *_findings(story), *_broken(story)]
    return ("\n".join(lines) + "\n").encode()


def _verdict(story: Story) -> Iterator[str]:
    verdict = story.verdict
    level = {"promote": "notice", "undecided": "warning"}.get(verdict.outcome, "error")
    yield _command(level, f"trueup: {verdict.outcome}", verdict.sentence)


def _findings(story: Story) -> Iterator[str]:
    against = [finding for finding in story.verdict.findings if finding.outcome in LEVELS][: SHOWN - 1]
    for finding in against:
        title = f"{finding.rule} {short_name(finding.suite)}".strip()
        yield _command(LEVELS[finding.outcome], title, _said(finding), *places.place(story, finding.suite))


def _said(finding: Finding) -> str:
    return f"{finding.sentence} Next: {finding.next}" if finding.next else finding.sentence


def _broken(story: Story) -> Iterator[str]:
    broken = list(places.broken(story))
    for note in broken[:SHOWN]:
        yield _command("warning", note["title"], note["message"], note["path"], note["line"])
    if len(broken) > SHOWN:
        yield _command(
            "notice", "broken cases", f"{len(broken) - SHOWN} more cases are broken; the report has them all"
        )


def _command(level: str, title: str, message: str, file: str = "", at: int = 1) -> str:
    where = f"file={_property(file)},line={at}," if file else ""
    return f"::{level} {where}title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    """A message: control characters gone, then percent signs and line ends escaped as the runner reads them."""
    return line(text[:LONGEST]).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
