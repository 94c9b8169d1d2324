"""Ask a teacher for targets of failures that nobody corrected; replies are kept, and accepted by the suites."""

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from harness.curate.options import CurateOptions, Teacher
from harness.curate.review.queue import wanted
from harness.curate.sieve import Sieve
from harness.curate.teacher import arm as teacher_arm
from harness.curate.teacher import stage as teacher_stage
from harness.errors import UsageError
from harness.evaluate.runner.answering import Answerer
from harness.mine import stage as mine_stage
from harness.mine.mined import Mined
from harness.mine.norms import learn
from harness.mine.traffic import Traffic
from harness.project import Project
from harness.types import Call, Message, Reply, Request


def teach(project: Project, mined: Mined, options: CurateOptions) -> dict[str, Message]:
    """Call id to a teacher's accepted answer; none when [curate.teacher] names no backend.

    Raises UsageError when no eval file is named that could accept an answer.
    """
    teacher = options.teacher
    if not teacher.backend:
        return {}
    accepting = suites(project, teacher)
    with project.progress.step("teach"):
        feedback, traffic = project.feedback(), Traffic(project.calls())
        fates = Sieve(traffic, feedback, mined).rows(options)[1]
        chosen = wanted((), fates, mined, feedback)[: teacher.most]
        known = project.store.traces.calls_by_id(chosen)
        calls = [known[name] for name in chosen if name in known]
        taught = teacher_stage.teach(
            calls,
            {call.id: traffic.prompts.strip(call) for call in calls},
            replies(project, teacher, [(call.id, request) for call in calls for request in _requests(call, teacher)]),
            accepting,
            learn(traffic, mine_stage.by_call(feedback), traffic.prompts.strip),
        )
        why = ", ".join(f"{count} {reason}" for reason, count in taught.refused.items())
        project.progress.note(
            f"teacher: {len(taught.answers):,} of {len(calls):,} calls answered" + f"; refused: {why}" * bool(why)
        )
    return taught.answers


def suites(project: Project, teacher: Teacher) -> list[str]:
    """Paths of the eval files that accept what a teacher says. Raises UsageError without a teacher or without files."""
    if not teacher.backend:
        raise UsageError(
            "there is no teacher",
            where="[curate.teacher]",
            next='backend = "openai_compatible", with its model and options = { url = ... }',
        )
    if not teacher.suites:
        raise UsageError(
            "a teacher's answers need eval files that accept them",
            where="[curate.teacher]",
            next='suites = ["evals/eval_tone.py"]',
        )
    for path in teacher.suites:
        if not Path(path).is_file():
            raise UsageError("there is no such eval file", where=path, next="fix [curate.teacher] suites")
    return list(teacher.suites)


def replies(project: Project, teacher: Teacher, asked: Sequence[tuple[str, Request]]) -> dict[str, list[Reply]]:
    """What the teacher said, by the name that each request came with; from the cache where it was asked before.

    Requests that it failed on have no reply.
    """
    arm = teacher_arm.of(teacher, project.config.model_path(teacher.model, teacher.backend))
    answerer = Answerer((arm,), str(project.store.root / "replies"), purse=project.purse)
    size, found = answerer.size(arm), dict[str, list[Reply]]()
    try:
        for start in range(0, len(asked), size):
            part = asked[start : start + size]
            for (name, _), reply in zip(part, answerer.answer(arm, [one for _, one in part]), strict=True):
                if isinstance(reply, Reply):
                    found.setdefault(name, []).append(reply)
            project.progress.update(min(start + size, len(asked)), len(asked), "answers")
    finally:
        answerer.close()
    return found


def _requests(call: Call, teacher: Teacher) -> list[Request]:
    """Under production's own prompt, with its tools; each sample under a seed of its own."""
    one = Request(
        messages=call.input,
        tools=call.tools,
        max_tokens=teacher.max_tokens,
        temperature=teacher.temperature if teacher.samples > 1 else 0.0,
    )
    return [replace(one, seed=number, repeat=number) for number in range(teacher.samples)]
