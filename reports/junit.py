"""Write JUnit XML for CI: what blocks a promotion is a failure, and nothing else is.

Under hold and invalid the findings that failed are failures, and so are the broken cases of their suites. A broken case that
the gate allows is told in its `system-out`. Undecided is neutral, as its exit code is: skipped, with the reason.
"""

from collections.abc import Collection
from xml.etree import ElementTree as xml

from harness.types import Finding, Story
from reports.parts.cases import CaseRow, candidate, case_rows, main_baseline
from reports.parts.safe import plain
from reports.parts.words import basis

SUFFIX = ".xml"
BLOCKED = ("hold", "invalid")
BLOCKING = ("fail", "invalid")
"""Outcomes of a verdict and of a finding that stop a promotion; undecided and unresolved ask for more evidence."""


def render(story: Story) -> bytes:
    """All suites, then the gate's findings as one suite more. Controls that XML cannot hold become U+FFFD."""
    rows, blocking = case_rows(story), blocking_suites(story)
    root = xml.Element("testsuites", name="trueup")
    for name in dict.fromkeys(row.suite for row in rows):
        _suite(root, name, [_case(row, story, blocking) for row in rows if row.suite == name])
    _suite(root, "gate", [_verdict(story), *(_finding(each, story) for each in story.verdict.findings)])
    for what in ("tests", "failures", "errors", "skipped"):
        root.set(what, str(sum(int(suite.get(what, "0")) for suite in root)))
    xml.indent(root)
    body: bytes = xml.tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + body + b"\n"


def blocking_suites(story: Story) -> frozenset[str]:
    """Suites in which something blocks the promotion; a view of a suite, such as its `must_pass` cases, counts as the suite."""
    if story.verdict.outcome not in BLOCKED:
        return frozenset()
    return frozenset(each.suite.split("[")[0] for each in story.verdict.findings if each.outcome in BLOCKING)


def _suite(root: xml.Element, name: str, tests: list[xml.Element]) -> None:
    count = {tag: sum(test.find(tag) is not None for test in tests) for tag in ("failure", "error", "skipped")}
    suite = xml.SubElement(
        root,
        "testsuite",
        name=plain(name),
        tests=str(len(tests)),
        failures=str(count["failure"]),
        errors=str(count["error"]),
        skipped=str(count["skipped"]),
        time=f"{sum(float(test.get('time', '0')) for test in tests):.3f}",
    )
    suite.extend(tests)


def _case(row: CaseRow, story: Story, blocking: Collection[str]) -> xml.Element:
    arm, against = candidate(story), main_baseline(story)
    blocks = row.suite in blocking
    results = row.results.get(arm, ())
    test = _test(row.id, row.suite, sum(result.seconds for result in results))
    if arm in row.errors:
        _problem(test, "error" if blocks else "", row.errors[arm], "")
    elif results and all(result.skipped for result in results):
        _note(test, "skipped", results[0].skipped, "")
    elif row.status.get(against) == "broken":
        reply = results[0].replies[-1].text if results and results[0].replies else ""
        why = "; ".join(f"{s.name} {s.value:g} {s.explanation}".strip() for s in results[0].scores) if results else ""
        what = f"{against} passed, {arm} does not: {why}"
        _problem(test, "failure" if blocks else "", what, f"asked: {row.case.text}\n{arm}: {reply}")
    return test


def _verdict(story: Story) -> xml.Element:
    verdict = story.verdict
    test = _test("verdict", "gate", sum(story.seconds.values()))
    if verdict.outcome != "promote":
        why = verdict.sentence.removeprefix(f"{verdict.outcome.capitalize()}: ")
        _note(test, "failure" if verdict.outcome in BLOCKED else "skipped", f"{verdict.outcome}: {why}", "")
    return test


def _finding(finding: Finding, story: Story) -> xml.Element:
    against = f" against {finding.baseline}" if finding.baseline else ""
    test = _test(f"{finding.rule}{against}", f"gate.{finding.suite}" if finding.suite else "gate", 0.0)
    rests = [*basis(finding), f"next: {finding.next}" if finding.next else ""]
    words = f"{finding.outcome}: {finding.sentence}", "\n".join(filter(None, rests))
    if finding.outcome in BLOCKING and story.verdict.outcome in BLOCKED:
        _note(test, "failure", *words)
    elif finding.outcome in (*BLOCKING, "unresolved"):
        _note(test, "skipped", *words)
    return test


def _test(name: str, classname: str, seconds: float) -> xml.Element:
    return xml.Element("testcase", name=plain(name), classname=plain(classname), time=f"{seconds:.3f}")


def _note(test: xml.Element, tag: str, message: str, text: str) -> None:
    note = xml.SubElement(test, tag, message=plain(message))
    note.text = plain(text) or None


def _problem(test: xml.Element, tag: str, message: str, text: str) -> None:
    """What went wrong with a case: under its tag, or without one as a word beside a test that passes."""
    if tag:
        _note(test, tag, message, text)
    else:
        xml.SubElement(test, "system-out").text = plain(f"{message}\n{text}".strip())
