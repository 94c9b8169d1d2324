"""Distil: learn the answers of a teacher that the suite accepts, and drop the long prompt that it needed.

The teacher is any arm of trueup.toml: a larger local model, an endpoint, or the base model itself under the prompt that
production uses. The last is prompt distillation (arXiv 2209.15189): the student learns to do without the prompt. What the
teacher gets wrong by the suite's own score is not learnt (rejection sampling, as in arXiv 2308.01825).

With `on_policy` the student then writes answers of its own, and is drawn to the teacher's probabilities for each token of
them (arXiv 2306.13649), by TRL; that needs a local teacher of the same vocabulary.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from harness.core.codec import digest, write_lines
from harness.core.rendering import prompt_ids
from harness.errors import InputError, UsageError
from harness.types import Adapter, Arm, Case, Estimate, Message, Preview, Recipe, Request, TextPart, TuneRequest
from trainers import sft
from trainers.model import parameters
from trainers.publishing import adapter_folder, conclude
from trainers.rows import dataset, scored, teacher_answers, tokens
from trainers.rows.teacher_answers import Lessons
from trainers.rows.tokens import TokenRow
from trainers.training import beginning, choices, on_policy
from trainers.training import options as training_options
from trainers.training.descent import OnPoint
from trainers.training.preview import shown, spread

LEAST = 10
"""Fewer accepted answers teach nothing."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[tune.options]` of this recipe."""

    suite: str = ""
    """The eval function that says which answers are good enough to learn."""
    teacher: str = ""
    """The arm of trueup.toml that answers."""
    samples: int = 1
    """Answers asked for a case: the first greedy, others drawn at `temperature`; the best accepted one is learnt."""
    temperature: float = 0.8
    accept: float = 1.0
    """Least score that is good enough."""
    on_policy: int = 0
    """Steps on the student's own answers afterwards, against the teacher's probabilities."""
    beta: float = 0.5
    """Of the on-policy divergence: 0 forward KL, 1 reverse KL."""


def train(request: TuneRequest, on_point: OnPoint) -> Adapter:
    """Train and publish the adapter of `request`; a killed run asks for no answer twice, and resumes its training.

    Raises UsageError on unknown options, suite or teacher, InvalidError on a held-out case, InputError when too few of
    the teacher's answers are accepted, and what the teacher's backend raises.
    """
    began, options, draft = time.monotonic(), options_of(request), adapter_folder.draft(request)
    known = adapter_folder.published(Path(request.out), draft)
    if known is not None:
        return known
    teacher = teacher_of(request, options)
    project = Path(f"{request.out}.checkpoints")
    cases = _cases(request)
    with scored.open_judge(request, teacher.prompt) as judge:
        kept = project / "teacher.jsonl"
        lessons = teacher_answers.lessons(
            teacher, cases, judge, options.samples, options.temperature, options.accept, kept
        )
        suite = judge.suite.name
    _refuse_few(lessons, teacher)
    folder = _with_lessons(request, lessons.cases, project)
    form = "adapter" if options.on_policy else request.recipe.form  # a second stage goes on from an adapter
    plain = replace(request.recipe, method="sft", options={}, form=form)
    student = sft.train(replace(request, dataset=str(folder), out=str(project / "sft"), recipe=plain), on_point)
    facts = {
        "teacher": teacher.name,
        "suite": suite,
        "asked": lessons.asked,
        "accepted": lessons.accepted,
        "prompt_messages": {"teacher": len(teacher.prompt.messages), "student": len(request.prompt.messages)},
    }
    extra: dict[str, Any] = {
        "rows": {**student.rows, **lessons.fates},
        "began": began,
        "checks": {"distillation": facts},
    }
    if options.on_policy:
        return _on_policy(request, draft, student, teacher, options, on_point, extra)
    return conclude.adopt(project / "sft", request, draft, student, **extra)


def preview(request: TuneRequest, count: int) -> Preview:
    """`count` prompts as the student will read them, beside how long the teacher's are. The teacher is not asked."""
    options = options_of(request)
    asked, cases = _asked(request, teacher_of(request, options))
    base = parameters.open_for(request)
    teacher = {case.id: ids for case, ids in zip(cases, scored.prompts(asked, base), strict=True)}
    rows = [_unanswered(case, request, base) for case in cases]
    counts = "{} tokens of prompt; the teacher reads {}"
    shown_rows = [
        shown(row, base.tokenizer, counts.format(len(row.ids), len(teacher[row.id]))) for row in spread(rows, count)
    ]
    saved = sum(map(len, teacher.values())) - sum(len(row.ids) for row in rows)
    notes = (
        f"what is learnt is the answer of {options.teacher!r}, where {options.suite} gives it {options.accept:g} or more; "
        "it is not asked now",
        f"the teacher's prompts have {saved / len(rows):+.0f} tokens on the student's, counted by the student's tokenizer",
    )
    fates = {"asked": len(cases)}
    return Preview(
        rows=tuple(shown_rows), fates=fates, tokens={"context": sum(len(row.ids) for row in rows)}, notes=notes
    )


def estimate(request: TuneRequest) -> Estimate:
    """What the teacher will be asked, and the cost of the student's training as if all of its answers were accepted and
    as long as the dataset's own. The teacher is not asked."""
    options = options_of(request)
    teacher = teacher_of(request, options)
    asked, cases = _asked(request, teacher)
    most = max(question.max_tokens for question in asked)
    with tempfile.TemporaryDirectory() as project:
        folder = _with_lessons(request, [_stood_in(case, most) for case in cases], Path(project))
        plain = replace(request.recipe, method="sft", options={})
        cost = sft.estimate(replace(request, dataset=str(folder), recipe=plain))
    answers = len(cases) * options.samples
    details = {
        "teacher": f"{teacher.name!r} is asked for {answers:,} answers of at most {most} tokens, which is not in the time",
        "student": "as if every answer were accepted, and as long as the dataset's own",
    }
    if options.on_policy:
        details["on policy"] = f"{options.on_policy} steps on the student's own answers, which are not in the time"
    return replace(cost, details=details)


def _asked(request: TuneRequest, teacher: Arm) -> tuple[list[Request], list[Case]]:
    """What the teacher will be asked, and about which cases."""
    cases = _cases(request)
    with scored.open_judge(request, teacher.prompt) as judge:
        return judge.requests([case.id for case in cases]), cases


def _cases(request: TuneRequest) -> list[Case]:
    offered = dataset.answers(replace(request, recipe=replace(request.recipe, replay_share=0.0)))
    tokens.refuse_held_out(offered, request.held_out_ids)
    cases = dataset.within_budget(offered, request.dataset)
    if not cases:
        raise InputError("there is nothing to ask a teacher", where=request.dataset, next="ingest more traces")
    return cases


def _unanswered(case: Case, request: TuneRequest, base: parameters.Base) -> TokenRow:
    ids = prompt_ids(base.tokenizer, request.prompt, case.messages, case.tools, request.template_options)
    return TokenRow(case.id, ids, [False] * len(ids))


def _stood_in(case: Case, most: int) -> Case:
    """The case with some answer: where the dataset has none, one of about `most` tokens."""
    words = Message(role="assistant", parts=(TextPart(text=" ".join(["so"] * most)),))
    return case if case.target else replace(case, target=words)


def options_of(request: TuneRequest) -> Options:
    """The request's options. Raises UsageError on one that is not known."""
    return training_options.read(request, Options)


def teacher_of(request: TuneRequest, options: Options) -> Arm:
    """Raises UsageError when there is none, or one that cannot teach on the student's own answers."""
    teacher = request.teacher
    if teacher is None:
        raise UsageError(
            "there is no teacher to learn from",
            where="[tune.options]",
            next='set teacher = "prompted", or another arm of trueup.toml',
        )
    if options.on_policy and (teacher.backend != "hf" or teacher.prompt.messages != request.prompt.messages):
        raise UsageError(
            "on-policy distillation compares each token's probabilities, so the teacher must be a local model under the "
            "student's own prompt",
            where=f"arm {teacher.name}",
            next="set on_policy = 0, or name a larger local model as teacher",
        )
    return teacher


def _refuse_few(lessons: Lessons, teacher: Arm) -> None:
    if len(lessons.cases) < LEAST:
        raise InputError(
            f"the suite accepts {lessons.accepted} of {lessons.asked} answers of {teacher.name!r}, on {len(lessons.cases)} cases",
            where=f"arm {teacher.name}",
            next="name a better teacher, raise samples, or lower accept",
        )


def _with_lessons(request: TuneRequest, cases: list[Case], project: Path) -> Path:
    """A dataset folder with the teacher's answers as targets, and the replay of the request's own."""
    folder = project / "data"
    write_lines(folder / dataset.TRAIN, cases)
    replay = Path(request.dataset) / dataset.REPLAY
    if replay.exists():
        (folder / dataset.REPLAY).write_bytes(replay.read_bytes())
    return folder


def _on_policy(
    request: TuneRequest,
    draft: Adapter,
    student: Adapter,
    teacher: Arm,
    options: Options,
    on_point: OnPoint,
    extra: dict[str, Any],
) -> Adapter:
    """A second stage on the student's own answers, from the adapter that learnt the teacher's."""
    project = Path(f"{request.out}.checkpoints")
    recipe = replace(student.recipe, method=request.recipe.method, options=request.recipe.options)
    start = beginning.Start(_steps(recipe, request.recipe, options.on_policy), student, project / "sft")
    base = parameters.open_for(replace(request, recipe=start.recipe))
    folder = replace(request, dataset=str(project / "data"), recipe=replace(request.recipe, replay_share=0.0))
    rows = dataset.rows(folder, base)
    filled = choices.fill(start.recipe, parameters.parameters(base.model), len(rows.rows), base.max_tokens)
    ident = digest([draft.id, student.id, teacher])
    weights, curve = on_policy.train(
        request, base, start, teacher, rows.rows, options.beta, filled.recipe, ident, on_point
    )
    del base
    outcome = conclude.Outcome(
        filled=filled,
        curve=(*student.curve, *curve),
        rows=rows.rows,
        fates=extra["rows"],
        tokens=rows.tokens,
        checks={**extra["checks"], "start": student.id},
        began=extra["began"],
    )
    return conclude.reopened(request, draft, weights, outcome)


def _steps(recipe: Recipe, asked: Recipe, steps: int) -> Recipe:
    """The first stage's recipe for so many steps more, at half of its learning rate."""
    rate = (asked.learning_rate or recipe.learning_rate or 0.0) / 2
    return replace(recipe, max_steps=steps, epochs=None, checkpoint_every=None, learning_rate=rate)
