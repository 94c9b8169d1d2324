"""Write JUnit XML for CI: a suite is a test suite, a broken case is a failure, and so is a failed finding."""

from xml.etree import ElementTree as xml

from harness.types import Finding, Story
from reports.parts.cases import CaseRow, candidate, case_rows, main_baseline
from reports.parts.safe import plain
from reports.parts.words import basis

SUFFIX = ".xml"
_FAILING = ("fail", "unresolved", "invalid")


def render(story: Story) -> bytes:
    """All suites, then the gate's findings as one suite more. Controls that XML cannot hold become U+FFFD."""
    rows = case_rows(story)
    root = xml.Element("testsuites", name="trueup")
    for name in dict.fromkeys(row.suite for row in rows):
        _suite(root, name, [_case(row, story) for row in rows if row.suite == name])
    _suite(root, "gate", [_verdict(story), *map(_finding, story.verdict.findings)])
    for what in ("tests", "failures", "errors", "skipped"):
        root.set(what, str(sum(int(suite.get(what, "0")) for suite in root)))
    xml.indent(root)
    body: bytes = xml.tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + body + b"\n"


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


def _case(row: CaseRow, story: Story) -> xml.Element:
    arm, against = candidate(story), main_baseline(story)
    results = row.results.get(arm, ())
    test = _test(row.id, row.suite, sum(result.seconds for result in results))
    if arm in row.errors:
        _note(test, "error", row.errors[arm], "")
    elif results and all(result.skipped for result in results):
        _note(test, "skipped", results[0].skipped, "")
    elif row.status.get(against) == "broken":
        reply = results[0].replies[-1].text if results and results[0].replies else ""
        why = "; ".join(f"{s.name} {s.value:g} {s.explanation}".strip() for s in results[0].scores) if results else ""
        _note(test, "failure", f"{against} passed, {arm} does not: {why}", f"asked: {row.case.text}\n{arm}: {reply}")
    return test


def _verdict(story: Story) -> xml.Element:
    verdict = story.verdict
    test = _test("verdict", "gate", sum(story.seconds.values()))
    if verdict.outcome != "promote":
        why = verdict.sentence.removeprefix(f"{verdict.outcome.capitalize()}: ")
        _note(test, "failure", f"{verdict.outcome}: {why}", "")
    return test


def _finding(finding: Finding) -> xml.Element:
    against = f" against {finding.baseline}" if finding.baseline else ""
    test = _test(f"{finding.rule}{against}", f"gate.{finding.suite}" if finding.suite else "gate", 0.0)
    if finding.outcome in _FAILING:
        rests = [*basis(finding), f"next: {finding.next}" if finding.next else ""]
        _note(test, "failure", f"{finding.outcome}: {finding.sentence}", "\n".join(filter(None, rests)))
    return test


def _test(name: str, classname: str, seconds: float) -> xml.Element:
    return xml.Element("testcase", name=plain(name), classname=plain(classname), time=f"{seconds:.3f}")


def _note(test: xml.Element, tag: str, message: str, text: str) -> None:
    note = xml.SubElement(test, tag, message=plain(message))
    note.text = plain(text) or None
