"""Name failure clusters by what fails: the field and the value that most of their answers get wrong.

Where that tells nothing in common, the terms that the cluster was mined by name it, without greetings. No two clusters have
the same name. Mining names by production's answers and their corrections; a report by its cases too.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from harness.core.differences import FieldDifference

MOST = 0.5
"""Share of a cluster's answers that must have something in common for it to be the name."""
ENOUGH = 200
"""Answers of a cluster that are read for its name."""
ID_DIGITS = 8
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


def common(evidence: Sequence[Sequence[FieldDifference]]) -> str:
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


def terms(label: str) -> str:
    """The mined terms without those that greet or thank."""
    kept = [term for term in label.split(", ") if not set(term.casefold().split()) <= GREETINGS]
    return ", ".join(kept)


def told_apart(names: Mapping[str, str], mined: Mapping[str, str]) -> dict[str, str]:
    """Equal names get the mined terms in brackets behind them, and where these are equal too the cluster's id as well.

    `mined`: a cluster's id to its terms, or to the name that it got when it was mined.
    """
    apart = dict(names)
    for length in (0, ID_DIGITS, None):
        often = Counter(apart.values())
        for ident, name in names.items():
            behind = [_terms_of(mined.get(ident, ""), name), ident[:length]]
            if often[apart[ident]] > 1 and any(behind):
                apart[ident] = f"{name} ({', '.join(filter(None, behind))})"
    return apart


def _terms_of(label: str, name: str) -> str:
    """The terms of a label, which stand in brackets where it is a name already; empty where they say what the name says."""
    inside = label.partition("(")[2].rpartition(")")[0] if label.endswith(")") else label
    return "" if terms(inside) == name else terms(inside)
