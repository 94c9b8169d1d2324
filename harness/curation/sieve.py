"""From calls to rows: which calls have a target, and why the others have none."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from harness.curation import targets
from harness.curation.defence import suspects
from harness.curation.mined import Mined
from harness.curation.options import CurateOptions
from harness.curation.prompts import Prompts
from harness.curation.rows import Row, Target, has_control_tokens
from harness.types import UNUSABLE, Call, Failure, Fate, Feedback, Message

READABLE = UNUSABLE - {"output_missing"}
"""Flags that bar even a corrected call: what was asked is not known whole."""


class Sieve:
    """Derives rows from calls. Calls are in order of time."""

    def __init__(self, calls: Sequence[Call], feedback: Iterable[Feedback], mined: Mined, prompts: Prompts) -> None:
        self._calls = calls
        self._feedback: dict[str, list[Feedback]] = defaultdict(list)
        for item in feedback:
            self._feedback[item.call_id].append(item)
        self._failures: dict[str, list[Failure]] = defaultdict(list)
        for failure in mined.failures:
            self._failures[failure.call_id].append(failure)
        self._sizes = {item.id: len(item.call_ids) for item in mined.clusters}
        self._passed = frozenset(mined.passed)
        self._conversations = {call.id: prompts.strip(call) for call in calls}
        self._asked = {call_id: _last_user(messages) for call_id, messages in self._conversations.items()}
        self._sessions: dict[str, list[Call]] = defaultdict(list)
        for call in calls:
            if call.id in self._passed and call.session_id:
                self._sessions[call.session_id].append(call)
        examples = (message.text for prompt in prompts.found() for message in prompt.messages)
        replies = Counter(call.reply for call in calls)
        self._style = targets.Style([*examples, *replies.elements()])

    def rows(self, options: CurateOptions) -> tuple[list[Row], dict[str, Fate]]:
        """One row an input, and the fate of each call that gave none, by call id."""
        rows: list[Row] = []
        fates: dict[str, Fate] = {}
        for call in self._calls:
            found = self._row(call)
            if isinstance(found, Row):
                rows.append(found)
            else:
                fates[call.id] = found
        fates |= suspects(rows, self._calls, options)
        kept, merged = targets.resolve([row for row in rows if row.call.id not in fates], options.conflicts)
        return kept, fates | merged

    def _row(self, call: Call) -> Row | Fate:
        """The call's row, or the reason why there is none."""
        failures = self._failures.get(call.id, [])
        reason = self._barred(call, failures)
        target = None if reason else self._target(call, bool(failures))
        if target is None:
            detail = "; ".join(failure.reason for failure in failures[:3])
            return Fate(call_id=call.id, fate=reason or ("no_target" if failures else "no_signal"), detail=detail)
        return Row(
            call=call,
            conversation=self._conversations[call.id],
            target=target,
            failed=call.id not in self._passed,
            cluster=self._telling(failures),
        )

    def _barred(self, call: Call, failures: Sequence[Failure]) -> str:
        """The fate of a call that may not be learnt from, whatever was said of it; empty when it may."""
        if any(failure.environment for failure in failures):
            return "environment"
        if not self._asked[call.id] or READABLE.intersection(call.flags):
            return "unusable"
        return "control_tokens" if has_control_tokens(self._conversations[call.id]) else ""

    def _target(self, call: Call, failed: bool) -> Target | None:
        if call.id in self._passed:
            return targets.from_production(call)
        corrected = targets.from_correction(self._feedback.get(call.id, ()), self._style)
        if corrected or not failed:
            return corrected
        return targets.from_retry(call, self._sessions.get(call.session_id, ()), self._asked)

    def _telling(self, failures: Sequence[Failure]) -> str:
        """The rarest of a call's clusters: it says most about what went wrong."""
        clusters = [failure.cluster for failure in failures if failure.cluster]
        return min(clusters, key=lambda item: (self._sizes.get(item, 0), item), default="")


def _last_user(messages: Sequence[Message]) -> str:
    return next((message.text for message in reversed(messages) if message.role == "user"), "")
