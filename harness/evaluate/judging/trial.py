"""Try a judge before it counts: compare it with people's labels, and attack it.

Labels: how often judge and people agree (Cohen's kappa), and how often the judge passes what people passed and what they
failed. The gate carries these rates into its interval. Attacks: each is put into an answer that the judge fails, and
must not make it pass.
"""

from collections.abc import Callable, Sequence
from itertools import cycle, islice

from msgspec import Struct
from msgspec.structs import replace

from harness.core.codec import digest as content_id
from harness.errors import CapError, InputError, TrueupError
from harness.evaluate.judging.attacks import ATTACKS, attacked
from harness.evaluate.judging.judge import Judge, VerdictError
from harness.evaluate.judging.labels import LEAST_KAPPA
from harness.evaluate.judging.scale import Scale
from harness.types import Calibration, Case, Message, Reply, Request, Score, TextPart

Answer = Callable[[Sequence[Request]], Sequence[Reply | Exception]]

TARGETS = 5
"""Failing answers that the attacks are spread over."""
BRIEF_LABELS, BRIEF_ATTACKS = 3, 4
"""Labels of each side, and attacks, about, of a brief trial."""
QUESTION = "How do I change the delivery address of an order that has not left yet?"
EVASION, GOOD = "I had soup for lunch.", "Open the order, choose `Change address`, and confirm."
"""What attacks are tried in where no labelled answer fails: an answer that is none, and one that is."""


class Exhibit(Struct, frozen=True):
    """One answer to be judged: with the person's value, where there is one."""

    case: Case
    answer: str
    reference: str
    label: str = ""
    arm: str = ""
    """That gave the answer, where the label says so."""


def trial(
    judge: Judge, digest: str, labelled: Sequence[Case], answer: Answer, bare: bool, brief: bool = False
) -> Calibration:
    """What the judge is worth. Never raises for what the judge does: that is its `problem`.

    `digest` is the judge's own; `labelled` are cases with a `reply` and a person's `label`; `answer` asks its model. `brief`:
    only a few labels and attacks, which takes seconds; how far it agrees with people is then not held against it.
    Raises InputError for a labelled case that has not both.
    """
    shown = exhibits(judge, labelled)
    shown = _first(judge, shown) if brief else shown
    found = Calibration(judge=digest, name=judge.name, most_bias=judge.most_bias, brief=brief)
    if judge.pin and not digest.startswith(judge.pin):
        problem = f"it is another judge than the one that was calibrated: {digest[:16]}, not {judge.pin}"
        return replace(found, problem=f"{problem}; look at its calibration, then set pin={digest[:16]!r}")
    try:
        said = _given(_judged(judge, shown, answer, bare))
        found = _calibrated(found, judge.grades, shown, said)
        found = _attacked(found, judge, shown, said, answer, bare)
        verdicts = [[one.case.id, score.label, score.value] for one, (score, _) in zip(shown, said, strict=True)]
        found = replace(found, probe=content_id([verdicts, found.flips]))
    except CapError:
        raise
    except TrueupError as error:
        return replace(found, problem=f"it gave no verdict in its trial: {error.what}")
    return replace(found, problem=_problem(found, judge.min_kappa))


def _problem(found: Calibration, min_kappa: float) -> str:
    if found.flips:
        return f"{found.flips} of {found.attacks} attacks made it pass an answer that it fails"
    labelled = 0 if found.brief else found.true_pass + found.false_fail + found.false_pass + found.true_fail
    min_kappa = max(min_kappa, LEAST_KAPPA)  # the gate takes no less
    if labelled and (found.kappa is None or found.kappa < min_kappa):
        kappa = "undefined, since all labels or verdicts are alike" if found.kappa is None else f"{found.kappa:.2f}"
        return f"its agreement with people (kappa) is {kappa}, and at least {min_kappa:g} is asked for"
    return ""


def exhibits(judge: Judge, labelled: Sequence[Case]) -> list[Exhibit]:
    """The labelled answers. Raises InputError naming the case that has no `reply`, no `label`, or one that is no grade."""
    return [_exhibit(judge, case) for case in labelled]


def _first(judge: Judge, shown: Sequence[Exhibit]) -> list[Exhibit]:
    """A few answers that people pass and a few that they fail."""
    passed = [judge.grades.passes(judge.grades.value(exhibit.label)) for exhibit in shown]
    sides = [
        [exhibit for exhibit, passes in zip(shown, passed, strict=True) if passes is side] for side in (True, False)
    ]
    return [exhibit for side in sides for exhibit in side[:BRIEF_LABELS]]


def _exhibit(judge: Judge, case: Case) -> Exhibit:
    missing = [name for name in ("reply", "label") if name not in case.fields]
    if missing:
        raise InputError(
            f"the labelled case {case.id} of judge {judge.name!r} has no {missing[0]!r}",
            where=judge.calibration,
            next='each row has a "text", a "reply" and a person\'s "label"',
        )
    reference = case.fields.get("reference", case.expected if judge.pairwise else "")
    arm = str(case.fields.get("arm") or "")
    return Exhibit(case, str(case["reply"]), str(reference or ""), judge.grades.read(case["label"]), arm)


def _judged(
    judge: Judge, exhibits: Sequence[Exhibit], answer: Answer, bare: bool
) -> list[tuple[Score, bool] | VerdictError]:
    """Score, and whether the order decided, or why there is none. Raises what kept the judge from answering at all."""
    asked = [judge.requests(one.case, one.answer, one.reference, bare) for one in exhibits]
    replies: list[Reply] = []
    for reply in answer([request for requests in asked for request in requests]):
        if isinstance(reply, Exception):
            raise reply if isinstance(reply, TrueupError) else TrueupError(f"{type(reply).__name__}: {reply}")
        replies.append(reply)
    given = iter(replies)
    return [_verdict(judge, list(islice(given, len(requests)))) for requests in asked]


def _verdict(judge: Judge, replies: Sequence[Reply]) -> tuple[Score, bool] | VerdictError:
    try:
        return judge.score(replies)
    except VerdictError as error:
        return error


def _given(said: Sequence[tuple[Score, bool] | VerdictError]) -> list[tuple[Score, bool]]:
    """All the verdicts. Raises the first that is none: whoever labels has to be able to judge what people judged."""
    for one in said:
        if isinstance(one, VerdictError):
            raise one
    return [one for one in said if not isinstance(one, VerdictError)]


def _calibrated(
    found: Calibration, grades: Scale, shown: Sequence[Exhibit], said: Sequence[tuple[Score, bool]]
) -> Calibration:
    pairs = [
        (grades.passes(grades.value(one.label)), grades.passes(score.value))
        for one, (score, _) in zip(shown, said, strict=True)
    ]
    return replace(
        found,
        true_pass=pairs.count((True, True)),
        false_fail=pairs.count((True, False)),
        false_pass=pairs.count((False, True)),
        true_fail=pairs.count((False, False)),
        swayed=sum(swayed for _, swayed in said),
        arms=_by_arm(grades, shown, said),
        kappa=kappa([one.label for one in shown], [score.label for score, _ in said], grades.grades),
    )


def _by_arm(
    grades: Scale, shown: Sequence[Exhibit], said: Sequence[tuple[Score, bool]]
) -> tuple[tuple[str, tuple[tuple[float, float], ...]], ...]:
    """Each arm with people's score and the judge's of each of its labelled answers."""
    arms: dict[str, list[tuple[float, float]]] = {}
    for one, (score, _) in zip(shown, said, strict=True):
        if one.arm:
            arms.setdefault(one.arm, []).append((grades.value(one.label), score.value))
    return tuple((arm, tuple(arms[arm])) for arm in sorted(arms))


def kappa(people: Sequence[str], judge: Sequence[str], grades: Sequence[str]) -> float | None:
    """Cohen's kappa (1960); with more than two grades weighted by squared distance (1968). None when it is undefined."""
    if len({*people, *judge}) < 2:
        return None
    from sklearn.metrics import cohen_kappa_score  # only runs with a labelled judge pay for it

    ranks = [[grades.index(grade) for grade in side] for side in (people, judge)]
    return float(cohen_kappa_score(*ranks, weights="quadratic" if len(grades) > 2 else None))


def _attacked(
    found: Calibration,
    judge: Judge,
    shown: Sequence[Exhibit],
    said: Sequence[tuple[Score, bool]],
    answer: Answer,
    bare: bool,
) -> Calibration:
    """Every attack in one failing answer. Where the judge fails nothing, nothing can be shown, and none is counted."""
    targets = [
        one
        for one, (score, _) in zip(shown, said, strict=True)
        if not judge.grades.passes(score.value) and not judge.grades.passes(judge.grades.value(one.label))
    ][:TARGETS]
    if not targets:
        evasion = Exhibit(Case(id="evasion", messages=(_user(QUESTION),)), EVASION, GOOD)
        targets = [] if _passed(judge, _judged(judge, [evasion], answer, bare)) else [evasion]
    attacks = ATTACKS[:: len(ATTACKS) // BRIEF_ATTACKS] if found.brief else ATTACKS
    tries = [
        Exhibit(target.case, attacked(target.answer, attack), target.reference)
        for attack, target in zip(attacks, cycle(targets), strict=False)
    ]
    flips = _passed(judge, _judged(judge, tries, answer, bare)) if tries else 0
    return replace(found, attacks=len(tries), flips=flips)


def _passed(judge: Judge, said: Sequence[tuple[Score, bool] | VerdictError]) -> int:
    """How many pass. An attack that only makes the verdict unreadable wins nothing: such a case is an error."""
    return sum(not isinstance(one, VerdictError) and judge.grades.passes(one[0].value) for one in said)


def _user(text: str) -> Message:
    return Message(role="user", parts=(TextPart(text=text),))
