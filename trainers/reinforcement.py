"""Reinforce by the suite's own scores: answers that score higher than their siblings become likelier.

GRPO (arXiv 2402.03300) and RLOO (arXiv 2402.14740), by TRL. The reward is what the eval function says of the answer: no
second registry of rewards. Only training cases are asked, a part of them is kept aside, and when reward rises while the
score on that part falls, the run stops: it is learning the scorer, not the task.
"""

import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec
from datasets import Dataset
from msgspec.structs import replace
from transformers import Trainer, TrainingArguments
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

from harness.core.codec import digest
from harness.core.dataset_files import write_train
from harness.core.rendering import stop_ids
from harness.errors import InvalidError, UsageError
from harness.evaluate.reward_client import SuiteJudge
from harness.types import Adapter, CurvePoint, Estimate, Json, Preview, Reply, Request, TuneRequest
from trainers.model import parameters
from trainers.model.language_model import LanguageModel
from trainers.model.memory import peak_bytes
from trainers.publishing import adapter_folder
from trainers.publishing.conclude import Outcome, reopened
from trainers.rows import dataset, scored
from trainers.rows.scored import Scores, Split, Together
from trainers.rows.tokens import TokenRow
from trainers.rows.written import reply_of
from trainers.training import beginning, choices, exactness, played, trl_loop
from trainers.training import options as training_options
from trainers.training.beginning import Start
from trainers.training.descent import OnPoint
from trainers.training.preview import shown, spread
from trainers.training.trl_loop import Plan
from trainers.training.validation import choose

LOSSES: dict[str, tuple[Callable[..., TrainingArguments], type[Trainer]]] = {
    "grpo": (GRPOConfig, GRPOTrainer),
    "rloo": (RLOOConfig, RLOOTrainer),
}
RATE_SHARE = 1 / 20
"""Learning rate as a share of supervised LoRA's: TRL's guide has 1e-5 where LoRA takes 2e-4."""
STEPS, QUESTIONS, CHECKS = 100, 4, 5
"""Steps, questions a step, and how often validation is looked at, where the recipe does not say."""
SIGNAL_STEPS = 10
"""After so many steps in which no answer scored unlike its siblings, there is nothing to learn from."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[tune.options]` of this recipe."""

    suite: str = ""
    """The eval function whose score is the reward."""
    loss: str = "grpo"
    """grpo or rloo."""
    generations: int = 8
    """Answers to each question of a step; they are compared with each other."""
    beta: float | None = None
    """Weight of the KL divergence from the start; None: 0 for grpo, 0.05 for rloo, as TRL has it."""
    temperature: float = 1.0
    sessions: bool | None = None
    """Whether the suite holds sessions: several requests a case, with tools or without. None: it does where it offers tools."""
    start: str = beginning.SFT
    """sft, base, or an adapter's folder."""
    sft: dict[str, Any] = {}
    """Knobs of the supervised stage."""


def train(request: TuneRequest, on_point: OnPoint) -> Adapter:
    """Train and publish the adapter of `request`; a killed training goes on from its newest whole checkpoint.

    Raises UsageError on unknown options or suite, InputError on too few cases, InvalidError on a held-out case, a suite
    that breaks on answers, scores that never differ, or reward and validation that part.
    """
    began, options, draft = time.monotonic(), options_of(request), adapter_folder.draft(request)
    known = adapter_folder.published(Path(request.out), draft)
    if known is not None:
        return known
    parts = scored.split(request)
    base = parameters.open_for(request)
    with scored.open_judge(request, request.prompt) as judge:
        asked = {case.id: question for case, question in zip(parts.cases, _requests(judge, parts), strict=True)}
        sessions = _sessions(options, asked)
        start = beginning.begin(_without_validation(request, parts), options.start, options.sft, on_point)
        filled = _fill(start, options, parameters.parameters(base.model), len(parts.train), base.max_tokens)
        ident = digest([draft.id, start.id, judge.suite.digest])
        model = beginning.attach(base.model, start)
        rows = dataset.rows(replace(request, recipe=replace(request.recipe, replay_share=0.0)), base)
        checked = _checked(model, base, rows.rows, asked, options)
        scores = Scores(judge)
        kind = SessionRollouts if sessions else Rollouts
        run = kind(base, model, asked, parts, scores, request.base)
        folder = Path(f"{request.out}.checkpoints")
        plan = Plan(filled.recipe, ident, folder, on_point, run.before, run.after(filled.steps))
        trainer = _trainer(run, options, plan)
        run.begin([point.reward or 0.0 for point in trl_loop.newest(plan)[1] if point.step])
        curve = trl_loop.run(trainer, plan)
    weights = parameters.weights(trl_loop.trained(trainer))
    outcome = Outcome(
        filled=filled,
        curve=curve,
        rows=rows.rows,
        fates=parts.fates,
        tokens=rows.tokens,
        checks={"reinforcement": run.summary() | {"suite": judge.suite.name}, "start": start.id, "training": checked},
        began=began,
        choice=choose(curve),
    )
    del trainer, base, run, model
    return reopened(request, draft, weights, outcome)


def preview(request: TuneRequest, count: int) -> Preview:
    """`count` of the prompts that are answered, token by token. Raises what training would raise."""
    options, parts = options_of(request), scored.split(request)
    base = parameters.open_for(request)
    with scored.open_judge(request, request.prompt) as judge:
        asked, name = _requests(judge, parts)[: len(parts.train)], judge.suite.name
    ids = scored.prompts(asked, base)
    most = max(question.max_tokens for question in asked)
    rows = [TokenRow(case.id, given, [False] * len(given)) for case, given in zip(parts.train, ids, strict=True)]
    counts = f"{{}} tokens of prompt, {options.generations} answers of at most {most} tokens"
    notes = [f"the model writes the answers; {name} scores them, and each is compared with the others to its prompt"]
    if options.start == beginning.SFT:
        notes.append('a supervised stage on the same cases comes first: method = "sft" shows its rows')
    return Preview(
        rows=tuple(shown(row, base.tokenizer, counts.format(len(row.ids))) for row in spread(rows, count)),
        fates=parts.fates,
        tokens={"context": sum(map(len, ids))},
        notes=tuple(notes),
    )


def estimate(request: TuneRequest) -> Estimate:
    """Steps, tokens generated, time and memory, with those of a supervised stage that comes first. Nothing is written.

    The base is what is tried: after a supervised stage answers are shorter, and steps take less.
    """
    options, parts = options_of(request), scored.split(request)
    base = parameters.open_for(request)
    with scored.open_judge(request, request.prompt) as judge:
        asked = {case.id: question for case, question in zip(parts.cases, _requests(judge, parts), strict=True)}
        ahead = beginning.foresee(request, options.start, options.sft)
        filled = _fill(ahead.start, options, parameters.parameters(base.model), len(parts.train), base.max_tokens)
        model = beginning.attach(base.model, ahead.start)
        rows = dataset.rows(replace(request, recipe=replace(request.recipe, replay_share=0.0)), base)
        _checked(model, base, rows.rows, asked, options)
        kind = SessionRollouts if _sessions(options, asked) else Rollouts
        run = kind(base, model, asked, parts, Scores(judge), request.base)
        weights = parameters.counted(run.model)
        seconds = trl_loop.trial(lambda plan: _trainer(run, options, plan), filled.recipe)
    answers = filled.recipe.batch_size or 0
    cost = Estimate(
        steps=filled.steps,
        rows=parts.fates,
        tokens={"context": sum(len(run.ids[case.id]) for case in parts.train)},
        seconds=seconds * filled.steps,
        peak_bytes=peak_bytes(),
        weights=weights.all,
        trained_weights=weights.trained,
        choices=filled.reasons,
        details={
            "answers": f"{answers} a step to {answers // options.generations} prompts, {answers * filled.steps:,} in all",
            "generated": f"at most {run.max_tokens} tokens an answer, {answers * filled.steps * run.max_tokens:,} in all",
            "validation": f"{len(parts.validation)} prompts answered {CHECKS + 1} times, which is not in the time",
        },
    )
    return ahead.joined(cost, options.loss)


def options_of(request: TuneRequest) -> Options:
    """The request's options. Raises UsageError on one that is not known."""
    options = training_options.read(request, Options)
    if options.loss not in LOSSES:
        raise UsageError(f"there is no reinforcement loss {options.loss!r}", next=f"known: {', '.join(LOSSES)}")
    if options.generations < 2:
        raise UsageError("an answer needs siblings to be compared with", next="set generations to 2 or more")
    return options


class Rollouts:
    """What the trainer is asked and how its answers are scored; every prompt is made of the suite's own request."""

    def __init__(
        self,
        base: parameters.Base,
        model: LanguageModel,
        asked: dict[str, Request],
        parts: Split,
        scores: Scores,
        folder: str,
    ) -> None:
        self.model, self.tokenizer, self.parts = model, base.tokenizer, parts
        self.ids = dict(zip(asked, scored.prompts(list(asked.values()), base), strict=True))
        self.max_tokens = max(question.max_tokens for question in asked.values())
        self._scores = scores
        self._stop = stop_ids(base.tokenizer, folder)
        longest = max(map(len, self.ids.values()))
        self._answer = trl_loop.greedy(model, base.tokenizer, self._stop, self.max_tokens, longest)
        self._together = Together([])
        self._flat: int | None = 0
        """Batches so far in which no question had two answers that scored differently; None once one had."""

    def begin(self, rewards: Sequence[float]) -> None:
        """Score the validation cases before the first step. `rewards`: of the steps that a killed training had done."""
        self._together = Together(self._validate())
        for reward in rewards:
            self._together.add(reward)

    def before(self) -> CurvePoint:
        """The validation score of what the training starts from."""
        return CurvePoint(step=0, epoch=0.0, loss=0.0, score=fmean(self._together.start))

    def after(self, steps: int) -> Callable[[CurvePoint], CurvePoint]:
        """What happens after each step: rewards are noted, and validation is looked at now and then."""
        every = max(1, steps // CHECKS)

        def look(point: CurvePoint) -> CurvePoint:
            self._together.add(point.reward or 0.0)
            if point.step % every and point.step != steps:
                return point
            return replace(point, score=self._together.check(point.step, self._validate()))

        return look

    def reward(self, prompts: list[str], completion_ids: list[list[int]], **columns: Any) -> list[float]:
        """The suite's score of each answer; TRL calls it with the prompts' texts, which are case ids here.

        Raises InvalidError when no step so far had two answers to one question that scored differently.
        """
        return self._noted(prompts, self._scores(prompts, self._read(prompts, completion_ids)))

    def _noted(self, prompts: list[str], values: list[float]) -> list[float]:
        """The values, once it is known whether answers to one question ever score differently."""
        by_case: dict[str, set[float]] = {}
        for ident, value in zip(prompts, values, strict=True):
            by_case.setdefault(ident, set()).add(value)
        if any(len(scores) > 1 for scores in by_case.values()):
            self._flat = None
        elif self._flat is not None:
            self._flat += 1
        if self._flat == SIGNAL_STEPS:
            raise InvalidError(
                f"in {SIGNAL_STEPS} steps all answers to a question scored the same: there is nothing to learn from",
                next='start from a supervised stage (start = "sft"), or raise temperature or generations',
            )
        return values

    def summary(self) -> dict[str, Any]:
        return {**self._together.summary(), "answers": self._scores.judged, "broken": self._scores.broken}

    def _validate(self) -> list[float]:
        names = [case.id for case in self.parts.validation]
        return self._scores(names, self._read(names, self._answer([self.ids[name] for name in names])))

    def _read(self, names: Sequence[str], written: Sequence[Sequence[int]]) -> list[Reply]:
        """The answers as serving reads them: without reasoning in their text."""
        return [
            reply_of(self.tokenizer, self.ids[name], tokens, self._stop)
            for name, tokens in zip(names, written, strict=True)
        ]


class SessionRollouts(Rollouts):
    """Rollouts of several turns: each case is played by the eval function, and TRL gets the tokens with a mask."""

    rewritten = 0
    """Sessions whose row ends early, since the template writes an answer otherwise once it is history."""

    def rollouts(self, temperature: float) -> Callable[[list[str], Any], dict[str, Any]]:
        """TRL's `rollout_func`: plays each case once. The scores go along to `reward`, as the column `value`."""
        write = played.sampled(self.model, self.tokenizer, self._stop, temperature)

        def roll(names: list[str], trainer: Any) -> dict[str, Any]:
            sessions = [self._play(name, write) for name in names]
            values = self._scores.values([each.judged for each in sessions])
            self.rewritten += sum(each.rewritten for each in sessions)
            return {**played.as_rollouts(sessions), "logprobs": None, "value": values}

        return roll

    def reward(self, prompts: list[str], completion_ids: list[list[int]], **columns: Any) -> list[float]:
        """The scores of the sessions that were just played. Raises InvalidError as `Rollouts.reward` does."""
        return self._noted(prompts, columns["value"])

    def summary(self) -> dict[str, Any]:
        return {**super().summary(), "sessions": True, "rewritten": self.rewritten}

    def _validate(self) -> list[float]:
        def write(ids: list[int], most: int) -> list[int]:
            return self._answer([ids])[0][:most]

        return self._scores.values([self._play(case.id, write).judged for case in self.parts.validation])

    def _play(self, name: str, write: played.Writing) -> played.Session:
        return played.play(self._scores.judge, name, self.tokenizer, self._stop, write)


def _checked(
    model: LanguageModel, base: parameters.Base, rows: Sequence[TokenRow], asked: dict[str, Request], options: Options
) -> dict[str, Json]:
    """What is known of TRL's own batches, in generation and in training. Raises InputError when they are not exact."""
    most = max(question.max_tokens for question in asked.values())
    longest = max(row.first for row in rows) + most
    exactness.check_rollouts(model, base.tokenizer, longest, options.loss)
    return exactness.check_masked(model, rows, "both", options.loss)


def _requests(judge: SuiteJudge, parts: Split) -> list[Request]:
    return judge.requests([case.id for case in (*parts.train, *parts.validation)])


def _sessions(options: Options, asked: dict[str, Request]) -> bool:
    """Whether cases are sessions. Raises UsageError for a loss that would learn the environment's tokens."""
    offered = any(request.tools for request in asked.values())
    sessions = offered if options.sessions is None else options.sessions
    if sessions and options.loss != "grpo":
        raise UsageError(
            f"{options.loss} cannot leave out the tokens of tools and users, so it does not learn from sessions",
            next='set loss = "grpo"',
        )
    return sessions


def _trainer(run: Rollouts, options: Options, plan: Plan) -> Trainer:
    kind, trainer = LOSSES[options.loss]

    def tokenize(self: Any, prompts: list[str]) -> tuple[list[list[int]], None, dict[str, Any]]:
        return [run.ids[prompt] for prompt in prompts], None, {}

    sessions = isinstance(run, SessionRollouts)
    widest = max(len(run.ids[case.id]) for case in run.parts.train) + run.max_tokens
    settings = {**trl_loop.settings(plan, trl_loop.PIECE if sessions else widest), "remove_unused_columns": False}
    more = {"rollout_func": run.rollouts(options.temperature)} if isinstance(run, SessionRollouts) else {}
    make: Callable[..., Trainer] = trl_loop.tokenized(trainer, _tokenize_prompts=tokenize)
    with warnings.catch_warnings():  # TRL's version is pinned, and a test says what its rollouts do
        warnings.filterwarnings("ignore", message="You are using 'rollout_func'")
        return make(
            model=run.model,
            reward_funcs=[run.reward],
            args=kind(
                **settings,
                num_generations=options.generations,
                max_completion_length=run.max_tokens,
                temperature=options.temperature,
                steps_per_generation=settings[
                    "gradient_accumulation_steps"
                ],  # all answers of a step are written at once
                **({} if options.beta is None else {"beta": options.beta}),
            ),
            train_dataset=Dataset.from_list([{"prompt": case.id} for case in run.parts.train]),
            processing_class=run.tokenizer,
            **more,
        )


def _fill(start: Start, options: Options, weights: int, rows: int, longest: int) -> choices.Filled:
    """Steps and batches in answers; the learning rate as a share of supervised LoRA's."""
    recipe, reasons = start.recipe, {}
    if recipe.batch_size is None:
        recipe = replace(recipe, batch_size=QUESTIONS * options.generations)
        reasons["batch_size"] = f"{recipe.batch_size}: {QUESTIONS} questions a step, {options.generations} answers each"
    assert recipe.batch_size is not None
    if recipe.batch_size % options.generations:
        raise UsageError(
            f"batch_size {recipe.batch_size} is no multiple of {options.generations} generations",
            next="batch_size counts answers: questions a step times generations",
        )
    asked = recipe.batch_size // options.generations
    if recipe.max_steps is None:
        steps = round(recipe.epochs * rows / asked) if recipe.epochs else STEPS
        recipe = replace(recipe, max_steps=max(1, steps))
        reasons["max_steps"] = f"{recipe.max_steps}: {asked} questions a step"
    assert recipe.max_steps is not None
    filled = choices.fill(replace(recipe, epochs=recipe.max_steps * asked / rows), weights, rows, longest)
    if recipe.learning_rate is None and filled.recipe.learning_rate is not None:
        rate = float(f"{filled.recipe.learning_rate * RATE_SHARE:.2g}")
        reasons["learning_rate"] = f"{rate:g}: a twentieth of what supervised LoRA takes on this base"
        filled = choices.Filled(replace(filled.recipe, learning_rate=rate), filled.reasons)
    return choices.Filled(filled.recipe, filled.reasons | reasons)


def _without_validation(request: TuneRequest, parts: Split) -> TuneRequest:
    """The request of the supervised stage: it must not have seen what validation asks."""
    folder = Path(f"{request.out}.checkpoints") / "data"
    write_train(folder, parts.train)
    replay = Path(request.dataset) / dataset.REPLAY
    if replay.exists():
        (folder / dataset.REPLAY).write_bytes(replay.read_bytes())
    return replace(request, dataset=str(folder))
