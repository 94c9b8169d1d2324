"""Worked examples are the nearest training rows, and come from nowhere else."""

import pytest

from harness.core.codec import from_chat, write_lines
from harness.errors import InvalidError
from harness.evaluate.runner.few_shot import Nearest
from harness.evaluate.stage import evaluate
from harness.types import Arm, Case, EvalRequest, Prompt

PROMPT = Prompt(name="near", messages=(from_chat({"role": "system", "content": "Be brief."}),), nearest=2)


def case(ident, text, answer=None):
    said = (from_chat({"role": "system", "content": "old prompt"}), from_chat({"role": "user", "content": text}))
    target = from_chat({"role": "assistant", "content": answer}) if answer else None
    return Case(id=ident, messages=said, target=target, expected=answer)


@pytest.fixture
def dataset(tmp_path):
    train = [
        case("1", "I want to return a jacket", "return"),
        case("2", "Where is my parcel?", "track"),
        case("3", "Please track my parcel for me", "track it"),
        case("4", "My parcel is lost"),
    ]
    write_lines(tmp_path / "train.jsonl", train)
    write_lines(tmp_path / "held_out.jsonl", [case("h", "parcel parcel where", "secret")])
    return str(tmp_path)


def asked(text):
    return (from_chat({"role": "user", "content": text}),)


def test_the_most_like_rows_stand_last_and_bring_no_system_text(dataset):
    """Two of three solved rows, nearest last; rows without an answer and the held-out split are never shown."""
    filled = Nearest({"d": dataset}).fill(PROMPT, asked("where is the parcel"))
    assert [message.text for message in filled.messages] == [
        "Be brief.",
        "Please track my parcel for me",
        "track it",
        "Where is my parcel?",
        "track",
    ]


def test_equal_questions_get_equal_examples_and_a_strange_one_gets_the_first(dataset):
    """The choice is a function of the text alone."""
    texts = [[m.text for m in Nearest({"d": dataset}).fill(PROMPT, asked("zzz")).messages] for _ in range(2)]
    assert texts[0] == texts[1] and texts[0][-1] == "return"


def test_a_prompt_without_nearest_reads_nothing():
    """Arms that show no examples need no dataset."""
    plain = Prompt(name="plain")
    assert Nearest({}).fill(plain, asked("x")) is plain and Nearest({}).digest(plain) == ""


def test_without_one_dataset_the_case_is_an_error(dataset):
    """It must be clear which training split is meant."""
    for datasets in ({}, {"a": dataset, "b": dataset}):
        with pytest.raises(InvalidError, match="training split of one dataset"):
            Nearest(datasets).fill(PROMPT, asked("x"))


def test_a_whole_run_shows_them_and_is_another_model_when_they_change(dataset, tmp_path):
    """The examples reach the model, and the run's model digest holds the training split they came from."""
    evals = tmp_path / "evals"
    evals.mkdir()
    (evals / "eval_it.py").write_text(
        "from harness import *\n"
        "@cases([{'id': 'a', 'text': 'where is the parcel'}])\n"
        "def eval_it(case, model):\n"
        "    assert [m.text for m in model._prompted(case.messages)][-3:-1] == ['Where is my parcel?', 'track']\n"
    )
    arm = Arm(name="near", backend="scripted", prompt=PROMPT)
    request = EvalRequest(arms=(arm,), paths=(str(evals),), out=str(tmp_path / "out"), datasets={"d": dataset})
    (first,) = evaluate(request)
    assert first.results[0].scores[0].value == 1, first.results[0]
    write_lines(tmp_path / "train.jsonl", [case("2", "Where is my parcel?", "track"), case("9", "new", "row")])
    (second,) = evaluate(request)
    assert first.model_digest != second.model_digest
