"""Every record has a fate: what was read is the sum of what became of it, for every export and for mixtures of them."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.ingest import step as ingest_step
from harness.ingest.assemble import UNACCOUNTED
from harness.ingest.formats._fates import OTHER
from harness.ingest.stage import ingest
from harness.project import Project
from harness.sections import Config

FIXTURES = Path(__file__).parents[1] / "fixtures"
EXPORTS = sorted(
    path
    for folder in ("exports", "traffic", "cases")
    for path in (FIXTURES / folder).rglob("*")
    if path.is_file() and path.suffix != ".md" and "ledger" not in path.name and path.stat().st_size
)


def balance(paths):
    """What was read, and the sum of the fates."""
    totals = Counter()
    for batch in ingest([str(path) for path in paths], options={"redact": False}):
        totals.update(batch.counts)
        totals["kept"] += len(batch.calls) + len(batch.feedback) + len(batch.quarantined)
    others = sum(count for name, count in totals.items() if name.startswith(OTHER))
    return totals, totals["kept"] + totals["repeated_calls"] + totals["repeated_feedback"] + others


@pytest.mark.parametrize("path", EXPORTS, ids=lambda path: str(path.relative_to(FIXTURES)))
def test_each_export_closes(path):
    """Records in are calls, repeats, feedback, what is not a model's, and what could not be read; none is left over."""
    totals, fates = balance([path])
    assert totals["read"] == fates > 0
    assert UNACCOUNTED not in totals


@settings(max_examples=15)
@given(st.lists(st.sampled_from(EXPORTS), min_size=2, max_size=4), st.randoms())
def test_mixtures_of_exports_close(tmp_path_factory, chosen, random):
    """Also where exports lie in one folder, in any order, with some of them twice."""
    folder = tmp_path_factory.mktemp("mixture")
    random.shuffle(chosen)
    for number, path in enumerate([*chosen, chosen[0]]):
        (folder / f"{number}{path.suffix}").write_bytes(path.read_bytes())
    totals, fates = balance([folder])
    assert totals["read"] == fates
    assert UNACCOUNTED not in totals


def span(number, **held):
    attributes = [{"key": name, "value": {"stringValue": value}} for name, value in held.items()]
    ids = {
        "traceId": f"{number % 3 + 1:032x}",
        "spanId": f"{number + 1:016x}",
        "startTimeUnixNano": "1785578400000000000",
    }
    return {**ids, "endTimeUnixNano": "1785578401000000000", "name": f"s{number}", "attributes": attributes}


ATTRIBUTES = st.fixed_dictionaries(
    {},
    optional={
        "gen_ai.operation.name": st.sampled_from(
            ["chat", "responses", "converse", "embeddings", "invoke_agent", "odd"]
        ),
        "gen_ai.request.model": st.just("m"),
        "gen_ai.system": st.just("openai"),
        "db.system": st.just("redis"),
        "gen_ai.input.messages": st.just('[{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]'),
        "openinference.span.kind": st.sampled_from(["LLM", "CHAIN", "TOOL"]),
        "langfuse.observation.type": st.sampled_from(["generation", "span"]),
    },
)


@settings(max_examples=60)
@given(st.lists(ATTRIBUTES, min_size=1, max_size=8), st.integers(0, 7))
def test_spans_of_any_kind_close(tmp_path_factory, drawn, twice):
    """As many records are read as there are spans, copies included, whatever they carry."""
    spans = [span(number, **held) for number, held in enumerate(drawn)]
    spans += [spans[twice % len(spans)]]
    path = tmp_path_factory.mktemp("spans") / "t.json"
    path.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"scope": {"name": "x"}, "spans": spans}]}]}))
    totals, fates = balance([path])
    assert totals["read"] == fates == len(spans)
    assert UNACCOUNTED not in totals


def test_the_command_tells_the_balance(tmp_path):
    """Spans of tools, the repeats of a second reading, and a broken line with its reason are in the sum."""
    (tmp_path / "in").mkdir()
    export = FIXTURES / "exports" / "otel-genai-openai_1.3b0_export-retry.collector.jsonl.gz"
    lines = gzip.decompress(export.read_bytes()) + b'{"neither": 1}\n{"broken": \n'
    (tmp_path / "in" / "t.jsonl").write_bytes(lines)
    project = Project.open(Config(root=str(tmp_path / "p")))
    for _ in range(2):
        found = ingest_step.ingest(project, [str(tmp_path / "in")])
        assert sum(found.reasons.values()) == found.quarantined
        told = found.calls + found.repeated + found.conflicts + found.feedback + found.suppressed + found.quarantined
        assert found.records == told + sum(found.others.values())
        (tmp_path / "in" / "t.jsonl").write_bytes(lines + b"\n")
