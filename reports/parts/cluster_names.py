"""Name failure clusters by what fails: the field and the value that most of their answers get wrong.

A name is made from the evidence at hand: the answer that failed in production, or the baseline's, against the answer that was
wanted. Where that tells nothing in common, the terms that the cluster was mined by name it, without greetings. No two
clusters have the same name.
"""

from collections import Counter
from collections.abc import Iterable

from harness.core.codec import canonical
from harness.core.replies import expected_of, unwritten
from harness.types import Case, Json, Story
from reports.parts.cases import CaseRow, main_baseline
from reports.parts.differences import FieldDifference, differences

MOST = 0.5
"""Share of a cluster's answers that must have something in common for it to be the name."""
ENOUGH = 200
"""Answers of a cluster that are read for its name."""
GREETINGS = frozenset(
    [
        "hi",
        "hello",
        "hey",
        "dear",
        "good",
        "morning",
        "afternoon",
        "evening",
        "day",
        "thanks",
        "thank",
        "you",
        "please",
        "sorry",
        "regards",
        "greetings",
        "cheers",
        "hallo",
        "guten",
        "tag",
        "danke",
        "bitte",
        "hola",
        "gracias",
        "bonjour",
        "merci",
        "ciao",
        "grazie",
    ]
)


def cluster_names(story: Story, rows: Iterable[CaseRow]) -> dict[str, str]:
    """Cluster id to its name, for every cluster of the dataset and of the cases."""
    evidence = _evidence(story, rows)
    mined = {cluster.id: cluster.label for cluster in story.dataset.clusters} if story.dataset else {}
    ids = dict.fromkeys([*mined, *(name for name in evidence if name)])
    names = {ident: common(evidence.get(ident, [])) or _terms(mined.get(ident, "")) or ident[:24] for ident in ids}
    return _told_apart(names, mined)


def _evidence(story: Story, rows: Iterable[CaseRow]) -> dict[str, list[list[FieldDifference]]]:
    """Cluster id to the differences of each case that it can be told of."""
    found: dict[str, list[list[FieldDifference]]] = {}
    against, seen = main_baseline(story), set()
    for row in rows:
        if row.case.cluster:
            seen.add(row.case.call_id or row.id)
            _add(found, row.case, row.case.expected, _rejected(row.case) or _failed(row, against))
    for case in story.training:
        if case.cluster and case.rejected and (case.call_id or case.id) not in seen:
            _add(found, case, expected_of(case.target) if case.target else case.expected, _rejected(case))
    return found


def _rejected(case: Case) -> str:
    """The answer that failed in production; tool calls in the form in which they are expected."""
    message = unwritten(case.rejected or "")
    return canonical(expected_of(message)) if message.tool_calls else message.text


def _add(found: dict[str, list[list[FieldDifference]]], case: Case, wanted: Json, wrong: str | None) -> None:
    evidence = found.setdefault(case.cluster, [])
    if wrong and len(evidence) < ENOUGH and (told := differences(wanted, wrong)):
        evidence.append(told)


def _failed(row: CaseRow, arm: str) -> str:
    """The first answer of an arm, where it did not pass."""
    score = row.scores.get(arm)
    replies = [result.replies[-1].text for result in row.results.get(arm, ()) if result.replies]
    return replies[0] if replies and score is not None and score < 1 else ""


def common(evidence: list[list[FieldDifference]]) -> str:
    """What most of some answers get wrong, from the differences of each; empty where nothing is in most of them."""
    if not evidence:
        return ""
    need = MOST * len(evidence)
    whole = Counter(difference for case in evidence for difference in set(case))
    best, count = whole.most_common(1)[0]
    if count >= need:
        return str(best)
    fields = Counter(field for case in evidence for field in {each.field for each in case} if field)
    field, count = fields.most_common(1)[0] if fields else ("", 0)
    if count < need:
        return ""
    missing = sum(any(each.field == field and each.got == "nothing" for each in case) for case in evidence)
    return f"{field}: {'missing' if missing >= need else 'wrong value'}"


def _terms(label: str) -> str:
    """The mined terms without those that greet or thank."""
    kept = [term for term in label.split(", ") if not set(term.casefold().split()) <= GREETINGS]
    return ", ".join(kept)


def _told_apart(names: dict[str, str], mined: dict[str, str]) -> dict[str, str]:
    """Equal names get the mined terms behind them, and where these are equal too the cluster's id."""
    for qualifier in (lambda ident: _terms(mined.get(ident, "")), lambda ident: ident[:8], lambda ident: ident):
        often = Counter(names.values())
        names = {
            ident: f"{name} ({qualifier(ident)})" if often[name] > 1 and qualifier(ident) not in ("", name) else name
            for ident, name in names.items()
        }
    return names
