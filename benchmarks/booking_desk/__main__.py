"""Run the loop on the booking desk, then on its null control, and print what came out.

    python -m benchmarks.booking_desk            both
    python -m benchmarks.booking_desk --main     the loop, twice: the second time nothing is new
    python -m benchmarks.booking_desk --null     the loop with the corrections shuffled among the messages

The null control is the same data with the same number of corrections, but each belongs to another message: there is
nothing to learn from them, so a gate that promotes what comes of it would promote anything.

Last line: {"exact": {arm: share of the 500 official test rows}, "verdict": ..., "null_verdict": ..., "minutes": ...,
"second_run_seconds": ..., "peak_gb": ...}. Stores stand in `.trueup` and `null/.trueup` beside this file: remove them to
start afresh.
"""

import argparse
import json
import random
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SHARED = HERE.parents[2] / "shared"
SUITE = "eval_booking::eval_official"


def shuffled(source: Path, target: Path) -> None:
    """Copy an export, giving each correction to another message. Calls and thumbs stay as they are."""
    target.mkdir(parents=True, exist_ok=True)
    plain, logs = target / "feedback-weeks-1-2.jsonl", target / "feedback-week-3.otlp-logs.jsonl"
    for file in source.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    rows = [json.loads(line) for line in plain.read_text(encoding="utf-8").split("\n") if line]
    documents = [json.loads(line) for line in logs.read_text(encoding="utf-8").split("\n") if line]
    records = [one for document in documents for one in _log_records(document)]
    slots = [row for row in rows if "correction" in row] + [slot for one in records for slot in _slots(one)]
    values = [
        slot["correction"] if "correction" in slot else json.loads(slot["value"]["stringValue"]) for slot in slots
    ]
    random.Random(0).shuffle(values)
    for slot, value in zip(slots, values, strict=True):
        if "correction" in slot:
            slot["correction"] = value
        else:
            slot["value"] = {"stringValue": json.dumps(value)}
    plain.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    logs.write_text("".join(json.dumps(document) + "\n" for document in documents), encoding="utf-8")


def _log_records(document: dict) -> list[dict]:
    scopes = (scope for resource_logs in document["resourceLogs"] for scope in resource_logs["scopeLogs"])
    return [record for scope in scopes for record in scope["logRecords"]]


def _slots(record: dict) -> list[dict]:
    return [attribute for attribute in record["attributes"] if attribute["key"] == "app.correction"]


def null_project() -> Path:
    """A copy of the project beside it whose export has shuffled corrections."""
    folder = HERE / "null"
    shuffled(SHARED / "traces" / "booking_desk", folder / "traces")
    text = (HERE / "trueup.toml").read_text(encoding="utf-8")
    text = text.replace("../../../shared/traces/booking_desk", "traces")
    text = text.replace('[arms.prompted]\nprompt = "production"\n', "")  # no rule needs it to refuse
    text = text.replace('"../../models', '"../../../models').replace('paths = ["evals"]', 'paths = ["../evals"]')
    (folder / "trueup.toml").write_text(text, encoding="utf-8")
    replies, shared = folder / ".trueup" / "replies", HERE / ".trueup" / "replies"
    if shared.is_dir() and not replies.is_symlink():
        # The base model is asked the same questions in both; a reply's key is its content, so the cache is shared.
        ingest = [sys.executable, "-m", "trueup", "ingest", "--config", str(folder)]
        subprocess.run(ingest, stdout=subprocess.DEVNULL, check=True)  # makes the store
        shutil.rmtree(replies, ignore_errors=True)
        replies.symlink_to("../../.trueup/replies")
    return folder


def trueup_run(folder: Path) -> tuple[dict[str, Any], float]:
    """`trueup run` as a user types it; its JSON and its wall-clock seconds."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "trueup", "run", "--config", str(folder), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if not done.stdout.strip():
        raise SystemExit(f"trueup run ended with exit code {done.returncode}")
    return json.loads(done.stdout.strip().split("\n")[-1]), time.perf_counter() - started


def exact(folder: Path) -> dict[str, float]:
    """Share of the official test rows that each arm answers exactly."""
    command = [sys.executable, "-m", "trueup", "eval", "--config", str(folder), "--json"]
    rows = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)["means"]
    return {
        row["arm"]: round(row["mean"], 3) for row in rows if row["suite"].endswith(SUITE) and row["mean"] is not None
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--main", action="store_true", help="only the loop")
    parser.add_argument("--null", action="store_true", help="only the null control")
    chosen = parser.parse_args()
    if not SHARED.is_dir():
        raise SystemExit(f"the booking desk's traces are not here\n  where: {SHARED}\n  next:  put them there")
    found: dict[str, Any] = {}
    if chosen.main or not chosen.null:
        verdict, seconds = trueup_run(HERE)
        again, second = trueup_run(HERE)
        if again["id"] != verdict["id"]:
            raise SystemExit("the second run came to another verdict")
        found |= {"exact": exact(HERE), "verdict": verdict["verdict"], "minutes": round(seconds / 60, 1)}
        found |= {"second_run_seconds": round(second, 1)}
    if chosen.null or not chosen.main:
        verdict, _ = trueup_run(null_project())
        found["null_verdict"] = verdict["verdict"]
    found["peak_gb"] = round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20, 2)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
