"""Judge two arms' stored replies side by side, without knowing which arm gave which, and keep the answers for judges.

Which reply is shown first is drawn by a digest of the case, so that it is the same each time, half of the cases each way, and
nothing on the page tells. The answers are rows as `judge(calibration=...)` reads them: whether each reply passes, with its arm,
and which of the two is better, for pairwise judges. They never become training data: the cases are judged with.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from harness.core.codec import canonical, digest, read_lines, to_chat, write_lines
from harness.curate.review.queue import turn
from harness.errors import UsageError
from harness.evaluate.judging.scale import BETTER, FAIL, PASS, TIE, WORSE
from harness.types import Case, Noun, Reply, Run

REPLIES, PAIRS = "replies.jsonl", "pairs.jsonl"
Choice = Literal["first", "second", "both", "neither"]


class Duel(Noun, frozen=True):
    """One case with two replies, in the order in which they are shown."""

    id: str
    case: Case
    arms: tuple[str, str]
    """Who gave the first and the second reply; never sent to the page."""
    replies: tuple[str, str]


class Tally(Noun, frozen=True):
    """How the arms did, over the answers of one person."""

    cases: int
    passed: dict[str, int]
    """Arm to its replies that are right."""
    better: dict[str, int]
    """Arm to the cases in which only its reply is right."""


def duels(runs: Sequence[Run], most: int) -> tuple[Duel, ...]:
    """Cases that both runs answered in one turn, and not alike, in an order drawn by their ids.

    Raises UsageError when there is none.
    """
    left, right = sorted(runs, key=lambda run: run.arm.name)  # whichever was named first
    first, second = _answers(left), _answers(right)
    names = (left.arm.name, right.arm.name)
    cases = {(suite, case.id): case for suite, given in left.cases.items() for case in given}
    found = [
        _duel(cases[key], names, (first[key], second[key]))
        for key in cases
        if key in first and key in second and first[key].strip() != second[key].strip()
    ]
    if not found:
        raise UsageError(
            f"{names[0]} and {names[1]} have no case that both answered, and differently", next="trueup eval"
        )
    return tuple(sorted({duel.id: duel for duel in found}.values(), key=lambda duel: duel.id)[:most])


def _answers(run: Run) -> dict[tuple[str, str], str]:
    """Suite and case to the reply. Conversations of several turns are left out: their first answers lead to other second
    questions."""
    return {
        (result.suite, result.case_id): _text(result.replies[0])
        for result in run.results
        if len(result.replies) == 1 and not result.repeat and not result.error
    }


def _text(reply: Reply) -> str:
    return "\n".join([*filter(None, [reply.text]), *(f"{call.name}({call.arguments})" for call in reply.tool_calls)])


def _duel(case: Case, arms: tuple[str, str], replies: tuple[str, str]) -> Duel:
    ident = digest(["blind", [to_chat(message) for message in case.messages], sorted(replies)])
    swap = int(ident[-1], 16) % 2
    order = (1, 0) if swap else (0, 1)
    return Duel(
        id=ident[:16],
        case=case,
        arms=(arms[order[0]], arms[order[1]]),
        replies=(replies[order[0]], replies[order[1]]),
    )


def shown(duel: Duel) -> dict[str, Any]:
    """What the page is sent: no arm, and no score."""
    turns = [turn(message) for message in duel.case.messages]
    expected = duel.case.expected
    return {
        "id": duel.id,
        "conversation": turns,
        "expected": expected if isinstance(expected, str) else canonical(expected) if expected is not None else "",
        "first": duel.replies[0],
        "second": duel.replies[1],
    }


def rows(duel: Duel, choice: Choice, by: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The two replies with their labels, and the pair: the second arm's reply by name against the first's."""
    right = {"first": (True, False), "second": (False, True), "both": (True, True), "neither": (False, False)}[choice]
    asked = [to_chat(message) for message in duel.case.messages]
    about = {"case": duel.case.id, "messages": asked, "expected": duel.case.expected, "by": by}
    singles = [
        {**about, "id": f"{duel.id}-{arm}", "reply": reply, "arm": arm, "label": PASS if passed else FAIL}
        for arm, reply, passed in zip(duel.arms, duel.replies, right, strict=True)
    ]
    (known, other), (base, reply) = right, duel.replies
    grade = TIE if known == other else BETTER if other else WORSE
    pair = {**about, "id": duel.id, "reply": reply, "reference": base, "arm": duel.arms[1], "label": grade}
    return singles, pair


def keep(folder: Path, duel: Duel, choice: Choice, by: str) -> None:
    """Put one answer into the files of labels; one given again replaces the first."""
    singles, pair = rows(duel, choice, by)
    _merge(folder / REPLIES, singles)
    _merge(folder / PAIRS, [pair])


def tally(duels: Sequence[Duel], answers: Mapping[str, Choice]) -> Tally:
    """Counts by arm: the names are told once the sitting is over."""
    answered = [(duel, answers[duel.id]) for duel in duels if duel.id in answers]
    arms = sorted(duels[0].arms)
    passed, better = dict.fromkeys(arms, 0), dict.fromkeys(arms, 0)
    for duel, choice in answered:
        for side, arm in zip(("first", "second"), duel.arms, strict=True):
            passed[arm] += choice in (side, "both")
            better[arm] += choice == side
    return Tally(cases=len(answered), passed=passed, better=better)


def _merge(path: Path, new: Sequence[dict[str, Any]]) -> None:
    known = {str(row["id"]): row for row in read_lines(path, dict)} if path.exists() else {}
    write_lines(path, (known | {str(row["id"]): row for row in new}).values())
