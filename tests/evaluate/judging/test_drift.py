"""A judge behind an endpoint that changed since last night is another judge."""

import json

import pytest

from harness.evaluate.backends import scripted
from harness.evaluate.judging.judge import judge
from harness.evaluate.runner.answering import Answerer
from harness.evaluate.runner.bench import RunBench
from harness.types import Arm, EvalRequest

PASS, FAIL = (json.dumps({"reason": "So it is.", "grade": grade}) for grade in ("pass", "fail"))


@pytest.fixture
def night(tmp_path, monkeypatch):
    """Try the judge on a night on which it passes answers that match; whether it passed one answer, and its trial."""
    monkeypatch.setattr(scripted, "DRIFTS", True, raising=False)
    monkeypatch.setattr(scripted, "digest", lambda arm: "endpoint")
    labels = [{"id": str(n), "text": "Hi", "reply": word, "label": label} for n, (word, label) in enumerate(LABELS)]
    (tmp_path / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in labels))

    def tried(passes):
        rules = [{"match": rf"(?s)the answer to judge\n[^\n]*({passes})", "reply": PASS}, {"match": ".", "reply": FAIL}]
        (tmp_path / "judge.jsonl").write_text("".join(json.dumps(rule) + "\n" for rule in rules))
        arm = Arm(name="gpt", backend="scripted", model=str(tmp_path / "judge.jsonl"))
        request = EvalRequest(arms=(), paths=(), out="", replies=str(tmp_path / "replies"), judges=(arm,))
        asked = judge(text="Says please.", by="gpt", calibration="labels.jsonl", name="polite")
        asked.folder = tmp_path
        answerer = Answerer((), request.replies)
        bench = RunBench(request, answerer)
        bench.try_all([asked], ())
        return bench, asked, answerer

    return tried


LABELS = [("please", "pass")] * 4 + [("no", "fail")] * 4


def test_its_trial_is_held_anew_and_only_replies_of_the_same_judge_are_recalled(night):
    """Unchanged, its replies on cases come from the cache; changed, its trial shows it and every case is asked again."""

    def verdict(passes):
        bench, asked, answerer = night(passes)
        (question,) = asked.requests(bench_case(), "please do", "", bench.bare(asked))
        reply = bench.ask(asked, question)
        answerer.close()
        return bench.calibrations[asked], reply

    first, fresh = verdict("please")
    again, kept = verdict("please")
    assert (first.kappa, first.problem, first.probe) == (1.0, "", again.probe)
    assert (fresh.cached, kept.cached, kept.text) == (False, True, fresh.text)
    drifted, asked_again = verdict("please|no")
    assert drifted.problem and drifted.probe != first.probe
    assert not asked_again.cached


def bench_case():
    from harness.types import Case, Message, TextPart

    return Case(id="a", messages=(Message(role="user", parts=(TextPart(text="Hi"),)),))
