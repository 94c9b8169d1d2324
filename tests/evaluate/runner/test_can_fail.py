"""An eval function that cannot fail is an error, not full marks."""

import pytest

from harness.errors import InputError
from harness.evaluate.runner import can_fail
from harness.evaluate.runner.outcomes import to_scores
from trueup import judge, score

tone = judge(text="Is it kind?")


@pytest.mark.parametrize("asserts", [True, False])
def test_nothing_returned_is_a_pass_only_where_something_was_asserted(asserts):
    """A function that asserts passes by not failing; one that returns nothing and asserts nothing could never fail."""
    if asserts:
        assert [(score.name, score.value) for score in to_scores(None, asserts=True)] == [("passed", 1.0)]
    else:
        with pytest.raises(InputError, match="no answer could fail it"):
            to_scores(None, asserts=False)
        with pytest.raises(InputError, match="no answer could fail it"):
            to_scores([], asserts=False)


def helper(reply):
    assert reply


def eval_by_helper(case, model):
    helper(model.chat(case.messages))


def eval_dropped(case, model):
    reply = model.chat(case.messages)
    assert reply
    score.text(reply, case.expected)


def eval_unused(case, model):
    right = score.text(model.chat(case.messages), case.expected)  # noqa: F841


def eval_judge_dropped(case, model):
    tone(model.chat(case.messages), case)


def eval_used(case, model):
    right = score.text(model.chat(case.messages), case.expected)
    assert right.value > 0.5


def test_a_score_that_is_dropped_is_refused():
    """Computed and not used, by a scorer or by a judge of the file, whether or not something else is asserted."""
    for function in (eval_dropped, eval_unused, eval_judge_dropped):
        with pytest.raises(InputError, match="computed and dropped"):
            can_fail.refuse_dropped(function, ["tone"])
    can_fail.refuse_dropped(eval_used, ["tone"])
    can_fail.refuse_dropped(eval_judge_dropped, [])


def test_asserts_of_helpers_count():
    """What a function of the same file asserts is asserted; what it does not call is not."""
    assert can_fail.asserts(eval_by_helper, globals()) and can_fail.asserts(eval_used, globals())
    assert not can_fail.asserts(eval_unused, globals())
