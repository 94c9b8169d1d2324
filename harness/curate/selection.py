"""Select the training rows that stay: not contaminated, and within the caps."""

from collections import Counter
from collections.abc import Callable, Sequence

from harness.core.codec import canonical, digest
from harness.core.conversations import LearntAnswer, over_budget
from harness.core.dataset_files import EVALUATED
from harness.core.near_duplicates import nearest, normalise
from harness.curate import caps
from harness.curate.contamination import contaminated
from harness.curate.options import CurateOptions
from harness.curate.rows import CallRow
from harness.mine import embeddings
from harness.mine.traffic import day

CONTEXT_BUDGET = "context_budget"
"""Fate of a row whose conversation repeats its history too often."""


class Selection:
    """The split of each row, and why a row that could have trained does not. Rows stand in one order throughout."""

    def __init__(self, rows: Sequence[CallRow], split: Sequence[str]) -> None:
        self.rows = rows
        self.split = list(split)
        self.details: dict[str, str] = {}
        """Call id to what was found, for the rows that were left out."""

    def clean(self, options: CurateOptions) -> None:
        """Leave out what is near an eval file or, in spite of all grouping, near an evaluated row."""
        judged = [normalise(text) for text in options.contamination]
        training = self._training()
        encode = embeddings.load(options.embeddings) if options.embeddings else None
        reasons = contaminated([self.rows[at].text for at in training], judged, options.near_duplicate, encode)
        for at, reason in zip(training, reasons, strict=True):
            if reason:
                self._leave_out(at, "contaminated", reason)
        held_out = [row.text for row, side in zip(self.rows, self.split, strict=True) if side in EVALUATED]
        training = self._training()
        for at, (_, score) in zip(training, nearest([self.rows[at].text for at in training], held_out), strict=True):
            if score >= options.near_duplicate:
                self._leave_out(at, "near_held_out", f"alike by {score:.2f} to a held-out case")

    def cap(self, group_of: Sequence[str], options: CurateOptions) -> None:
        """Hold each owner to its share. `group_of`: the group of each row."""
        groups = {row.call.id: group for row, group in zip(self.rows, group_of, strict=True)}
        owners: dict[str, tuple[float, Callable[[CallRow], str]]] = {
            "user": (options.user_share_cap, lambda row: row.call.user_id),
            "session": (options.session_share_cap, lambda row: row.conversation_id),
            "group": (options.group_share_cap, lambda row: groups[row.call.id]),
            "cluster": (options.cluster_share_cap, lambda row: row.cluster),
            "day": (options.day_share_cap, lambda row: day(row.call)),
        }
        for name, (share, owner) in owners.items():
            training = self._training()
            for index in caps.over([self.rows[at] for at in training], owner, share, options.seed):
                self._leave_out(training[index], f"{name}_cap", owner(self.rows[training[index]]))

    def budget(self, group_of: Sequence[str], options: CurateOptions) -> None:
        """Hold the training rows of each conversation to its budget of tokens: failures first, then by a stable hash."""
        training = self._training()
        answers = []
        for at in training:
            row = self.rows[at]
            call, rank = row.call, (not row.failed, digest([options.seed, row.key]))
            owner = call.session_id, call.user_id, group_of[at], canonical(call.tools)
            answers.append(LearntAnswer(owner, row.conversation, row.target.message, rank, row.conversation_id))
        for place in over_budget(answers, options.context_budget):
            self._leave_out(
                training[place], CONTEXT_BUDGET, f"its conversation has {options.context_budget:g} times its tokens"
            )

    def select(self, side: str, most: int, options: CurateOptions) -> None:
        """Keep at most `most` rows of a split, of each cluster its share, by a stable hash.

        In proportion, as production asks: the same number from each cluster, large or rare, made adapters that did
        worse than those of rows drawn at random (docs/benchmarks.md). Failures go before what passed, whose praise is
        so common that it would take their room, and which teaches what is known.
        """
        members = [at for at, at_side in enumerate(self.split) if at_side == side]
        size = Counter(self.rows[at].cluster for at in members)
        turns: Counter[str] = Counter()
        ranked: list[tuple[bool, float, int, int]] = []
        for at in sorted(members, key=lambda at: digest([options.seed, self.rows[at].key])):
            cluster = self.rows[at].cluster
            ranked.append((not self.rows[at].failed, (turns[cluster] + 0.5) / size[cluster], len(ranked), at))
            turns[cluster] += 1
        for *_, at in sorted(ranked)[most:]:
            self._leave_out(at, "not_selected", f"the {side} set has its {most:,} rows")

    def thin(self, side: str, drawn: Callable[[str], bool], options: CurateOptions) -> None:
        """Keep of a split's rows those whose calls are drawn, so that praised and other calls are there at one rate."""
        if options.regression_from == "passed":
            for at in [
                at for at, at_side in enumerate(self.split) if at_side == side and not drawn(self.rows[at].call.id)
            ]:
                self._leave_out(at, "not_selected", "not drawn from the calls that pass")

    def sample(self, side: str, most: int, options: CurateOptions) -> None:
        """Keep at most `most` rows of a split, at random: by a hash of their calls' ids, and nothing else."""
        members = [at for at, at_side in enumerate(self.split) if at_side == side]
        for at in sorted(members, key=lambda at: digest([options.seed, self.rows[at].call.id]))[most:]:
            self._leave_out(at, "not_selected", f"the {side} set has its {most:,} rows")

    def _training(self) -> list[int]:
        return [at for at, side in enumerate(self.split) if side == "train"]

    def _leave_out(self, at: int, fate: str, detail: str) -> None:
        self.split[at] = fate
        self.details[self.rows[at].call.id] = detail
