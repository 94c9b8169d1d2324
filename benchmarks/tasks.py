"""Measure tasks x arms x seeds: task score, both shipped guards, minutes, verdict; plain PEFT beside the default recipe.

    python -m benchmarks.tasks [--task booking_desk] [--seeds 3] [--rows 400] [--cases 320]

Tasks: RESTAURANTS-8K (../shared), NLU++ banking slots and intents, and banking77 (PolyAI's task-specific-datasets, fetched into
build/tasks at the first run). A task that cannot be read is skipped, and a line says so. Official test rows only measure; nothing is
chosen on them. Both trainings get the same rows, prompt and epochs. The replay of the default recipe is answered by the base itself, as `init`
sets it. With --part the gate says invalid, since a part of the cases is no evidence. A result is kept in --out, so a killed run continues; times are those of the machine, as busy as it is.
"""

import argparse
import csv
import json
import random
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness.core.codec import decode, encode, from_chat, write_atomic, write_lines
from harness.core.dataset_files import write_train
from harness.curate.own_answers import rows as own_answers
from harness.evaluate import arms
from harness.evaluate.stage import evaluate
from harness.gate.runs import comparisons
from harness.gate.stage import gate
from harness.project import Project
from harness.sections import Config, ModelSection
from harness.tune.stage import tune
from harness.types import Arm, Case, EvalRequest, Message, Noun, Policy, Prompt, Recipe, Run, TextPart, TuneRequest

ROOT = Path(__file__).parents[1]
RESTAURANTS = ROOT.parent / "shared" / "data" / "restaurants8k"
GENERAL = ROOT / "harness" / "cli" / "starter" / "general"
POLYAI = "https://raw.githubusercontent.com/PolyAI-LDN/task-specific-datasets/master/"
EPOCHS = 3
SUITE = """
from trueup import cases, score, suite, target

@suite(role=target(min_gain=0.05))
@cases("task.jsonl")
def eval_task(case, model):
    return score.json_fields(model.chat(case.messages, max_tokens=96), case.expected)
"""

Row = tuple[str, Any]
"""A message and its right answer."""


class Task(NamedTuple):
    system: str
    train: list[Row]
    test: list[Row]


class Measured(Noun, frozen=True):
    """One arm of one task under one seed; scores from 0 to 1."""

    task: str
    seed: int
    arm: str
    score: float
    choices: float
    instructions: float
    minutes: float = 0.0
    """Of training."""
    verdict: str = ""
    """The gate's on the default recipe against the base."""


def booking_desk() -> Task:
    """RESTAURANTS-8K: a message to five fields, null where it says nothing."""
    fields = ("date", "time", "people", "first_name", "last_name")
    system = f"Reply with one JSON object with the keys {', '.join(fields)}. Copy the words; null for what is not said."
    train, test = (
        [(row["text"], {name: (row["labels"].get(name) or [None])[0] for name in fields}) for row in _lines(file)]
        for file in (RESTAURANTS / "train.jsonl", RESTAURANTS / "test.jsonl")
    )
    return Task(system, train, test)


def nlu_slots() -> Task:
    """NLU++ banking: the slots that the message has, and no other key."""
    return _nlu(lambda row: {name: slot["text"] for name, slot in row.get("slots", {}).items()}, "the slots")


def nlu_intents() -> Task:
    """NLU++ banking: all intents of the message."""
    return _nlu(lambda row: {"intents": sorted(row.get("intents", []))}, "the key intents, a list")


def banking77() -> Task:
    """One of 77 intents."""
    train, test = (
        [
            (row["text"], {"intent": row["category"]})
            for row in csv.DictReader(_fetched(f"banking_data/{split}.csv").splitlines())
        ]
        for split in ("train", "test")
    )
    return Task("Reply with one JSON object with the key intent.", train, test)


TASKS: dict[str, Callable[[], Task]] = {
    each.__name__: each for each in (booking_desk, nlu_slots, nlu_intents, banking77)
}


def _nlu(answer: Callable[[dict[str, Any]], Any], what: str) -> Task:
    """Folds 0 to 15 train, 16 to 19 test."""
    folds = [json.loads(_fetched(f"nlupp/data/banking/fold{number}.json")) for number in range(20)]
    rows = [[(row["text"], answer(row)) for row in fold] for fold in folds]
    return Task(f"Reply with one JSON object with {what}.", sum(rows[:16], []), sum(rows[16:], []))


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _fetched(path: str) -> str:
    """A file of PolyAI's repository, from build/tasks where it was fetched before. Raises OSError without a network."""
    file = ROOT / "build" / "tasks" / path
    if not file.exists():
        with urllib.request.urlopen(POLYAI + path, timeout=20) as answer:
            write_atomic(file, answer.read())
    return file.read_text(encoding="utf-8")


def measure(
    name: str, task: Task, base: Path, seed: int, out: Path, *, rows: int, cases: int, part: str = ""
) -> list[Measured]:
    """Train both ways on `rows` drawn by the seed, and ask all arms the same test rows and both guards. `part`, such as `1/20`, asks
    only that part of every suite."""
    draw = random.Random(seed)
    train = draw.sample(task.train, min(rows, len(task.train)))
    test = random.Random(0).sample(task.test, min(cases, len(task.test)))
    prompt = Prompt(name="short", messages=(Message(role="system", parts=(TextPart(text=task.system),)),))
    data, evals = out / "data", out / "evals"
    learnt = [_case(number, row) for number, row in enumerate(train)]
    _write(data, evals, base, learnt, test, seed)
    recipe = Recipe(seed=seed, epochs=EPOCHS)
    started = time.monotonic()
    tune(TuneRequest(base=str(base), dataset=str(data), prompt=prompt, recipe=recipe, out=str(out / "tuned")))
    tuned = (time.monotonic() - started) / 60
    started = time.monotonic()
    _plain(base, task.system, train, out / "plain", seed)
    plain = (time.monotonic() - started) / 60
    shown = Prompt(name="few_shot", messages=prompt.messages, nearest=4)
    asked = (
        Arm(name="base", model=str(base), prompt=prompt),
        Arm(name="few_shot", model=str(base), prompt=shown),
        arms.fixed(learnt),
        Arm(name="plain", model=str(out / "plain"), prompt=prompt),
        Arm(name="tuned", model=str(base), adapter=str(out / "tuned"), prompt=prompt),
    )
    paths = (str(evals), str(GENERAL / "instructions"), str(GENERAL / "knowledge"))
    (out / "runs").mkdir(exist_ok=True)
    given = evaluate(
        EvalRequest(arms=asked, paths=paths, out=str(out / "runs"), datasets={"task": str(data)}, shard=part)
    )
    runs = {run.arm.name: run for run in given}
    judged = gate(comparisons({arm: runs[arm] for arm in ("base", "tuned")}), Policy(), candidate="tuned")
    minutes = {"tuned": tuned, "plain": plain}
    return [
        Measured(
            task=name,
            seed=seed,
            arm=arm,
            score=_mean(run, "eval_task"),
            choices=_mean(run, "eval_choices"),
            instructions=_mean(run, "eval_instructions"),
            minutes=minutes.get(arm, 0.0),
            verdict=judged.outcome if arm == "tuned" else "",
        )
        for arm, run in runs.items()
    ]


def _write(data: Path, evals: Path, base: Path, learnt: Sequence[Case], test: Sequence[Row], seed: int) -> None:
    write_train(data, learnt)
    project = Project.open(Config(model=ModelSection(base=str(base)), root=str(data)))
    write_lines(data / "replay.jsonl", own_answers(project, round(Recipe().replay_share * len(learnt)), seed))
    write_lines(
        evals / "task.jsonl",
        [{"id": f"t{at}", "text": text, "expected": right} for at, (text, right) in enumerate(test)],
    )
    write_atomic(evals / "eval_task.py", SUITE.encode())


def _case(number: int, row: Row) -> Case:
    text, right = row
    target = from_chat({"role": "assistant", "content": json.dumps(right, ensure_ascii=False)})
    return Case(
        id=f"r{number}", messages=(from_chat({"role": "user", "content": text}),), target=target, expected=right
    )


def _plain(base: Path, system: str, train: Sequence[Row], out: Path, seed: int) -> None:
    from benchmarks import plain_peft  # brings torch: not before it is needed

    rows = [
        (
            [{"role": "system", "content": system}, {"role": "user", "content": text}],
            json.dumps(right, ensure_ascii=False),
        )
        for text, right in train
    ]
    plain_peft.train(base, rows, out, epochs=EPOCHS, seed=seed)


def _mean(run: Run, suite: str) -> float:
    names = {each.name: each.metric for each in run.suites if each.name.endswith(f"::{suite}")}
    values = [each.score(names[each.suite]) or 0.0 for each in run.results if each.suite in names and not each.error]
    return sum(values) / len(values) if values else float("nan")


def show(rows: Sequence[Measured]) -> None:
    print(f"{'task':13} {'seed':>4} {'arm':9} {'score':>6} {'choices':>8} {'instruct.':>9} {'minutes':>8}  verdict")
    for row in rows:
        print(
            f"{row.task:13} {row.seed:4} {row.arm:9} {row.score:6.3f} {row.choices:8.3f} {row.instructions:9.3f} "
            f"{row.minutes:8.1f}  {row.verdict}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", action="append", choices=sorted(TASKS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--cases", type=int, default=320)
    parser.add_argument("--part", default="")
    parser.add_argument("--base", type=Path, default=ROOT / "models" / "smollm2")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "tasks" / "results")
    given = parser.parse_args()
    found: list[Measured] = []
    for name in given.task or TASKS:
        try:
            task = TASKS[name]()
        except OSError as error:
            print(f"{name}: skipped, its data cannot be read ({error})")
            continue
        for seed in range(1, given.seeds + 1):
            out = given.out / f"{name}-{given.rows}-{given.cases}-{given.part.replace('/', 'of')}-{seed}"
            if not (out / "measured.json").exists():
                made = measure(name, task, given.base, seed, out, rows=given.rows, cases=given.cases, part=given.part)
                write_atomic(out / "measured.json", encode(made))
            found += decode((out / "measured.json").read_bytes(), list[Measured])
    show(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
