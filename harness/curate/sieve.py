"""Sift calls into rows with a target, and record why the others have none."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

from harness.core import feedback_scale
from harness.core.chat_forms import is_media
from harness.core.feedback_override import contradict
from harness.curate import passing, targets
from harness.curate.options import CurateOptions
from harness.curate.poisoning import suspects
from harness.curate.rows import CallRow, RowTarget, has_control_tokens
from harness.mine import run_norms
from harness.mine.first_wrong import WrongStep
from harness.mine.mined import Mined
from harness.mine.shares import rarest
from harness.mine.stage import by_call
from harness.mine.traffic import Session, Traffic
from harness.mine.window import Window, runs_of
from harness.types import UNUSABLE, Call, Failure, Fate, Feedback, Message, Trajectory

READABLE = UNUSABLE - {"output_missing"}
"""Flags that bar even a corrected call: what was asked is not known whole."""
CONTRADICT = "two corrections differ, and nothing tells which is the later one"


class Sieve:
    """Derives rows from calls, session by session: only calls that give a row are held."""

    def __init__(
        self, traffic: Traffic, feedback: Iterable[Feedback], mined: Mined, taught: Mapping[str, Message] = {}
    ) -> None:
        self._traffic, self._taught = traffic, taught
        self._feedback: dict[str, list[Feedback]] = defaultdict(list)
        for item in feedback:
            self._feedback[item.call_id].append(item)
        self._failures: dict[str, list[Failure]] = defaultdict(list)
        for failure in mined.failures:
            self._failures[failure.call_id].append(failure)
        self._sizes = {item.id: len(item.call_ids) for item in mined.clusters}
        self._passed = frozenset(mined.passed)
        self._mined = mined
        self._drawn: Callable[[str], bool] = lambda call_id: False
        """Whether a call that nobody spoke of stands for what passes."""
        self._right: dict[str, Message] = {}
        """Steps of the session's runs to the answer of a run that succeeded after the same history."""
        self._first_wrong: dict[str, int] = {}
        """Steps of the session's runs to the place of the run's first wrong answer in what came before them."""
        self._first_seen: dict[str, int] = {}
        self.labelled: Counter[tuple[str, str, bool]] = Counter()
        """Route, cluster and failed or not, to the calls of that kind that have a target; see `rows`."""
        self._style = targets.Style(self._answers())

    def rows(self, options: CurateOptions) -> tuple[list[CallRow], dict[str, Fate]]:
        """One row an input, in order of time, and the fate of each call that gave none, by call id."""
        self._drawn = passing.draw(self._mined, options)
        rows: list[CallRow] = []
        fates: dict[str, Fate] = {}
        for found in self.sifted():
            if isinstance(found, CallRow):
                rows.append(found)
            else:
                fates[found.call_id] = found
        self.labelled = Counter(row.stratum for row in rows)
        rows.sort(key=lambda row: (row.call.start_ns, row.call.id))
        fates |= suspects(rows, self._first_seen, self._traffic.newest_ns, options)
        kept, merged = targets.resolve([row for row in rows if row.call.id not in fates], options.conflicts)
        return kept, fates | merged

    def _answers(self) -> Iterator[str]:
        """All that production wrote, and on the way when each user was first seen."""
        for prompt in self._traffic.prompts.found():
            yield from (message.text for message in prompt.messages)
        for call in self._traffic:
            self._first_seen.setdefault(call.user_id, call.start_ns)
            yield call.reply

    def sifted(self) -> Iterator[CallRow | Fate]:
        """Each call's row, or its fate: before what repeats an input is merged, and before anyone is kept out."""
        feedback = by_call(feedback_scale.read(item for items in self._feedback.values() for item in items))
        successes = run_norms.learn(self._traffic, feedback)
        for session in self._traffic.sessions():
            conversations = {call.id: self._traffic.prompts.strip(call) for call in session}
            window = Window(session, feedback, runs=runs_of(session, feedback), successes=successes)
            wrong = [(run, steps) for run in window.runs if (steps := window.wrong_steps(run))]
            self._right = {step.call_id: step.right for _, steps in wrong for step in steps if step.right is not None}
            self._first_wrong = dict(found for run, steps in wrong for found in _behind(run, steps[0], conversations))
            for call in session:
                yield self._sift(call, session, conversations)

    def _sift(self, call: Call, session: Session, conversations: Mapping[str, tuple[Message, ...]]) -> CallRow | Fate:
        """The call's row, or the reason why there is none."""
        failures, said = self._failures.get(call.id, []), self._feedback.get(call.id, [])
        reason = _barred(call, conversations[call.id], failures)
        if not reason and targets.turned_down(said):
            reason = "turned_down"
        target = None if reason else self._target(call, session, conversations)
        if target is None:
            differ = [CONTRADICT] if contradict(said) else []
            detail = "; ".join([*differ, *(failure.reason for failure in failures[:3])])
            return Fate(call_id=call.id, fate=reason or ("no_target" if failures else "no_signal"), detail=detail)
        return CallRow(
            call=call,
            conversation=conversations[call.id],
            target=target,
            failed=call.id not in self._passed and target.source != passing.SOURCE,
            cluster=self._telling(failures),
            first_wrong=self._first_wrong.get(call.id),
            expectations=targets.expectations(said),
        )

    def _target(
        self, call: Call, session: Session, conversations: Mapping[str, tuple[Message, ...]]
    ) -> RowTarget | None:
        if call.id in self._passed:
            return targets.from_production(call)
        if call.usable and not (call.id in self._failures or call.id in self._feedback) and self._drawn(call.id):
            return targets.from_production(call, passing.SOURCE)
        corrected = targets.from_correction(self._feedback.get(call.id, ()), self._style, call)
        if corrected or call.id not in self._failures:
            return corrected
        retried = targets.from_retry(call, session, self._passed, conversations)
        if not retried and call.id in self._right:
            retried = targets.from_success(self._right[call.id])
        if retried or call.id not in self._taught:
            return retried
        return targets.from_teacher(self._taught[call.id])

    def _telling(self, failures: Iterable[Failure]) -> str:
        """The rarest of a call's clusters: it says most about what went wrong."""
        return rarest((failure.cluster for failure in failures if failure.cluster), self._sizes)


def _behind(
    run: Trajectory, wrong: WrongStep, conversations: Mapping[str, tuple[Message, ...]]
) -> Iterator[tuple[str, int]]:
    """The calls that a run made after its first wrong step, each with the place of that answer in its conversation."""
    before = conversations[wrong.call_id]
    for step in run.steps[wrong.step + 1 :]:
        said = conversations.get(step.call_id, ())
        if len(said) > len(before) and said[: len(before)] == before and said[len(before)].role == "assistant":
            yield step.call_id, len(before)


def _barred(call: Call, conversation: tuple[Message, ...], failures: Iterable[Failure]) -> str:
    """The fate of a call that may not be learnt from, whatever was said of it; empty when it may."""
    if any(failure.environment for failure in failures):
        return "environment"
    if any(is_media(part) for message in (*call.input, *call.output) for part in message.parts):
        return "media"
    if not any(message.role == "user" and message.text for message in conversation):
        return "unusable"
    if READABLE.intersection(call.flags):
        return "unusable"
    return "control_tokens" if has_control_tokens(conversation) else ""
