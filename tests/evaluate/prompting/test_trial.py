"""What a prompt scores on rows that are set aside."""

import pytest

from harness.errors import InputError, InvalidError
from harness.evaluate.prompting.trial import Trial
from harness.evaluate.prompting.writer import PromptWriter
from harness.types import Reply
from tests.evaluate.prompting.rows import START, row

ROWS = [row(at) for at in range(8)]


def trial(ask, **more):
    return Trial(START, ROWS[:4], ROWS[4:], ask, calls=4, **more)


def test_json_is_right_by_value_and_a_failed_request_is_wrong():
    replies = [Reply(text='{ "team" : "delivery" }'), Reply(text="money"), InputError("down"), Reply(text="{}")]
    given = trial(lambda requests: replies)
    assert [each.score for each in given.answers([START], given.validation)[0]] == [1.0, 0.0, 0.0, 0.0]
    assert (given.asked, given.left, given.tried, given.score(START)) == (4, 0, 1, 0.25)


def test_a_scorer_gives_parts_of_a_point():
    given = trial(lambda requests: [Reply(text='{"team": "delivery"}')] * 4, scorer="json_fields")
    assert given.score(START) == 0.5


def test_where_nothing_answers_the_search_ends():
    with pytest.raises(InputError, match="down"):
        trial(lambda requests: [InputError("down")] * len(requests)).score(START)


def test_more_than_the_budget_is_not_asked():
    given = trial(lambda requests: pytest.fail("asked"))
    with pytest.raises(InvalidError, match="more than its budget"):
        given.answers([START], ROWS)


def test_a_writer_stops_at_its_requests_or_its_money():
    """Money is counted after each reply."""
    paid = PromptWriter(lambda requests: [Reply(text="new text", cost=0.4)], most=10, money=1.0)
    for _ in range(3):
        assert not paid.spent and paid("a question") == "new text"
    assert paid.spent and paid.asked == 3 and paid.cost == pytest.approx(1.2)
    free = PromptWriter(lambda requests: [Reply(text="x")], most=1)
    free("a")
    assert free.spent and free.cost is None
