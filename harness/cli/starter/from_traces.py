"""Write a project that fits the recorded calls, for `trueup init --from-traces`.

Cases are taken from what production answers well today only: a corrected failure that stood in an eval file could not
be trained on, since no training row may be near a case of any eval file.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from harness import config
from harness.cli import config_schema
from harness.cli.starter import settings, suites, tasks
from harness.cli.starter.tasks import Good, StarterTask
from harness.core.codec import digest, encode, to_chat, write_atomic
from harness.core.replies import expected_of
from harness.curate.options import CurateOptions
from harness.curate.sieve import Sieve
from harness.curate.targets import from_production
from harness.errors import InputError, UsageError
from harness.ingest import stage as ingest_stage
from harness.mine import stage as mine_stage
from harness.mine.traffic import Traffic
from harness.types import Call, Feedback, Json, Message, Usage

STORED = "(stored)"
"""In place of a path: the calls that the project has ingested already."""
MOST_TASKS = 5
GENERAL = Path(__file__).parent / "general"
"""Guards that fit any project: does the model still follow instructions, and know what it knew?"""
RECORDED = "recorded.jsonl"


class Started(Struct, frozen=True):
    written: tuple[Path, ...]
    sentences: tuple[str, ...]
    """What was guessed, and from how many calls."""
    next: str
    """The command that runs what was written, without a model."""


def from_traces(folder: Path, traces: str, model: str = "") -> Started:
    """Write eval files, their cases and, where there is none, trueup.toml.

    `traces` is a path of exports, or `STORED`. Raises UsageError when one of the files is there already, InputError when
    too few calls can be read to guess from.
    """
    calls, feedback = _stored(folder) if traces == STORED else _read(traces)
    return write(folder, calls, feedback, traces, model)


def write(folder: Path, calls: Sequence[Call], feedback: Sequence[Feedback], traces: str, model: str = "") -> Started:
    """As `from_traces`, of these calls; feedback has its `call_id`."""
    found = tasks.guess(_good(calls, feedback))[:MOST_TASKS]
    counts = Counter(call.route for call in calls)
    if not found:
        raise InputError(
            f"too little to guess from: {len(calls):,} calls, and no route has {tasks.ENOUGH} answers that nothing "
            "speaks against",
            where=traces,
            next="trueup init without --from-traces",
        )
    files = _files(folder, found)
    if not _config_of(folder):
        paths = (
            ["traces"] if traces == STORED else [traces if os.path.isabs(traces) else os.path.relpath(traces, folder)]
        )
        name = suites.identifier(folder.resolve().name)
        files[folder / config.FILE] = (config_schema.LINE + settings.config(name, model, paths, found)).encode()
        if not (folder / config_schema.FILE).exists():
            files[folder / config_schema.FILE] = config_schema.content()
    for path in files:
        if path.exists():
            raise UsageError("this file is there already", where=str(path), next="move it, or init another folder")
    for path, data in files.items():
        write_atomic(path, data)
    left = counts.keys() - {task.route for task in found}
    recorded = folder / "evals" / RECORDED
    own = " ".join(sorted({str(path.parent) for path in files if path.suffix == ".py" and _is_own(path, folder)}))
    return Started(
        written=tuple(files),
        sentences=(
            *(tasks.sentence(task, counts[task.route]) for task in found),
            *([_left_out(sorted(left, key=lambda route: (-counts[route], route)), counts)] if left else []),
        ),
        next=f"pytest {own} --model recorded:{recorded}",
    )


def _is_own(path: Path, folder: Path) -> bool:
    """Whether a suite asks about the project's own traffic, of which there are recorded answers."""
    return path.parent != folder / "evals" and not (GENERAL / path.parent.name).exists()


def _left_out(routes: Sequence[str], counts: Mapping[str, int]) -> str:
    """What nothing was written for, so that nobody takes the guesses for all there is."""
    named = ", ".join(f"{tasks.named(route)} ({counts[route]:,})" for route in routes[:MOST_TASKS])
    more = ", ..." if len(routes) > MOST_TASKS else ""
    total = sum(counts[route] for route in routes)
    return (
        f"nothing for {total:,} calls of {len(routes):,} other routes: {named}{more}; they have fewer good answers, and "
        f"at most {MOST_TASKS} routes with {tasks.ENOUGH} or more get a suite"
    )


def _config_of(folder: Path) -> Path | None:
    file = folder / config.FILE
    return file if file.is_file() else None


def _stored(folder: Path) -> tuple[list[Call], list[Feedback]]:
    if _config_of(folder) is None:
        raise UsageError(
            "there is no project here whose calls could be looked at",
            where=str(folder.resolve()),
            next="trueup init --from-traces PATH, with the path of an export",
        )
    from harness.store import Store  # Delta Lake, which exports alone do not need

    loaded = config.load(folder)
    store = Store.open(loaded.store, loaded.storage.address, loaded.storage.id)
    calls = list(store.traces.calls())
    return calls, list(ingest_stage.link(calls, store.traces.feedback(), loaded.scales))


def _read(traces: str) -> tuple[list[Call], list[Feedback]]:
    calls: dict[str, Call] = {}
    feedback: list[Feedback] = []
    for batch in ingest_stage.ingest([traces]):
        calls.update((call.id, call) for call in batch.calls)
        feedback += batch.feedback
    return list(calls.values()), list(ingest_stage.link(calls.values(), feedback))


def _good(calls: Sequence[Call], feedback: Sequence[Feedback]) -> Iterator[Good]:
    """Answers that were praised or corrected, and those that nothing speaks against."""
    mined = mine_stage.mine(calls, feedback)
    traffic = Traffic(calls)
    rows, fates = Sieve(traffic, feedback, mined).rows(CurateOptions())
    for row in rows:
        production = row.target.source == "production"
        yield _answer(row.call, row.conversation, row.target.message, evidence=True, today=production)
    failed = {failure.call_id for failure in mined.failures}
    for call in traffic:
        if call.usable and call.id not in failed and call.id in fates and fates[call.id].fate == "no_signal":
            message = from_production(call).message
            yield _answer(call, traffic.prompts.strip(call), message, evidence=False, today=True)


def _answer(call: Call, said: tuple[Message, ...], answer: Message, evidence: bool, today: bool) -> Good:
    return Good(
        route=call.route,
        case_id=digest(["case", call.id])[:16],
        messages=said,
        answer=answer,
        tools=call.tools,
        usage=call.usage if today else Usage(),
        session_id=call.session_id,
        evidence=evidence,
        today=today,
    )


def _files(folder: Path, found: Sequence[StarterTask]) -> dict[Path, bytes]:
    evals, files, names = folder / "evals", dict[Path, bytes](), list[str]()
    recorded: list[Call] = []
    for task in found:
        name = suites.identifier(task.route or "answers", names)
        names.append(name)
        shown = _chosen(task)
        rows = b"".join(encode(_row(one, task.toolbox)) + b"\n" for one in shown)
        text = suites.source(task, name, f"{name}.jsonl", len(shown), len(found) == 1)
        files[evals / name / f"eval_{name}.py"] = text.encode()
        files[evals / name / f"{name}.jsonl"] = rows
        recorded += [Call(id=one.case_id, input=one.messages, output=(one.answer,), usage=one.usage) for one in shown]
    if len(found) > 1:
        files[evals / "eval_mined.py"] = suites.MIXED.encode()
    files |= _general(evals)
    files[evals / RECORDED] = b"".join(encode(call) + b"\n" for call in recorded)
    return files


def _general(evals: Path) -> dict[Path, bytes]:
    """The general guards, where the project does not have them yet."""
    return {
        evals / file.relative_to(GENERAL): file.read_bytes()
        for file in sorted((*GENERAL.glob("*/eval_*.py"), *GENERAL.glob("*/*.jsonl")))
        if not (evals / file.parent.name).exists()
    }


def _chosen(task: StarterTask) -> list[Good]:
    """Cases for the starter: what production answers today, one an input, drawn by content so that it can be repeated."""
    by_input = {digest(one.messages): one for one in task.good if one.today}
    return [by_input[key] for key in sorted(by_input)[: suites.guarded()]]


def _row(one: Good, toolbox: tuple[Json, ...]) -> dict[str, Json]:
    """A line of the file of cases, in the form that people write; with the tools that were guessed where it brings none."""
    row: dict[str, Json] = {"id": one.case_id, "messages": [to_chat(message) for message in one.messages]}
    row["expected"] = expected_of(one.answer)
    if one.tools or toolbox:
        row["tools"] = list(one.tools or toolbox)
    return {**row, "session_id": one.session_id} if one.session_id else row
