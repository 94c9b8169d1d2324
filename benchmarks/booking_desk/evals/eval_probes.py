"""Does tuning for bookings break what the model knew? ARC-easy and PIQA by log-likelihood, without any chat prompt."""

import json
import random
from pathlib import Path

from trueup import cases, guard, score, suite

PROBES = Path(__file__).parents[4] / "shared" / "data" / "probes"


def probe(name, count):
    """`count` questions of a probe file, drawn once, less the few that offer the same answer twice."""
    lines = (PROBES / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")
    rows = [(number, json.loads(line)) for number, line in enumerate(lines, start=1) if line]
    for number, row in random.Random(8000).sample(rows, count):
        if len(set(row["choices"])) == len(row["choices"]):
            yield {"id": f"{name}-{number}", "text": row["query"], "choices": row["choices"], "expected": row["gold"]}


def choice(case, model):
    """The likeliest continuation of question and `Answer:`, by length, is the right one."""
    context = case.text.rstrip() + "\nAnswer:"
    reply = model.choose(context, [f" {option}" for option in case["choices"]], raw=True, normalize=True)
    return score.text(reply, case["choices"][case.expected], name="right")


@suite(role=guard(margin=0.04))
@cases(lambda: probe("arc_easy", 1_000))
def eval_arc_easy(case, model):
    return choice(case, model)


@suite(role=guard(margin=0.04))
@cases(lambda: probe("piqa", 1_000))
def eval_piqa(case, model):
    return choice(case, model)
