"""Where the synthetic night comes from: dataset, training rows, adapter, calls, feedback, earlier nights."""

import json
import math

from harness.types import (
    Adapter,
    Call,
    Case,
    Cluster,
    CurvePoint,
    Dataset,
    Feedback,
    HistoryPoint,
    Neighbour,
    Promotion,
    Prompt,
    Recipe,
    Source,
    Usage,
    Waiver,
)
from tests.reports.texts import CHOICES, DAY, INSTRUCTIONS, LABELS, NIGHT, PARCEL, SHOTS, Night, case_of, say


def dataset_of(night: Night, held_out: tuple[Case, ...], training: tuple[Case, ...]) -> Dataset:
    clusters = tuple(
        Cluster(
            id=f"k{number}",
            label=label,
            detector="correction",
            route="POST /desk/messages",
            call_ids=tuple(case.call_id for case in held_out if case.cluster == f"k{number}")[:50],
            days={"2026-10-29": 3 + number, "2026-10-30": 7},
            lever="fine-tune",
            evidence="the value stands in the message",
        )
        for number, label in enumerate(LABELS)
    )
    counts = {"train": len(training), "held_out": len(held_out), "regression": 40, "replay": 12}
    fates = {**counts, "no_target": 391, "user_cap": 24, "near_duplicate": 133}
    return Dataset(
        id="d5e8" * 16 if len(held_out) % 2 == 0 else "b1c2" * 16,
        name="parcel_desk",
        counts=counts,
        fates=fates,
        calls=sum(fates.values()),
        target_sources={"correction": len(training) - 5, "retry": 5},
        clusters=clusters,
        prompts=(Prompt(name="production", messages=SHOTS),),
        traces_version="41",
        leak_proof=tuple(
            Neighbour(
                case_id=case.id,
                train_id=row.id,
                similarity=round(0.62 - 0.4 * number / max(1, len(held_out)), 3),
                text=case.text,
                train_text=row.text,
            )
            for number, (case, row) in enumerate(
                zip(held_out, training * (len(held_out) // len(training) + 1), strict=False)
            )
        ),
        parents=("b1c2" * 16,),
    )


def training_of(night: Night, number: int) -> Case:
    case = case_of(night, PARCEL, 900_000 + number)
    return Case(
        id=f"train-{number:04d}",
        messages=case.messages,
        target=case.target,
        target_source="correction",
        rejected=case.rejected,
        split="train",
        call_id=f"trace{number:05d}:train",
        cluster=case.cluster,
        day="2026-10-28",
    )


def adapter_of(training: tuple[Case, ...]) -> Adapter:
    steps = [
        CurvePoint(
            step=step,
            epoch=step / 40,
            loss=1.9 * math.exp(-step / 30) + 0.08,
            learning_rate=1e-3 * (1 - step / 130),
            seconds=step * 2.9,
            validation_loss=1.9 * math.exp(-step / 34) + 0.17 if step % 12 == 0 else None,
            score=0.88 - 0.8 * math.exp(-step / 28) if step % 12 == 0 else None,
        )
        for step in range(2, 121, 2)
    ]
    return Adapter(
        id="9be04d71" * 8,
        method="sft",
        base="c1f3a8e2" * 8,
        tokenizer="aa" * 32,
        template="bb" * 32,
        dataset="d5e8" * 16,
        recipe=Recipe(learning_rate=1e-3, epochs=3, batch_size=16),
        prompt=Prompt(name="short"),
        rows={"trained": len(training) - 2, "too_long": 2},
        tokens={"supervised": 15872, "context": 90213, "total": 106085},
        steps=120,
        curve=tuple(steps),
        checks={"parity": {"rows": 384, "largest_difference": 0.0}, "chosen_step": 108},
        seconds=351.0,
        peak_bytes=3_400_000_000,
        choices={"learning_rate": "1e-3: a model of 135M wants more than the 2e-4 of 1B and above"},
    )


def call_of(case: Case) -> Call:
    return Call(
        id=case.call_id,
        trace_id=case.trace_id,
        span_id="span1",
        session_id=case.session_id,
        route="POST /desk/messages",
        start_ns=NIGHT - 2 * DAY,
        end_ns=NIGHT - 2 * DAY + 840_000_000,
        model_requested="smollm2-135m",
        input=case.messages,
        output=(say("assistant", case.rejected or ""),),
        usage=Usage(input=312, output=22),
        source=Source(format="otlp", file="exports/2026-10-30.jsonl.gz", line=int(case.id[-5:]) + 1),
    )


def feedback_of(case: Case) -> Feedback:
    return Feedback(
        id=f"f-{case.id}",
        call_id=case.call_id,
        name="correction",
        value=-1.0,
        correction=json.dumps(case.expected),
        source_kind="human",
        at_ns=NIGHT - DAY,
    )


def history_of(night: Night) -> tuple[HistoryPoint, ...]:
    outcomes = (
        "hold",
        "undecided",
        "promote",
        "promote",
        "hold",
        "promote",
        "invalid",
        "promote",
        "promote",
        night.outcome,
    )
    return tuple(
        HistoryPoint(
            at_ns=NIGHT - (len(outcomes) - 1 - number) * DAY,
            outcome=outcome,
            adapter=f"{number:08x}" * 8,
            means={
                PARCEL: {"base": 0.02, "prompted": 0.11 + number / 400, "tuned": 0.6 + number * 0.028},
                INSTRUCTIONS: {"base": 0.45, "tuned": 0.46 - (number == 4) * 0.11},
                CHOICES: {"base": 0.62, "tuned": 0.61 + number / 900},
            },
            clusters={label: max(0, 9 - number + index) for index, label in enumerate(LABELS)},
            report=f"{number:04d}/report.html",
        )
        for number, outcome in enumerate(outcomes)
    )


def promotion_of(days: int, adapter: str, previous: str) -> Promotion:
    return Promotion(
        alias="champion",
        adapter=adapter * 5,
        verdict="3a9f" * 16,
        at_ns=NIGHT - days * DAY,
        by="ci",
        reason="promote",
        previous=previous * 5,
    )


def waivers_of(cases: tuple[Case, ...]) -> tuple[Waiver, ...]:
    return (
        Waiver(
            suite=PARCEL,
            case_id=cases[0].id,
            reason="the correction itself is wrong",
            owner="mira",
            expires="2026-12-01",
        ),
        Waiver(suite=PARCEL, cluster="k2", reason="date parser being replaced", owner="jon", expires="2026-09-01"),
    )
