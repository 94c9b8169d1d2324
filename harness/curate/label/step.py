"""Label as a step: the picks from the store, what the page shows of them, and the answers back into the store."""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from harness.core.codec import digest
from harness.core.feedback_scale import RANDOM_REVIEW, REVIEW
from harness.core.replies import written
from harness.curate import step as curate_step
from harness.curate.label.picks import KINDS, LabelCandidate, Pick, picks
from harness.curate.review import queue as review_queue
from harness.curate.review.queue import Item
from harness.curate.review.step import Said, record
from harness.curate.rows import CallRow
from harness.curate.sieve import Sieve
from harness.errors import UsageError
from harness.ingest.settings import redacted
from harness.mine import step as mine_step
from harness.mine.mined import Mined
from harness.mine.traffic import Traffic
from harness.project import Project
from harness.types import Call, Fate, Feedback, FeedbackScale, Noun

THUMBS = FeedbackScale(low=-1, high=1, better="high")


class Labelling(Noun, frozen=True):
    """Calls to look at: why each was picked, and what the page shows of it."""

    picks: tuple[Pick, ...]
    items: tuple[Item, ...]
    """As many, in the same order."""
    waiting: int = 0
    """Failures without a right answer, picked or not."""


def labelling(
    project: Project, most: int = 50, kinds: Collection[str] = (), after: str = "", by: str = ""
) -> Labelling:
    """What to look at next. `kinds`: only these, see `harness.curate.label.picks`.

    `after` names a person: the calls that they answered and `by` did not, without their answers. Raises UsageError for a kind
    or a person that is not known.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise UsageError(f"there is no kind of pick named {kind!r}", next=f"known: {', '.join(KINDS)}")
    with project.store.lock():
        mined, feedback = mine_step.mine(project), project.feedback()
        traffic = Traffic(project.calls())
        rows, fates = Sieve(traffic, feedback, mined).rows(curate_step.curate_options(project))
    if after:
        first, second = _stored_name(project, after), _stored_name(project, by)
        chosen = _second_looks(feedback, first, second)[:most]
    else:
        chosen = next_picks(traffic, rows, fates, feedback, mined, most, kinds)
    calls, by_call = (
        project.store.traces.calls_by_id([pick.call_id for pick in chosen]),
        {row.call.id: row for row in rows},
    )
    chosen = [pick for pick in chosen if pick.call_id in calls]
    items = []
    for pick in chosen:
        call = calls[pick.call_id]
        blind = pick.kind != "missing"
        shown = review_queue.item(call, traffic.prompts.strip(call), None if blind else by_call.get(call.id), mined)
        items.append(_without_hints(shown, pick) if blind else replace(shown, reasons=(pick.reason, *shown.reasons)))
    waiting = sum(fate.fate == "no_target" for fate in fates.values())
    return Labelling(picks=tuple(chosen), items=tuple(items), waiting=waiting)


def next_picks(
    traffic: Iterable[Call],
    rows: Sequence[CallRow],
    fates: Mapping[str, Fate],
    feedback: Iterable[Feedback],
    mined: Mined,
    most: int,
    kinds: Collection[str] = (),
) -> list[Pick]:
    """At most `most` picks from all calls. `rows` and `fates` are what the sieve gives: the calls with a target, and why the
    others have none."""
    reviews = [item for item in feedback if item.name in (REVIEW, RANDOM_REVIEW)]
    return picks(
        list(_candidates(traffic, {call_id: fate.fate for call_id, fate in fates.items()}, mined)),
        mined,
        most,
        labelled={row.call.id for row in rows},
        done={item.call_id for item in reviews if item.name == REVIEW},
        checked={item.call_id for item in reviews if item.name == RANDOM_REVIEW},
        kinds=kinds or tuple(KINDS),
    )


def keep(project: Project, pick: Pick, item: Item, said: Said, by: str) -> None:
    """Keep one answer, as `harness.curate.review.step.record`; of the random sample also whether production was right."""
    record(project, item, said, by)
    if pick.kind == "random":
        judged = redacted(project)(sampled(item, said, by, time.time_ns()))
        with project.store.lock():
            project.store.traces.merge((), [judged], ())


def sampled(item: Item, said: Said, by: str, at_ns: int) -> Feedback:
    """Whether production's own answer was right, as feedback that only calls of the random sample have."""
    right = said.action == "accept" or (said.action == "edit" and said.text.strip() == item.answer.strip())
    return Feedback(
        id=digest([RANDOM_REVIEW, item.call_id, right, by, at_ns]),
        call_id=item.call_id,
        user_id=by,
        name=RANDOM_REVIEW,
        value=1.0 if right else -1.0,
        scale=THUMBS,
        source_kind="human",
        at_ns=at_ns,
    )


def _candidates(traffic: Iterable[Call], fates: Mapping[str, str], mined: Mined) -> Iterator[LabelCandidate]:
    """All usable calls that did not fail by their environment."""
    broken = {failure.call_id for failure in mined.failures if failure.environment}
    for call in traffic:
        if call.usable and call.id not in broken:
            asked = _asked(call)
            fate = fates.get(call.id, "")
            yield LabelCandidate(
                call_id=call.id, text=f"{asked}\n{_answered(call)}", asked=asked, fate=fate, route=call.route
            )


def _asked(call: Call) -> str:
    users = [message.text for message in call.input if message.role == "user"]
    return users[-1] if users else ""


def _answered(call: Call) -> str:
    return "\n".join(written(message) for message in call.output)


def _stored_name(project: Project, person: str) -> str:
    """How the store knows a person: redaction puts a pseudonym in place of an address."""
    return redacted(project)(Feedback(id="name", user_id=person)).user_id


def _second_looks(feedback: Sequence[Feedback], first: str, by: str) -> list[Pick]:
    """The calls that one person answered and the other has not, oldest answer first."""
    answers = sorted((item for item in feedback if item.name == REVIEW), key=lambda item: (item.at_ns, item.id))
    people = sorted({item.user_id for item in answers})
    if first not in people:
        known = ", ".join(people) or "nobody yet"
        raise UsageError(f"{first!r} has not labelled anything", next=f"trueup label --after NAME; known: {known}")
    mine = {item.call_id for item in answers if item.user_id == by}
    theirs = dict.fromkeys(item.call_id for item in answers if item.user_id == first)
    reason = f"{first} judged it: what {first} said is not shown"
    return [Pick(call_id=call_id, kind="second", reason=reason) for call_id in theirs if call_id not in mine]


def _without_hints(shown: Item, pick: Pick) -> Item:
    """What detectors and others said is left out where it would sway: production's answer is all there is to judge."""
    return replace(shown, target="", source="", reasons=(pick.reason,), cluster="", cluster_id="")
