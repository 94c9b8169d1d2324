"""A dataset in the forms that other tools read."""

import json
import re

import msgspec
import pyarrow.parquet as pq
import pytest
from datasets import load_from_disk

from harness.core.plugins import helper
from harness.core.replies import written
from harness.curate import export_formats
from harness.curate.card import FATES, about, markdown, sections
from harness.curate.export_formats import FORMS, export
from harness.curate.stage import curate
from harness.errors import InputError, UsageError
from harness.mine.stage import mine
from harness.types import Case, Dataset, Message, Neighbour, Prompt, ToolCallPart
from tests.curate.traces import restaurant, say

PROMPT = Prompt(name="short", messages=(say("system", "Be brief."),))


@pytest.fixture(scope="module")
def night():
    calls, feedback = restaurant()
    return curate(calls, feedback, mine(calls, feedback), sticky={})


@pytest.mark.parametrize("form", FORMS)
def test_every_form_writes_every_row_that_it_can_hold(night, form, tmp_path):
    """Row counts are those of the splits; preference rows need a failing answer."""
    written = export(night.splits, form, tmp_path, PROMPT)
    assert all(path.exists() for path in written)
    train = night.splits["train"]
    if form == "parquet":
        assert pq.read_table(tmp_path / "train.parquet").num_rows == len(train)
    elif form == "hf":
        assert load_from_disk(str(tmp_path / "hf"))["train"].num_rows == len(train)
    else:
        lines = (tmp_path / f"train.{form}.jsonl").read_text().splitlines()
        wanted = [case for case in train if not form.endswith("-preference") or case.rejected]
        assert len(lines) == len(wanted)


def test_chat_rows_hold_prompt_conversation_and_target(night, tmp_path):
    """In that order, as chat messages."""
    export(night.splits, "chat", tmp_path, PROMPT)
    first, case = json.loads((tmp_path / "train.chat.jsonl").read_text().split("\n")[0]), night.splits["train"][0]
    assert first["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": case.text},
        {"role": "assistant", "content": case.target.text},
    ]


def test_only_the_last_turn_is_learnt_and_tool_calls_survive(tmp_path):
    """Earlier assistant turns get weight 0; a tool call as target keeps its name and arguments."""
    target = Message(role="assistant", parts=(ToolCallPart(id="1", name="find", arguments='{"q": 1}'),))
    tools = ({"type": "function", "function": {"name": "find"}},)
    turns = (say("user", "a"), say("assistant", "b"), say("user", "c"))
    export({"train": [Case(id="x", messages=turns, target=target, tools=tools)]}, "openai-sft", tmp_path)
    row = json.loads((tmp_path / "train.openai-sft.jsonl").read_text())
    assert [message.get("weight") for message in row["messages"]] == [None, 0, None, None]
    assert row["messages"][-1]["tool_calls"][0]["function"] == {"name": "find", "arguments": '{"q": 1}'}
    assert row["tools"] == list(tools)


def test_a_failing_tool_call_is_the_answer_not_to_give(tmp_path):
    """Name and arguments of both calls are in the pair."""
    right, wrong = (
        Message(role="assistant", parts=(ToolCallPart(id="1", name="find", arguments=arguments),))
        for arguments in ('{"q": 1}', '{"q": 2}')
    )
    pair = Case(id="x", messages=(say("user", "a"),), target=right, rejected=written(wrong))
    export({"train": [pair]}, "openai-preference", tmp_path)
    export({"train": [pair]}, "trl-preference", tmp_path)
    openai, trl = (json.loads((tmp_path / f"train.{form}-preference.jsonl").read_text()) for form in ("openai", "trl"))
    for preferred, other in (
        (openai["preferred_output"], openai["non_preferred_output"]),
        (trl["chosen"], trl["rejected"]),
    ):
        calls = [message["tool_calls"][0]["function"] for message in (*preferred, *other)]
        assert calls == [{"name": "find", "arguments": '{"q": 1}'}, {"name": "find", "arguments": '{"q": 2}'}]


def test_unknown_forms_and_empty_datasets_are_refused(tmp_path):
    """The error names what is known."""
    with pytest.raises(UsageError, match="csv"):
        export({}, "csv", tmp_path)
    with pytest.raises(InputError):
        export({"train": []}, "chat", tmp_path)


def test_the_card_accounts_for_every_call(night):
    """Every fate stands in the card with its count and its meaning."""
    card = markdown(night.dataset, night.splits)
    for fate, count in night.dataset.fates.items():
        assert f"| {fate} | {count} | {FATES[fate]} |" in card
    assert night.dataset.id in card


def test_traces_cannot_break_the_card():
    """A pipe, a line break and a tag from a trace stay text."""
    near = Neighbour(case_id="1", train_id="2", similarity=0.5, text="a|b\n<script>", train_text="c")
    card = markdown(Dataset(id="d", name="n", leak_proof=(near,)), {})
    assert "| 0.50 | a\\|b &lt;script> | c |" in card


def test_the_card_says_language_length_licence_and_hash(night):
    """What a stranger has to know before he trains on it."""
    card = markdown(night.dataset, night.splits)
    for title in ("Languages of the messages", "Words and marks of a row", "Licences", "Hashes", "Rows by day"):
        assert f"## {title}" in card
    assert card.startswith('---\npretty_name: "mined"\ntags: [trueup]\nlicense: "other"\n---')


def test_the_html_card_holds_the_same_and_runs_nothing(night):
    """Every fate stands in it; a name with markup stays text."""
    dataset = msgspec.structs.replace(night.dataset, name="<script>alert(1)</script>")
    html = helper("reports", "parts.card").render(dataset, about(dataset), sections(dataset, night.splits)).decode()
    assert all(meaning in html for meaning in (FATES[fate].replace("'", "&#39;") for fate in dataset.fates))
    assert "<script" not in html


def test_a_push_sends_every_split_and_the_card(night, monkeypatch):
    """The Hub's own client is asked, for a private repository; its refusal is one of ours, in its words."""
    sent = []
    monkeypatch.setattr(
        export_formats.DatasetDict, "push_to_hub", lambda self, name, **how: sent.append((set(self), name, how))
    )
    monkeypatch.setattr(
        export_formats.DatasetCard, "push_to_hub", lambda self, name, **how: sent.append((str(self)[:3], name))
    )
    assert export_formats.push(night.splits, "me/desk", markdown(night.dataset, night.splits)) == "datasets/me/desk"
    assert sent == [({"train", "held_out", "regression"}, "me/desk", {"private": True}), ("---", "me/desk")]

    def refuse(*_, **__):
        raise ConnectionError("no route to the Hub")

    monkeypatch.setattr(export_formats.DatasetDict, "push_to_hub", refuse)
    with pytest.raises(InputError, match="no route to the Hub"):
        export_formats.push(night.splits, "me/desk", "---")


@pytest.mark.parametrize(
    "text",
    ["![x](https://evil.example/p.png)", "[a](https://evil.example)", "<img src=//evil.example>", "see https://evil.example", "www.evil.example", "`](https://evil.example)", "a | b ![x](//e)", "mail a@evil.example", "[x]: https://evil.example", "turn\u061caround \u202eback \u2066x \U000e0041"],
)  # fmt: skip
def test_the_card_loads_and_links_nothing_from_a_users_text(text):
    """What users wrote is shown as code: no link, image or HTML of theirs, and no character that turns text around."""
    from markdown_it import MarkdownIt

    near = Neighbour(case_id="1", train_id="2", similarity=0.5, text=text, train_text=text)
    card = markdown(Dataset(id="d", name=text, leak_proof=(near,)), {})
    body = card.split("\n---\n", 1)[1]
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(body)
    kinds = {inner.type for token in tokens for inner in token.children or ()}
    assert not kinds & {"image", "link_open", "html_inline"}
    assert not re.search("[\u061c\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]", body)


@pytest.mark.parametrize("form", ["trl-sft", "trl-preference"])
def test_trl_knows_its_rows(night, form, tmp_path):
    """TRL's own functions take them for conversations with a prompt apart, tools included."""
    from trl import is_conversational

    tools = ({"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}},)
    withtools = msgspec.structs.replace(night.splits["train"][0], tools=tools)
    (path,) = export({"train": [withtools, *night.splits["train"]]}, form, tmp_path)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert all(is_conversational(row) for row in rows)
    assert json.loads(rows[0]["tools"]) == list(tools)
    answer = "completion" if form == "trl-sft" else "chosen"
    assert all(row["prompt"][-1]["role"] == "user" and row[answer][0]["role"] == "assistant" for row in rows)
