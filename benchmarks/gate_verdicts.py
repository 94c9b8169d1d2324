"""Four adapters of the booking desk whose verdict is known beforehand, through the whole loop: does the gate see it?

    python -m benchmarks.gate_verdicts                   all four; a killed run goes on where it was
    python -m benchmarks.gate_verdicts --only forgets    one of: good, null, forgets, guard

| name | what is done | right verdict |
|---|---|---|
| good | the loop of `benchmarks.booking_desk` | promote |
| null | corrections shuffled among the messages | hold: it does not beat the commonest answer |
| forgets | ten times the learning rate, ten epochs over 64 rows | hold: it loses what the base model knew |
| guard | three times the learning rate, no general rows, and instructions as one more guard | hold, though the target gains |

Each is a project in a folder of its own beside the booking desk, with its store, verdict and report. All share one reply
cache, so the base, prompted and constant arms answer once. What came out is kept in `gate_verdicts.json` in that folder.
Last line: {"good": {"verdict": ..., "right": ..., "sentence": ..., "minutes": ...}, ...}.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.booking_desk.__main__ import HERE, SHARED, null_project

KEPT = HERE / "gate_verdicts.json"
RIGHT = {"good": "promote", "null": "hold", "forgets": "hold", "guard": "hold"}
CHANGES = {
    "forgets": {
        "epochs = 3": "epochs = 10",
        "learning_rate = 1e-3": "learning_rate = 1e-2",
        "[tune]": "[curate]\nmost_rows = 64\nreplay_share = 0.0\n\n[tune]",
    },
    "guard": {
        "learning_rate = 1e-3": "learning_rate = 3e-3",
        "[tune]": "[curate]\nmost_rows = 200\nreplay_share = 0.0\n\n[tune]",
        'paths = ["evals"]': 'paths = ["../evals", "../../../evals"]',
    },
}
"""Words of the booking desk's trueup.toml that each project changes."""


def project(name: str) -> Path:
    """The project's folder, made when it is not there."""
    if name == "good":
        return HERE
    if name == "null":
        return null_project()
    text = (HERE / "trueup.toml").read_text(encoding="utf-8")
    for old, new in CHANGES[name].items():
        if old not in text:
            raise SystemExit(f"the booking desk's trueup.toml no longer says {old!r}")
        text = text.replace(old, new)
    text = text.replace('"../../models', '"../../../models').replace('"../../../shared', '"../../../../shared')
    text = text.replace('paths = ["evals"]', 'paths = ["../evals"]')
    folder = HERE / name
    replies = folder / ".trueup" / "replies"
    if not replies.exists():
        (HERE / ".trueup" / "replies").mkdir(parents=True, exist_ok=True)
        replies.parent.mkdir(parents=True, exist_ok=True)
        replies.symlink_to("../../.trueup/replies")
    (folder / "trueup.toml").write_text(text, encoding="utf-8")
    return folder


def judged(name: str) -> dict[str, Any]:
    """The loop on one project, then its verdict computed again from the report's own file."""
    folder, started = project(name), time.perf_counter()
    run = _trueup("run", folder)
    answer = json.loads(run.stdout.strip().split("\n")[-1]) if run.stdout.strip() else {}
    if "verdict" not in answer:
        return {"verdict": "none", "right": False, "sentence": f"the run ended with exit code {run.returncode}"}
    again = _trueup("gate", folder, "--check", str(folder / "out" / "report.verdict.json"))
    return {
        "verdict": answer["verdict"],
        "right": answer["verdict"] == RIGHT[name] and again.returncode == run.returncode,
        "sentence": answer["sentence"],
        "recomputed": again.returncode == run.returncode,
        "minutes": round((time.perf_counter() - started) / 60, 1),
    }


def _trueup(verb: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trueup", verb, *words, "--config", str(folder), "--json"]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=tuple(RIGHT), help="one of the four")
    chosen = parser.parse_args().only
    if not SHARED.is_dir():
        raise SystemExit(f"the booking desk's traces are not here\n  where: {SHARED}\n  next:  put them there")
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    for name in (chosen,) if chosen else RIGHT:
        kept[name] = judged(name)
        KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        print(f"{name}: {kept[name]['verdict']}: {kept[name]['sentence']}", flush=True)
    print(json.dumps(kept))


if __name__ == "__main__":
    main()
