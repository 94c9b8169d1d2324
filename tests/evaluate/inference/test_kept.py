"""Earlier turns of a conversation are not read again, and the replies are what they would be otherwise."""

import random

import pytest
import torch

from harness.core.codec import from_chat
from harness.evaluate.backends import hf
from harness.evaluate.inference.attention import Prefix, read_prefix
from harness.evaluate.inference.generate import DecodingRow, generate
from harness.evaluate.inference.kept import LEAST, KeptRows
from harness.evaluate.inference.weights import Resident
from harness.types import Arm, Request

NEW = 9


@pytest.fixture(scope="module")
def model(folder):
    return Resident(str(folder), "float32").model


def reference(plain, tokens):
    out = plain.generate(torch.tensor([tokens]), max_new_tokens=NEW, do_sample=False, eos_token_id=None, pad_token_id=0)
    return out[0, len(tokens) :].tolist()


def turn(model, kept, rows, shared, width):
    """What is written after each row, and what is kept of it."""
    prefix = read_prefix(model, list(rows[0][:shared]))

    def row(tokens):
        def keep(written, own):
            kept.keep((*tokens, *written[:-1]), prefix, own, len(tokens))

        return DecodingRow(tokens[shared:], NEW, known=kept.known(tokens, prefix), keep=keep)

    written = generate(model, prefix, [row(tuple(tokens)) for tokens in rows], width, frozenset())
    return [each.tokens for each in written]


@pytest.mark.parametrize("width", [1, 3, 64])
@pytest.mark.parametrize("shared", [[40, 40, 40], [40, 25, 50], [0, 10, 60], [60, 0, 0]])
def test_replies_are_those_of_whole_prompts(model, plain, shared, width):
    """Over three turns, whatever prefix the rows of a turn share; new rows join, and answers that were rewritten."""
    draw, kept = random.Random(width), KeptRows(2**30)

    def some(count):
        return [draw.randrange(3, 300) for _ in range(count)]

    common = some(60)
    rows = [[*common, *some(draw.randint(1, 30))] for _ in range(5)]
    for number, length in enumerate(shared):
        spared = kept.spared
        said = turn(model, kept, rows, length, width)
        assert said == [reference(plain, row) for row in rows], number
        assert (kept.spared > spared) == (number > 0 or kept.spared > 0)
        rows = [[*row, *words, *some(draw.randint(1, 25))] for row, words in zip(rows[1:], said[1:], strict=True)]
        rows.append([*common, *rows[0][60:-20], *some(30)])
        rows.append([*common, *some(12)])


def test_a_next_turn_reads_only_what_is_new(model, plain):
    """Of prompt and reply all but the last token written is known, and none of another conversation."""
    kept = KeptRows(2**30)
    first = list(range(5, 105))
    (said,) = turn(model, kept, [first], 0, 1)
    assert kept.spared == 0
    turn(model, kept, [[*first, *said, 7, 8, 9]], 0, 1)
    assert kept.spared == len(first) + NEW - 1 and len(kept) == 1
    turn(model, kept, [[*range(200, 260)], [*first[: LEAST - 1], *range(200, 260)]], 0, 2)
    assert kept.spared == len(first) + NEW - 1


def test_memory_is_bounded_and_the_oldest_go_first():
    """A shared prefix counts once; a row that is too large is not kept; clearing frees all."""
    kept = KeptRows(10_000)
    prefix = Prefix(5, _layers(5))
    for number in range(50):
        kept.keep((1, 1, 1, 1, 1, number, *range(30)), prefix, _layers(31), 10)
        assert kept.bytes <= kept.most
    size = sum(part.numel() * 4 for layer in _layers(31) for part in layer)
    assert len(kept) == (10_000 - 5 * 32) // size
    assert not kept.known((1, 1, 1, 1, 1, 0, *range(30), 3), prefix)
    assert kept.known((1, 1, 1, 1, 1, 49, *range(30), 3), prefix)[0][0].shape[2] == 31
    kept.keep(tuple(range(900)), Prefix(), _layers(900), 900)
    assert len(kept) == 0 and kept.bytes == 0


def test_what_prompts_share_is_known_from_one_of_them():
    """Behind virtual tokens too; what is not known of it is left to be read."""
    for virtual in (0, 3):
        kept, start = KeptRows(2**30), Prefix(virtual, _layers(virtual) if virtual else [], virtual)
        own = [(torch.rand(1, 2, 40, 2), torch.rand(1, 2, 40, 2))]
        kept.keep(tuple(range(40)), start, own, 40)
        for tokens, length in ((tuple(range(30)), 30), ((*range(35), 7, 7), 35), (tuple(range(5)), 0)):
            found = kept.prefix(tokens, start)
            assert (found.tokens, found.virtual) == (length, virtual)
            if length:
                assert torch.equal(found.layers[0][0][:, :, virtual:], own[0][0][:, :, :length])


def _layers(tokens):
    return [(torch.zeros(1, 2, tokens, 2), torch.zeros(1, 2, tokens, 2))]


def test_the_engine_keeps_what_may_continue(folder):
    """A turn behind an answer is kept for the next one, with the same replies; a single question is not kept."""
    arm = Arm(name="base", model=str(folder), options={"dtype": "float32"})
    asked = from_chat({"role": "user", "content": "where is order seven of the blue house by the sea and when"})

    def kept(engine):
        return engine._resident(arm).ways[0].kept

    def play(engine):
        talks, said = [(asked,), (asked,)], []
        for turn in range(3):
            replies = engine.answer(arm, [Request(messages=talk, max_tokens=8) for talk in talks])
            said.append([reply.text for reply in replies])
            answers = [from_chat({"role": "assistant", "content": reply.text or "-"}) for reply in replies]
            again = [from_chat({"role": "user", "content": f"{who} asks again: and when"}) for who in ("Ann", "Bob")]
            talks = [(*talk, answer, line) for talk, answer, line in zip(talks, answers, again, strict=True)]
            assert len(kept(engine)) == (0 if turn == 0 or not kept(engine).most else 2)
        return said

    engine, fresh = hf.open([arm]), hf.open([arm])
    kept(fresh).most = 0
    assert play(engine) == play(fresh)
    assert kept(engine).spared > 3 * LEAST and kept(fresh).spared == 0
