"""Each kind of adapter is trained, loaded again by PEFT, and served by the hf backend."""

import pytest
import torch
from msgspec.structs import replace

from harness.core.adapters import verify
from harness.errors import UsageError
from harness.evaluate.backends import hf
from harness.types import Arm, Recipe, Request
from trainers import sft
from trainers.model import parameters
from trainers.model.kind import kind_of
from trainers.publishing import round_trip
from trainers.training.loss import collate, nll_sum

KINDS = ("lora", "dora", "qlora", "full", "prefix", "prompt")


def trained(request_for, kind, **knobs):
    request = request_for()
    recipe = replace(request.recipe, adapter=kind, learning_rate=None, max_steps=8, dtype="float32", **knobs)
    request = replace(request, recipe=recipe)
    return request, sft.train(request, lambda point, steps: None)


def peft_loss(request, rows):
    """Nats a supervised token of the written adapter, read by PEFT's own forward pass."""
    adapter = verify(request.out, request.base)
    probe = round_trip.Probe(
        base=request.base,
        adapter=request.out,
        rows=(),
        dtype="float32",
        quantization=adapter.quantization,
        whole=adapter.form == "full",
    )
    model, _, _ = round_trip._reload(probe)
    wanted = torch.tensor([token for row in rows for token in row.ids[row.first :]])
    return torch.nn.functional.cross_entropy(round_trip.logits_of(model, rows), wanted).item()


def served_loss(request, cases, rows):
    """The same by the hf backend, from what `trueup` would serve."""
    answers = [case.target.text + "<|im_end|>" for case in cases]
    arm = Arm(name="tuned", model=request.base, adapter=request.out, options={"dtype": "float32"})
    asked = [
        Request(kind="loglikelihood", messages=(*request.prompt.messages, *case.messages), options=(answer,))
        for case, answer in zip(cases, answers, strict=True)
    ]
    replies = hf.open([arm]).answer(arm, asked)
    return -sum(reply.logprobs[0] for reply in replies) / sum(sum(row.supervised) for row in rows)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_learns_reloads_and_is_served(kind, request_for, base, rows, cases, here):
    """The loss falls, PEFT and the hf backend both read the trained model from its files, and they agree."""
    if kind == "qlora":
        pytest.importorskip("bitsandbytes")
    request, adapter = trained(request_for, kind)
    assert adapter.curve[-1].loss < adapter.curve[0].loss
    assert verify(request.out, base).recipe.adapter == kind
    learnt = peft_loss(request, rows)
    assert learnt < adapter.curve[0].loss
    assert served_loss(request, cases, rows) == pytest.approx(learnt, rel=1e-3)


@pytest.mark.parametrize("kind", ["prefix", "prompt", "dora"])
def test_batches_and_single_rows_have_one_loss(kind, opened, rows):
    """Virtual tokens as a start that all rows share, and padding, change no row's loss: PEFT alone says the same."""
    model = parameters.attach(opened.model, Recipe(adapter=kind, rank=4)).eval()
    wanted = torch.tensor([token for row in rows[:6] for token in row.ids[row.first :]])
    alone = torch.nn.functional.cross_entropy(round_trip.logits_of(model, rows[:6]), wanted, reduction="sum").item()
    for share in (True, False):
        assert nll_sum(model, collate(rows[:6], torch.device("cpu"), share)).item() == pytest.approx(alone, rel=1e-4)


def test_an_evaluation_pass_leaves_the_gradients_of_a_quantized_base_whole(base, rows):
    """bitsandbytes packs its weights anew in a pass without gradients on some processors; the first layer's gradient
    would then be a fraction of what it was."""
    pytest.importorskip("bitsandbytes")
    recipe = Recipe(adapter="qlora", rank=4)
    opened = parameters.open_base(base, torch.float32, kind_of(recipe).quantization)
    model = parameters.attach(opened.model, recipe)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.05)
    first = next(weight for name, weight in model.named_parameters() if "layers.0" in name and "lora_B" in name)
    norms = []
    for _ in range(2):
        model.train()
        nll_sum(model, collate(rows[:4], torch.device("cpu"))).backward()
        norms.append(first.grad.norm().item())
        model.zero_grad()
        with torch.no_grad():
            nll_sum(model.eval(), collate(rows[:4], torch.device("cpu")))
    assert norms[0] > 0 and norms[1] == pytest.approx(norms[0], rel=1e-5)


def test_a_whole_checkpoint_is_a_model_folder_of_its_own(request_for, base, here):
    """A full fine-tune can be opened as a base itself, with the tokenizer it was trained through."""
    request, adapter = trained(request_for, "full")
    assert adapter.form == "full"
    tokenizer = parameters.open_base(request.out, torch.float32).tokenizer
    assert tokenizer.chat_template == parameters.open_base(base, torch.float32).tokenizer.chat_template


def test_kinds_take_turns_on_one_resident_base(request_for, tmp_path, cases, here):
    """An adapter of virtual tokens, one of low rank and the base itself answer in any order as each does alone."""
    arms = [Arm(name="base", model=request_for().base, options={"dtype": "float32"})]
    for kind in ("lora", "prefix"):
        request, _ = trained(lambda kind=kind: request_for(out=str(tmp_path / kind)), kind)
        arms.append(replace(arms[0], name=kind, adapter=request.out))
    asked = [Request(messages=cases[3].messages, max_tokens=6)]
    alone = [hf.open([arm]).answer(arm, asked)[0].text for arm in arms]
    together = hf.open(arms)
    order = [0, 1, 2, 0, 2, 1, 0]
    assert [together.answer(arms[place], asked)[0].text for place in order] == [alone[place] for place in order]
    assert len(set(alone)) == 3


def test_an_unknown_kind_is_named_with_the_known_ones():
    """A misspelt kind says what there is."""
    with pytest.raises(UsageError, match="no adapter named 'lorra'") as caught:
        kind_of(Recipe(adapter="lorra"))
    assert "lora" in caught.value.next and "_lora" not in caught.value.next
