"""Paraphrase as a step: each new row is accepted by the suites and by the teacher's own answer to it.

A wording that changes what was meant would teach a wrong answer. So the teacher is asked twice, and a row is kept only
when its answer to the new wording is the row's target, and no eval function and no detector objects to that target there.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from harness.core.codec import digest
from harness.curate.options import CurateOptions
from harness.curate.teacher import paraphrase
from harness.curate.teacher import stage as teacher_stage
from harness.curate.teacher import step as teacher_step
from harness.evaluate.recorded import EvalFiles
from harness.project import Project
from harness.types import Call, Case, Reply, Request


def reword(project: Project, train: Sequence[Case], options: CurateOptions, share: float) -> list[Case]:
    """At most `share` of `train`'s size in new rows, one for each row that was drawn. Nothing is asked for a share of 0.

    Raises UsageError when [curate.teacher] names no backend, or no eval file that could accept.
    """
    wanted = round(share * len(train))
    if not wanted:
        return []
    suites = teacher_step.suites(project, options.teacher)
    able = [case for case in train if paraphrase.can_be_asked(case)]
    drawn = sorted(able, key=lambda case: digest([options.seed, "paraphrase", case.id]))[:wanted]
    calls = project.store.traces.calls_by_id([case.call_id for case in drawn])
    refused: Counter[str] = Counter()
    tried = _wordings(project, [case for case in drawn if case.call_id in calls], options, refused)
    answers = teacher_step.replies(
        project,
        options.teacher,
        [(new.id, _as_in_production(calls[new.call_id], new, options.teacher.max_tokens)) for _, new in tried],
    )
    found: dict[str, Case] = {}
    with EvalFiles(suites) as files:
        for old, new in tried:
            answered = answers.get(new.id, ())
            reason = "" if old in found else next(_objections(calls[new.call_id], new, answered, files), "")
            if reason:
                refused[reason] += 1
            else:
                found.setdefault(old, new)
    why = ", ".join(f"{count} {reason}" for reason, count in refused.most_common())
    project.progress.note(
        f"teacher: {len(found):,} of {len(drawn):,} rows worded otherwise" + f"; refused: {why}" * bool(why)
    )
    return list(found.values())


def _wordings(
    project: Project, drawn: Sequence[Case], options: CurateOptions, refused: Counter[str]
) -> list[tuple[str, Case]]:
    """The id of the row that was asked for, and the row that it would become; each wording once."""
    asked = [(case.id, request) for case in drawn for request in paraphrase.requests(case, options.teacher)]
    replies = teacher_step.replies(project, options.teacher, asked)
    found: dict[str, tuple[str, Case]] = {}
    for case in drawn:
        for reply in replies.get(case.id, ()):
            new = paraphrase.reworded(case, reply.text)
            if isinstance(new, str):
                refused[new] += 1
            else:
                found[new.id] = (case.id, new)
    return list(found.values())


def _as_in_production(call: Call, new: Case, max_tokens: int) -> Request:
    """The call's own request, prompt and tools, with the new wording."""
    return Request(messages=(*call.input[:-1], new.messages[-1]), tools=call.tools, max_tokens=max_tokens)


def _objections(call: Call, new: Case, answers: Sequence[Reply], files: EvalFiles) -> Iterator[str]:
    assert new.target is not None
    if not any(teacher_stage.says(reply, new.target) for reply in answers):
        yield "another answer"
    asked = replace(call, input=(*call.input[:-1], new.messages[-1]))
    yield from teacher_stage.objections(asked, new.target, new.messages, files)
