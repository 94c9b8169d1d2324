from hypothesis import given
from hypothesis import strategies as st

from harness.evaluate.inference.prefix import common, groups

ROWS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=12), max_size=12)


@given(rows=ROWS, cost=st.integers(0, 20))
def test_every_row_is_in_one_group_and_keeps_a_token(rows, cost):
    """The groups part the rows; the shared tokens are the same in all of a group's rows, and leave each at least one."""
    found = groups(rows, cost)
    assert sorted(place for group in found for place in group.rows) == list(range(len(rows)))
    for group in found:
        assert len({tuple(rows[place][: group.shared]) for place in group.rows}) == 1
        assert all(len(rows[place]) > group.shared for place in group.rows)


@given(rows=ROWS, cost=st.integers(0, 20), data=st.data())
def test_grouping_does_not_depend_on_the_order_of_rows(rows, cost, data):
    """The same rows in another order are grouped alike."""
    order = data.draw(st.permutations(range(len(rows))))

    def content(given_rows):
        return sorted(
            (group.shared, sorted(given_rows[place] for place in group.rows)) for group in groups(given_rows, cost)
        )

    assert content(rows) == content([rows[place] for place in order])


def test_rows_of_two_prompts_form_two_groups_and_a_stray_row_a_third():
    """A long prompt shared by many rows is worth a group; what one row has alone is not."""
    first, second = list(range(100, 400)), list(range(500, 800))
    rows = [[1, *first, place] for place in range(5)] + [[1, *second, place] for place in range(5)] + [[1, 9]]
    assert [(group.shared, group.rows) for group in groups(rows)] == [
        (301, (0, 1, 2, 3, 4)),
        (301, (5, 6, 7, 8, 9)),
        (0, (10,)),
    ]


def test_a_little_more_in_common_is_not_worth_a_batch_of_its_own():
    """Rows under one prompt stay together even where some of them go on alike."""
    prompt = list(range(100, 400))
    rows = [[*prompt, 7, 8, place] for place in range(10)] + [[*prompt, place] for place in range(10, 20)]
    assert [(group.shared, len(group.rows)) for group in groups(rows)] == [(300, 20)]


@given(first=st.lists(st.integers(0, 3)), second=st.lists(st.integers(0, 3)))
def test_common_is_the_longest_shared_beginning(first, second):
    """What `common` counts is shared, and the next token is not."""
    length = common(first, second)
    assert first[:length] == second[:length]
    assert length in (len(first), len(second)) or first[length] != second[length]
