"""Runs of agents become rows: a target for each step, one side for a whole run, one row with several supervised turns."""

import json
from collections import defaultdict

import pytest
from msgspec.structs import replace

from harness.core.codec import read_lines
from harness.core.conversations import unfolded
from harness.curate.options import CurateOptions
from harness.curate.stage import curate, write
from harness.curate.targets import from_retry
from harness.mine.stage import mine
from harness.types import Case, ToolRun
from tests.agents import answer, call
from tests.curate.traces import thumb

FOUND, MISSING = '{"state": "lost"}', '{"error": "no such order"}'
SUBJECTS = [
    "anchor",
    "basil",
    "copper",
    "dahlia",
    "ember",
    "fjord",
    "garnet",
    "hazel",
    "indigo",
    "juniper",
    "kestrel",
    "lagoon",
    "maple",
    "nectar",
    "onyx",
    "poplar",
]
WISHES = (
    "where did the carrier leave the {} that I bought for my sister",
    "my {} never came and the neighbours saw nobody, what happened",
    "please tell me how the {} from last week is doing on its way",
)


def run(number, *, wrong=False, praised=True, session=True, inner=False):
    """A run that looks an order up and tells of it; `wrong`: at first with a number that the tool turns down. `inner`: an
    agent inside the tool makes two calls of its own."""
    trace, right = f"run{number:03}", answer(("find", {"id": f"P-{number}"}))
    subject = SUBJECTS[number % 16] + SUBJECTS[number // 16]
    fields = {"trace_id": trace, "session_id": f"s{number}" if session else "", "user_id": f"u{number}"}
    first = call(
        100 * number + 1,
        answer(("find", {"id": number})) if wrong else right,
        asked=WISHES[number % 3].format(subject),
        **fields,
    )
    steps = [first]
    if wrong:
        steps.append(call(100 * number + 2, right, after=first, results=[MISSING], user_id=fields["user_id"]))
    told = f"Your {subject} is lost."
    steps.append(call(100 * number + 3, answer(told), after=steps[-1], results=[FOUND], user_id=fields["user_id"]))
    if inner:
        steps[0] = replace(
            first, tool_runs=(ToolRun(id=first.output[0].tool_calls[0].id, name="find", span_id="tool"),)
        )
        inside = call(
            100 * number + 50,
            answer(("scan", {"shelf": number})),
            asked=f"scan the shelf of {subject} for labels",
            above=("tool",),
            **fields,
        )
        done = call(
            100 * number + 51,
            answer("nothing"),
            after=inside,
            results=["[]"],
            above=("tool",),
            user_id=fields["user_id"],
        )
        steps += [inside, done]
    said = [thumb(steps[-1 if not inner else 1].id, 1)] if praised else []
    return steps, said


def curated(runs, **options):
    calls = [step for steps, _ in runs for step in steps]
    feedback = [item for _, said in runs for item in said]
    knobs = {"min_failures": 2, "user_share_cap": 1.0, "held_out_share": 0.5, "regression_share": 0.5, **options}
    return curate(calls, feedback, mine(calls, feedback), sticky={}, options=CurateOptions(**knobs))


def runs(count, **more):
    return [run(number, wrong=number % 3 == 0, **more) for number in range(count)]


def test_a_run_that_succeeded_is_one_row_with_a_supervised_turn_for_each_step(tmp_path):
    """The praise was for its last answer; the look-up before it is learnt too, in the same row, with its history once."""
    result = curated(runs(24))
    write(result, tmp_path)
    rows = {row.trace_id: row for row in read_lines(tmp_path / "train.jsonl", Case) if not row.failed}
    good = [row for trace, row in rows.items() if int(trace[3:]) % 3]
    assert len(good) >= 3
    for row in good:
        call_turn, last = unfolded(row)
        assert [part.name for part in call_turn.target.tool_calls] == ["find"]
        assert last.target.text.endswith("is lost.")
        assert [message.role for message in row.messages] == ["user", "assistant", "tool"]


def test_the_changed_call_is_the_target_of_the_step_that_was_turned_down():
    """The first call of every third run; its own answer is the rejected one."""
    result = curated(runs(24))
    failed = [case for split in ("train", "held_out") for case in result.splits[split] if case.failed]
    assert len(failed) == 8
    for case in failed:
        number = int(case.trace_id[3:])
        assert case.target_source == "retry"
        assert json.loads(case.target.tool_calls[0].arguments) == {"id": f"P-{number}"}
        assert json.loads(case.rejected)["tool_calls"][0]["function"]["arguments"] == json.dumps({"id": number})


def test_the_rows_behind_a_wrong_step_say_where_it_is():
    """The first call of every third run was turned down: later steps of these runs know its place, and no other row does."""
    result = curated(runs(24))
    cases = [case for split in result.splits.values() for case in split]
    behind = [case for case in cases if int(case.trace_id[3:]) % 3 == 0 and not case.failed]
    assert behind and all(case.messages[case.first_wrong].tool_calls for case in behind)
    assert {json.loads(case.messages[1].tool_calls[0].arguments)["id"] for case in behind} <= set(range(24))
    assert {case.first_wrong for case in behind} == {1}
    assert {case.first_wrong for case in cases if case not in behind} == {None}


@pytest.mark.parametrize("session", [True, False])
def test_all_steps_of_a_run_are_on_one_side(session):
    """With a session, and without one by their trace; an agent inside a tool goes with the run above it."""
    result = curated(runs(36, session=session, inner=True))
    sides = defaultdict(set)
    for split, side in {"train": "train", "held_out": "judge", "regression": "judge"}.items():
        for case in result.splits[split]:
            sides[case.trace_id].add(side)
    assert {side for found in sides.values() for side in found} == {"train", "judge"}
    assert all(len(found) == 1 for found in sides.values())
    cases = [case for split in result.splits.values() for case in split]
    assert sum(case.messages[0].text.startswith("scan") for case in cases) == 0, "nobody said that these were right"


def test_a_run_without_a_session_stays_on_its_side_on_a_later_night():
    """The ledger knows it by its trace, so a step that gets a target later does not train beside its held-out run."""
    nights = runs(24, session=False)
    first = curated(nights)
    held = {case.trace_id for split in ("held_out", "regression") for case in first.splits[split]}
    assert {f"trace:{trace}" for trace in held} <= first.sticky.keys()


def test_a_failed_step_is_taught_what_successful_runs_did_after_the_same_history():
    """Two praised runs on the same words refund; the blamed one sends it again. Nobody corrected anything."""

    def attempt(number, name, value):
        fields = {"trace_id": f"try{number}", "session_id": f"try{number}", "user_id": f"v{number}"}
        look = call(10 * number, answer(("find", {"id": 1})), asked="my kettle is broken, please help", **fields)
        act = call(10 * number + 1, answer((name, {"id": 1})), after=look, results=[FOUND], user_id=f"v{number}")
        end = call(10 * number + 2, answer("Done."), after=act, results=["done"], user_id=f"v{number}")
        return [look, act, end], [thumb(end.id, value)]

    tries = [attempt(501, "refund", 1), attempt(502, "refund", 1), attempt(503, "send", -1)]
    result = curated([*runs(24), *tries])
    cases = {case.call_id: case for split in result.splits.values() for case in split}
    wrong = tries[2][0][1]
    fate = next(fate for fate in result.fates if fate.call_id == wrong.id)
    taught = cases.get(wrong.id) or cases[fate.detail.removeprefix("the same input as ")]
    assert [part.name for part in taught.target.tool_calls] == ["refund"]
    assert fate.fate in ("train", "held_out", "duplicate")


def test_a_retry_known_by_the_tools_own_spans_is_a_target():
    """No later input has the results: the spans say that the first call was turned down and the second was not."""
    wrong = call(1, answer(("find", {"id": 1})), tool_runs=(ToolRun(id="1-0", name="find", error="no such order"),))
    right = call(2, answer(("find", {"id": 2})), after=wrong, tool_runs=(ToolRun(id="2-0", name="find", result=FOUND),))
    right = replace(right, input=(*wrong.input, *wrong.output))
    conversations = {step.id: step.input for step in (wrong, right)}
    target = from_retry(wrong, (wrong, right), set(), conversations)
    assert (target.source, target.message) == ("retry", right.output[0])


def test_a_step_is_no_retry_of_another_step_of_the_same_request():
    """The person asks again, and this time it goes well: the answer after the look-up is the target of the answer after the
    look-up, not of the look-up."""
    first = call(1, answer(("find", {"id": 1})))
    bad = call(2, answer("It is here."), after=first, results=[FOUND])
    again = call(3, answer(("find", {"id": 1})), after=bad, user="Where are they?")
    good = call(4, answer("It is lost."), after=again, results=[FOUND])
    session = (first, bad, again, good)
    conversations = {step.id: step.input for step in session}
    target = from_retry(bad, session, {again.id, good.id}, conversations)
    assert target.message.text == "It is lost."
    assert from_retry(bad, session, {again.id}, conversations) is None


def test_a_run_that_was_blamed_teaches_none_of_its_steps_by_itself():
    """Nobody knows which of them were right; what the tool turned down has its changed call all the same."""
    good = runs(24)
    steps, _ = run(30, wrong=True, praised=False)
    result = curated([*good, (steps, [thumb(steps[-1].id, -1)])])
    fates = {fate.call_id: fate.fate for fate in result.fates}
    assert fates[steps[0].id] in ("train", "held_out")
    assert fates[steps[1].id] == "no_signal"
    assert fates[steps[2].id] == "no_target"
