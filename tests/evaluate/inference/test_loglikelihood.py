"""Continuations are as likely as one plain forward pass a continuation says."""

import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.evaluate.inference.attention import read_prefix
from harness.evaluate.inference.loglikelihood import Tree, encode_pair, loglikelihoods
from harness.evaluate.inference.weights import Resident
from tests.tiny import tiny_tokenizer


@pytest.fixture(scope="module")
def model(folder):
    return Resident(str(folder), "float32").model


def trees(count: int, shared: int = 0) -> list[Tree]:
    draw = random.Random(count + shared)

    def tokens(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw.randrange(3, 300) for _ in range(draw.randint(low, high)))

    prefix = tokens(shared, shared)
    return [
        Tree((*prefix, *tokens(1, 30)), tuple(tokens(1, 9) for _ in range(draw.randint(1, 5)))) for _ in range(count)
    ]


@torch.no_grad()
def reference(plain, tree: Tree) -> list[float]:
    sums = []
    for option in tree.options:
        ids = torch.tensor([[*tree.context, *option]])
        logprobs = plain(ids).logits[0].log_softmax(-1)[len(tree.context) - 1 : -1]
        greedy = bool((logprobs.argmax(-1) == torch.tensor(option)).all())
        sums.append((float(logprobs[torch.arange(len(option)), torch.tensor(option)].sum()), greedy))
    return sums


@pytest.mark.parametrize("shared", [0, 25])
@pytest.mark.parametrize("width", [1, 4, 64])
def test_sums_equal_one_pass_a_continuation(model, plain, shared, width):
    """Any number of continuations, of any lengths, in any batch, under a shared prefix or none."""
    asked = trees(13, shared)
    prefix = read_prefix(model, list(asked[0].context[:shared]))
    found = loglikelihoods(model, prefix, [tree.after(shared) for tree in asked], width)
    for tree, known in zip(asked, found, strict=True):
        sums, greedy = zip(*reference(plain, tree), strict=True)
        assert [one for one, _ in known] == pytest.approx(sums, abs=1e-3)
        assert tuple(said for _, said in known) == greedy


def test_a_continuation_does_not_see_its_neighbours(model):
    """Adding a continuation changes no other one's sum."""
    tree = trees(1)[0]
    context, options = tree.context, ((5, 6, 7), (8, 9), (10,))
    prefix = read_prefix(model, [])
    together = loglikelihoods(model, prefix, [Tree(context, options)], 1)[0]
    alone = [loglikelihoods(model, prefix, [Tree(context, (option,))], 1)[0][0] for option in options]
    assert [one for one, _ in together] == pytest.approx([one for one, _ in alone], abs=1e-4)


@given(context=st.text(), option=st.text(min_size=1))
def test_pair_is_cut_where_the_context_ends(context, option):
    """Whatever the texts, no token is lost: the context's own, and then what the whole text adds to their number."""
    tokenizer = tiny_tokenizer_once()

    def encode(text: str) -> list[int]:
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    start, rest = encode_pair(encode, context, option)
    assert start == encode(context.rstrip())
    assert rest == encode(context + option)[len(start) :]


def test_spaces_at_the_end_of_a_context_go_to_the_continuation():
    """`"Answer: " + "yes"` and `"Answer:" + " yes"` are the same pair."""
    tokenizer = tiny_tokenizer_once()

    def encode(text: str) -> list[int]:
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    assert encode_pair(encode, "Answer: ", "yes") == encode_pair(encode, "Answer:", " yes")


def tiny_tokenizer_once(cache: list = []):  # noqa: B006 - one tokenizer for all examples
    if not cache:
        cache.append(tiny_tokenizer())
    return cache[0]
