"""Eval texts are known again in whatever dress they come."""

import pytest

from harness.curate.contamination import contaminated

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


def test_without_eval_files_nothing_is_contaminated():
    """No judged text, or only an empty one, bars nothing."""
    assert contaminated(["a", ""], ["", ""], 0.8) == ["", ""]
