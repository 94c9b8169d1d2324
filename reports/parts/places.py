"""Say where the broken cases stand: the line of the case's row, else that of its eval function."""

from collections.abc import Iterator

from harness.types import Json, Story
from reports.parts.cases import CaseRow, candidate, case_rows, main_baseline


def place(story: Story, suite: str, case: str = "") -> tuple[str, int]:
    """File below the repository and line of a case, or of its eval function; no file where neither is known."""
    known = story.places.get(suite.split("[")[0], {})
    found = known.get(case) or known.get("")
    if found:
        file, _, line = found.rpartition(":")
        return file, int(line)
    files = {each.name: each.file for run in story.runs for each in run.suites}
    return files.get(suite.split("[")[0], ""), 1


def broken(story: Story) -> Iterator[dict[str, Json]]:
    """Path, line, title and message of each case that the main baseline passes and the candidate does not."""
    arm, against = candidate(story), main_baseline(story)
    for row in case_rows(story):
        path, line = place(story, row.suite, row.id)
        if row.status.get(against) == "broken" and path:
            yield {"path": path, "line": line, "title": f"broken: {row.id}", "message": words(row, arm, against)}


def words(row: CaseRow, arm: str, against: str) -> str:
    """What was asked and what the candidate replied, cut short."""
    results = row.results.get(arm, ())
    reply = results[0].replies[-1].text if results and results[0].replies else ""
    return f"{against} passed, {arm} does not. Asked: {row.case.text[:200]} Replied: {reply[:200]}"
