"""Mutate valid exports of every format: nothing raises, valid records beside the broken ones are read, the balance closes.

pytest tests/ingest/test_fuzzed.py --hypothesis-profile long      some thousand examples
"""

import gzip
import json
from collections import Counter
from contextlib import suppress
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.ingest import step as ingest_step
from harness.ingest.assemble import UNACCOUNTED
from harness.ingest.formats._fates import OTHER
from harness.ingest.stage import ingest
from harness.project import Project
from harness.sections import Config
from tests.ingest.test_balance import EXPORTS, FIXTURES

LARGEST = 200_000
"""Bytes of a record that is mutated: larger ones are the same, only slower."""

IS_LONG = settings.get_current_profile_name() == "long"
EXAMPLES, PLACES = (3000, 500) if IS_LONG else (40, 40)


def records(path):
    """The JSON records of an export, the small ones; none where it is no JSON."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    found = []
    for text in data.split(b"\n") if b"\n" in data.strip() and not data.startswith((b"{\n", b"[\n")) else [data]:
        with suppress(ValueError):
            found += [json.loads(text)] if 2 < len(text) <= LARGEST else []
    return found


SEEDS = {path: found[:6] for path in EXPORTS if (found := records(path))}
GOOD = json.dumps(
    {
        "resourceSpans": [
            {
                "scopeSpans": [
                    {
                        "scope": {"name": "good"},
                        "spans": [
                            {
                                "traceId": "900d" * 8,
                                "spanId": "900d" * 4,
                                "startTimeUnixNano": "1785578400000000000",
                                "endTimeUnixNano": "1785578401000000000",
                                "attributes": [
                                    {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
                                    {"key": "gen_ai.request.model", "value": {"stringValue": "m"}},
                                    {"key": "gen_ai.prompt", "value": {"stringValue": "hi"}},
                                    {"key": "gen_ai.completion", "value": {"stringValue": "hello"}},
                                ],
                            }
                        ],
                    }
                ]
            }
        ]
    }
)


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


ODD = [
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**30, -(10**30), 1.5, 1e308, float("nan"), float("inf")),
    *("", "x", "\x00", "\ud800", "\u202e", "[[[[", '{"a": ', "1e999", "0x12", "٣", "9" * 400),
    *([], {}, [[]], [None], [1, [2, [3]]], {"": {}}, {"a": None}, {"key": 1, "value": 2}, nested(300)),
    *('["a"]', '{"role": 1}', '"\\"x\\""', [{"role": "user", "content": {}}], {"values": 3}, {"stringValue": ["x"]}),
]


def places(value, path=()):
    """Where every node of a value is."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in inner:
        yield from places(held, (*path, key))


def changed(value, path, change):
    """The value with one node changed; `change` gets its holder and key."""
    if not path:
        holder = {"whole": value}
        change(holder, "whole")
        return holder.get("whole")
    holder = value
    for key in path[:-1]:
        holder = holder[key]
    change(holder, path[-1])
    return value


def drop(holder, key):
    del holder[key]


def twice(holder, key):
    if isinstance(holder, list):
        holder.append(deepcopy(holder[key]))
    else:
        holder[f"{key}_"] = deepcopy(holder[key])


def wrap(holder, key):
    holder[key] = [holder[key]]


def as_text(holder, key):
    holder[key] = json.dumps(holder[key])


def cut_text(holder, key):
    holder[key] = json.dumps(holder[key])[: len(json.dumps(holder[key])) // 2]


CHANGES = [drop, twice, wrap, as_text, cut_text]


@st.composite
def mutants(draw):
    """One to five changes to a record of some export."""
    path = draw(st.sampled_from(sorted(SEEDS)))
    record = json.loads(json.dumps(draw(st.sampled_from(SEEDS[path]))))
    for _ in range(draw(st.integers(1, 5))):
        where = draw(st.sampled_from(list(places(record))))
        if draw(st.booleans()):
            odd = deepcopy(draw(st.sampled_from(ODD)))
            record = changed(record, where, lambda holder, key, odd=odd: holder.__setitem__(key, odd))
        elif where:
            record = changed(record, where, draw(st.sampled_from(CHANGES)))
    return record


def read(folder, **options):
    totals, calls = Counter(), []
    for batch in ingest([str(folder)], options=options):
        totals.update(batch.counts)
        totals["kept"] += len(batch.calls) + len(batch.feedback) + len(batch.quarantined)
        calls += batch.calls
    others = sum(count for name, count in totals.items() if name.startswith(OTHER))
    return calls, totals, totals["kept"] + totals["repeated_calls"] + totals["repeated_feedback"] + others


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(mutants(), min_size=1, max_size=3), st.booleans())
def test_whatever_a_record_says_ingest_reads_the_rest(tmp_path_factory, found, redact):
    """Types, lengths and nesting that no producer writes cost at most the record itself."""
    folder = tmp_path_factory.mktemp("mutants")
    lines = [GOOD, *(json.dumps(record) for record in found), GOOD.replace("900d", "900e")]
    (folder / "x.jsonl").write_text("\n".join(lines))
    calls, totals, fates = read(folder, redact=redact)
    assert {"900d" * 8, "900e" * 8} <= {call.trace_id for call in calls}
    assert totals["read"] == fates
    assert UNACCOUNTED not in totals


@settings(max_examples=EXAMPLES // 8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(mutants(), min_size=2, max_size=6))
def test_the_store_takes_whatever_ingest_gives(tmp_path_factory, found):
    """What was read of broken records is stored, and can be read again; the command's own balance closes."""
    folder = tmp_path_factory.mktemp("stored")
    (folder / "x.jsonl").write_text("\n".join([GOOD, *map(json.dumps, found)]))
    project = Project.open(Config(root=str(folder / "project")))
    told = ingest_step.ingest(project, [str(folder / "x.jsonl")])
    sums = told.calls + told.repeated + told.conflicts + told.feedback + told.suppressed + told.quarantined
    assert told.records == sums + sum(told.others.values())
    assert "900d" * 8 in {call.trace_id for call in project.store.traces.calls()}
    assert len(list(project.store.traces.quarantined())) == told.quarantined
    project.feedback()


@pytest.mark.parametrize("path", sorted(SEEDS), ids=lambda path: str(path.relative_to(FIXTURES)))
def test_a_value_of_another_type_in_each_place(tmp_path, path):
    """Nodes of an export's first record, each once replaced by a truth value and once by a list: all in one file."""
    record = SEEDS[path][0]
    lines = [GOOD]
    found = list(places(record))
    for number, where in enumerate(found[:: max(1, len(found) // PLACES)]):
        for odd in (True, ["x", 1]):
            copy = json.loads(json.dumps(record))
            lines.append(json.dumps(changed(copy, where, lambda holder, key, odd=odd: holder.__setitem__(key, odd))))
        if number % 3 == 0 and where:
            lines.append(json.dumps(changed(json.loads(json.dumps(record)), where, drop)))
    (tmp_path / "x.jsonl").write_text("\n".join(lines))
    calls, totals, fates = read(tmp_path, redact=False)
    assert "900d" * 8 in {call.trace_id for call in calls}
    assert totals["read"] == fates
    assert UNACCOUNTED not in totals


def test_the_seeds_are_of_every_kind():
    """Exports of a kind that the mutants leave out would prove nothing."""
    assert len(SEEDS) > 60
    assert {path.parts[len(FIXTURES.parts)] for path in SEEDS} == {"exports", "traffic", "cases"}
    assert isinstance(FIXTURES, Path)
