"""The judging of a canary: harm, held, undecided and why; what is counted, and what is left out."""

import json

import pytest
from msgspec.structs import replace

from harness.ingest.stage import ingest
from harness.mine.mined import Mined
from harness.promote import canary_stage
from harness.promote.canary_units import CallReader, gather
from harness.promote.served_by import Arms, is_shadow, named
from harness.types import SERVED, SHADOW, Call, CallError, Failure, Usage
from tests.curate.traces import DAY_NS, START_NS, thumb
from tests.promote.canary_traffic import CANDIDATE, CHAMPION, HOUR_NS, canary, failing, traffic

PLAN = canary()


def judged(calls, plan=PLAN, mined=Mined(), feedback=(), days=10, **fields):
    newest = plan.start_ns + days * DAY_NS
    return canary_stage.judge(sorted(calls, key=lambda one: one.start_ns), feedback, mined, plan, newest, **fields)


def test_harm_is_shown_with_its_formula():
    """Thirty points more failures at 20 people a day."""
    calls = list(traffic(PLAN, 10))
    found = judged(calls, mined=failing(calls, PLAN, 0.4, 0.1))
    (main, _) = found.findings
    assert found.outcome == "harm" and main.outcome == "fail" and main.interval.low > 0
    assert "failed calls" in found.sentence and "randomized blocks of 6" in main.formula and main.p_value < 0.025
    assert main.counts["candidate"] == found.people["candidate"] > 150


def test_a_candidate_as_good_is_held_once_enough_was_seen():
    """No harm, and a rise of most_harm is ruled out; before its days are over it is undecided."""
    plan = canary(most_harm=0.1)
    calls = list(traffic(plan, 10, 300))
    mined = failing(calls, plan, 0.02, 0.02)
    found = judged(calls, plan, mined)
    assert found.outcome == "held" and found.next == "trueup canary finish" and found.findings[0].outcome == "pass"
    early = judged(calls, replace(plan, days=30.0), mined)
    assert early.outcome == "undecided" and "of 30 days" in early.sentence
    few = judged(calls, replace(plan, least_calls=10_000), mined)
    assert few.outcome == "undecided" and "10,000 calls" in few.sentence


def test_no_evidence_is_never_held():
    """As good so far, but the interval is too wide."""
    calls = list(traffic(PLAN, 4, 40))
    found = judged(calls, replace(PLAN, least_calls=1), failing(calls, PLAN, 0.1, 0.1), days=4)
    assert found.outcome == "undecided" and "must be ruled out" in found.sentence


def test_errors_of_the_candidates_server_are_harm():
    """What mining calls the environment is here a difference of the arms."""
    calls = [
        replace(one, error=CallError(type="timeout"), output=()) if one.model_served == PLAN.candidate_name else one
        for one in traffic(PLAN, 6)
    ]
    found = judged(calls, days=6)
    assert found.outcome == "harm" and "calls with an error" in found.sentence


@pytest.mark.parametrize("metric", ["thumbs_down", "guards", "slow", "costly"])
def test_each_metric_can_show_harm(metric):
    """Where every answer of the candidate has it, and none of the control."""
    plan = canary(metrics=("failures", metric), guards=("refusal",), slow_s=2.0, costly_tokens=50.0)
    calls, feedback, failures = [], [], []
    for one in traffic(plan, 6):
        mine = one.model_served == plan.candidate_name
        end = one.start_ns + (9 if mine else 1) * 10**9
        calls.append(replace(one, end_ns=end, usage=Usage(output=90 if mine else 9)))
        feedback.append(thumb(one.id, 0.0 if mine else 1.0, id=one.id, at_ns=end, name="thumbs"))
        failures += [Failure(call_id=one.id, detector="refusal", reason="r")] if mine and metric == "guards" else []
    found = judged(calls, plan, Mined(failures=tuple(failures), hints=("refusal",)), feedback, days=6)
    shown = {finding.metric for finding in found.findings if finding.outcome == "fail"}
    assert shown == {metric}


def test_thumbs_that_come_after_the_day_change_nothing():
    """An earlier look did not know of them."""
    plan = canary(metrics=("failures", "thumbs_down"))
    calls = list(traffic(plan, 4))
    late = [thumb(one.id, 0.0, id=one.id, at_ns=one.start_ns + 2 * DAY_NS, name="thumbs") for one in calls]
    assert [finding.metric for finding in judged(calls, plan, feedback=late, days=4).findings] == ["failures"]


def test_a_later_look_changes_no_unit_of_an_earlier_one():
    """What was closed stays as it was."""
    calls = list(traffic(PLAN, 6))
    reader = CallReader(PLAN, failing(calls, PLAN, 0.3, 0.3), ())
    looks = [gather(calls, reader, PLAN, PLAN.start_ns + day * DAY_NS).units for day in (2, 4, 6)]
    assert looks[0] == looks[2][: len(looks[0])] and looks[1] == looks[2][: len(looks[1])]
    assert 0 < len(looks[0]) < len(looks[1]) < len(looks[2])


# ---------------------------------------------------------------- who counts


def one(ident, person, session, hours, model, **fields):
    at = START_NS + int(hours * HOUR_NS)
    given = {"id": ident, "user_id": person, "session_id": session, "model_served": model, "end_ns": at + 1}
    return Call(start_ns=at, **{**given, **fields})


OURS, THEIRS = PLAN.candidate_name, PLAN.control_name


def test_a_person_is_one_voice_a_day_in_the_arm_of_their_first_call():
    """However much they call; what the other arm answered them that day is left out."""
    loud = [one(f"a{n}", "ann", "s1", n / 10, OURS) for n in range(50)]
    crossed = one("b", "ann", "s2", 6, THEIRS)
    mined = Mined(failures=(Failure(call_id="a0", detector="loop", reason="r"),))
    found = gather([*loud, crossed], CallReader(PLAN, mined, ()), PLAN, START_NS + 3 * DAY_NS)
    ((is_candidate, values),) = found.units
    assert is_candidate and values["failures"] == 1 / 50
    assert found.left_out["of people who had met the other arm that day"] == 1


def test_a_session_that_goes_on_opens_no_new_unit():
    """Its arm was not drawn anew."""
    calls = [one("a", "ann", "s1", 1, OURS), one("b", "ann", "s1", 30, OURS), one("c", "ann", "s2", 31, THEIRS)]
    found = gather(calls, CallReader(PLAN, Mined(), ()), PLAN, START_NS + 9 * DAY_NS)
    assert [unit.is_candidate for unit in found.units] == [True, False]
    assert found.left_out["in a session that went on for more than a day"] == 1


def test_a_unit_waits_for_its_day():
    """It is counted as waiting."""
    found = gather([one("a", "ann", "s", 1, OURS)], CallReader(PLAN, Mined(), ()), PLAN, START_NS + HOUR_NS * 2)
    assert not found.units and found.waiting == 1


# ---------------------------------------------------------------- whose call it is


@pytest.mark.parametrize(
    "model,digest",
    [
        ("trueup-cccccccccccc", "cccccccccccc"),
        (f"trueup-adapter-{'c' * 32}", "c" * 32),
        ("trueup-cccccccccccccccc-88d0e2aa", "c" * 16),
        ("openai/trueup-cccccccccccc", "cccccccccccc"),
        ("trueup-cccc", ""),
        ("gpt-5", ""),
        ("not-trueup-cccccccccccc", ""),
        ("", ""),
    ],
)
def test_the_digest_in_a_models_name(model, digest):
    """As the vLLM target and releases name it."""
    assert named(model) == digest


def test_the_stated_digest_goes_before_the_name():
    """And names without a digest mean the control only where trueup.toml or an unpromoted base says so."""
    arms = Arms(canary(control_models=("gpt-5", "base")))
    assert arms.side(Call(id="a", model_served="gpt-5", metadata={SERVED: CANDIDATE})) == "candidate"
    assert arms.side(Call(id="a", model_served="x", metadata={SERVED: "base"})) == "control"
    assert arms.side(Call(id="a", model_requested="gpt-5")) == "control"
    assert arms.side(Call(id="a", model_requested="base", model_served="production")) == "control"
    assert arms.side(Call(id="a", model_requested="base", model_served="gpt-6")) == ""
    assert arms.side(Call(id="a", model_served=f"trueup-{CHAMPION[:12]}")) == "control"
    assert arms.side(Call(id="a", model_served="trueup-dddddddddddd")) == ""
    assert arms.side(Call(id="a", model_served="gpt-6")) == ""


def test_a_digest_that_nobody_knows_is_counted_and_said():
    """It is in no arm."""
    calls = list(traffic(PLAN, 4))
    stray = [replace(each, id=f"x{each.id}", model_served="trueup-dddddddddddd") for each in calls[:7]]
    named_only = [replace(each, id=f"y{each.id}", model_served="gpt-6") for each in calls[:3]]
    found = judged([*calls, *stray, *named_only], days=4)
    assert found.unknown == {"dddddddddddd": 7, "gpt-6": 3}
    assert any("10 calls were answered by neither arm" in note and "dddddddddddd (7)" in note for note in found.notes)
    assert found.people == judged(calls, days=4).people


# ---------------------------------------------------------------- traffic that is not what was asked for


def test_a_candidate_that_dries_up_stays_undecided():
    """Nothing from the candidate for two days while the control goes on; it says so, whatever was seen before."""
    plan = canary(most_harm=0.3)
    calls = [
        each
        for each in traffic(plan, 10, 200)
        if each.start_ns < START_NS + 8 * DAY_NS or each.model_served == plan.control_name
    ]
    found = judged(calls, plan)
    assert found.outcome == "undecided" and "has dried up" in found.sentence and "canary stop" in found.next
    assert judged([each for each in calls if each.start_ns < START_NS + 8 * DAY_NS], plan, days=8).outcome == "held"


def test_a_candidate_that_never_came():
    """As where the gateway was never told."""
    calls = [each for each in traffic(PLAN, 2) if each.model_served == PLAN.control_name]
    found = judged(calls, days=2)
    assert found.outcome == "undecided" and "never came" in found.sentence and not found.findings


def test_no_traffic_at_all():
    """Undecided, without an error; traces that ended days ago are said to be old."""
    assert judged([]).outcome == "undecided"
    found = judged(list(traffic(PLAN, 3)), days=3, now_ns=START_NS + 9 * DAY_NS)
    assert found.outcome == "undecided" and "6.0 days old" in found.sentence


def test_clocks_apart():
    """Calls of the candidate before the start: a few are said, many have to be set right first."""
    calls = list(traffic(PLAN, 10, 200))
    ours = [each for each in calls if each.model_served == PLAN.candidate_name]
    moved = [replace(each, id=f"x{n}", start_ns=START_NS - HOUR_NS) for n, each in enumerate(ours)]
    few, many = judged([*calls, *moved[:3]]), judged([*calls, *moved[:100]])
    assert any("3 calls of the candidate are from before the start" in note for note in few.notes)
    assert many.outcome == "undecided" and "clock of what traces them is behind" in many.sentence
    ahead = replace(ours[0], id="late", start_ns=START_NS + 20 * DAY_NS)
    undated = replace(ours[1], id="undated", start_ns=0)
    left_out = judged([*calls, ahead, undated]).left_out
    assert left_out["later than now, by the clock of what traced them"] == left_out["without a time"] == 1


def test_a_split_that_is_not_as_set_is_never_finished():
    """Half the people where a fifth was set: the arms may differ by more than the model."""
    calls = list(traffic(canary(share=0.5), 10, 200))
    found = judged(calls, canary(most_harm=0.5))
    assert found.outcome == "undecided" and "the arms are not alike" in found.sentence


def test_shadow_compares_both_answers_to_one_request():
    """In pairs; what was shown and not mirrored, or mirrored alone, is no pair."""
    plan = canary(shadow=True)
    calls = list(traffic(plan, 8))
    ours = [each for each in calls if each.model_served == plan.candidate_name]
    found = judged(calls, plan, failing(calls, plan, 0.6, 0.1), days=8)
    assert found.outcome == "harm" and found.people["candidate"] > 100 and "pairs" in found.findings[0].formula
    alone = judged([*calls, replace(ours[0], id="z", trace_id="other")], plan, days=8)
    assert alone.left_out == {"mirrored, without the answer that was shown": 1}


def test_what_is_slow_comes_from_the_calls_before():
    """Nine in ten; too few of them tell nothing, and it is said that nothing is compared."""
    before = [Call(id=str(n), start_ns=n + 1, end_ns=n + 1 + n * 10**7, usage=Usage(output=n)) for n in range(1_000)]
    slow, costly = canary_stage.thresholds(before, 10**6)
    assert 8.9 < slow < 9.1 and 890 < costly < 910
    assert canary_stage.thresholds(before[:50], 10**6) == (None, None)
    assert canary_stage.thresholds(before, 60) == (None, None)
    notes = judged(list(traffic(PLAN, 2)), canary(metrics=("failures", "slow")), days=2).notes
    assert any("slow calls are not compared" in note for note in notes)


@pytest.mark.parametrize("shown", [{"stringValue": "true"}, {"boolValue": True}])
def test_the_marks_of_a_span_are_kept_when_it_is_read(tmp_path, shown):
    """What answered, and that nobody saw it, reach the canary from an export."""
    said = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Hello"}]}])
    held = {
        "gen_ai.operation.name": {"stringValue": "chat"},
        "gen_ai.request.model": {"stringValue": "assistant"},
        "gen_ai.input.messages": {"stringValue": said},
        "gen_ai.output.messages": {"stringValue": said.replace("user", "assistant")},
        SERVED: {"stringValue": CANDIDATE},
        SHADOW: shown,
    }
    attributes = [{"key": name, "value": value} for name, value in held.items()]
    span = {"traceId": "a" * 32, "spanId": "b" * 16, "name": "chat", "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
    file = tmp_path / "spans.json"
    file.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{**span, "attributes": attributes}]}]}]}))
    (call,) = [call for batch in ingest([str(file)], workers=1) for call in batch.calls]
    assert Arms(canary()).side(call) == "candidate" and is_shadow(call)
