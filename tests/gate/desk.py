"""A project whose evaluation is stored as if models had answered; none does."""

import time

from msgspec.structs import replace

from harness.core.codec import digest, write_lines
from harness.project import EvaluationRuns
from harness.types import (
    Adapter,
    Arm,
    Case,
    Guard,
    Message,
    Prompt,
    Recipe,
    Result,
    Run,
    Score,
    Suite,
    Target,
    TextPart,
)

DATASET, TUNED, OTHER = "d" * 64, "a" * 64, "b" * 64
BOOKING = Suite(name="desk/eval_booking::eval_booking", role=Target(min_gain=0.05), file="evals/eval_booking.py")
GENERAL = Suite(name="desk/eval_general::eval_general", role=Guard(margin=0.05), file="evals/eval_general.py")
CASES = tuple(
    Case(id=f"c{n}", messages=(Message(role="user", parts=(TextPart(text=f"table for {n}"),)),)) for n in range(300)
)
RIGHT = {  # arm -> suite -> share of cases that are right, from the first on
    "base": {"booking": 60, "general": 200},
    "prompted": {"booking": 120, "general": 200},
    "tuned": {"booking": 240, "general": 198},
}


def answered(arm, right, adapter=""):
    suites = tuple(replace(suite, metric="exact", cases=300, digest="e") for suite in (BOOKING, GENERAL))
    results = tuple(
        Result(suite=suite.name, case_id=case.id, scores=(Score(name="exact", value=float(n < right[short])),))
        for suite, short in zip(suites, ("booking", "general"), strict=True)
        for n, case in enumerate(CASES)
    )
    return Run(
        id=digest([arm, right]),
        arm=Arm(name=arm, adapter=adapter),
        model_digest=digest(arm),
        suites=suites,
        results=results,
        cases={suite.name: CASES for suite in suites},
        started_ns=time.time_ns(),
    )


def adapter_in(work, ident):
    bound = dict.fromkeys(("base", "tokenizer", "template"), "0" * 64)
    made = Adapter(id=ident, method="lora", dataset=DATASET, recipe=Recipe(), prompt=Prompt(name="none"), **bound)
    folder = work.store.artifacts.scratch("adapter")
    write_lines(folder / "adapter.json", [made])
    work.store.artifacts.add_folder("adapter", ident, folder)


def evaluated(work, right=RIGHT, **champion):
    """Store runs of these arms as the latest evaluation."""
    runs = {name: answered(name, share, champion.get(name, "")) for name, share in right.items()}
    idents = tuple((name, work.store.artifacts.put("run", run)) for name, run in runs.items())
    work.keep_evaluation(EvaluationRuns(dataset=DATASET, adapter=TUNED, runs=idents), whole=True)
