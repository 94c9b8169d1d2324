"""Every recipe on the booking desk: exact match on its held-out cases, with what it cost.

    python -m benchmarks.recipes lora dora qlora dpo grpo distill prompt_distill
    python -m benchmarks.recipes --table

One recipe after the other on the same curated rows, the same base and the same 149 held-out corrections that no recipe
saw; none of them was chosen or adjusted on these. Second stages (dpo, grpo) start from the adapter of `lora`, and their
seconds are those of the second stage alone. Each result is appended to `benchmarks/recipes.jsonl` as soon as it is there.

Last line: {"recipe": ..., "exact": ..., "low": ..., "high": ..., "seconds": ..., "peak_gb": ...} of the last recipe.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from harness import config as harness_config
from harness import loop
from harness.cli.console import ConsoleProgress
from harness.curate import step as curate_step
from harness.evaluate import step as evaluate_step
from harness.gate.statistics.binary import clopper_pearson
from harness.project import Project
from harness.sections import ArmSection, Config
from harness.tune import step as tune_step
from harness.types import Adapter, Dataset, Recipe

PROJECT = Path(__file__).parent / "booking_desk"
RESULTS = Path(__file__).parent / "recipes.jsonl"
SUITE = "eval_mined"
ROWS = 200
"""Half of what the booking desk's own run trains on, so that the whole table can be measured in an hour."""
SFT = Recipe(epochs=2, batch_size=8, learning_rate=1e-3)
"""What all supervised stages share."""


def recipes(first: str) -> dict[str, Recipe]:
    """Name to recipe. `first`: folder of the adapter that second stages start from."""
    second = replace(SFT, epochs=1.0, learning_rate=5e-5)
    return {
        "lora": SFT,
        "rslora": replace(SFT, adapter="rslora"),
        "dora": replace(SFT, adapter="dora"),
        "qlora": replace(SFT, adapter="qlora"),
        "dpo": replace(second, method="preference", options={"loss": "dpo", "start": first}),
        "kto": replace(second, method="preference", options={"loss": "kto", "start": first}),
        "orpo": replace(SFT, method="preference", learning_rate=5e-4, options={"loss": "orpo"}),
        "grpo": _reinforced("grpo", first),
        "rloo": _reinforced("rloo", first),
        "distill": _distilled("lora"),
        "prompt_distill": _distilled("prompted"),
    }


def _reinforced(loss: str, first: str) -> Recipe:
    options = {"loss": loss, "suite": SUITE, "start": first}
    return replace(
        SFT, method="reinforcement", epochs=None, max_steps=25, batch_size=32, learning_rate=5e-5, options=options
    )


def _distilled(teacher: str) -> Recipe:
    return replace(SFT, method="distill", options={"suite": SUITE, "teacher": teacher, "samples": 1})


def project(recipe: Recipe, first: str) -> Config:
    """The booking desk's config with another recipe, and the first adapter among its arms."""
    config = harness_config.load(PROJECT)
    arms = dict(config.arms)
    if first:
        arms["lora"] = ArmSection(prompt="short", adapter=first)
    gate = replace(config.gate, options={**config.gate.options, "train_anyway": True})
    return replace(config, curate={**config.curate, "most_rows": ROWS}, tune=recipe, arms=arms, gate=gate)


def first_adapter() -> str:
    """Folder of the adapter of `lora`, once that was measured; empty before."""
    ident = next((row["adapter"] for row in reversed(measured()) if row["recipe"] == "lora"), "")
    work = Project.open(harness_config.load(PROJECT))
    return str(work.store.artifacts.folder("adapter", ident)) if ident else ""


def measured() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()] if RESULTS.exists() else []


def measure(name: str) -> dict[str, Any]:
    """Tune by one recipe and ask the held-out cases. Raises SystemExit when it wants an adapter that is not there."""
    first = first_adapter()
    recipe = recipes(first)[name]
    if not first and name in ("dpo", "kto", "grpo", "rloo", "distill"):
        raise SystemExit(f"{name} starts from the adapter of lora\n  next:  python -m benchmarks.recipes lora {name}")
    work = Project.open(project(recipe, first), ConsoleProgress(quiet=False))
    dataset = curate_step.curate(work) if loop.ingest(work) is not None else None
    assert dataset is not None
    adapter = tune_step.tune(work, dataset)
    return {"recipe": name, **_asked(work, dataset, adapter, "tuned"), **_cost(adapter)}


def baseline(name: str) -> dict[str, Any]:
    """An arm that is not tuned: `base` or `prompted`."""
    work = Project.open(project(SFT, ""), ConsoleProgress(quiet=False))
    loop.ingest(work)
    return {"recipe": name, **_asked(work, curate_step.curate(work), None, name), "seconds": 0.0, "peak_gb": 0.0}


def _asked(work: Project, dataset: Dataset, adapter: Adapter | None, arm: str) -> dict[str, Any]:
    started = time.perf_counter()
    run = evaluate_step.evaluate(work, dataset, adapter, only=(arm,), select=SUITE)[arm]
    if run.problems or any(result.error for result in run.results):
        raise SystemExit(
            f"the evaluation has problems: {run.problems or [r.error for r in run.results if r.error][:1]}"
        )
    right = [result.score(run.suites[0].metric) == 1.0 for result in run.results]
    interval = clopper_pearson(sum(right), len(right))
    prompts = [reply.usage.input or 0 for result in run.results for reply in result.replies]
    return {
        "exact": round(sum(right) / len(right), 3),
        "low": round(interval.low, 3),
        "high": round(interval.high, 3),
        "cases": len(right),
        "prompt_tokens": round(sum(prompts) / len(prompts)),
        "asking_seconds": round(time.perf_counter() - started, 1),
    }


def _cost(adapter: Adapter) -> dict[str, Any]:
    checks = {
        key: adapter.checks[key] for key in ("preference", "reinforcement", "distillation") if key in adapter.checks
    }
    return {
        "seconds": round(adapter.seconds, 1),
        "peak_gb": round(adapter.peak_bytes / 2**30, 2),
        "steps": adapter.steps,
        "rows": adapter.rows,
        "adapter": adapter.id,
        **checks,
    }


def table() -> str:
    """The newest result of each recipe, as Markdown."""
    newest = {row["recipe"]: row for row in measured()}
    lines = ["| recipe | exact match | 95 % interval | seconds | peak GB | steps |", "|---|---|---|---|---|---|"]
    for name, row in newest.items():
        lines.append(
            f"| {name} | {row['exact']:.3f} | {row['low']:.3f} to {row['high']:.3f} | {row['seconds']:.0f} "
            f"| {row['peak_gb']:.1f} | {row.get('steps', 0)} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", nargs="*", help=f"base, prompted, {', '.join(recipes(''))}")
    parser.add_argument("--table", action="store_true", help="print what was measured")
    given = parser.parse_args()
    for name in given.recipe:
        if name not in recipes("") and name not in ("base", "prompted"):
            parser.error(f"there is no recipe {name!r}")
        found = baseline(name) if name in ("base", "prompted") else measure(name)
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")
        print(json.dumps({key: found[key] for key in ("recipe", "exact", "low", "high", "seconds", "peak_gb")}))
        sys.stdout.flush()
    if given.table or not given.recipe:
        print(table())


if __name__ == "__main__":
    main()
