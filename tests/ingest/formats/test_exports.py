"""Every export of the real libraries gives exactly the calls that its makers counted."""

from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.ingest.stage import ingest, is_pair, link
from harness.types import Call, Feedback, Quarantined

EXPORTS = Path(__file__).parents[2] / "fixtures" / "exports"


class Read(NamedTuple):
    calls: list[Call]
    feedback: list[Feedback]
    quarantined: list[Quarantined]
    counts: Counter


@cache
def read(*patterns: str) -> Read:
    files = [str(path) for pattern in patterns for path in sorted(EXPORTS.glob(pattern))]
    assert files, patterns
    calls, feedback, quarantined, counts = [], [], [], Counter()
    for batch in ingest(files):
        calls += batch.calls
        feedback += batch.feedback
        quarantined += batch.quarantined
        counts.update(batch.counts)
    return Read(calls, list(link(calls, feedback)), quarantined, counts)


# files, calls, with input, with output, pairs, errors, outputs with tool calls
TABLE = [
    ("otel-openai-v2_2.4b0_default-nocontent.*", 25, 0, 0, 0, 3, 0),
    ("otel-openai-v2_2.4b0_legacy-events_content.*", 25, 25, 21, 21, 3, 2),
    ("otel-openai-v2_2.4b0_latest_SPAN_ONLY.*", 25, 25, 21, 21, 3, 2),
    ("otel-openai-v2_2.4b0_latest_EVENT_ONLY.*", 25, 25, 21, 21, 3, 2),
    ("otel-openai-v2_2.4b0_latest_SPAN_AND_EVENT.*", 25, 25, 21, 21, 3, 2),
    ("otel-genai-openai_1.3b0_SPAN_ONLY.*", 29, 29, 26, 26, 3, 3),
    ("otel-genai-openai_1.3b0_SPAN_AND_EVENT.*", 29, 29, 26, 26, 3, 3),
    ("otel-genai-openai_1.3b0_default.*", 29, 0, 0, 0, 3, 0),
    ("otel-genai-openai_1.3b0_export-retry.collector*", 29, 29, 26, 26, 3, 3),
    ("otel-genai-openai_1.3b0_export-retry_otlp-http-protobuf/*", 29, 29, 26, 26, 3, 3),
    ("openlit_1.32.12.collector*", 18, 18, 15, 15, 0, 0),
    ("openlit_1.32.12_otlp-http-protobuf/*", 18, 18, 15, 15, 0, 0),
    # One of the 21 outputs is a mark that stands for a filtered text.
    ("traceloop-openai_0.40.14.*", 24, 24, 21, 20, 2, 2),
    ("traceloop-openai_0.62.4_default.*", 30, 29, 27, 26, 2, 3),
    ("traceloop-openai_0.62.4_events.*", 30, 30, 20, 20, 2, 2),
    ("openinference-openai_0.1.66.traces*", 30, 30, 26, 26, 3, 3),
    ("openinference-openai_0.1.66_countlimit24.*", 30, 30, 26, 26, 3, 3),
    ("openinference-langchain_0.1.80.*", 11, 11, 10, 10, 1, 1),
    ("dual_traceloop*", 30, 30, 27, 27, 3, 3),
    ("langfuse-sdk_5.0.4.*", 30, 30, 26, 26, 2, 3),
    ("logfire_5.2.0*", 30, 29, 25, 24, 2, 3),
    ("pydantic-ai_2.68.0_pai-default.*", 8, 7, 7, 7, 1, 1),
    ("pydantic-ai_2.68.0_pai-v2.*", 8, 7, 7, 7, 1, 1),
    ("pydantic-ai_2.68.0_pai-v3.*", 8, 7, 7, 7, 1, 1),
    ("vercel-ai_7.0.173_otel-genai.*", 15, 14, 11, 11, 3, 1),
    ("vercel-ai_7.0.173_otel-legacy.*", 15, 14, 11, 11, 3, 1),
    # 23 outputs as MLflow stored them, and one whose streamed tool calls stand in chunk events only.
    ("mlflow_3.17.2_openai-autolog.to_json*", 29, 29, 24, 24, 3, 3),
    ("mlflow_3.17.2_openai-autolog.search_traces_df*", 29, 29, 24, 24, 3, 3),
    ("langsmith_0.15.0_wrap-openai.*", 30, 30, 26, 26, 4, 3),
    ("litellm_1.106.2*", 11, 11, 9, 9, 2, 1),
    ("phoenix_20.26.1.spans_dataframe.jsonl*", 30, 30, 26, 26, 3, 3),
    ("phoenix_20.26.1.spans_dataframe.parquet", 30, 30, 26, 26, 3, 3),
    ("braintrust_0.47.0*", 29, 29, 23, 23, 0, 3),
    ("derived/bom-crlf*", 29, 29, 26, 26, 3, 3),
    ("derived/gzip*", 29, 29, 26, 26, 3, 3),
    ("derived/pretty*", 29, 29, 26, 26, 3, 3),
    ("derived/snake*", 29, 29, 26, 26, 3, 3),
    ("derived/clock*", 29, 29, 26, 26, 3, 3),
    ("derived/partial-last-line*", 28, 28, 25, 25, 3, 3),
    ("derived/collector-format-proto*", 25, 0, 0, 0, 3, 0),
    ("derived/traces-and-logs-mixed-shuffled*", 25, 25, 21, 21, 3, 2),
    ("openai-files_constructed/sft_chat*", 4, 4, 4, 4, 0, 0),
    ("openai-files_constructed/batch_*", 5, 5, 4, 4, 1, 1),
    ("openai-files_constructed/stored_*", 2, 2, 2, 2, 0, 1),
    ("openai-files_constructed/dpo_*", 1, 1, 1, 1, 0, 0),
]


def answered(call: Call) -> bool:
    return is_pair(Call(id="", input=call.output, output=call.output))


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_counts_are_those_that_the_makers_stated(row):
    """Calls, inputs, outputs, pairs, errors and tool calls are exactly those that the exports hold."""
    pattern, *expected = row
    calls = read(pattern).calls
    assert len({call.id for call in calls}) == len(calls)
    found = [
        len(calls),
        sum(any(said.parts for said in call.input) for call in calls),
        sum(map(answered, calls)),
        sum(map(is_pair, calls)),
        sum(call.error is not None for call in calls),
        sum(any(said.tool_calls for said in call.output) for call in calls),
    ]
    assert found == expected


def test_content_that_an_attribute_limit_cut_is_flagged_and_never_repaired():
    """Of 29 calls whose attributes were cut at 200 characters only 4 are whole pairs; the others say so."""
    calls = read("otel-genai-openai_1.3b0_SPAN_ONLY_valuelimit200.*").calls
    assert len(calls) == 29
    assert sum(map(is_pair, calls)) == 4
    assert sum("truncated" in call.flags for call in calls) == 25
    assert not any(call.usable for call in calls if "truncated" in call.flags)


def test_dropped_attributes_bar_a_call_from_training():
    """A span that lost attributes to a count limit looks complete; it is stored, marked and not usable."""
    calls = read("openinference-openai_0.1.66_countlimit24.*").calls
    dropped = [call for call in calls if "attributes_dropped" in call.flags]
    assert len(dropped) == 20
    assert not any(call.usable for call in dropped)


@pytest.mark.parametrize(
    ("pattern", "feedback", "corrections"),
    [
        ("otel-openai-v2_2.4b0_legacy-events_content.*", 4, 2),
        ("otel-genai-openai_1.3b0_SPAN_ONLY.*", 4, 2),
        ("derived/traces-and-logs-mixed-shuffled*", 4, 2),
        ("mlflow_3.17.2_openai-autolog.to_json*", 6, 2),
        ("langsmith_0.15.0_wrap-openai.*", 4, 2),
        ("phoenix_20.26.1.span*", 4, 1),
        ("braintrust_0.47.0*", 4, 2),
        ("openai-files_constructed/dpo_*", 1, 1),
    ],
)
def test_feedback_finds_its_call(pattern, feedback, corrections):
    """Feedback given on an application span, or by response id, is linked to the call that it is about."""
    found = read(pattern)
    known = {call.id for call in found.calls}
    assert len(found.feedback) == feedback
    assert sum(said.correction is not None for said in found.feedback) == corrections
    assert all(said.call_id in known for said in found.feedback)


def test_sessions_and_users_come_from_the_server_span():
    """Session and user stand on the root span only; every call below has them, and its route."""
    calls = read("otel-genai-openai_1.3b0_SPAN_ONLY.*").calls
    assert all(call.session_id and call.user_id and call.tags and call.route.startswith("handle ") for call in calls)


def test_a_call_recorded_twice_keeps_both_span_ids():
    """Two libraries on one client give one call, and feedback on either of its spans still finds it."""
    calls = read("dual_traceloop*").calls
    assert all(len(call.source.span_ids) == 2 for call in calls)
    call = calls[0]
    given = [Feedback(id=span, call_id=f"{call.trace_id}:{span}") for span in call.source.span_ids]
    assert {found.call_id for found in link(calls, given)} == {call.id}


def test_a_cut_line_is_quarantined_with_file_line_and_reason():
    """The last line of a file that was cut is named; all lines before it are read."""
    found = read("derived/partial-last-line*")
    (bad,) = found.quarantined
    assert bad.file.endswith("partial-last-line.jsonl")
    assert bad.line == 14
    assert "cut in the middle" in bad.reason


def test_one_call_in_two_spellings_is_the_same_call():
    """camelCase and snake_case, hex and base64 ids, JSON lines and one document, JSON and protobuf: equal calls."""
    plain = {call.id: call for call in read("derived/gzip*").calls}
    for pattern in ("derived/bom-crlf*", "derived/pretty*", "derived/snake*"):
        for call in read(pattern).calls:
            other = plain[call.id]
            assert (call.input, call.output, call.params, call.usage) == (
                other.input,
                other.output,
                other.params,
                other.usage,
            )
