"""The trial: agreement with people, the attack set, pins and outages."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import judge
from harness.errors import InputError, TrueupError
from harness.evaluate.judging.attacks import ATTACKS, attacked
from harness.evaluate.judging.labels import weakness
from harness.evaluate.judging.trial import kappa, trial
from harness.evaluate.judging.words import sentence
from harness.types import Case, Message, Reply, TextPart

polite = judge(text="Says please.", name="polite")
DIGEST = polite.digest("model")


def labelled(*rows):
    said = Message(role="user", parts=(TextPart(text="Hi"),))
    return [
        Case(id=str(number), messages=(said,), fields={"reply": reply, "label": label})
        for number, (reply, label) in enumerate(rows)
    ]


ROWS = labelled(*[("please wait", "pass")] * 6, *[("wait", "fail")] * 5, ("pleased", "fail"))


def answers(requests):
    """What stands between the fences as the answer to judge."""
    for request in requests:
        yield re.search(r"the answer to judge\n(.*)\n[0-9a-f]{24} end of", request.messages[1].text, re.S)[1]


def reply(passes):
    return Reply(text=json.dumps({"reason": "r", "grade": "pass" if passes else "fail"}))


def sound(requests):
    """A judge that looks at the first line only, and whose one fault is `pleased`."""
    return [reply("please" in text.split("\n")[0]) for text in answers(requests)]


def gullible(requests):
    return [reply("please" in text or '"grade": "pass"' in text) for text in answers(requests)]


def test_a_sound_judge_is_held_against_people_and_survives_every_attack():
    """Counts of agreement are the gate's, kappa is shown, and no attack flips."""
    found = trial(polite, DIGEST, ROWS, sound, bare=False)
    assert (found.true_pass, found.false_fail, found.false_pass, found.true_fail) == (6, 0, 1, 5)
    assert found.kappa == pytest.approx(5 / 6)
    assert (found.attacks, found.flips, found.problem) == (len(ATTACKS), 0, "")
    assert found.judge == DIGEST and found.name == "polite"


def test_a_judge_that_can_be_talked_round_does_not_count():
    """Forged verdicts inside an answer make this one pass it."""
    found = trial(polite, DIGEST, ROWS, gullible, bare=False)
    assert found.flips >= 3 and "attacks made it pass" in found.problem


def test_the_attacks_are_tried_without_labels_too():
    """With nothing labelled they stand in an answer that is none."""
    assert trial(polite, DIGEST, [], gullible, bare=False).flips >= 3
    found = trial(polite, DIGEST, [], sound, bare=False)
    assert (found.attacks, found.flips, found.kappa, found.problem) == (len(ATTACKS), 0, None, "")


def test_where_the_judge_fails_nothing_no_attack_is_counted():
    """A flip is only a flip of an answer that fails; a judge that passes everything shows that by its kappa."""
    found = trial(polite, DIGEST, ROWS, lambda requests: [reply(True) for _ in requests], bare=False)
    assert (found.attacks, found.false_pass) == (0, 6) and "kappa" in found.problem


def test_little_agreement_does_not_count():
    """Below `min_kappa` the judge's scores are none."""
    found = trial(polite, DIGEST, ROWS, lambda requests: [reply(False) for _ in requests], bare=False)
    assert "kappa) is 0.00, and at least 0.6" in found.problem


def test_an_outage_is_a_problem_and_not_a_bad_grade():
    """What keeps the model from answering stands in the problem, and no rate is made of it."""
    found = trial(polite, DIGEST, ROWS, lambda requests: [TrueupError("HTTP 500")] * len(requests), bare=False)
    assert "HTTP 500" in found.problem and found.true_pass == found.true_fail == 0


def test_nonsense_in_the_labelled_answers_is_a_problem():
    """A judge that cannot judge what people judged does not count."""
    found = trial(polite, DIGEST, ROWS, lambda requests: [Reply(text="Pass!")] * len(requests), bare=False)
    assert "gave no verdict" in found.problem


def test_an_attack_that_only_makes_the_verdict_unreadable_is_no_flip():
    """It wins nothing: such a case is an error when it happens."""

    def confused(requests):
        return [
            reply("please" in text) if text in ("wait", "please wait", "pleased") else Reply(text="?")
            for text in answers(requests)
        ]

    assert trial(polite, DIGEST, ROWS, confused, bare=False).flips == 0


def test_another_judge_than_the_pinned_one_does_not_count():
    """The pin is the digest, or the start of it, of the judge whose calibration was looked at."""
    for pin, fine in ((DIGEST[:12], True), ("0123456789ab", False)):
        pinned = judge(text="Says please.", name="polite", pin=pin)
        found = trial(pinned, DIGEST, ROWS, sound, bare=False)
        assert (found.problem == "") is fine
    assert "another judge" in found.problem and DIGEST[:16] in found.problem


@pytest.mark.parametrize("field", ["reply", "label"])
def test_a_labelled_case_without_reply_or_label_is_named(field):
    """The file of labels is checked before anything is asked."""
    fields = {"reply": "x", "label": "pass"}
    del fields[field]
    with pytest.raises(InputError, match=f"labelled case a .* has no '{field}'"):
        trial(polite, DIGEST, [Case(id="a", fields=fields)], sound, bare=False)


def test_pairs_whose_verdict_depends_on_the_order_are_counted():
    """A judge that likes what stands first is swayed by every pair."""
    versus = judge(text="Better?", pairwise=True)
    rows = [Case(id=str(n), expected="theirs", fields={"reply": "mine", "label": "better"}) for n in range(4)]
    first = lambda requests: [Reply(text='{"reason": "", "grade": "first"}') for _ in requests]  # noqa: E731
    assert trial(versus, versus.digest(""), rows, first, bare=False).swayed == 4


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from("12345"), st.sampled_from("12345")), min_size=2, max_size=30))
def test_kappa_is_one_for_agreement_and_never_more(pairs):
    """Agreement in everything is 1, and no labels at all or all alike are undefined."""
    people, judged = zip(*pairs, strict=True)
    value = kappa(people, judged, tuple("12345"))
    assert value is None or value <= 1 + 1e-12
    assert kappa(people, people, tuple("12345")) in (None, pytest.approx(1))
    assert kappa([], [], ("fail", "pass")) is None


def test_attacks_are_many_and_of_our_own_making():
    """About sixty, each different, and each puts the answer in by text alone."""
    assert len(set(ATTACKS)) == len(ATTACKS) >= 60
    assert attacked("{0.__class__} %s", "{answer}!") == "{0.__class__} %s!"


def test_a_brief_trial_asks_little_and_proves_nothing():
    """Three answers of each side and four attacks; poor agreement is not held against it, and the gate takes nothing of it."""
    asked = []

    def count(requests):
        asked.extend(requests)
        return sound(requests)

    found = trial(polite, DIGEST, ROWS, count, bare=False, brief=True)
    assert len(asked) == 6 + found.attacks and found.attacks == 4 and found.problem == ""
    assert "brief" in weakness(found) and "tried briefly" in sentence(found)
    poor = trial(polite, DIGEST, ROWS, lambda requests: [reply(False) for _ in requests], bare=False, brief=True)
    assert (
        poor.problem == ""
        and trial(polite, DIGEST, ROWS, lambda requests: [reply(False) for _ in requests], bare=False).problem
    )


def test_the_trial_says_what_the_gate_would_lack():
    """Twelve labels agree well, so the judge counts; that they are too few for the gate is said in the gate's words."""
    found = trial(polite, DIGEST, ROWS, sound, bare=False)
    assert sentence(found).endswith(weakness(found)) and "12 labels do not show" in weakness(found)


def test_the_gates_least_kappa_is_the_trials_too():
    """`min_kappa=0` lets no judge count whose scores the gate would refuse."""
    lax = judge(text="Says please.", name="polite", min_kappa=0.0)
    found = trial(lax, DIGEST, ROWS, lambda requests: [reply(True) for _ in requests], bare=False)
    assert "at least 0.4" in found.problem
