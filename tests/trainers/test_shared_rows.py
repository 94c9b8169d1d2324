"""Rows that hold several answers train exactly those, after the prompt that serving sends."""

from msgspec.structs import replace

from harness.core.codec import write_lines
from harness.core.conversations import folded
from harness.core.rendering import prompt_ids, target_ids
from harness.types import Case, Dataset, Recipe
from tests.trainers.conftest import SYSTEM, say
from trainers.rows import dataset, pairs, scored, tokens
from trainers.rows.tokens import build, render


def chat(turns: int = 5, session: str = "s", **fields) -> list[Case]:
    talk, cases = [], []
    for turn in range(turns):
        talk.append(say("user", f"What comes after {turn}, {session}?"))
        answer = say("assistant", f"It is {turn + 1}.")
        name = f"{session}{turn}"
        given = {"id": name, "call_id": f"call-{name}", "session_id": session, "group": session, **fields}
        cases.append(Case(messages=tuple(talk), target=answer, **given))
        talk.append(answer)
    return cases


def test_a_row_supervises_exactly_its_answers(renderer):
    """Each answer is learnt after the very prompt that serving sends, and nothing else is learnt."""
    cases = chat()
    built = build(folded(cases), renderer, Recipe())
    (row,) = built.rows
    assert built.fates == {"trained": 5} and row.earlier == ("s0", "s1", "s2", "s3")
    learnt = [False] * len(row.ids)
    for case in cases:
        prompt = prompt_ids(renderer.tokenizer, SYSTEM, case.messages)
        answer = target_ids(renderer.tokenizer, SYSTEM, case.messages, case.target, renderer.stop)
        assert row.ids[: len(prompt) + len(answer)] == prompt + answer
        learnt[len(prompt) : len(prompt) + len(answer)] = [True] * len(answer)
    assert row.supervised == learnt


def test_only_the_rated_turns_of_a_conversation_are_learnt(renderer):
    """Turns between them are context."""
    cases = chat()
    (row,) = build(folded([cases[1], cases[4]]), renderer, Recipe()).rows
    text = renderer.tokenizer.decode([token for token, learn in zip(row.ids, row.supervised, strict=True) if learn])
    assert text == "It is 2.<|im_end|>It is 5.<|im_end|>"


def test_tokens_grow_with_the_conversation_not_with_its_square(renderer):
    cases = chat(20)
    single, shared = build(cases, renderer, Recipe()), build(folded(cases), renderer, Recipe())
    assert shared.tokens["supervised"] == single.tokens["supervised"]
    assert shared.tokens["total"] == len(single.rows[-1].ids) < single.tokens["total"] / 8


def test_answers_that_do_not_fit_are_counted_and_the_others_still_train(renderer):
    """A row longer than the model takes is cut at the last answer that fits."""
    cases = chat(6)
    limit = len(render(cases[3], renderer).ids)
    built = build(folded(cases), renderer._replace(max_tokens=limit), Recipe())
    assert built.fates == {"trained": 4, "too_long": 2}
    assert [(row.id, len(row.earlier)) for row in built.rows] == [("s3", 3)]


def test_an_answer_that_the_template_writes_otherwise_in_history_has_its_own_row(renderer):
    first = tokens.TokenRow("a", [1, 2, 3], [False, True, True])
    second = tokens.TokenRow("b", [1, 2, 9, 4, 5], [False, False, False, True, True])
    assert tokens.joined([first, second]) == [first, second]
    both = tokens.TokenRow("b", [1, 2, 3, 4, 5], [False, False, False, False, True])
    joined = tokens.joined([first, both])
    assert joined == [tokens.TokenRow("b", [1, 2, 3, 4, 5], [False, True, True, False, True], ("a",))]
    assert tokens.apart(joined[0]) == [first, both]


def test_a_held_out_turn_is_found_inside_a_row(renderer):
    import pytest

    from harness.errors import InvalidError

    with pytest.raises(InvalidError):
        tokens.refuse_held_out(folded(chat()), ["call-s1"])


def test_a_conversation_is_set_aside_whole_and_each_of_its_answers_is_asked(request_for, opened, tmp_path):
    """Validation sees the answers one by one; no answer of a conversation that validates trains."""
    cases = [case for number in range(30) for case in chat(4, f"s{number}-")]
    request = request_for()
    write_lines(tmp_path / "data" / "train.jsonl", folded(cases))
    parts = dataset.parts(request, opened)
    aside = {row.id for row in parts.validation}
    assert len(parts.validation) == len(aside) == 12 and len({name.split("-")[0] for name in aside}) == 3
    assert len(parts.train.rows) == 27 and parts.train.fates == {"trained": 108, "validation": 12}
    assert all(sum(row.supervised[: row.first]) == 0 for row in parts.validation)


def test_recipes_that_cannot_share_get_single_answers_within_the_budget(request_for, opened, tmp_path):
    """Preferences and scores: the budget of the dataset's manifest bounds what is repeated."""
    cases = [
        replace(case, rejected="No.", failed=True, target=say("assistant", f"Not so: {case.id}."))
        for number in range(8)
        for case in chat(16, f"s{number}-")
    ]
    folder = tmp_path / "data"
    request = request_for()
    write_lines(folder / "train.jsonl", folded(cases))
    manifest = Dataset(id="d", notes={"options": {"context_budget": 4.0}})
    write_lines(folder / "dataset.json", [manifest])
    built = pairs.build(request, opened, "accept")
    left_out = built.fates["context_budget"]
    assert 20 < left_out < 100 and len(built.rows) + left_out == 128
    split = scored.split(request)
    assert split.spared == left_out and sum(split.fates.values()) == 128
