"""Every family answers, scores and trains as its plain forward pass does, one row at a time and without a cache."""

from pathlib import Path

import pytest
import torch
from msgspec.structs import replace
from transformers import AutoConfig

from harness.core.rendering import prompt_ids
from harness.evaluate.backends import hf
from harness.evaluate.inference.acceptance import model_class
from harness.types import Arm, Case, Message, Prompt, Recipe, Request, TextPart
from tests.zoo.build import build
from tests.zoo.families import FAMILIES, FAST
from trainers.model import parameters
from trainers.rows.tokens import Renderer, TokenRow
from trainers.rows.tokens import build as build_rows
from trainers.training import exactness

NEW = 8
NONE = Prompt(name="none")
RULES = "Answer with one JSON object that has the keys people and time, and nothing else. " * 2
OPTIONS = ("seven", '{"people": 4, "time": null}')
ALL = [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in FAMILIES]


def say(role: str, text: str) -> Message:
    return Message(role=role, parts=(TextPart(text=text),))


QUESTIONS = [
    *((say("system", RULES), say("user", f"A table for {n} at {n + 5}" + ", please" * n)) for n in range(4)),
    (say("user", "Hi"),),
    (say("user", "The cat sleeps. " * 9),),
]


@pytest.fixture(scope="module")
def folder(request, tmp_path_factory) -> Path:
    return build(request.param, tmp_path_factory.mktemp(request.param))


def opened(folder: Path):
    kind = model_class(AutoConfig.from_pretrained(folder), folder)
    return kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


@torch.no_grad()
def logits(model, ids: list[int]) -> torch.Tensor:
    return model(input_ids=torch.tensor([ids]), use_cache=False).logits[0].float()


def greedy(model, ids: list[int], ends: frozenset[int]) -> list[int]:
    new: list[int] = []
    while len(new) < NEW and not (new and new[-1] in ends):
        new.append(int(logits(model, [*ids, *new])[-1].argmax()))
    return new


def likelihood(model, ids: list[int], option: list[int]) -> float:
    lines = logits(model, [*ids, *option])[len(ids) - 1 : -1].log_softmax(-1)
    return sum(float(line[token]) for line, token in zip(lines, option, strict=True))


@pytest.mark.parametrize("folder", ALL, indirect=True)
def test_answers_and_scores_are_those_of_the_plain_forward_pass(folder):
    """Whole batches, shared prefixes and caches give the same tokens, and the same likelihoods to 1e-4 nats."""
    arm = Arm(name="base", model=str(folder), options={"dtype": "float32"})
    backend, model = hf.open([arm]), opened(folder)
    written = backend.answer(arm, [Request(messages=each, max_tokens=NEW) for each in QUESTIONS])
    scored = backend.answer(arm, [Request(kind="loglikelihood", messages=each, options=OPTIONS) for each in QUESTIONS])
    resident = next(iter(backend._residents.values()))
    options = [resident.encode(option) for option in OPTIONS]
    for question, reply, score in zip(QUESTIONS, written, scored, strict=True):
        ids = prompt_ids(resident.tokenizer, NONE, question)
        expected = greedy(model, ids, resident.ends)
        text = [token for token in expected if token not in resident.ends]
        assert reply.text == resident.tokenizer.decode(text, skip_special_tokens=True), resident.notes
        assert reply.usage.output == len(expected)
        assert score.logprobs == pytest.approx([likelihood(model, ids, option) for option in options], abs=1e-4)


def rows_of(base: parameters.Base) -> list[TokenRow]:
    cases = [
        Case(id=f"row {n}", messages=question, target=say("assistant", f'{{"people": {n}}}'))
        for n, question in enumerate(QUESTIONS)
    ]
    return build_rows(cases, Renderer(base.tokenizer, frozenset({2}), NONE, base.max_tokens), Recipe()).rows


def textbook(model, rows: list[TokenRow]) -> tuple[float, torch.Tensor]:
    """Whole logits of one row at a time, labels shifted by one."""
    model.zero_grad()
    total = 0.0
    for row in rows:
        found = model(input_ids=torch.tensor([row.ids]), use_cache=False).logits[0, :-1].float()
        wanted = torch.tensor([token if learn else -100 for token, learn in zip(row.ids, row.supervised, strict=True)])
        loss = torch.nn.functional.cross_entropy(found, wanted[1:], ignore_index=-100, reduction="sum")
        loss.backward()
        total += loss.item()
    return total, flat(model)


def flat(model) -> torch.Tensor:
    weights = parameters.trainable(model)
    gradients = (torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights)
    return torch.cat([gradient.flatten() for gradient in gradients]).clone()


@pytest.mark.parametrize("folder", ALL, indirect=True)
def test_a_step_has_the_loss_and_gradient_of_one_row_at_a_time(folder):
    """Whatever layout is chosen is exact, and every adapter weight but that of an idle expert learns."""
    base = parameters.open_base(folder, torch.float32)
    rows, recipe = rows_of(base), Recipe(rank=4, alpha=8)
    model = parameters.attach(base.model, recipe)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.05)
    chosen = exactness.choose(model, rows, recipe, base.tokenizer)
    expected, gradient = textbook(model.eval(), rows)
    step = exactness.TrialStep(model, exactness.losses(model, rows, chosen.layout))
    assert step.loss == pytest.approx(expected, rel=1e-4)
    assert torch.allclose(flat(model), gradient, rtol=1e-3, atol=1e-4 * float(gradient.abs().max()))
    assert not [name for name in step.idle(model) if "experts" not in name]


def test_ways_and_layouts_are_chosen_by_what_is_right(tmp_path):
    """The fast way where it is exact, transformers' own where a window, a sink or a state would make it wrong."""
    expected = {
        "llama": (["shared"], "shared"),
        "mistral_window_of_some_prompts": (["shared", "padded"], "padded"),
        "gemma3_images": (["padded"], "padded"),
        "gpt_oss_full": (["padded"], None),
        "diffllama": (["padded"], None),
    }
    for name, (ways, layout) in expected.items():
        folder = build(name, tmp_path / name)
        arm = Arm(name="base", model=str(folder), options={"dtype": "float32"})
        backend = hf.open([arm])
        backend.answer(arm, [Request(messages=QUESTIONS[0], max_tokens=2)])
        resident = next(iter(backend._residents.values()))
        assert [way.name for way in resident.ways] == ways, resident.notes
        assert backend.notes() == {f"way of {name}": resident.notes}
        if layout:
            base = parameters.open_base(folder, torch.float32)
            recipe = replace(Recipe(), rank=4)
            chosen = exactness.choose(parameters.attach(base.model, recipe), rows_of(base), recipe, base.tokenizer)
            assert chosen.layout == layout and chosen.findings["layout"] == layout
