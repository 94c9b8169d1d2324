"""No one owner may have more than its share."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from harness.curate.caps import over
from harness.curate.rows import CallRow, RowTarget
from tests.curate.traces import call, say


def row(number, user):
    target = RowTarget(message=say("assistant", ""), source="correction", expected="")
    return CallRow(call=call(number, str(number), user_id=user), conversation=(), target=target, failed=True)


@given(st.lists(st.sampled_from(["", *"abcdefghijklmno"]), max_size=80), st.sampled_from([0.1, 0.2, 0.5]))
def test_after_the_cap_no_user_has_more_than_its_share(users, share):
    """At most the share of what stays, or twice an even share where users are few, and never less than one row."""
    rows = [row(number, user) for number, user in enumerate(users)]
    out = set(over(rows, lambda item: item.call.user_id, share, 17))
    stays = Counter(user for number, user in enumerate(users) if number not in out)
    assert not any(users[number] == "" for number in out)
    bound = max(share, 2 / max(1, len(set(users)))) * sum(stays.values())
    assert all(count <= max(1, bound + 1e-9) for user, count in stays.items() if user)


def test_what_is_within_its_share_is_left_alone():
    """Equal users lose nothing."""
    rows = [row(number, "abcdefghij"[number % 10]) for number in range(100)]
    assert over(rows, lambda item: item.call.user_id, 0.1, 17) == []


def test_a_heavy_user_is_cut_to_the_cap():
    """200 of 300 rows from one user become a tenth of what stays."""
    rows = [row(number, "heavy" if number < 200 else f"u{number}") for number in range(300)]
    out = over(rows, lambda item: item.call.user_id, 0.1, 17)
    assert len(out) == 189
    assert all(number < 200 for number in out)
