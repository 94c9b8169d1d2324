"""Ask a dozen judged cases through a deploy target, and compare its replies with those that were judged."""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from harness.errors import DeployError
from harness.evaluate import stage as evaluate_stage
from harness.evaluate import step as evaluate_step
from harness.project import JUDGED, EvaluationRuns, Project
from harness.promote import release as releases
from harness.types import Arm, Release, Reply, Result, Run

CASES = 12


class OtherAnswer(NamedTuple):
    suite: str
    case_id: str
    judged: str
    now: str


def probe(project: Project, release: Release, arm: Arm | None, may_differ: int = 0) -> str:
    """In words how many cases were answered as when they were judged; nothing is asked where `arm` is None.

    Which cases is drawn by their ids. Replies are compared as text and tool calls; `may_differ` is for engines whose arithmetic
    rounds in another way than that of the backend that was judged. Raises DeployError where more differ, where a case gets no
    answer, or where nothing can be compared.
    """
    if arm is None:
        return ""
    judged = releases.run_of(project, release.verdict)
    if judged is None:
        raise DeployError(
            "the replies that were judged are not kept, so the target cannot be probed",
            where=release.verdict[:12],
            next="trueup eval, trueup gate, then trueup promote",
        )
    asked = _ask(project, release, judged, arm)
    known = {_key(result): result for result in judged.results}
    pairs = [(known[_key(result)], result) for result in asked.results if _key(result) in known]
    if not pairs:
        raise DeployError("no judged case could be asked again", next="trueup eval, trueup gate, then trueup promote")
    failed = next((result for _, result in pairs if result.error), None)
    if failed:
        raise DeployError(f"the target gave no answer: {failed.error[:300]}", where=f"{failed.suite} {failed.case_id}")
    differing = list(differences(pairs))
    if len(differing) > may_differ:
        first = differing[0]
        raise DeployError(
            f"the target answers {len(differing)} of {len(pairs)} judged cases differently: "
            f"{first.now[:80]!r}, where {first.judged[:80]!r} was judged",
            where=f"{first.suite} {first.case_id}",
            next="check which model, adapter and number format it serves; may_differ allows for rounding",
        )
    return f"{len(pairs) - len(differing)} of {len(pairs)} judged cases answered as judged"


def differences(pairs: Sequence[tuple[Result, Result]]) -> list[OtherAnswer]:
    """Cases whose replies differ; pairs are (judged, now)."""
    return [
        OtherAnswer(now.suite, now.case_id, _words(before.replies), _words(now.replies))
        for before, now in pairs
        if _said(before.replies) != _said(now.replies)
    ]


def _ask(project: Project, release: Release, judged: Run, arm: Arm) -> Run:
    """A part of the cases, asked anew: nothing comes from the cache of replies."""
    cases = len({(result.suite, result.case_id) for result in judged.results})
    evaluation = project.store.artifacts.get(
        "evaluation", project.recalled(JUDGED, release.verdict, "evaluation"), EvaluationRuns
    )
    dataset = project.dataset(evaluation.dataset) if evaluation.dataset else None
    request = evaluate_step.eval_request(project, dataset, None)
    part = replace(request, arms=(arm,), replies="", shard=f"1/{max(1, cases // CASES)}", drawn=True, repeats=1)
    (run,) = evaluate_stage.evaluate(part, purse=project.purse)
    return run


def _key(result: Result) -> tuple[str, str, int]:
    return result.suite, result.case_id, result.repeat


def _said(replies: Sequence[Reply]) -> list[object]:
    return [(reply.text, [(call.name, call.arguments) for call in reply.tool_calls]) for reply in replies]


def _words(replies: Sequence[Reply]) -> str:
    return " | ".join(reply.text or ", ".join(call.name for call in reply.tool_calls) for reply in replies)
