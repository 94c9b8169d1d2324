"""Precision and recall of the doubts about corrections, on RESTAURANTS-8K with 3 % of its training rows made wrong.

    python -m benchmarks.noisy_labels --data FOLDER [--rows 3000] [--share 0.03] [--seeds 3]

FOLDER holds train.jsonl of https://github.com/PolyAI-LDN/task-specific-datasets (span_extraction/restaurant8k), a line a message with
`text`, `labels` and `requested_slots`; the test rows are not read. Each row is a call whose answer was corrected to its slots.
A wrong correction is one of four kinds, drawn alike: the slots of another message, a slot left out, a value of another message,
a value under another slot. Precision counts what was planted only, so mistakes that the data brings count against it.
"""

import argparse
import json
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

from harness.curate import doubt
from harness.curate.options import CurateOptions
from harness.curate.sieve import Sieve
from harness.mine.stage import mine
from harness.mine.traffic import Traffic
from harness.types import Call, Feedback, Message, TextPart

KINDS = ("other_message", "left_out", "other_value", "other_slot")
START, MINUTE = 1_790_000_000 * 10**9, 60 * 10**9
Slots = dict[str, str]


def read(folder: Path, count: int, draw: random.Random) -> list[tuple[str, Slots]]:
    """Messages with what was asked for before them, and their slots; `count` of them at random."""
    found = []
    for line in (folder / "train.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        asked = "".join(f"[asked for: {', '.join(row['requested_slots'])}] " if row.get("requested_slots") else "")
        found.append((asked + row["text"], {slot: values[0] for slot, values in row["labels"].items()}))
    return draw.sample(found, min(count, len(found)))


def spoil(rows: list[tuple[str, Slots]], share: float, draw: random.Random) -> dict[int, str]:
    """Make a share of the rows wrong; place to kind."""
    planted = {}
    values = {slot: sorted({slots[slot] for _, slots in rows if slot in slots}) for _, each in rows for slot in each}
    for place in draw.sample(range(len(rows)), round(share * len(rows))):
        text, right = rows[place]
        kind = draw.choice(KINDS) if right else KINDS[0]
        wrong = right
        while wrong == right:
            wrong = _spoilt(right, kind, rows, values, draw)
        rows[place], planted[place] = (text, wrong), kind
    return planted


def _spoilt(
    right: Slots, kind: str, rows: list[tuple[str, Slots]], values: dict[str, list[str]], draw: random.Random
) -> Slots:
    if kind == "other_message":
        return dict(draw.choice(rows)[1])
    slot = draw.choice(sorted(right))
    rest = {name: value for name, value in right.items() if name != slot}
    if kind == "left_out":
        return rest
    if kind == "other_value":
        return {**rest, slot: draw.choice(values[slot])}
    return {**rest, draw.choice([name for name in sorted(values) if name != slot]): right[slot]}


def traffic(rows: list[tuple[str, Slots]]) -> tuple[list[Call], list[Feedback]]:
    """Each row as an answered call and a person's correction of it."""
    calls, feedback = [], []
    for place, (text, slots) in enumerate(rows):
        at = START + place * MINUTE
        said = tuple(
            Message(role=role, parts=(TextPart(text=words),)) for role, words in (("user", text), ("assistant", "{}"))
        )
        call = Call(
            id=f"r:{place}", session_id=f"s{place}", user_id=f"u{place}", route="POST /slots", start_ns=at, end_ns=at + 1,
            input=said[:1], output=said[1:],
        )  # fmt: skip
        calls.append(call)
        feedback.append(Feedback(id=f"f:{place}", call_id=call.id, value=-1.0, correction=json.dumps(slots)))
    return calls, feedback


def measure(folder: Path, count: int, share: float, seed: int) -> dict[str, Any]:
    draw = random.Random(seed)
    rows = read(folder, count, draw)
    planted = {f"r:{place}": kind for place, kind in spoil(rows, share, draw).items()}
    calls, feedback = traffic(rows)
    kept, _ = Sieve(Traffic(calls), feedback, mine(calls, feedback)).rows(CurateOptions())
    began = time.monotonic()
    raised = doubt.doubts(kept, feedback)
    seconds = time.monotonic() - began
    inside = {row.call.id for row in kept} & planted.keys()
    return {
        "seed": seed,
        "corrections": len(kept),
        "planted": len(inside),
        "seconds": round(seconds, 1),
        "all": _rates({each.call_id for each in raised}, inside),
        **{
            sign: _rates({e.call_id for e in raised if e.sign == sign}, inside)
            for sign in sorted({e.sign for e in raised})
        },
        "first": _rates(set(list(dict.fromkeys(each.call_id for each in raised))[: len(inside)]), inside),
        "recall_by_kind": {
            kind: round(sum(planted[call] == kind for call in inside & {e.call_id for e in raised}) / many, 3)
            for kind, many in sorted(Counter(planted[call] for call in inside).items())
        },
    }


def _rates(found: set[str], planted: set[str]) -> dict[str, float]:
    hits = len(found & planted)
    return {
        "shown": len(found),
        "precision": round(hits / max(1, len(found)), 3),
        "recall": round(hits / max(1, len(planted)), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--share", type=float, default=0.03)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    for seed in range(1, options.seeds + 1):
        print(json.dumps(measure(options.data, options.rows, options.share, seed)))


if __name__ == "__main__":
    main()
