"""Tune at a provider: upload the rows, start a job, wait for it, keep the name of the model that comes back.

For any provider whose fine-tuning API has the shape of OpenAI's jobs, events and checkpoints, through its `openai`
client. The job's id is on disk before anything is waited for, so a killed run goes on waiting for the same job, and pays
once. What comes back is an adapter without weights: a manifest bound to rows, recipe and provider, which the
`openai_compatible` backend asks by name, and which is promoted by its digest like any other.
"""

import json
import math
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import openai
from msgspec.structs import replace
from openai import OpenAI
from openai.types.fine_tuning import FineTuningJob, FineTuningJobEvent

from harness.core.adapters import HOSTED, HOSTED_FILE, Hosted, content_id
from harness.core.codec import digest, encode, file_digest, read, write_atomic
from harness.curate.export_formats import export
from harness.errors import InputError, InvalidError, UsageError
from harness.types import Adapter, CurvePoint, Estimate, Noun, Preview, PreviewRow, TokenKind, TuneRequest
from trainers.provider import connection
from trainers.publishing import adapter_folder
from trainers.rows import dataset, tokens
from trainers.training import options as knobs
from trainers.training.descent import OnPoint
from trainers.training.preview import spread

FORMS = {"supervised": "openai-sft", "dpo": "openai-preference"}
"""Method of the provider to the form of its rows."""
MARK = "trueup_request"
"""Metadata of the job: whose it is, for the run that was killed between starting it and noting its id."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[tune.options]` of this recipe. The base is the tuned arm's `model`, as the provider names it."""

    url: str
    """The provider's API, up to and with `/v1`."""
    key_env: str = "OPENAI_API_KEY"
    """Name of the variable that holds the key."""
    method: str = "supervised"
    """supervised or dpo."""
    suffix: str = ""
    """Part of the new model's name."""
    learning_rate_multiplier: float | None = None
    """None: the provider chooses. Epochs and batch size are those of [tune], or the provider's."""
    poll: float = 15.0
    """Seconds between two looks at the job."""
    patience: float = 24.0
    """Hours to wait; after them the same command goes on waiting."""
    ends: str = ""
    """Day (ISO) on which the provider will shut the model down, where its API does not say."""


class HostedJob(Noun, frozen=True):
    """What was done so far, on disk before the next step."""

    request: str
    file: str = ""
    """The provider's id of the uploaded rows."""
    job: str = ""


def train(request: TuneRequest, on_point: OnPoint) -> Adapter:
    """Have the provider tune, and publish the adapter that names its model.

    Raises UsageError on unknown options or a missing key, InputError on rows that cannot be used, InvalidError on a
    held-out case among them and when the job fails, was cancelled, or takes longer than the options' patience.
    """
    began, options, out = time.monotonic(), options_of(request), Path(request.out)
    draft = _draft(request, options)
    known = adapter_folder.published(out, draft)
    if known is not None:
        return known
    project = Path(f"{request.out}.checkpoints")
    rows, file = _rows(request, options, project)
    client = connection.connect(options.url, options.key_env)
    note = Note(project / "job.json", draft.id)
    job = _job(client, request, options, note, file)
    curve: list[CurvePoint] = []

    def on_event(event: FineTuningJobEvent) -> None:
        if (point := _point(event, time.monotonic() - began)) is not None:
            curve.append(point)
            on_point(point, max(point.step, _total(event)))

    job = connection.wait(client, job.id, options.poll, options.patience, on_event)
    if job.status != "succeeded" or not job.fine_tuned_model:
        note.forget()  # the same command starts a new job
        raise _ended_badly(job)
    result = _result(client, job, options)
    partial = adapter_folder.fresh(out.with_name(f".{out.name}.partial"))
    write_atomic(partial / HOSTED_FILE, encode(result))
    manifest = replace(
        draft,
        files={HOSTED_FILE: file_digest(partial / HOSTED_FILE)},
        rows={tokens.TRAINED: rows},
        tokens={"supervised": 0, "context": 0, "total": job.trained_tokens or 0},
        steps=curve[-1].step if curve else 0,
        curve=tuple(curve),
        checks={"request": draft.id, "hosted": {"job": job.id, "model": result.model, "ends": result.ends}},
        seconds=time.monotonic() - began,
        choices={"model": f"{result.model}: tuned by {options.url}{_until(result.ends)}"},
    )
    return adapter_folder.publish(partial, out, manifest)


def preview(request: TuneRequest, count: int) -> Preview:
    """`count` rows as they would be uploaded, as text: only the provider knows its tokens. Nothing leaves the machine."""
    options = options_of(request)
    lines, size = _lines(request, options)
    rows = tuple(_shown(f"row {place + 1}", lines[place]) for place in spread(range(len(lines)), count))
    return Preview(rows=rows, fates={"uploaded": len(lines)}, tokens={}, notes=(_leaves(options, len(lines), size),))


def estimate(request: TuneRequest) -> Estimate:
    """What would be uploaded. Steps, time and memory are the provider's."""
    options, recipe = options_of(request), request.recipe
    lines, size = _lines(request, options)
    epochs = f"{recipe.epochs:g} epochs" if recipe.epochs else "epochs of the provider's choice"
    batch = f"{recipe.batch_size} rows a step" if recipe.batch_size else "a batch size of the provider's choice"
    return Estimate(
        steps=math.ceil(len(lines) / recipe.batch_size) * round(recipe.epochs)
        if recipe.epochs and recipe.batch_size
        else 0,
        rows={"uploaded": len(lines)},
        tokens={},
        seconds=0.0,
        peak_bytes=0,
        weights=0,
        trained_weights=0,
        details={
            "upload": _leaves(options, len(lines), size),
            "schedule": f"{epochs}, {batch}",
            "time and price": "the provider's; neither is known here",
        },
    )


def _lines(request: TuneRequest, options: Options) -> tuple[list[dict[str, Any]], int]:
    """The rows that would be uploaded, and their bytes."""
    with tempfile.TemporaryDirectory() as folder:
        data = _rows(request, options, Path(folder))[1].read_bytes()
    return [json.loads(line) for line in data.splitlines()], len(data)


def _leaves(options: Options, rows: int, size: int) -> str:
    return f"{rows:,} rows, {size / 1024:,.0f} KiB, would leave this machine for {options.url}"


def _shown(name: str, line: dict[str, Any]) -> PreviewRow:
    """One line of the upload: whoever speaks, and what of it is learnt."""
    parts: list[tuple[dict[str, Any], TokenKind]]
    if "messages" in line:
        parts = [(message, "context") for message in line["messages"][:-1]] + [(line["messages"][-1], "supervised")]
    else:
        parts = [(message, "context") for message in line["input"]["messages"]]
        parts += [(line["preferred_output"][0], "supervised"), (line["non_preferred_output"][0], "rejected")]
    texts = tuple((f"{message['role']}: {_said(message)}\n", kind) for message, kind in parts)
    return PreviewRow(
        id=name, tokens=texts, counts=f"{len(parts)} messages, {sum(len(text) for text, _ in texts)} characters"
    )


def _said(message: dict[str, Any]) -> str:
    calls = message.get("tool_calls")
    return f"{message.get('content') or ''}{json.dumps(calls) if calls else ''}"


def cancel(request: TuneRequest) -> str:
    """Cancel the job of this request; returns its status. Raises InputError when none was started."""
    options = options_of(request)
    note = Note(Path(f"{request.out}.checkpoints") / "job.json", _draft(request, options).id)
    if not note.state.job:
        raise InputError("no job of this training was started", where=str(note.file), next="trueup tune")
    client = connection.connect(options.url, options.key_env)
    with connection.said(options.url):
        job = client.fine_tuning.jobs.retrieve(note.state.job)
        if job.status not in connection.ENDED:
            job = client.fine_tuning.jobs.cancel(note.state.job)
    note.forget()
    return job.status


def options_of(request: TuneRequest) -> Options:
    """The request's options. Raises UsageError naming the wrong one."""
    options = knobs.read(request, Options)
    if options.method not in FORMS:
        raise UsageError(f"there is no hosted method {options.method!r}", next=f"known: {', '.join(FORMS)}")
    return options


class Note:
    """The state of one request, in one file that is replaced whole."""

    def __init__(self, file: Path, request: str) -> None:
        self.file = file
        known = read(file, HostedJob) if file.exists() else HostedJob(request=request)
        self.state = known if known.request == request else HostedJob(request=request)

    def keep(self, **fields: str) -> None:
        self.state = replace(self.state, **fields)
        write_atomic(self.file, encode(self.state))

    def forget(self) -> None:
        self.keep(job="")


def _draft(request: TuneRequest, options: Options) -> Adapter:
    bound = Adapter(
        id="",
        method=request.recipe.method,
        base=digest([HOSTED, options.url.rstrip("/"), request.base]),
        tokenizer="",
        template="",
        dataset=dataset.ident(request.dataset),
        recipe=request.recipe,
        prompt=request.prompt,
        form=HOSTED,
        code=adapter_folder.code(request.recipe.method),
    )
    return replace(bound, id=content_id(bound))


def _rows(request: TuneRequest, options: Options, project: Path) -> tuple[int, Path]:
    """How many rows there are, and the file to upload. Replay is left out: it would stand under the wrong prompt."""
    cases = dataset.answers(replace(request, recipe=replace(request.recipe, replay_share=0.0)))
    tokens.refuse_held_out(cases, request.held_out_ids)
    written = export({"train": cases}, FORMS[options.method], project / "rows", request.prompt)
    count = written[0].read_bytes().count(b"\n") if written else 0
    if not count:
        raise InputError("there is nothing to train on", where=request.dataset, next="ingest more feedback")
    return count, written[0]


def _job(client: OpenAI, request: TuneRequest, options: Options, note: Note, file: Path) -> FineTuningJob:
    """The job of this request: the one that is under way, or a new one. Its id is on disk when this returns."""
    with connection.said(options.url):
        if note.state.job:
            return client.fine_tuning.jobs.retrieve(note.state.job)
        if not note.state.file:
            with file.open("rb") as rows:
                note.keep(file=client.files.create(file=(file.name, rows), purpose="fine-tune").id)
        job = _lost(client, note.state.request) or _start(client, request, options, note.state)
    note.keep(job=job.id)
    return job


def _start(client: OpenAI, request: TuneRequest, options: Options, state: HostedJob) -> FineTuningJob:
    """A new job. When the answer to its start is lost the job may be there: it is looked for before a second try."""
    recipe = request.recipe
    knobs = {
        "n_epochs": round(recipe.epochs) if recipe.epochs else None,
        "batch_size": recipe.batch_size,
        "learning_rate_multiplier": options.learning_rate_multiplier,
    }
    given = {name: value for name, value in knobs.items() if value is not None}
    wanted: dict[str, Any] = {
        "model": request.base,
        "training_file": state.file,
        "method": {"type": options.method, options.method: {"hyperparameters": given}},
        "seed": recipe.seed,
        "metadata": {MARK: _mark(state.request)},
        **({"suffix": options.suffix} if options.suffix else {}),
    }
    for left in range(connection.RETRIES, -1, -1):
        try:
            return client.with_options(max_retries=0).fine_tuning.jobs.create(**wanted)
        except (openai.APIConnectionError, openai.InternalServerError, openai.RateLimitError) as error:
            if not left:
                raise
            time.sleep(connection.pause(error, connection.RETRIES - left))
        if (job := _lost(client, state.request)) is not None:
            return job
    raise AssertionError("the last try returns or raises")


def _lost(client: OpenAI, request: str) -> FineTuningJob | None:
    """A job that was started for this request and whose id was never noted."""
    for job in client.fine_tuning.jobs.list(limit=100):
        mine = (job.metadata or {}).get(MARK) == _mark(request)
        if mine and job.status not in ("failed", "cancelled"):
            return job
    return None


def _mark(request: str) -> str:
    """Metadata values hold 512 characters at most, and need not say more."""
    return request[:32]


def _point(event: FineTuningJobEvent, seconds: float) -> CurvePoint | None:
    data = event.data if isinstance(event.data, dict) else {}
    step, loss = data.get("step"), data.get("train_loss")
    if event.type != "metrics" or not isinstance(step, int) or not isinstance(loss, (int, float)):
        return None
    valid = data.get("full_valid_loss", data.get("valid_loss"))
    return CurvePoint(
        step=step,
        epoch=0.0,
        loss=float(loss),
        seconds=seconds,
        validation_loss=float(valid) if isinstance(valid, (int, float)) else None,
    )


def _total(event: FineTuningJobEvent) -> int:
    total = event.data.get("total_steps") if isinstance(event.data, dict) else None
    return total if isinstance(total, int) else 0


def _result(client: OpenAI, job: FineTuningJob, options: Options) -> Hosted:
    assert job.fine_tuned_model
    with connection.said(options.url):
        kept = tuple(
            checkpoint.fine_tuned_model_checkpoint for checkpoint in client.fine_tuning.jobs.checkpoints.list(job.id)
        )
        ends = [connection.end_of(client, name) for name in (job.fine_tuned_model, job.model)]
    return Hosted(
        url=options.url,
        base=job.model,
        model=job.fine_tuned_model,
        job=job.id,
        trained_tokens=job.trained_tokens,
        checkpoints=kept,
        ends=min(filter(None, [*ends, options.ends]), default=""),
    )


def _until(ends: str) -> str:
    return f"; the provider ends it on {ends}" if ends else ""


def _ended_badly(job: FineTuningJob) -> InvalidError:
    if job.status == "cancelled":
        return InvalidError("the job was cancelled", where=job.id, next="trueup tune, to start another")
    if job.status == "succeeded":
        return InvalidError("the job succeeded, but names no model", where=job.id)
    why = f"{job.error.code}: {job.error.message}" if job.error else "the provider does not say why"
    return InvalidError(f"the job failed: {why}", where=job.id, next="fix it, then trueup tune to start another")
