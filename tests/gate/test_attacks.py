"""Ways to promote what must not be promoted: each is refused, or said in the verdict's sentence."""

import json

import pytest
from msgspec.structs import replace

from harness.core import signature
from harness.core.codec import encode, write_lines
from harness.errors import InvalidError, StorageError
from harness.gate import step as gate_step
from harness.project import Project
from harness.promote import step as promote_step
from harness.store import sealed
from harness.types import Policy, Quarantine, Run, Verdict
from tests.gate.desk import GENERAL, RIGHT, TUNED, evaluated

WORSE = {**RIGHT, "tuned": {"booking": 240, "general": 120}}
LAX = Policy(alpha=0.45, options={"required": ["booking"]})


def under(work, policy):
    """The same project with another [gate] in its file."""
    return Project(replace(work.config, gate=policy), work.store, work.progress)


def test_a_verdict_of_a_lax_policy_promotes_nothing_once_the_policy_is_back(work):
    """Judge laxly, restore the file, promote: the runs are judged again under the policy in force."""
    lax = replace(work.config.gate, alpha=0.45)
    evaluated(work, {**RIGHT, "tuned": {"booking": 240, "general": 192}})
    assert gate_step.gate(work).outcome == "undecided"
    assert gate_step.gate(under(work, lax)).outcome == "promote"
    with pytest.raises(InvalidError, match="judged again with what is in force now, the verdict is undecided"):
        promote_step.promote(work)
    assert work.store.promotions.current("production") is None


def test_a_policy_that_was_changed_since_the_verdict_asks_for_a_new_one(work):
    """Even where both promote: what is promoted names the policy that it was judged under."""
    gate_step.gate(work)
    with pytest.raises(InvalidError, match="the policy was changed since the verdict"):
        promote_step.promote(under(work, replace(work.config.gate, alpha=0.01)))


def test_an_evaluation_since_the_verdict_promotes_nothing_of_before(work):
    """What is promoted is the latest evaluation's, which the verdict does not know."""
    gate_step.gate(work)
    evaluated(work, WORSE)
    with pytest.raises(InvalidError, match="the verdict is hold"):
        promote_step.promote(work)


def forged(work, kind, ident, noun):
    """Write a noun under the id of another one, with a seal that fits."""
    path = work.store.artifacts._file(kind, ident)
    sealed.write(path, kind, ident, noun)


def test_an_edited_run_is_noticed_with_a_seal_that_fits(work):
    """Its content is not that of its id."""
    evaluated(work, WORSE)
    ident = dict(work.latest_evaluation().runs)["tuned"]
    better = tuple(
        replace(result, scores=tuple(replace(score, value=1.0) for score in result.scores))
        for result in work.store.artifacts.get("run", ident, Run).results
    )
    forged(work, "run", ident, replace(work.store.artifacts.get("run", ident, Run), results=better))
    with pytest.raises(StorageError, match="the run was edited"):
        gate_step.gate(work)


def test_an_edited_verdict_promotes_nothing(work):
    """Its outcome is computed again from the runs."""
    evaluated(work, WORSE)
    verdict = gate_step.gate(work)
    assert verdict.outcome == "hold"
    edited = replace(
        work.store.artifacts.get("verdict", verdict.id, Verdict), outcome="promote", sentence="Promote: all well."
    )
    forged(work, "verdict", verdict.id, edited)
    with pytest.raises(InvalidError, match="judged again"):
        promote_step.promote(work)


def test_a_quarantine_written_by_hand_counts_as_none(work):
    """For ever is too long, whoever measured it; and what it leaves out is in the verdict's sentence."""
    broken = [f"c{number}" for number in range(190, 200)]
    entries = [
        Quarantine(
            suite=GENERAL.name,
            case_id=case,
            flips=2,
            trials=6,
            measured_on="someone",
            fixed="2026-01-01",
            expires="2999-12-31",
        )
        for case in broken
    ]
    write_lines(work_file := gate_step.Path(work.config.root) / "quarantine.jsonl", entries)
    evaluated(work, {**RIGHT, "tuned": {"booking": 240, "general": 190}})
    verdict = gate_step.gate(work)
    assert any("for more than 30 days" in finding.sentence for finding in verdict.findings)
    assert "flaky" not in verdict.sentence
    assert work_file.exists()


def test_a_store_of_another_project_is_refused(work):
    """Two projects in one store would take each other's promotions for their own."""
    config = replace(work.config, project=replace(work.config.project, name="other"))
    Project.open(work.config)
    with pytest.raises(InvalidError, match="store is that of the project 'desk', not of 'other'"):
        Project.open(config)


def test_the_origin_of_a_verdict_is_told_apart_from_its_arithmetic(work, tmp_path, monkeypatch):
    """With the key: signed, forged or unsigned; without it nothing is claimed."""
    judgement = gate_step.judgement(work, work.config.gate)[0]
    verdict = gate_step.gate(work)
    path = tmp_path / "report.verdict.json"

    def told(key, mark):
        monkeypatch.setenv(signature.KEY, key)
        kept = gate_step.VerdictFile(verdict=verdict, judgement=judgement, signature=mark)
        path.write_bytes(encode(kept))
        return gate_step.origin(path)

    mark = signature.sign([verdict, judgement], {signature.KEY: "secret"})
    assert "signed with the key" in told("secret", mark)
    assert "set TRUEUP_SIGNING_KEY" in told("", mark)
    assert "anybody can have made it" in told("", "")
    for key, wrong in (("other", mark), ("secret", ""), ("secret", mark[:-1] + "x")):
        with pytest.raises(InvalidError, match="signed|signature"):
            told(key, wrong)


def test_the_report_is_signed_where_there_is_a_key(work, monkeypatch):
    """The nightly job's key is all that it takes; `--check` says so."""
    from tests.gate.test_step import typed

    gate_step.gate(work)
    monkeypatch.setenv(signature.KEY, "secret")
    assert typed(work, "report", "--format", "verdict").exit_code == 0
    file = gate_step.Path(work.config.report.out) / "report.verdict.json"
    done = typed(work, "gate", "--check", str(file))
    assert done.exit_code == 0 and "Its data give its verdict. It is signed with the key" in done.stdout
    changed = json.loads(file.read_text(encoding="utf-8"))
    changed["judgement"]["today"] = "2020-01-01"
    file.write_text(json.dumps(changed), encoding="utf-8")
    assert isinstance(typed(work, "gate", "--check", str(file)).exception, InvalidError)


def test_the_adapter_is_promoted_that_was_judged(work):
    """After all that, an honest verdict still promotes."""
    gate_step.gate(work)
    assert promote_step.promote(work).adapter == TUNED
