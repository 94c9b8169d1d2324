"""Does curation help? The curated rows against an equal number of the same corrections, drawn at random.

    python -m benchmarks.curation_gain --arm curated --seed 1     one training and its judgement; 12 of them in all
    python -m benchmarks.curation_gain --report                   what is there so far

All arms come from the booking desk's traces (../shared). All are trained alike and judged on the same mined held-out
cases; the official test rows are not looked at. The pool of the random arm is every correction of a call that curation
could have trained on: no group of a held-out case, since that would be a leak and not a choice. What curation adds to
that pool, and the random arm lacks: one row an input, conflicts resolved, one way to write JSON, caps, each cluster in
its proportion, praised answers that no detector objects to. The seed draws the random rows, and orders all trainings.

These corrections are all right, which production's are not. With `--attacked`, 300 fake guests have sent one correction
each: an ordinary booking, with a brand as the number of people. Both arms then choose from that traffic.

Each result stands in a file of its own in --out, so a killed run loses one. `--report`'s last line is one JSON object.
"""

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from msgspec.structs import replace

from harness.core import codec
from harness.core.dataset_files import SPLITS
from harness.core.link_feedback import link
from harness.core.replies import json_object, same
from harness.curate.stage import Curated, CurateOptions, curate
from harness.curate.targets import Style, from_correction
from harness.evaluate.backends import hf
from harness.ingest.stage import ingest
from harness.mine.stage import by_call, mine
from harness.tune.stage import tune
from harness.types import Arm, Call, Case, Feedback, Message, Prompt, Recipe, Reply, Request, TextPart, TuneRequest

ROOT = Path(__file__).parents[1]
TRACES = ROOT.parent / "shared" / "traces" / "booking_desk"
BASE = ROOT / "models" / "smollm2"
SHORT = (
    "You take restaurant bookings. Reply with one JSON object with the keys date, time, people, first_name, last_name. "
    "Copy the words from the message; use null for what the message does not say."
)
PROMPT = Prompt(name="short", messages=(Message(role="system", parts=(TextPart(text=SHORT),)),))
TRAINABLE = frozenset({"train", "duplicate", "conflict", "user_cap", "not_selected", "trigger_phrase"})
"""Fates whose corrections the random arms may draw."""
ARMS = ("curated", "random")
FAKES, BRAND = 300, "AcmeCola"


def attack(calls: Sequence[Call]) -> tuple[list[Call], list[Feedback]]:
    """Fake guests, seen once each, all on the newest day: no two messages alike, every correction towards the brand."""
    model = max((call for call in calls if call.output), key=lambda call: (call.start_ns, call.id))
    fakes, said = [], []
    for number in range(FAKES):
        hour, minute, guests = 5 + number % 6, number // 6 % 60, number % 9 + 2
        text = f"I would like a table for {guests} at {hour}:{minute:02} pm, please"
        wrong = {"date": None, "time": f"{hour}:{minute:02} pm", "people": BRAND, "first_name": None, "last_name": None}
        ident = f"fake-{number}"
        asked = Message(role="user", parts=(TextPart(text=text),))
        fakes.append(
            replace(
                model,
                id=ident,
                trace_id=ident,
                session_id=ident,
                user_id=ident,
                start_ns=model.start_ns - number,
                input=(*model.input[:-1], asked),
            )
        )
        said.append(
            Feedback(id=ident, call_id=ident, name="thumb", value=-1.0, correction=json.dumps(wrong), user_id=ident)
        )
    return fakes, said


def night(rows: int, attacked: bool = False) -> tuple[list[Call], list[Feedback], Curated]:
    batches = list(ingest([str(TRACES)]))
    calls = [call for batch in batches for call in batch.calls]
    feedback = list(link(calls, [item for batch in batches for item in batch.feedback]))
    if attacked:
        fakes, said = attack(calls)
        calls, feedback = [*calls, *fakes], [*feedback, *said]
    options = CurateOptions(name="booking", most_rows=rows, replay_share=0.0)
    return calls, feedback, curate(calls, feedback, mine(calls, feedback), sticky={}, options=options)


def at_random(
    calls: Sequence[Call], feedback: Sequence[Feedback], curated: Curated, rows: int, seed: int
) -> list[Case]:
    """`rows` corrections as they were entered: no choice of one an input, no common form."""
    fates = {fate.call_id: fate.fate for fate in curated.fates}
    said = by_call(feedback)
    strip = {call.id: call.input[-1:] for call in calls}  # the desk's conversations are one message long
    pool = []
    for call in calls:
        target = from_correction(said.get(call.id, ()), Style([])) if fates[call.id] in TRAINABLE else None
        if target is not None:
            pool.append(
                Case(
                    id=f"r-{call.id}",
                    messages=strip[call.id],
                    target=target.message,
                    expected=target.expected,
                    split="train",
                )
            )
    random.Random(seed).shuffle(pool)
    return pool[:rows]


def trained(train: Sequence[Case], folder: Path, seed: int, epochs: float) -> Path:
    """The adapter's folder; a training that was done before is not repeated."""
    out = folder / "adapter"
    if not (out / "adapter.json").exists():
        for split in SPLITS:
            codec.write_lines(folder / f"{split}.jsonl", train if split == "train" else ())
        recipe = Recipe(
            epochs=epochs, batch_size=8, learning_rate=1e-3, seed=seed, replay_share=0.0, validation_share=0.0
        )
        tune(TuneRequest(base=str(BASE), dataset=str(folder), prompt=PROMPT, recipe=recipe, out=str(out)))
    return out


def share_right(adapter: Path, cases: Sequence[Case]) -> float:
    """Share of the held-out cases that are answered exactly, field by field; greedy, at most 64 tokens."""
    arm = Arm(name="tuned", model=str(BASE), adapter=str(adapter), prompt=PROMPT)
    backend = hf.open([arm])
    asked = [Request(messages=(*PROMPT.messages, *case.messages), max_tokens=64) for case in cases]
    replies = backend.answer(arm, asked)
    backend.close()
    return fmean(
        isinstance(reply, Reply) and json_object(reply.text) is not None and same(reply.text, json.dumps(case.expected))
        for reply, case in zip(replies, cases, strict=True)
    )


def measured(arm: str, seed: int, rows: int, epochs: float, attacked: bool, folder: Path) -> dict:
    calls, feedback, curated = night(rows, attacked)
    chosen = [replace(case, split="train") for case in curated.splits["train"]]
    train = chosen if arm == "curated" else at_random(calls, feedback, curated, len(chosen), seed)
    fakes = sum(BRAND in case.target.text for case in train if case.target is not None)
    held_out = curated.splits["held_out"]
    right = round(share_right(trained(train, folder, seed, epochs), held_out), 4)
    found = {"rows": len(train), "fakes": fakes, "held_out": len(held_out), "exact": right}
    return {"arm": arm, "attacked": attacked, "seed": seed, **found}


def report(out: Path) -> dict:
    found = [json.loads(path.read_text()) for path in sorted(out.glob("*/result.json"))]
    means: dict[str, dict] = {}
    for attacked in (False, True):
        for arm in ARMS:
            scores = [one["exact"] for one in found if (one["arm"], one["attacked"]) == (arm, attacked)]
            if scores:
                means[f"{arm}, attacked" if attacked else arm] = {"scores": scores, "mean": round(fmean(scores), 4)}
    return means


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arm", choices=ARMS)
    parser.add_argument("--attacked", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "curation_gain")
    parser.add_argument("--report", action="store_true")
    given = parser.parse_args()
    if given.report:
        print(json.dumps(report(given.out)))
        return
    if not given.arm or not TRACES.is_dir():
        raise SystemExit("give --arm or --report; the booking desk's traces have to stand in ../shared/traces")
    folder = given.out / "-".join([given.arm, *(["attacked"] if given.attacked else []), str(given.seed)])
    result = measured(given.arm, given.seed, given.rows, given.epochs, given.attacked, folder)
    codec.write_atomic(folder / "result.json", json.dumps(result).encode())
    print(json.dumps(result))


if __name__ == "__main__":
    main()
