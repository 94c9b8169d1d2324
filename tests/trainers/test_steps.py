"""Runs of an agent as rows: what is learnt of them, and how a long one is shortened."""

import pytest
from msgspec.structs import replace

from harness.core.codec import write_lines
from harness.core.rendering import prompt_ids
from harness.core.replies import written
from harness.errors import InputError
from harness.types import Case, Message, Recipe, TextPart, ToolCallPart, ToolResultPart
from tests.trainers.conftest import SYSTEM, say
from trainers.rows import pairs, tokens
from trainers.rows.steps import WrongSteps, learnt, shorter
from trainers.rows.tokens import apart, build

TOOLS = ({"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}},)
TEMPLATE = (
    "{% if tools %}<|im_start|>system\n{{ tools | tojson }}<|im_end|>\n{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content or '' }}"
    "{% for call in message.tool_calls or [] %}<tool_call>\n"
    '{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}\n</tool_call>'
    "{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""A template that knows tools and their results."""


def calls(number: int) -> Message:
    return Message(
        role="assistant", parts=(ToolCallPart(id=str(number), name="look", arguments=f'{{"id": {number}}}'),)
    )


def result(number: int) -> Message:
    return Message(role="tool", parts=(ToolResultPart(id=str(number), content=f"result {number}"),))


def run(steps: int, ident: str = "run", **fields: object) -> Case:
    """One question, a number of tool calls with their results, and an answer in words to learn."""
    talk = [say("user", "Look them all up.")]
    for number in range(steps):
        talk += [calls(number), result(number)]
    return Case(id=ident, messages=tuple(talk), tools=TOOLS, target=say("assistant", "All there."), **fields)


@pytest.fixture
def agent(renderer):
    """The renderer, with a template that knows tools."""
    renderer.tokenizer.chat_template = TEMPLATE
    return renderer


def text_of(row, renderer, learn=True):
    return renderer.tokenizer.decode([t for t, wanted in zip(row.ids, row.supervised, strict=True) if wanted == learn])


def test_the_agents_tokens_are_learnt_and_nobody_elses(agent):
    """With `all` each call and answer is learnt, and no word of tools, user, system or tool definitions."""
    (row,) = build([run(2)], agent, Recipe(options={"supervise": "all"})).rows
    call = '<tool_call>\n{{"name": "look", "arguments": {{"id": {}}}}}\n</tool_call><|im_end|>'
    assert text_of(row, agent) == call.format(0) + call.format(1) + "All there.<|im_end|>"
    read = text_of(row, agent, learn=False)
    assert all(
        word in read for word in ("Look them all up.", "result 0", "result 1", "Answer in one sentence", '"look"')
    )
    for single in apart(row):  # each answer after the very tokens that serving sends
        case = learnt(run(2), "all", WrongSteps([]))[apart(row).index(single)]
        assert single.ids[: single.first] == prompt_ids(agent.tokenizer, agent.prompt, case.messages, TOOLS)


def corrected(steps: int) -> Case:
    """The step after `steps` right ones, with what was said there before it was corrected."""
    rejected = written(calls(steps))
    return replace(run(steps, f"fix-{steps}"), target=calls(70 + steps), rejected=rejected)


def test_what_follows_a_wrong_step_is_not_learnt(agent):
    """A row that rejects the third call stops the learning of a run there; steps before it, and its correction, are learnt."""
    cases = [run(5), corrected(2)]
    built = build(cases, agent, Recipe(options={"supervise": "before_wrong"}))
    learnt_calls = [text_of(row, agent).count("<tool_call>") for row in built.rows]
    assert built.fates == {"cut": 1, "trained": 1} and learnt_calls == [2, 3]
    assert '"id": 72' in text_of(built.rows[1], agent) and '"id": 2}' not in text_of(built.rows[0], agent)
    everything = build(cases, agent, Recipe(options={"supervise": "all"}))
    assert everything.fates == {"trained": 2} and '"id": 4}' in text_of(everything.rows[0], agent)


def test_what_the_traces_show_to_be_wrong_is_not_learnt(agent):
    """Although no row rejects it: nobody said what would have been right there."""
    built = build([run(5, first_wrong=5)], agent, Recipe(options={"supervise": "before_wrong"}))
    assert built.fates == {"cut": 1} and text_of(built.rows[0], agent).count("<tool_call>") == 2
    assert build([run(5, first_wrong=5)], agent, Recipe(options={"supervise": "all"})).fates == {"trained": 1}


def test_a_run_whose_first_step_is_wrong_teaches_nothing(agent):
    """Its fate says so; a run with another history is another matter."""
    other = replace(run(3, "other"), messages=(say("user", "Others."), *run(3).messages[1:]))
    built = build([run(3), corrected(0), other], agent, Recipe(options={"supervise": "before_wrong"}))
    assert built.fates == {"after_wrong_step": 1, "trained": 2}
    assert [row.id for row in built.rows] == ["fix-0", "other"]


@pytest.mark.parametrize("rejected", [written(calls(70)), "", None])
def test_a_row_that_rejects_its_own_target_rejects_nothing(rejected):
    """The same call in other words, and no rejected answer at all, mark no step."""
    wrong = WrongSteps([replace(run(0, "a"), target=calls(70), rejected=rejected)])
    assert wrong.first((*run(0).messages, calls(70))) is None


def test_a_long_run_loses_its_oldest_steps_whole(agent):
    """What is left is the question and the newest steps, each with its result, as serving writes them."""
    whole = tokens.render(run(6), agent)
    kept = replace(run(6), messages=(run(6).messages[0], *run(6).messages[5:]))
    limit = len(tokens.render(kept, agent).ids)
    assert limit < len(whole.ids)
    for room in (limit, limit + 5):
        built = build([run(6)], agent._replace(max_tokens=room), Recipe(too_long="trim_prompt"))
        assert built.fates == {tokens.TRIMMED: 1} and built.rows == [tokens.render(kept, agent)]
    with pytest.raises(InputError, match="1 too_long"):
        build([run(6)], agent._replace(max_tokens=30), Recipe(too_long="trim_prompt"))


def test_a_run_that_does_not_fit_is_cut_after_a_step(agent):
    """Under `drop` its first steps are learnt in one row that ends with an answer; the fate is `cut`."""
    six = learnt(run(6), "all", WrongSteps([]))
    limit = len(tokens.render(six[3], agent).ids)
    built = build([run(6)], agent._replace(max_tokens=limit), Recipe(options={"supervise": "all"}))
    assert built.fates == {"cut": 1}
    (row,) = built.rows
    assert row.ids == tokens.render(six[3], agent).ids and text_of(row, agent).count("<tool_call>") == 4


def test_all_steps_of_a_long_run_can_be_learnt_in_shortened_rows(agent):
    """Under `trim_prompt` with `all` every answer is learnt, the later ones behind a shortened history."""
    six = learnt(run(6), "all", WrongSteps([]))
    limit = len(tokens.render(six[3], agent).ids)
    recipe = Recipe(options={"supervise": "all"}, too_long="trim_prompt")
    built = build([run(6)], agent._replace(max_tokens=limit), recipe)
    assert built.fates == {"trimmed": 1} and all(len(row.ids) <= limit for row in built.rows)
    assert sum(text_of(row, agent).count("<|im_end|>") for row in built.rows) == 7


def test_oldest_turns_go_before_steps_of_the_last():
    """System text and the last user's message stay; nothing begins with a result whose call is gone."""
    talk = (say("system", "S"), say("user", "a"), say("assistant", "b"), *run(3).messages)
    kept = [[one.role[0] for one in messages] for messages in shorter(talk)]
    assert kept == [list("suatatat"), list("suatat"), list("suat")]
    assert shorter(()) == shorter((say("assistant", "a"),)) == shorter((say("user", "a"),)) == []
    assert shorter((Message(role="user", parts=(TextPart(text="a"),)), calls(1), result(1))) == []


def test_a_corrected_step_is_a_pair_with_one_history(request_for, opened, tmp_path):
    """Preference methods compare both calls after the very same tokens: the run so far, with its tools and results."""
    opened.tokenizer.chat_template = TEMPLATE
    cases = [corrected(steps % 3) for steps in range(12)]
    cases = [replace(case, id=f"{case.id}-{at}", group=str(at)) for at, case in enumerate(cases)]
    request = request_for()
    write_lines(tmp_path / "data" / "train.jsonl", cases)
    built = pairs.build(request, opened, "accept")
    assert built.fates == {"trained": 12}
    decode = opened.tokenizer.decode
    for row, case in zip(built.rows, cases, strict=True):
        assert row.prompt == row.rejected.ids[: row.rejected.first]
        assert row.prompt == prompt_ids(opened.tokenizer, SYSTEM, case.messages, TOOLS)
        steps = case.id[4]
        assert f'"id": 7{steps}}}' in decode(row.chosen_ids) and f'"id": {steps}}}' in decode(row.rejected_ids)
