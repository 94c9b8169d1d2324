"""Booking messages: does the model read date, time, people and names right?

`official` judges on a fixed sample of the RESTAURANTS-8K test set (CC BY 4.0, read from ../shared, never trained on);
`mined` on what failed in production and was held out.
"""

import json
import random
from pathlib import Path

from trueup import cases, info, score, suite, target

DATA = Path(__file__).parents[4] / "shared" / "data" / "restaurants8k" / "test.jsonl"
KEYS = ("date", "time", "people", "first_name", "last_name")
SAMPLE, SEED = 500, 8000


def official():
    """500 test rows, drawn once; the text as the assistant sees it, with what the guest had been asked for."""
    lines = DATA.read_text(encoding="utf-8").split("\n")
    rows = [(number, json.loads(line)) for number, line in enumerate(lines, start=1) if line]
    for number, row in random.Random(SEED).sample(rows, SAMPLE):
        asked = "".join(f"[asked for: {', '.join(row['requested_slots'])}] " if row.get("requested_slots") else "")
        expected = {key: (row["labels"].get(key) or [None])[0] for key in KEYS}
        yield {"id": f"test-{number}", "text": asked + row["text"], "expected": expected}


def same(said, expected):
    """A value is right when it is the same after strip of spaces and `.,!?` and casefold."""
    return str(said).strip(" .,!?").casefold() == str(expected).strip(" .,!?").casefold()


def words(reply, expected):
    """`object` decides: one JSON object with exactly the five keys, each with the right value."""
    exact, *others = score.json_fields(reply, expected, default=same)
    wrong = exact.explanation or f"the keys are not {', '.join(KEYS)}"
    return (score.check("object", exact.value == 1.0 and has_keys(reply.text), wrong), *others)


def has_keys(text):
    try:
        return set(json.loads(text)) == set(KEYS)
    except (ValueError, TypeError):
        return False


@suite(role=target(min_gain=0.3))
@cases(official)
def eval_official(case, model):
    return words(model.chat(case.messages, max_tokens=64), case.expected)


@suite(role=target(min_gain=0.3), cluster="session_id")
@cases.held_out("booking")
def eval_mined(case, model):
    return words(model.chat(case.messages, max_tokens=64), case.expected)


@suite(role=info(), cluster="session_id")
@cases.regression("booking")
def eval_kept(case, model):
    return words(model.chat(case.messages, max_tokens=64), case.expected)
