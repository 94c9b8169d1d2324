"""Keep the newest word of each author on each subject: what was edited, overridden or withdrawn no longer counts.

Every version stays in the store, so the order in which they are ingested decides nothing. Which is newest, the producer's
own time says. Two versions that no time orders both stay, and whoever would learn from them sees that they differ.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable

from msgspec.structs import replace

from harness.core.replies import same
from harness.types import Feedback


def latest_versions(records: Iterable[Feedback]) -> list[Feedback]:
    """The newest version of each record that its producer gave an id, and the records without one.

    A record that was withdrawn, or that another one says it overrides, is gone.
    """
    table = list(records)
    gone = {(record.source.format, record.overrides) for record in table if record.overrides}
    keyed: dict[Hashable, list[Feedback]] = defaultdict(list)
    kept: list[Feedback] = []
    for record in table:
        if record.key:
            keyed[record.source.format, record.key].append(record)
        else:
            kept.append(record)
    for key, versions in keyed.items():
        newest = [] if key in gone else _newest(versions)
        spent = any(version.withdrawn for version in newest) and not all(version.withdrawn for version in versions)
        kept += [] if spent else newest  # a withdrawal of another record than its own still has to find that one
    return kept


def latest_words(linked: Iterable[Feedback]) -> list[Feedback]:
    """Of the records of one name that one author gave on one call: the newest rating, correction and comment.

    What was withdrawn is gone. Records about no known call wait for it, all of them.
    """
    by_author: dict[Hashable, list[Feedback]] = defaultdict(list)
    kept: list[Feedback] = []
    for record in linked:
        if record.call_id:
            by_author[record.name, record.source_kind, record.user_id, record.call_id].append(record)
        else:
            kept.append(record)
    for records in by_author.values():
        kept += records if len(records) == 1 and not records[0].withdrawn else _settled(records)
    return kept


def best_correction(records: Iterable[Feedback]) -> Feedback | None:
    """The correction that counts: a person's before a program's, then the newest; None where two of one time differ."""
    corrections = [record for record in records if record.correction is not None]
    if not corrections:
        return None
    first = max(map(_rank, corrections))
    best = [record for record in corrections if _rank(record) == first]
    agree = all(same(record.correction or "", best[0].correction or "") for record in best)
    return min(best, key=lambda record: record.id) if agree else None


def contradict(feedback: Iterable[Feedback]) -> bool:
    """Whether there are corrections and none counts, since nothing tells which of two is the later one."""
    records = list(feedback)
    return best_correction(records) is None and any(record.correction is not None for record in records)


def _rank(record: Feedback) -> tuple[bool, int]:
    return record.source_kind in ("human", ""), age(record)


def age(record: Feedback) -> int:
    """When its producer changed it last or, if never, made it; Unix nanoseconds, 0 when unknown."""
    return record.changed_ns or record.at_ns


def _newest(versions: list[Feedback]) -> list[Feedback]:
    """The version that holds. Of two at one time: the withdrawal, or both where they say different things."""
    last = max(map(age, versions))
    newest = _distinct([version for version in versions if age(version) == last])
    withdrawn = [version for version in newest if version.withdrawn]
    return withdrawn[:1] or newest


def _settled(records: list[Feedback]) -> list[Feedback]:
    kept = [record for record in records if not _speaks(record) and not record.withdrawn]
    records = _distinct([record for record in records if _speaks(record) or record.withdrawn])
    rated = _last(records, lambda record: record.rates)
    corrected = _last(records, lambda record: record.correction is not None)
    commented = _last(records, lambda record: bool(record.comment))
    for record in records:
        at = age(record)
        rest = replace(
            record,
            value=record.value if at >= rated else None,
            label=record.label if at >= rated else "",
            correction=record.correction if at >= corrected else None,
            comment=record.comment if at >= commented else "",
        )
        kept += [rest] if _speaks(rest) and not record.withdrawn else []
    return kept


def _speaks(record: Feedback) -> bool:
    return record.rates or record.correction is not None or bool(record.comment)


def _last(records: list[Feedback], says: Callable[[Feedback], bool]) -> int:
    """Time of the last record that says such a thing or takes everything back; one withdrawn then is newer than it."""
    stated = max((age(record) for record in records if says(record) and not record.withdrawn), default=0)
    taken = max((age(record) + 1 for record in records if record.withdrawn), default=0)
    return max(stated, taken)


def _distinct(records: list[Feedback]) -> list[Feedback]:
    """The records that say different things; of equal ones that with the smallest id, whatever order they came in."""
    seen: dict[Hashable, Feedback] = {}
    for record in sorted(records, key=lambda record: record.id):
        seen.setdefault((*_said(record), age(record)), record)
    return list(seen.values())


def _said(record: Feedback) -> tuple[Hashable, ...]:
    return record.value, record.label, record.comment, record.correction, record.expectation, record.withdrawn
