"""Eval texts are known again in whatever dress they come."""

import numpy as np
import pytest

from harness.core.near_duplicates import normalise
from harness.curate.contamination import contaminated
from harness.curate.disguises import bare

EVAL = ("table at 7 pm please", "do you have a table for six on the terrace tonight", "yes please", "ok")
LONG = " ".join(f"word{n}" for n in range(40))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("yes please", "equal to an eval case"),
        ("hello do you have a table for six on the terrace tonight or not", "contains an eval case"),
        ("do you have a table for six on the terrace tonite", "alike by"),
        (f"intro {LONG[:120]} and so on", "shares 13 words in a row"),
        ("tabel at 7 pm please", "an eval case with a slip"),
        ("table at 8 pm please", ""),
        ("yes please bring the bill", ""),
        ("is there a table for nine", ""),
    ],
)
def test_each_test_sees_what_the_others_miss(text, reason):
    """Equal, contained, a shared run of words, near-duplicate; a short phrase inside a longer text is no sign."""
    found = contaminated([text], [*EVAL, LONG], 0.8)[0]
    assert found.startswith(reason) if reason else found == ""


DESK = "please send a new card to my office because the old one was lost on the train yesterday"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (DESK.replace("office", "bureau"), "an eval case with a few other words"),
        (DESK.replace("card", "cheque"), "shares 13 words in a row"),
        (DESK.replace("office because", "office as"), "an eval case with a few other words"),
        (DESK.replace("a", "а").replace("e", "е").replace("o", "о"), "equal to an eval case"),
        (" ".join(DESK.replace(" ", "")), "equal to an eval case"),
        ("\u200b".join(DESK), "equal to an eval case"),
        (DESK.replace("e", "é"), "equal to an eval case"),
        (DESK.replace("card", "key").replace("office", "hotel").replace("train", "beach"), ""),
        ("please send a new card to my flat", ""),
    ],
)
def test_a_disguise_is_no_other_text(text, reason):
    """One word in ten, letters of another alphabet, letters set apart and accents; three other words are another case."""
    reasons = contaminated([normalise(text)], [normalise(DESK)], 0.95)[0]
    assert reasons.startswith(reason) if reason else reasons == ""


def test_other_numbers_in_a_long_text_are_another_case():
    """Orders of one shop differ in nothing else."""
    order = "hello i wait for order 1234 since monday and nobody at your desk tells me where it is"
    assert contaminated([order.replace("1234", "1235")], [order], 0.99) == [""]


def test_another_alphabet_stays_what_it_is():
    """A Russian text is no Latin one with disguised letters."""
    assert bare("Когда придёт посылка?") == "когдапридетпосылка"
    assert bare("рау me nоw") == "paymenow"


def test_the_same_meaning_is_seen_where_a_model_is_named():
    """Two texts without a common word, whose vectors agree; another one's do not."""
    vectors = {"where is my taxi": [1.0, 0.1], "the car is late": [1.0, 0.2], "refund me": [0.0, 1.0]}

    def encode(texts):
        return np.array([vectors[text] for text in texts])

    reasons = contaminated(["the car is late", "refund me"], ["where is my taxi"], 0.8, encode)
    assert reasons[0].startswith("means what an eval case means, by 1.00") and reasons[1] == ""


def test_without_eval_files_nothing_is_contaminated():
    """No judged text, or only an empty one, bars nothing."""
    assert contaminated(["a", ""], ["", ""], 0.8) == ["", ""]
