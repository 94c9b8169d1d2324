from hypothesis import given
from hypothesis import strategies as st

from trainers.rows.batches import schedule, steps_per_epoch


@given(st.lists(st.integers(1, 500), min_size=1, max_size=200), st.integers(1, 32), st.integers(0, 5))
def test_every_row_is_seen_once_an_epoch(lengths, size, seed):
    """In each epoch every row stands in exactly one batch, and no batch is larger than asked for."""
    per = steps_per_epoch(len(lengths), size)
    batches = list(schedule(lengths, size, 2 * per, seed))
    for epoch in (batches[:per], batches[per:]):
        assert sorted(row for batch in epoch for row in batch) == list(range(len(lengths)))
    assert max(map(len, batches)) <= size


@given(st.integers(1, 60), st.integers(0, 40))
def test_the_order_is_a_function_of_the_seed(steps, start):
    """Whoever comes back in the middle sees the rest of the same order."""
    lengths = [(row * 7) % 30 + 1 for row in range(50)]
    assert list(schedule(lengths, 4, steps, 17))[start:] == list(schedule(lengths, 4, 100, 17))[start:steps]


def test_another_seed_gives_another_order():
    """Two seeds shuffle differently, and so do two epochs."""
    first, other = (list(schedule([1] * 40, 4, 20, seed)) for seed in (1, 2))
    assert first != other and first[:10] != first[10:]


def test_a_batch_holds_rows_of_like_length():
    """Padding is small: rows of one batch differ far less in length than rows of the set do."""
    lengths = list(range(1, 257))
    spread = [max(lengths[i] for i in batch) - min(lengths[i] for i in batch) for batch in schedule(lengths, 8, 32, 0)]
    assert sum(spread) / len(spread) < 64
