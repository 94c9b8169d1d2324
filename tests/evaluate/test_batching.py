"""Plain functions in full batches: `harness.evaluate.batching`."""

import contextvars

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import TrueupError
from harness.evaluate.batching import BARRIER, BatchJob, ask, run


def double(questions):
    return [question * 2 for question in questions]


def collect(jobs, answer, size):
    return [job.value if job.error is None else job.error for job in run(jobs, answer, size)]


def test_single_questions_leave_in_full_batches():
    """Ten functions that ask once fill batches of four, and each gets its own answer."""
    sizes = []

    def answer(questions):
        sizes.append(len(questions))
        return double(questions)

    jobs = (BatchJob(lambda n=n: ask(n, double)) for n in range(10))
    assert sorted(collect(jobs, answer, 4)) == [n * 2 for n in range(10)]
    assert sizes == [4, 4, 2]


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(1, 8))
def test_any_mix_of_conversations_gets_its_own_answers(turns, size):
    """However many turns each function takes, it sees exactly the answers to its own questions, in order."""
    batches = []

    def answer(questions):
        batches.append(len(questions))
        return [("answer to", question) for question in questions]

    def talk(name, count):
        return [ask((name, turn), answer) for turn in range(count)]

    jobs = [BatchJob(lambda n=n, c=c: (n, talk(n, c))) for n, c in enumerate(turns)]
    ended = collect(jobs, answer, size)
    assert sorted(ended) == [(n, [("answer to", (n, turn)) for turn in range(c)]) for n, c in enumerate(turns)]
    assert all(0 < batch <= size for batch in batches) and sum(batches) == sum(turns)


def test_a_later_turn_shares_its_batch_with_newcomers():
    """While one function goes on asking, new ones join its batches: nobody waits for the slowest."""
    batches = []

    def answer(questions):
        batches.append(list(questions))
        return questions

    slow = BatchJob(lambda: [ask(f"slow{turn}", answer) for turn in range(3)])
    jobs = [slow, *(BatchJob(lambda n=n: ask(n, answer)) for n in range(3))]
    collect(jobs, answer, 2)
    assert batches == [["slow0", 0], ["slow1", 1], ["slow2", 2]]


def test_an_exception_among_the_answers_is_raised_in_its_own_job():
    """One request that fails stops only the function that asked it, at the line where it waits."""

    def answer(questions):
        return [ValueError("out of order") if question == 1 else question for question in questions]

    def careful():
        try:
            return ask(1, answer)
        except ValueError as error:
            return f"caught {error}"

    ended = collect([BatchJob(lambda: ask(0, answer)), BatchJob(careful), BatchJob(lambda: ask(1, answer))], answer, 8)
    assert ended[:2] == [0, "caught out of order"]
    assert isinstance(ended[2], ValueError)


def test_a_barrier_keeps_what_follows_until_all_have_ended():
    """Jobs after a barrier do not share a batch with jobs before it."""
    batches = []

    def answer(questions):
        batches.append(list(questions))
        return questions

    twice = BatchJob(lambda: [ask("a", answer), ask("b", answer)])
    jobs = [twice, BARRIER, BatchJob(lambda: ask("c", answer)), BARRIER, BARRIER, BatchJob(lambda: ask("d", answer))]
    collect(jobs, answer, 8)
    assert batches == [["a"], ["b"], ["c"], ["d"]]


def test_jobs_are_drawn_only_when_there_is_room():
    """The stream of jobs may prepare each as it is drawn: no more than `size` are ever under way."""
    live = []

    def stream():
        for number in range(9):
            live.append(number)
            assert len(live) <= 3
            yield BatchJob(lambda number=number: (ask(number, double), number)[1])

    for job in run(stream(), double, 3):
        live.remove(job.value)


def test_leaving_early_unwinds_the_jobs_that_wait():
    """Closing the iterator runs the `finally` blocks of functions that still wait for an answer."""
    unwound = []

    def patient(number):
        try:
            return ask(number, double)
        finally:
            unwound.append(number)

    ended = run([BatchJob(lambda: 0), *(BatchJob(lambda n=n: patient(n)) for n in (1, 2))], double, 8)
    assert next(ended).value == 0
    ended.close()
    assert unwound == []  # not started yet: nothing to unwind
    ended = run([*(BatchJob(lambda n=n: patient(n)) for n in (1, 2)), BatchJob(lambda: 0)], double, 8)
    assert next(ended).value == 0
    ended.close()
    assert unwound == [1, 2]


def test_outside_of_any_job_a_question_is_a_batch_of_one():
    """A fixture that asks the model is answered at once."""
    assert ask(4, double) == 8


def test_a_backend_that_loses_an_answer_is_an_error():
    """Fewer answers than questions must not be paired with the wrong ones."""
    with pytest.raises(TrueupError, match="2 questions got 1 answers"):
        collect([BatchJob(lambda: ask(1, double)), BatchJob(lambda: ask(2, double))], lambda questions: [0], 8)


def test_each_job_has_its_own_context_variables():
    """What one function sets in a context variable is not seen by the others, and survives its waits."""
    name = contextvars.ContextVar("name", default="outer")

    def function(own):
        name.set(own)
        ask(0, double)
        return name.get()

    assert collect([BatchJob(lambda n=n: function(n)) for n in "abc"], double, 8) == ["a", "b", "c"]
    assert name.get() == "outer"
