"""Read folders of recorded traces that others wrote, file by file, and print for each folder what became of its records.

    python -m benchmarks.ingest_suites FOLDER [--files] [--wrap]

Each folder inside FOLDER is a suite. A file is an export of its own, read as `trueup ingest --dry-run` reads it. `--files`
prints a line for each file, `--wrap` reads documents that hold nothing but `input` and `output` as rows of Braintrust.
"""

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.errors import InputError
from harness.ingest import dry_run
from harness.ingest.step import Intake
from harness.project import Project
from harness.sections import Config

COLUMNS = (
    "files",
    "refused",
    "records",
    "calls",
    "usable",
    "repeated",
    "feedback",
    "waiting",
    "quarantined",
    "others",
    "open",
)
SUFFIXES = (".json", ".jsonl", ".ndjson", ".gz", ".parquet", ".csv", ".binpb")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", action="store_true", help="a line for each file")
    parser.add_argument("--wrap", action="store_true", help="read bare input and output as rows of Braintrust")
    asked = parser.parse_args()
    print_row("suite", dict(zip(COLUMNS, COLUMNS, strict=True)))
    with tempfile.TemporaryDirectory() as scratch:
        project = Project.open(Config(root=f"{scratch}/project"))
        for suite in sorted(path for path in asked.folder.iterdir() if path.is_dir()):
            total: Counter[str] = Counter()
            for path in files(suite):
                told = fates(project, wrapped(path, Path(scratch)) if asked.wrap else path)
                total.update(told)
                if asked.files:
                    print_row(str(path.relative_to(suite)), told)
            print_row(suite.name, total)


def files(suite: Path) -> Iterator[Path]:
    return (path for path in sorted(suite.rglob("*")) if path.is_file() and path.name.endswith(SUFFIXES))


def fates(project: Project, path: Path) -> dict[str, int]:
    """The counts of one file; `open` are the records without a fate, which must be none."""
    try:
        intake = dry_run.read_only(project, [str(path)]).intake
    except InputError:
        return {"files": 1, "refused": 1}
    return {"files": 1, "others": sum(intake.others.values()), "open": unaccounted(intake)} | {
        name: getattr(intake, name) for name in COLUMNS if hasattr(intake, name) and name != "others"
    }


def unaccounted(intake: Intake) -> int:
    known = intake.calls + intake.repeated + intake.conflicts + intake.feedback + intake.suppressed + intake.quarantined
    return intake.records - known - sum(intake.others.values())


def wrapped(path: Path, scratch: Path) -> Path:
    """The documents of a file with the ids, times and type that Braintrust writes around an input and an output."""
    held = json.loads(path.read_bytes())
    spans = [span for span in (held if isinstance(held, list) else [held]) if isinstance(span, dict)]
    if not any("input" in span or "output" in span for span in spans):
        return path
    made = scratch / f"{path.stem}.jsonl"
    made.write_text("\n".join(json.dumps(row(span, f"{path.stem}-{number}")) for number, span in enumerate(spans)))
    return made


def row(span: dict[str, Any], ident: str) -> dict[str, Any]:
    kept = {name: span[name] for name in ("input", "output", "metadata", "error") if name in span}
    metrics = {**(span.get("metrics") or {}), "start": 1767225600.0, "end": 1767225601.0}
    kind = {"span_attributes": {"type": "llm", "name": "call"}, "span_parents": [], "metrics": metrics}
    return {"id": ident, "span_id": ident, "root_span_id": f"{ident}-root", **kind, **kept}


def print_row(name: str, told: dict[str, Any]) -> None:
    print(f"{name[:44]:<44}" + "".join(f"{told.get(column, 0):>12}" for column in COLUMNS), flush=True)


if __name__ == "__main__":
    main()
