"""Evolve the system text by reflection: a model reads failed rows and writes a better text (GEPA).

Agrawal et al., "GEPA: reflective prompt evolution can outperform reinforcement learning" (arXiv 2507.19457), by the package
`gepa`. Candidates are kept while they are the best at one row at least, so a text that is good at few rows is not lost.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from harness.core.codec import canonical
from harness.core.replies import expected_of
from harness.errors import UsageError
from harness.evaluate.prompting.trial import JudgedRow, Trial
from harness.evaluate.prompting.writer import PromptWriter
from harness.types import Message, Noun, Prompt, TextPart

WRITES = True
SYSTEM = "system"
FIRST = "Answer as the examples show."
"""The text that the search begins with where the prompt has none."""
MINIBATCH = 3
"""Rows that one reflection looks at."""


class Options(Noun, frozen=True):
    """Its keys under [prompts.NAME.options]."""


def optimise(trial: Trial, options: Options) -> Prompt:
    """The prompt whose system text scored highest on the rows that judge. Raises UsageError without the package `gepa`."""
    try:
        import gepa
    except ModuleNotFoundError as error:
        raise UsageError('optimise = "gepa" needs the package gepa', next="pip install 'trueup[gepa]'") from error
    writer = trial.writer
    assert writer is not None
    enough = trial.left - len(trial.validation) - 2 * MINIBATCH  # it stops between two rounds, not within one
    if enough < len(trial.validation):
        raise UsageError(
            f"{trial.left} calls are too few: {len(trial.validation)} rows judge each text",
            where="[prompts.NAME.options]",
            next=f"calls = {10 * len(trial.validation)}, or fewer `validation` rows",
        )
    found = gepa.optimize(
        seed_candidate={SYSTEM: _system(trial.start) or FIRST},
        trainset=list(trial.pool),
        valset=list(trial.validation),
        adapter=_Adapter(trial),
        reflection_lm=_Written(writer),
        reflection_minibatch_size=MINIBATCH,
        max_metric_calls=enough,
        stop_callbacks=lambda state: writer.spent or trial.left < len(trial.validation) + 2 * MINIBATCH,
        seed=trial.seed,
        logger=_Silent(),
    )
    texts = [_system(trial.start), *(each[SYSTEM] for each in found.candidates)]
    prompts = [with_system(trial.start, text) for text in dict.fromkeys(texts)]
    return max((prompt for prompt in prompts if trial.affords([prompt], trial.validation)), key=trial.score)


def with_system(prompt: Prompt, text: str) -> Prompt:
    """The prompt with another system text; its examples stay."""
    rest = tuple(message for message in prompt.messages if message.role not in ("system", "developer"))
    return replace(prompt, messages=(*_said(text), *rest))


def _said(text: str) -> tuple[Message, ...]:
    return (Message(role="system", parts=(TextPart(text=text),)),) if text else ()


def _system(prompt: Prompt) -> str:
    return "\n".join(message.text for message in prompt.messages if message.role in ("system", "developer"))


class _Silent:
    """What gepa would print."""

    def log(self, message: str) -> None:
        pass


class _Written:
    """The model that writes as gepa calls it. Its cost is counted by the writer."""

    total_cost = 0.0

    def __init__(self, writer: PromptWriter) -> None:
        self._writer = writer

    def __call__(self, prompt: str | list[dict[str, Any]]) -> str:
        return self._writer(prompt if isinstance(prompt, str) else "\n\n".join(str(each["content"]) for each in prompt))


class _Adapter:
    """How gepa scores a text, and what it is told of each row."""

    propose_new_texts = None

    def __init__(self, trial: Trial) -> None:
        self._trial = trial

    def evaluate(self, batch: list[Any], candidate: Mapping[str, str], capture_traces: bool = False) -> Any:
        from gepa.core.adapter import EvaluationBatch

        prompt = with_system(self._trial.start, candidate[SYSTEM])
        (given,) = self._trial.answers([prompt], batch)
        return EvaluationBatch(
            outputs=[each.text for each in given],
            scores=[each.score for each in given],
            trajectories=given if capture_traces else None,
        )

    def make_reflective_dataset(
        self, candidate: Mapping[str, str], eval_batch: Any, components_to_update: Sequence[str]
    ) -> dict[str, list[dict[str, str]]]:
        return {name: [_told(each) for each in eval_batch.trajectories] for name in components_to_update}


def _told(row: JudgedRow) -> dict[str, str]:
    assert row.case.target is not None
    right = expected_of(row.case.target)
    wanted = right if isinstance(right, str) else canonical(right)
    return {
        "Inputs": "\n".join(f"{message.role}: {message.text}" for message in row.case.messages),
        "Generated Outputs": row.text,
        "Feedback": "This is right." if row.score >= 1.0 else f"This is wrong. The right answer is: {wanted}",
    }
