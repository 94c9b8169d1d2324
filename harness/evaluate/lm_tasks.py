"""Run tasks of lm-evaluation-harness as suites: its prompts and metrics, our engine, one result a question.

    from trueup import cases, guard, suite
    from trueup.lm_tasks import task

    arc = task("arc_easy", limit=500)

    @suite(role=guard(margin=0.03), metric="acc")
    @cases(arc.cases)
    def eval_arc(case, model):
        return arc.score(case, model)

Needs the extra `lm-eval`. The task is asked as raw text, without chat template and prompt, as that harness does by
default. Its data must be on this machine: evaluation is offline.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import InputError, UsageError
from harness.types import Case, Json, Message, Score, TextPart

if TYPE_CHECKING:
    from harness.evaluate.runner.model import Model


def task(
    spec: str | Mapping[str, Json], *, limit: int | None = None, include: str | Path = "", fewshot: int | None = None
) -> "BenchmarkTask":
    """A task by its name, or by its configuration as a dict.

    `limit` takes the first questions only; `include` is a folder with task files of one's own; `fewshot` overrides the
    task's number of examples. Raises UsageError without the package or for an unknown task or a group of several,
    InputError when the task's data is not here.
    """
    try:
        from lm_eval.tasks import TaskManager
    except ModuleNotFoundError as error:
        raise UsageError(
            "tasks of lm-evaluation-harness need a package", next="pip install 'trueup[lm-eval]'"
        ) from error
    try:
        manager = TaskManager(include_path=str(include) or None)
        found = list(manager.load([spec if isinstance(spec, str) else dict(spec)])["tasks"].values())
    except (KeyError, ValueError) as error:
        raise UsageError(f"lm-evaluation-harness has no task {spec!r}: {error}", next="lm-eval ls tasks") from error
    except OSError as error:  # ConnectionError among them
        raise InputError(
            f"the data of {spec!r} cannot be had: {error}", next="download it before; runs are offline"
        ) from error
    if len(found) != 1:
        raise UsageError(f"{spec!r} is a group of {len(found)} tasks", next="take each by its own name")
    if fewshot is not None:
        found[0].set_config("num_fewshot", fewshot)
    found[0].set_fewshot_seed(1234)  # as `lm-eval run` does
    return BenchmarkTask(found[0], limit)


class BenchmarkTask:
    """One task: `cases` gives its questions, `score` asks one and returns the task's own metrics."""

    def __init__(self, inner: Any, limit: int | None = None) -> None:
        self._inner, self._limit = inner, limit
        self._instances: dict[str, list[Any]] = {}
        """Case id to what is asked of the model for it, as lm-evaluation-harness builds it."""

    def cases(self) -> Iterator[Case]:
        """A case for each question; its id is the question's number in the task."""
        for ident, instances in self._built().items():
            text = str(self._inner.doc_to_text(instances[0].doc))
            yield Case(id=ident, messages=(Message(role="user", parts=(TextPart(text=text),)),))

    def score(self, case: Case, model: "Model") -> list[Score]:
        """The task's metrics on one question, in the task's order.

        Metrics of which less is better are left out, since a gate reads more as better. Raises UsageError when the task
        has none that can be told for a single question, as perplexity cannot.
        """
        asked = self._ask(self._built()[case.id], OnModel(model))
        for filters in self._inner._filters:
            filters.apply(asked)
        told = self._inner.process_results(asked[0].doc, [_first(one.filtered_resps) for one in asked])
        better = self._inner.higher_is_better()
        scores = [
            Score(name=name, value=float(value)) for name, value in told.items() if _tells(value, better.get(name))
        ]
        if not scores:
            raise UsageError(
                f"the task {self._inner.task_name} has no metric of a single question", where=", ".join(told)
            )
        return scores

    def _built(self) -> dict[str, list[Any]]:
        if not self._instances:
            self._inner.build_all_requests(limit=self._limit, rank=0, world_size=1)
            grouped: dict[str, list[Any]] = defaultdict(list)
            for instance in self._inner.instances:
                grouped[str(instance.doc_id)].append(instance)
            self._instances = dict(grouped)
        return self._instances

    def _ask(self, instances: Sequence[Any], lm: "OnModel") -> list[Any]:
        """Fresh copies of the instances, answered: several arms and repeats ask the same ones."""
        asked = [copy(instance) for instance in instances]
        by_kind: dict[str, list[Any]] = defaultdict(list)
        for instance in asked:
            instance.resps, instance.filtered_resps = [], {}
            by_kind[instance.request_type].extend([instance] * (instance.repeats or 1))
        for kind, some in by_kind.items():
            method = "loglikelihood" if kind == "multiple_choice" else kind
            for instance, answer in zip(some, getattr(lm, method)(some), strict=True):
                instance.resps.append(answer)
        return asked


def _first(filtered: Mapping[str, Any]) -> Any:
    """The answer through the task's first filter."""
    return next(iter(filtered.values()))


def _tells(value: Any, better: bool | None) -> bool:
    if better is False or isinstance(value, (str, list, tuple, dict)):
        return False
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


class OnModel:
    """lm-evaluation-harness' model interface on the model of one case, so its requests join everybody's batches."""

    def __init__(self, model: "Model") -> None:
        self._model = model

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        """Sum of log-probabilities and whether each token was the likeliest; one request a context."""
        contexts: dict[str, dict[str, tuple[float, bool]]] = defaultdict(dict)
        for request in requests:
            contexts[request.args[0]][request.args[1]] = (0.0, False)
        for context, options in contexts.items():
            options.update(self._model.loglikelihoods(context, tuple(options)))
        return [contexts[request.args[0]][request.args[1]] for request in requests]

    def loglikelihood_rolling(self, requests: Sequence[Any]) -> list[float]:
        """Of whole texts, each in one pass: a text that is longer than the model reads is an error."""
        return [self._model.loglikelihood("", request.args[0]) for request in requests]

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        return [self._generate(*request.args) for request in requests]

    def _generate(self, context: str, options: Mapping[str, Any]) -> str:
        stop = options.get("until") or []
        sampled = options.get("do_sample") or (options.get("temperature") or 0) > 0
        return self._model.complete(
            context,
            max_tokens=int(options.get("max_gen_toks") or 256),
            temperature=float(options.get("temperature") or 1.0) if sampled else 0.0,
            top_p=float(options.get("top_p") or 1.0),
            stop=[stop] if isinstance(stop, str) else [one for one in stop if one],
        ).text
