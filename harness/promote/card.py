"""Write the model card of a release: Markdown with the Hub's metadata block, results as `model-index`.

Format: https://huggingface.co/docs/hub/model-cards, written by huggingface_hub's own classes.
"""

from collections.abc import Iterator, Sequence

from huggingface_hub import EvalResult, ModelCardData

from harness.core.controls import visible
from harness.evaluate.means import means
from harness.types import Adapter, Run, Verdict

TASK = "text-generation"


def card(name: str, words: str, verdict: Verdict | None, run: Run | None, adapter: Adapter | None) -> str:
    """`name` is the model's, `words` say what answers; what is None is left out."""
    scores = list(_scores(run)) if run else []
    meta = ModelCardData(
        model_name=name,
        library_name="peft" if adapter and adapter.form == "adapter" else None,
        pipeline_tag=TASK,
        tags=["trueup"],
        eval_results=[_result(suite, metric, mean) for suite, metric, mean, _ in scores] or None,
    )
    parts = [f"---\n{meta.to_yaml()}\n---", f"# {name}", words + "."]
    if verdict:
        parts += [
            f"Verdict of the gate: **{verdict.outcome}**. {_plain(verdict.sentence)}",
            f"Verdict id: `{verdict.id}`",
        ]
    if scores:
        rows = [f"| {_plain(suite)} | {metric} | {mean:.3f} | {cases} |" for suite, metric, mean, cases in scores]
        parts.append("\n".join(["## Results", "", "| suite | metric | mean | cases |", "|---|---|---|---|", *rows]))
    if adapter:
        parts.append("\n".join(["## Made from", "", *_origin(adapter)]))
    return "\n\n".join(parts) + "\n"


def _scores(run: Run) -> Iterator[tuple[str, str, float, int]]:
    """Suite, metric, mean and number of scored cases."""
    metric = {suite.name: suite.metric for suite in run.suites}
    for suite, _, count, mean, _, _ in means({run.arm.name: run}):
        if mean is not None:
            yield suite, metric[suite] or "score", mean, count


def _result(suite: str, metric: str, mean: float) -> EvalResult:
    return EvalResult(
        task_type=TASK,
        dataset_type="trueup-suite",
        dataset_name=suite,
        metric_type=metric,
        metric_name=metric,
        metric_value=round(mean, 6),
    )


def _origin(adapter: Adapter) -> Sequence[str]:
    """What the adapter is bound to, as list items."""
    bound = {
        "adapter": adapter.id,
        "base weights": adapter.base,
        "tokenizer": adapter.tokenizer,
        "chat template": adapter.template,
        "dataset": adapter.dataset,
    }
    return [f"- {what}: `sha256:{ident}`" for what, ident in bound.items()] + [f"- method: {adapter.method}"]


def _plain(text: str) -> str:
    """Text of ours or of an eval file on one line of a table."""
    return visible(text).replace("|", "\\|").replace("\n", " ")
