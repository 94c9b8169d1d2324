"""The decode loop writes what `model.generate` writes, token for token, in float32."""

import random

import pytest
import torch

from harness.evaluate.inference import generate as inference_generate
from harness.evaluate.inference.attention import Prefix, read_prefix
from harness.evaluate.inference.generate import DecodingRow, generate
from harness.evaluate.inference.sampling import Sampling
from harness.evaluate.inference.weights import Resident


@pytest.fixture(scope="module")
def model(folder):
    return Resident(str(folder), "float32").model


def prompts(count: int, shared: int = 0, seed: int = 0) -> list[list[int]]:
    draw = random.Random(seed)
    prefix = [draw.randrange(3, 300) for _ in range(shared)]
    return [prefix + [draw.randrange(3, 300) for _ in range(draw.randint(1, 50))] for _ in range(count)]


KNOWN: dict[tuple, list[int]] = {}


def reference(plain, tokens: list[int], max_new: int, ends: frozenset[int] = frozenset()) -> list[int]:
    """One row at a time through transformers' own loop; each row is computed once for all tests."""
    key = (tuple(tokens), max_new, ends)
    if key not in KNOWN:
        KNOWN[key] = _reference(plain, tokens, max_new, sorted(ends) or None)
    return KNOWN[key]


def _reference(plain, tokens: list[int], max_new: int, stop: list[int] | None) -> list[int]:
    out = plain.generate(
        torch.tensor([tokens]), max_new_tokens=max_new, do_sample=False, eos_token_id=stop, pad_token_id=0
    )
    return out[0, len(tokens) :].tolist()


@pytest.mark.parametrize("shared", [0, 40])
@pytest.mark.parametrize("width", [1, 3, 64])
def test_greedy_equals_transformers(model, plain, shared, width):
    """Ragged prompts, ragged lengths, with and without a shared prefix, with rows that make room: the same tokens."""
    rows = prompts(7, shared)
    lengths = [random.Random(place).randint(1, 12) for place in range(7)]
    prefix = read_prefix(model, rows[0][:shared])
    asked = [DecodingRow(tuple(row[shared:]), length) for row, length in zip(rows, lengths, strict=True)]
    written = generate(model, prefix, asked, width, frozenset())
    assert [each.tokens for each in written] == [
        reference(plain, row, length) for row, length in zip(rows, lengths, strict=True)
    ]


def test_rows_end_at_their_end_token(model, plain):
    """A row ends at the first end token, which is kept; the others go on."""
    rows = prompts(5)
    free = [reference(plain, row, 10) for row in rows]
    ends = frozenset({free[0][3], free[3][6]})
    written = generate(model, Prefix(), [DecodingRow(tuple(row), 10) for row in rows], 3, ends)
    assert [each.tokens for each in written] == [reference(plain, row, 10, ends) for row in rows]
    assert [each.finish for each in written] == ["stop" if each.tokens[-1] in ends else "length" for each in written]
    assert {"stop", "length"} == {each.finish for each in written}


def test_slots_grow_beyond_what_was_reserved(model, plain):
    """A reply longer than the first reserve of places is still right."""
    rows = prompts(2)
    written = generate(model, Prefix(), [DecodingRow(tuple(row), 40) for row in rows], 2, frozenset())
    assert [each.tokens for each in written] == [reference(plain, row, 40) for row in rows]


def test_a_prompt_that_is_all_prefix_but_one_token(model, plain):
    """Rows of a single own token need no reading pass."""
    rows = [[*prompts(1, 30)[0][:30], last] for last in (5, 6, 7)]
    prefix = read_prefix(model, rows[0][:30])
    written = generate(model, prefix, [DecodingRow(tuple(row[30:]), 6) for row in rows], 3, frozenset())
    assert [each.tokens for each in written] == [reference(plain, row, 6) for row in rows]


def test_a_draw_belongs_to_its_row_alone(model):
    """Sampled rows are the same alone, in a batch and in another order; another seed gives another reply."""
    tokens = tuple(prompts(1)[0])
    rows = [DecodingRow(tokens, 12, Sampling(1.0, 0.9, (seed,))) for seed in range(6)]
    together = [each.tokens for each in generate(model, Prefix(), rows, 6, frozenset())]
    alone = [generate(model, Prefix(), [row], 1, frozenset())[0].tokens for row in rows]
    assert together == alone
    assert len({tuple(each) for each in together}) == 6


def test_nucleus_sampling_follows_the_distribution():
    """Draws have the frequencies of the softmax, and never leave the nucleus."""
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()
    drawn = [inference_generate.pick(logits[None], [Sampling(1.0, 0.8, (seed,))], [0])[0] for seed in range(2000)]
    assert set(drawn) == {0, 1}
    assert abs(drawn.count(0) / 2000 - 0.5 / 0.8) < 0.04
    everything = [inference_generate.pick(logits[None], [Sampling(1.0, 1.0, (seed,))], [0])[0] for seed in range(2000)]
    assert abs(everything.count(3) / 2000 - 0.05) < 0.02


def test_seconds_add_up_to_no_more_than_the_clock(model):
    """Rows share the time of their batches: the sum is the time that passed, not a multiple of it."""
    import time

    rows = [DecodingRow(tuple(row), 10) for row in prompts(8)]
    started = time.perf_counter()
    written = generate(model, Prefix(), rows, 8, frozenset())
    assert 0 < sum(each.seconds for each in written) <= time.perf_counter() - started
