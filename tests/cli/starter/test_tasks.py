"""The form of good answers, guessed and written down as source that says the same."""

import ast
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.starter import settings, suites, tasks
from harness.cli.starter.tasks import Good
from harness.cli.starter.toolbox import toolbox
from harness.core.codec import canonical, from_chat
from harness.types import Message, ToolCallPart, Usage

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def good(*answers, route="r", **more):
    said = (from_chat({"role": "user", "content": "Hi"}),)
    return [
        Good(
            route,
            str(number),
            said,
            one if isinstance(one, Message) else from_chat({"role": "assistant", "content": one}),
            **more,
        )
        for number, one in enumerate(answers)
    ]


def calling(name):
    return Message(role="assistant", parts=(ToolCallPart(name=name, arguments="{}"),))


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        (['{"a": 1}'] * 9 + ["sorry"], "json"),
        (['{"a": 1}'] * 5 + ["sorry"] * 5, "text"),
        (["late", "Late", "lost", "LATE"] * 4, "labels"),
        ([f"answer {n}" for n in range(20)], "text"),
        (["yes"] * 20, "text"),
        (["a rather long answer that is given often"] * 10 + ["no"] * 10, "text"),
        (["3", "4.5", "-1", "1,000", "7", "8"], "number"),
        ([calling("find")] * 3 + ["Done."] * 7, "tools"),
        ([calling("find")] + ["Done."] * 9, "text"),
    ],
)
def test_the_form_is_what_nearly_all_good_answers_have(answers, kind):
    """A few slips do not hide it, and a mixture is free text."""
    (task,) = tasks.guess(good(*answers))
    assert task.kind == kind


def test_labels_are_spelled_as_most_are_and_stand_commonest_first():
    """Upper and lower case make no label of their own."""
    (task,) = tasks.guess(good(*["late", "Late", "late", "lost"] * 3))
    assert task.labels == ("late", "lost")


def test_fields_have_a_type_and_a_share():
    """Null counts as not there; a date is an ISO date only; one odd value does not change a type."""
    objects = ['{"n": 1, "d": "2026-01-02", "t": "at 8", "f": true, "l": []}'] * 9 + [
        '{"n": null, "d": null, "t": "x"}'
    ]
    (task,) = tasks.guess(good(*objects))
    assert {one.name: (one.kind, one.share) for one in task.fields} == {
        "n": ("number", 0.9),
        "d": ("date", 0.9),
        "t": ("text", 1.0),
        "f": ("flag", 0.9),
        "l": ("list", 0.9),
    }
    assert [one.present for one in task.fields] == [1.0, 1.0, 1.0, 0.9, 0.9]


def test_answers_with_evidence_go_first_and_routes_with_few_answers_are_left_out():
    """What nothing speaks against counts only where too little was praised; four answers are no basis."""
    mixed = good(*["yes", "no"] * 5) + good(*["free text"] * 30, evidence=False)
    (task,) = tasks.guess([*mixed, *good(*["x"] * 4, route="small")])
    assert (task.kind, len(task.good)) == ("labels", 10)
    assert "10 answers said to be good, of 99 calls" in tasks.sentence(task, 99)
    (task,) = tasks.guess(good(*["free text"] * 30, evidence=False))
    assert "nothing speaks against" in tasks.sentence(task, 30)


def test_room_for_an_answer_is_half_as_much_again_as_the_longest_needs():
    """Counted tokens are used where there are some."""
    (task,) = tasks.guess(good(*["x"] * 6, usage=Usage(output=100)))
    assert task.max_tokens == 160


@given(values)
def test_a_literal_is_the_value_and_nothing_more(value):
    """Whatever a trace held, the source that is written says it and runs nothing."""
    assert ast.literal_eval(suites.literal(value)) == value


@given(st.text())
def test_quoted_text_is_itself_in_toml(text):
    """The settings read back what the traces held; what UTF-8 cannot hold is replaced."""
    assert tomllib.loads(f"a = {settings.quoted(text)}")["a"] == text.encode("utf-8", "replace").decode()


@given(st.text(), st.lists(st.text(), max_size=3))
def test_names_of_files_and_functions_are_plain_and_new(text, others):
    """A route makes a name of letters, digits and underscores that no other route has."""
    taken = [suites.identifier(other) for other in others]
    name = suites.identifier(text, taken)
    assert name.isidentifier() and name.isascii() and name not in taken


HOSTILE = '"""\nimport os\nos.system("touch hacked")\n"""'


@pytest.mark.parametrize("answers", [[HOSTILE, "b"] * 8, [canonical({HOSTILE: 1})] * 6, [calling(HOSTILE)] * 6])
def test_hostile_names_stand_in_the_source_as_text_only(answers):
    """No label, key or tool name from a trace becomes code."""
    (task,) = tasks.guess(good(*answers, route=HOSTILE))
    name = suites.identifier(task.route)
    tree = ast.parse(suites.source(task, name, f"{name}.jsonl", 40, mined=True))
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert called <= {"cases", "suite", "guard", "info", "target", "scored"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import)]


def test_tools_are_read_off_the_calls_that_were_made():
    """Names, arguments with their types, and which are always there; what comes in several types has none."""
    made = [
        ("find", '{"id": 1, "tags": ["a"], "at": 1}'),
        ("find", '{"id": "x", "at": 2.5, "deep": null}'),
        ("stop", ""),
        ("stop", "no json"),
    ]
    answers = [Message(role="assistant", parts=(ToolCallPart(name=name, arguments=text),)) for name, text in made]
    find, stop = (tool["function"] for tool in toolbox(answers))
    assert find["parameters"]["properties"] == {
        "id": {},
        "tags": {"type": "array"},
        "at": {"type": "number"},
        "deep": {},
    }
    assert find["parameters"]["required"] == ["id", "at"]
    assert stop == {"name": "stop", "parameters": {"type": "object", "properties": {}, "required": []}}
    (task,) = tasks.guess(good(*[calling("find")] * 5))
    assert [tool["function"]["name"] for tool in task.toolbox] == ["find"]
    assert "lists the 1 that were called" in tasks.sentence(task, 5)
    (task,) = tasks.guess(good(*[calling("find")] * 5, tools=({"type": "function"},)))
    assert task.toolbox == () and "do not say" not in tasks.sentence(task, 5)
