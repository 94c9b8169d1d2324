"""Every kind of adapter on a real small model: learnt, written, read back by the hf backend, better on other cases."""

from pathlib import Path

import pytest

from harness.core.codec import write_lines
from harness.evaluate.backends import hf
from harness.types import Arm, Case, Prompt, Recipe, Request, TuneRequest
from tests.trainers.conftest import say
from trainers import sft

MODEL = Path(__file__).parents[2] / "models" / "smollm2"
WORDS = ("red", "blue", "green", "black", "white", "brown", "pink", "grey", "gold", "silver", "violet", "orange")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not MODEL.exists(), reason="models/smollm2 is not there: make models"),
]


def case(number: int) -> Case:
    word = WORDS[number % len(WORDS)]
    return Case(
        id=str(number),
        messages=(say("user", f"Order {100 + number}: the {word} one, please."),),
        target=say("assistant", f'{{"colour": "{word}"}}'),
    )


def nats(request: TuneRequest, adapter: str, cases: list[Case]) -> float:
    arm = Arm(name="arm", model=request.base, adapter=adapter)
    asked = [Request(kind="loglikelihood", messages=each.messages, options=(each.target.text,)) for each in cases]
    return -sum(reply.logprobs[0] for reply in hf.open([arm]).answer(arm, asked)) / len(cases)


@pytest.mark.parametrize("kind", ["lora", "rslora", "dora", "qlora", "full", "prefix", "prompt"])
def test_each_kind_improves_held_out_cases_when_served(kind, tmp_path, here):
    """After a short training the served model finds the right answers to other cases far likelier than the base does."""
    write_lines(tmp_path / "data" / "train.jsonl", [case(number) for number in range(48)])
    request = TuneRequest(
        base=str(MODEL),
        dataset=str(tmp_path / "data"),
        prompt=Prompt(name="none"),
        recipe=Recipe(adapter=kind, batch_size=6, max_steps=10),
        out=str(tmp_path / "adapter"),
    )
    adapter = sft.train(request, lambda *given: None)
    held_out = [case(number) for number in range(50, 62)]
    before, after = nats(request, "", held_out), nats(request, request.out, held_out)
    print(
        f"{kind}: {before:.2f} -> {after:.2f} nats an answer, {adapter.seconds:.0f} s, {adapter.peak_bytes / 2**30:.1f} GB"
    )
    assert after < 0.7 * before
