"""Between requests and backends: what a backend that breaks costs, and what it may not cost."""

import warnings
from types import SimpleNamespace

import pytest

from harness.errors import TrueupError
from harness.evaluate.runner import answering
from harness.evaluate.runner.answering import Answerer
from harness.types import Arm, Reply, Request

ARM = Arm(name="base", backend="fake")


@pytest.fixture
def backend(monkeypatch):
    """Breaks on every batch that holds "poison"; keeps the sizes of the batches it was given."""

    def answer(arm, requests):
        asked.append(len(requests))
        if any(request.text == "poison" for request in requests):
            raise RuntimeError("can't allocate memory")
        return [Reply(text=request.text) for request in requests]

    asked: list[int] = []
    made = SimpleNamespace(answer=answer, close=lambda: None)
    module = SimpleNamespace(open=lambda arms, batch_size: made, digest=lambda arm: "d")
    monkeypatch.setattr(answering, "load", lambda kind, name: module)
    return asked


def test_one_request_that_breaks_the_backend_costs_no_other_its_reply(backend, tmp_path):
    """The batch is asked in halves down to the request that breaks it, which alone is an error, and is not cached."""
    requests = [Request(kind="complete", text=text) for text in ("a", "b", "c", "poison", "d", "e", "f", "g")]
    answerer = Answerer([ARM], str(tmp_path))
    answers = answerer.answer(ARM, requests)
    assert [answer.text for answer in answers if isinstance(answer, Reply)] == list("abcdefg")
    assert isinstance(answers[3], TrueupError) and "RuntimeError: can't allocate memory" in str(answers[3])
    assert backend == [8, 4, 2, 2, 1, 1, 4]
    again = Answerer([ARM], str(tmp_path))
    assert isinstance(again.answer(ARM, requests)[3], TrueupError) and again.generated == {"base": 0}
    assert backend[7:] == [1]


def test_what_libraries_warn_of_reaches_nobody(backend, monkeypatch):
    """While a model loads or answers: under `-W error`, as here, a warning would break it."""

    def answer(arm, requests):
        warnings.warn("torch.jit is deprecated", DeprecationWarning, stacklevel=2)
        return [Reply(text="a") for _ in requests]

    made = SimpleNamespace(answer=answer, close=lambda: None)
    module = SimpleNamespace(open=lambda arms, batch_size: made, digest=lambda arm: "d")
    monkeypatch.setattr(answering, "load", lambda kind, name: module)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (reply,) = Answerer([ARM]).answer(ARM, [Request(kind="complete", text="a")])
    assert isinstance(reply, Reply)


def test_the_same_request_twice_in_a_batch_is_asked_once(backend):
    """Equal requests share one reply."""
    answers = Answerer([ARM]).answer(ARM, [Request(kind="complete", text="a")] * 3)
    assert [answer.text for answer in answers] == ["a"] * 3 and backend == [1]


def test_the_key_of_a_reply_holds_the_schema_with_its_order():
    """A constrained reply is no answer to a free request, nor to one whose properties or tools come in another order."""
    one, other = {"properties": {"a": {}, "b": {}}}, {"properties": {"b": {}, "a": {}}}
    asked = [Request(), Request(schema=one), Request(schema=other), Request(tools=(one,)), Request(tools=(other,))]
    assert len({answering.key_of("model", request) for request in asked}) == len(asked)
    assert answering.key_of("model", asked[1]) == answering.key_of("model", Request(schema=dict(one)))
