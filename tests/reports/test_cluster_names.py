"""What a failure cluster is called."""

import json

import pytest
from msgspec.structs import replace

from harness.core.cluster_names import told_apart
from harness.core.differences import differences
from harness.core.replies import expected_of, written
from harness.types import Case, Cluster, Dataset, Message, ToolCallPart
from reports.parts.cases import CaseRow
from reports.parts.cluster_names import cluster_names


def row(cluster, wanted, wrong):
    return CaseRow(
        suite="s",
        id="c",
        case=Case(id="c", cluster=cluster, expected=wanted, rejected=wrong),
        scores={},
        status={},
        results={},
    )


def named(story, rows, **mined):
    clusters = tuple(Cluster(id=ident, label=label, detector="correction") for ident, label in mined.items())
    bare = replace(story, dataset=Dataset(id="d", clusters=clusters), training=(), comparisons=())
    return cluster_names(bare, rows)


def test_a_cluster_is_named_by_the_field_and_the_value_that_are_wrong(story):
    """Most of its answers have it in common, whatever the messages begin with."""
    wrong = [row("k", {"category": "late", "n": n}, f'{{"category": "delayed", "n": {n}}}') for n in range(4)]
    other = row("k", {"category": "late", "n": 9}, '{"category": "late", "n": 8}')
    assert named(story, [*wrong, other], k="hello, good morning") == {"k": "category: “delayed” instead of “late”"}


def test_values_that_vary_leave_the_field(story):
    """A field that is missing, or wrong in several ways."""
    missing = [row("k", {"order": n}, '{"order": null}') for n in range(3)]
    assert named(story, missing, k="hi") == {"k": "order: missing"}
    varied = [row("k", {"order": n}, f'{{"order": {n + 1}}}') for n in range(3)]
    assert named(story, varied, k="hi") == {"k": "order: wrong value"}


def test_a_wrong_tool_call_is_compared_with_the_wanted_one(story):
    """As calls, not as the message around them."""

    def called(city):
        part = ToolCallPart(id="1", name="find", arguments=json.dumps({"city": city}))
        return Message(role="assistant", parts=(part,))

    wrong = [row("k", expected_of(called("Bonn")), written(called("Rome"))) for _ in range(3)]
    assert named(story, wrong, k="hi")["k"] == "find.city: “Rome” instead of “Bonn”"


def test_without_common_evidence_the_mined_terms_name_it_without_greetings(story):
    """A term that only greets or thanks tells nothing; nothing but greetings leaves the id."""
    mixed = [row("k", "yes", "no"), row("k", {"a": 1}, "text"), row("k", "up", "down")]
    assert named(story, mixed, k="hello, parking lot, thanks") == {"k": "parking lot"}
    assert named(story, [], k="good morning, thank you") == {"k": "k"}


def test_the_name_from_mining_is_kept(story):
    """So that `trueup mine` and the report call a cluster the same."""
    cluster = Cluster(id="k", label="parking", name="a: wrong value", detector="correction")
    bare = replace(story, dataset=Dataset(id="d", clusters=(cluster,)), training=(), comparisons=())
    assert cluster_names(bare, [row("k", {"a": 1}, '{"a": 2}')]) == {"k": "a: wrong value"}


def test_no_two_clusters_have_one_name(story):
    """What fails alike is told apart by its terms, else by its id."""
    rows = [row(ident, {"a": 1}, "sorry") for ident in ("k1", "k2", "k3")]
    names = named(story, rows, k1="parking", k2="hello", k3="hello")
    assert names == {
        "k1": "text instead of JSON (parking)",
        "k2": "text instead of JSON (k2)",
        "k3": "text instead of JSON (k3)",
    }


@pytest.mark.parametrize(
    ("wanted", "answer", "told"),
    [
        ({"a": {"b": "Late"}}, '{"a": {"b": "late."}}', []),
        (
            {"a": {"b": "late"}},
            '{"a": {"b": "lost"}, "c": 1}',
            ["a.b: “lost” instead of “late”", "c: 1 instead of nothing"],
        ),
        ("late", "lost", ["“lost” instead of “late”"]),
        ("late", "a very long answer that goes on and on and on and on", []),
        ('{"a": 1}', "Sure!", ["text instead of JSON"]),
        (None, "x", []),
    ],
)
def test_a_difference_is_told_by_field_and_value(wanted, answer, told):
    """Case and outer punctuation make no difference; long texts are not told."""
    assert [str(each) for each in differences(wanted, answer)] == told


def test_equal_names_get_terms_and_only_where_these_are_equal_an_id():
    """In one pair of brackets, also where the name that mining gave has brackets itself."""
    names = dict.fromkeys(("aaaaaaaa1", "bbbbbbbb2", "cccccccc3", "dddddddd4"), "category: wrong")
    mined = {
        "aaaaaaaa1": "days, waiting",
        "bbbbbbbb2": "order, number",
        "cccccccc3": "order, number",
        "dddddddd4": "reply: missing (tools, late)",
    }
    assert told_apart(names, mined) == {
        "aaaaaaaa1": "category: wrong (days, waiting)",
        "bbbbbbbb2": "category: wrong (order, number, bbbbbbbb)",
        "cccccccc3": "category: wrong (order, number, cccccccc)",
        "dddddddd4": "category: wrong (tools, late)",
    }
