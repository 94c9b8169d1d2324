"""Limit who may steer the training data, and how much.

Feedback is a hint that anyone can send. A small number of planted rows is enough to plant a behaviour, whatever the
size of the rest (A. Souly et al., "Poisoning Attacks on LLMs Require a Near-constant Number of Poison Samples", 2025),
so planted rows have to be kept out rather than diluted:

- a source that appeared a moment ago waits: `quarantine_days`;
- a phrase that stands in many targets of one day, hardly before or after, and mostly from people never seen earlier, is
  a trigger until a person says otherwise (`allow_phrases`); its rows are left out.

What this does not stop: few rows a day from old accounts. For those there are the caps, and the diff of two datasets.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from harness.core.near_duplicates import normalise
from harness.curate.options import CurateOptions
from harness.curate.rows import CallRow
from harness.mine.traffic import day, day_of
from harness.types import Fate

LEAST = 8
"""Rows of one day that a phrase has to stand in."""
TIMES = 10.0
"""How many times commoner than on all other days."""
STRANGERS = 0.5
"""Share of its rows that come from people first seen that day."""
LONGEST = 4
"""Words in a phrase."""
DAY_NS = 86_400 * 10**9


def suspects(
    rows: Sequence[CallRow], seen: Mapping[str, int], newest_ns: int, options: CurateOptions
) -> dict[str, Fate]:
    """Fates, by call id, of the rows to leave out. `seen`: user id to the start of the first call of all traffic."""
    bursts = _bursts(rows, seen, frozenset(map(normalise, options.allow_phrases)))
    found = {}
    for row in rows:
        call = row.call
        if call.user_id and newest_ns - seen[call.user_id] < options.quarantine_days * DAY_NS:
            since = f"first seen less than {options.quarantine_days:g} days ago"
            found[call.id] = Fate(call_id=call.id, fate="new_source", detail=since)
        elif call.id in bursts:
            found[call.id] = Fate(call_id=call.id, fate="trigger_phrase", detail=bursts[call.id])
    return found


class _Speaker(NamedTuple):
    """What counts of a row: whose it is, and when."""

    call_id: str
    day: str
    stranger: bool
    """From somebody first seen that day?"""


def _bursts(rows: Sequence[CallRow], seen: Mapping[str, int], allowed: frozenset[str]) -> dict[str, str]:
    """Call id to the phrase of a burst that its target is part of.

    The phrase most of strangers first, and each next one among the rows that are left: what merely keeps company with a
    trigger ("7 pm" beside the planted brand) would otherwise take everybody's rows along.
    """
    holders: dict[str, list[_Speaker]] = defaultdict(list)
    by_day: Counter[str] = Counter()
    for row in rows:
        today = day(row.call)
        by_day[today] += 1
        said = _Speaker(row.call.id, today, day_of(seen[row.call.user_id]) == today)
        for phrase in set(_phrases(row.target.message.text)) - allowed:
            holders[phrase].append(said)
    rank = {phrase: (-_planted(said), -len(said), phrase) for phrase, said in holders.items() if len(said) >= LEAST}
    found: dict[str, str] = {}
    for phrase in sorted(rank, key=rank.__getitem__):
        left = [said for said in holders[phrase] if said.call_id not in found]
        if left and _sudden(left, by_day):
            found |= {said.call_id: phrase for said in left}
            by_day.subtract(said.day for said in left)
    return found


def _busiest(members: Sequence[_Speaker]) -> tuple[str, list[_Speaker]]:
    """The day on which most of them stand, and those of that day."""
    busiest = Counter(said.day for said in members).most_common(1)[0][0]
    return busiest, [said for said in members if said.day == busiest]


def _planted(members: Sequence[_Speaker]) -> float:
    """Share of a phrase's rows that strangers wrote on its busiest day."""
    return sum(said.stranger for said in _busiest(members)[1]) / len(members)


def _sudden(members: Sequence[_Speaker], by_day: Mapping[str, int]) -> bool:
    busiest, that_day = _busiest(members)
    count, elsewhere = len(that_day), sum(by_day.values()) - by_day[busiest]
    if not busiest or count < LEAST or not elsewhere:
        return False
    before = (len(members) - count + 0.5) / (elsewhere + 1)
    strangers = sum(said.stranger for said in that_day)
    return count / by_day[busiest] >= TIMES * before and strangers >= STRANGERS * count


def _phrases(text: str) -> Iterator[str]:
    said = normalise(text).split()
    for size in range(1, LONGEST + 1):
        for at in range(len(said) - size + 1):
            yield " ".join(said[at : at + size])
