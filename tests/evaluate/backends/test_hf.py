"""The hf backend: adapters, digests, mixed requests, and what cannot be answered."""

import json
import random
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace

from benchmarks.evaluation.adapter import make
from harness.core.plugins import load
from harness.core.rendering import prompt_ids
from harness.errors import InputError, InvalidError, TrueupError, UsageError
from harness.evaluate.backends import hf
from harness.evaluate.inference import generate
from harness.evaluate.inference.attention import Frame, Prefix
from harness.evaluate.inference.weights import Resident, place_of
from harness.types import Prompt, Reply, Request
from tests.tiny import tiny_model


@pytest.fixture(scope="module")
def adapter(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA that changes the model a lot, with the manifest that a trainer writes."""
    return make(folder, tmp_path_factory.mktemp("adapter"), size=0.5, rank=4, alpha=8)


def chats(user, count: int = 6, **fields) -> list[Request]:
    words = ["we", "are", "four", "people", "and", "want", "a", "table", "dog", "cat", "window", "seven", "please"]
    draw = random.Random(3)
    texts = [" ".join(draw.choices(words, k=draw.randint(1, 30))) for _ in range(count)]
    return [Request(messages=user(text), max_tokens=12, **fields) for text in texts]


def texts(replies: list) -> list[str]:
    return [reply.text for reply in replies]


def test_adapter_changes_the_replies_and_the_base_comes_back(backend, arm, adapter, user):
    """Base, tuned, base: the tuned model answers differently, and the base bit for bit as before."""
    options = Request(kind="loglikelihood", text="we are", options=(" four", " people"))
    tuned = replace(arm, name="tuned", adapter=str(adapter))
    asked = [*chats(user), options]
    before, middle, after = (backend.answer(each, asked) for each in (arm, tuned, arm))
    assert [each.logprobs for each in before] == [each.logprobs for each in after]
    assert texts(before) == texts(after) != texts(middle)


def test_folded_adapter_has_the_logits_of_the_adapter_beside_the_weights(folder, adapter):
    """Folding in float32 changes logits by rounding only, and switching gives the very same model back."""
    ids = torch.arange(3, 40)[None]
    options = {"input_ids": ids, "position_ids": torch.arange(37)[None], "use_cache": False}
    folded, switched = Resident(str(folder), "float32"), Resident(str(folder), "float32")
    frame = Frame(Prefix())
    with torch.inference_mode():
        base = switched.model(**options, frame=frame).logits
        folded.use(str(adapter))
        switched._switch(str(adapter))
        beside = switched.model(**options, frame=frame).logits
        assert torch.allclose(folded.model(**options, frame=frame).logits, beside, atol=1e-4)
        assert not torch.allclose(base, beside, atol=0.1)
        switched._switch("")
        folded.use("")
        assert torch.equal(switched.model(**options, frame=frame).logits, base)
        assert torch.equal(folded.model(**options, frame=frame).logits, base)


def test_adapter_of_another_base_is_refused(adapter, arm, tmp_path):
    """An adapter never answers on weights that it was not trained on: not even its digest can be had."""
    other = replace(arm, model=str(tiny_model(tmp_path / "other", seed=1)), adapter=str(adapter))
    with pytest.raises(InvalidError, match="base weights differ"):
        hf.open([other])


def test_digest_tells_models_apart(arm, adapter, tmp_path):
    """Weights, adapter and number format each change it; name and prompt of the arm do not, they ask the same model."""
    other = tiny_model(tmp_path / "other", seed=1)
    arms = [
        arm,
        replace(arm, model=str(other)),
        replace(arm, adapter=str(adapter)),
        replace(arm, options={"dtype": "bfloat16"}),
    ]
    assert len({hf.digest(each) for each in arms}) == len(arms)
    assert hf.digest(replace(arm, name="another", prompt=Prompt(name="short"))) == hf.digest(arm)


def test_replies_come_in_the_order_of_mixed_requests(backend, arm, user):
    """Chats, completions and log-likelihoods in one call give what each gives alone."""
    choice = Request(kind="loglikelihood", messages=user("which one?"), options=("a cat", "the dog"))
    asked = [chats(user)[0], choice, Request(kind="complete", text="we are four", max_tokens=5), chats(user)[1]]
    together = backend.answer(arm, asked)
    alone = [backend.answer(arm, [request])[0] for request in asked]
    assert texts(together) == texts(alone)
    assert together[1].logprobs == pytest.approx(alone[1].logprobs, abs=1e-3)
    assert together[1].text in choice.options


def test_usage_counts_tokens_without_padding(backend, arm, user):
    """Input is the rendered conversation, whatever is shared or padded; output is at most what was asked for."""
    asked = chats(user)
    tokenizer = Resident(arm.model, "float32").tokenizer
    for request, reply in zip(asked, backend.answer(arm, asked), strict=True):
        assert reply.usage.input == len(prompt_ids(tokenizer, Prompt(name="none"), request.messages))
        assert 0 < reply.usage.output <= request.max_tokens
        assert reply.seconds > 0


def test_stop_string_ends_the_reply_before_it(backend, arm, user):
    """The text ends where the stop string starts, and the row ends there too."""
    request = replace(chats(user)[0], max_tokens=30)
    whole = backend.answer(arm, [request])[0]
    middle = len(whole.text) // 2
    stop = whole.text[middle : middle + 2]
    reply = backend.answer(arm, [replace(request, stop=(stop,))])[0]
    assert reply.text == whole.text[: whole.text.index(stop)]
    assert reply.finish_reason == "stop"
    assert reply.usage.output < whole.usage.output


@pytest.mark.parametrize(
    ("request_", "error", "message"),
    [
        (Request(kind="complete", text="we " * 3000), InputError, "reads 2048"),
        (Request(kind="loglikelihood", text="we", options=("", "a")), InputError, "options"),
        (Request(kind="complete", text="a", schema={"type": "nonsense"}), UsageError, "schema"),
    ],
)
def test_a_request_that_cannot_be_answered_is_an_error_of_its_own(backend, arm, user, request_, error, message):
    """The other requests of the call are answered."""
    failed, good = backend.answer(arm, [request_, chats(user)[0]])
    assert isinstance(failed, error)
    assert message in str(failed)
    assert isinstance(good, Reply)


def test_batch_is_halved_until_it_fits(backend, arm, user, monkeypatch):
    """Out of memory costs time, not replies."""
    widths = []

    def tight(model, prefix, rows, width, ends):
        widths.append(width)
        if width > 2:
            raise torch.OutOfMemoryError("no room")
        return whole(model, prefix, rows, width, ends)

    expected = texts(backend.answer(arm, chats(user)))
    whole = generate.generate
    monkeypatch.setattr(generate, "generate", tight)
    assert texts(backend.answer(arm, chats(user))) == expected
    assert widths[-1] <= 2 < widths[0]


def test_a_folder_without_weights_is_an_input_error(arm, tmp_path):
    """The message names the folder, before anything is loaded."""
    with pytest.raises(TrueupError, match="weights") as caught:
        hf.open([replace(arm, model=str(tmp_path))])
    assert str(tmp_path) in str(caught.value)


def test_a_base_in_four_bits_is_the_one_that_a_qlora_adapter_goes_on(backend, arm, user):
    """dtype = "nf4": another model than the base in full, with the weights that QLoRA trains on, so both share them."""
    packed = replace(arm, name="packed", options={"dtype": "nf4"})
    assert json.loads(place_of(packed).opened.quantization) == load("adapters", "qlora").QUANTIZATION
    assert hf.digest(packed) != hf.digest(arm)
    (reply,) = backend.answer(packed, chats(user, 1))
    assert isinstance(reply, Reply) and reply.usage.output
