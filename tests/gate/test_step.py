"""Verdicts of a stored evaluation, as a user asks for them; no model answers anything here."""

import html
import json
import time
from dataclasses import replace as copied
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from harness.cli.main import cli
from harness.core.codec import encode, read
from harness.errors import InvalidError
from harness.gate import stage as gate_stage
from harness.gate import step as gate_step
from harness.promote import step as promote_step
from harness.sections import ArmSection, PromptSection
from harness.types import Arm
from tests.gate.desk import BOOKING, GENERAL, OTHER, RIGHT, TUNED, evaluated


def typed(work, *words):
    return CliRunner().invoke(cli, [*words, "--quiet", "--config", work.config.root])


def test_the_gate_says_what_every_rule_found(work):
    """Each finding is a line with its outcome and rule, then what it rests on; the verdict's sentence ends it."""
    done = typed(work, "gate")
    assert done.exit_code == 0, done.output
    said = done.stdout.splitlines()
    place = next(i for i, line in enumerate(said) if line.startswith("✓ pass") and " guard " in line)
    assert (
        "general dropped by 0.7 points" in said[place] and "tango exact" in said[place + 1] and "b 2" in said[place + 1]
    )
    assert said[-1].startswith("Promote: booking (300 cases) improved by 60.0 points over base")
    told = json.loads(typed(work, "gate", "--json").stdout)
    assert {one["rule"] for one in told["findings"]} >= {"target", "guard", "prompted", "looks"}


def test_what_stands_in_the_way_says_what_to_type(work):
    """A guard that lost is a line with the next command under it, and the exit code is that of hold."""
    evaluated(work, {**RIGHT, "tuned": {"booking": 240, "general": 120}})
    done = typed(work, "gate")
    assert done.exit_code == 1 and "next: trueup report --open" in done.stdout
    assert done.stdout.splitlines()[0].startswith("✕ fail       guard")


def test_what_was_promoted_since_must_be_held_against(work):
    """Another adapter in production makes the verdict invalid until it was evaluated too."""
    assert gate_step.gate(work).outcome == "promote"
    work.store.promotions.move("production", OTHER, "e" * 64, expected=None)
    verdict = gate_step.gate(work)
    assert verdict.outcome == "invalid" and "in production" in verdict.sentence
    champion = str(work.store.artifacts.folder("adapter", OTHER))
    evaluated(work, {**RIGHT, "champion": RIGHT["base"]}, champion=champion)
    assert gate_step.gate(work).outcome == "promote"
    work.store.promotions.rollback("production")
    assert "changed since the evaluation" in gate_step.gate(work).sentence


def test_production_is_the_champion_else_the_arm_with_its_prompt(work):
    """What traffic gets now is what the effect on it is held against; an arm that was not run is no production."""
    runs = work.runs(work.latest_evaluation())
    prompts = {"production": PromptSection(traces=True)}
    work = copied(
        work, config=replace(work.config, prompts=prompts, arms={"prompted": ArmSection(prompt="production")})
    )
    with_champion = {**runs, "champion": runs["base"]}
    without = {name: run for name, run in runs.items() if name != "prompted"}
    named = [
        gate_step.of_runs(work, each, OTHER, work.config.gate).production for each in (runs, with_champion, without)
    ]
    assert named == ["prompted", "champion", ""]


def test_the_bar_is_that_of_the_last_promotion(work):
    """A guard that is no longer there leaves the next candidate undecided, until the policy has a new version."""
    gate_step.gate(work)
    promote_step.promote(work)
    name = GENERAL.name
    runs = work.runs(work.latest_evaluation())
    folder = str(work.store.artifacts.folder("adapter", TUNED))
    runs["champion"] = replace(runs["base"], arm=Arm(name="champion", adapter=folder))
    less = {
        arm: replace(
            run,
            suites=tuple(suite for suite in run.suites if suite.name != name),
            results=tuple(result for result in run.results if result.suite != name),
        )
        for arm, run in runs.items()
    }
    for version, outcome in (("", "undecided"), ("2", "promote")):
        policy = replace(work.config.gate, version=version)
        assert gate_stage.judge(gate_step.of_runs(work, less, OTHER, policy)).outcome == outcome
    assert gate_stage.judge(gate_step.of_runs(work, runs, OTHER, work.config.gate)).outcome == "promote"


def test_a_verdict_older_than_the_champion_promotes_nothing(work):
    """What was not held against the adapter in production does not take its place, though its verdict says promote."""
    gate_step.gate(work)
    work.store.promotions.move("production", OTHER, "e" * 64, expected=None)
    with pytest.raises(InvalidError, match="not held against it"):
        promote_step.promote(work)
    work.store.promotions.rollback("production")
    assert promote_step.promote(work).adapter == promote_step.promote(work).adapter == TUNED


def test_a_clock_set_back_wakes_no_waiver(work, monkeypatch):
    """The day of a verdict is never before that of its runs."""
    monkeypatch.setattr(gate_step.time, "time_ns", lambda: 0)
    today = gate_step.judgement(work, work.config.gate)[0].today
    assert today == time.strftime("%Y-%m-%d", time.gmtime())


def test_a_kill_leaves_the_verdict_before(work, monkeypatch):
    """Nothing is the latest verdict before it is stored."""
    first = gate_step.gate(work)
    evaluated(work, {**RIGHT, "tuned": RIGHT["base"]})
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(gate_step.gate_history, "night", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        gate_step.gate(work)
    assert work.latest_verdict() == first
    assert gate_step.gate(work).outcome == "hold"


def test_a_verdict_file_is_checked_to_the_last_digits_but_not_beyond(work, tmp_path):
    """Another machine's rounding passes; a changed number, finding or id is named."""
    verdict = gate_step.gate(work)
    file = tmp_path / "report.verdict.json"

    def checked(changed, judgement=None):
        kept = gate_step.VerdictFile(
            verdict=changed, judgement=judgement or gate_step.judgement(work, work.config.gate)[0]
        )
        file.write_bytes(encode(kept))
        return gate_step.recomputed(file)

    def with_estimate(value):
        findings = tuple(replace(f, estimate=value) if f.rule == "target" else f for f in verdict.findings)
        return gate_step._identified(replace(verdict, findings=findings))

    assert checked(verdict) == verdict
    assert checked(with_estimate(0.6 + 1e-12)).outcome == "promote"
    with pytest.raises(InvalidError, match="finding of the rule target on desk/eval_booking"):
        checked(with_estimate(0.7))
    with pytest.raises(InvalidError, match="it says promote, they give invalid"):
        checked(verdict, replace(gate_step.judgement(work, work.config.gate)[0], problems=("lost",)))
    with pytest.raises(InvalidError, match="its id"):
        checked(replace(verdict, id="0" * 64))


def test_two_runs_are_compared(work):
    """What changed comes first with its counts, then what is noise; an arm that is not there lists those that are."""
    done = typed(work, "compare", "base", "tuned")
    assert done.exit_code == 0, done.output
    said = done.stdout.splitlines()
    assert said[0].startswith("booking improved by 60.0 points") and "0.2 -> 0.8, n 300, broken 0, fixed 180" in said[1]
    assert any(line.startswith("Noise") for line in said)
    assert "prompted (" in str(typed(work, "compare", "base", "tunde").exception)


def test_the_report_files_say_the_same(work):
    """Markdown, JUnit and annotations of one verdict name its sentence; the file of the verdict gives it again."""
    verdict = gate_step.gate(work)
    done = typed(
        work, "report", *(word for name in ("md", "junit", "github", "verdict") for word in ("--format", name))
    )
    assert done.exit_code == 0, done.output
    out = work.config.report.out
    files = {
        suffix: (Path(out) / f"report.{suffix}").read_text(encoding="utf-8") for suffix in ("md", "xml", "github.txt")
    }
    assert "**Booking (300 cases) improved by 60.0 points" in html.unescape(files["md"])
    assert files["github.txt"].startswith("::notice title=trueup%3A promote::Promote: booking (300 cases) improved")
    assert 'failures="0"' in files["xml"]  # two cases broke, within the margin: nothing blocks
    assert read(Path(out) / "report.verdict.json", gate_step.VerdictFile).verdict == verdict


def test_each_report_says_what_stands_in_the_way(work):
    """Markdown and JUnit give each such finding with its formula, its counts and what to type next."""
    evaluated(work, {**RIGHT, "tuned": {"booking": 240, "general": 120}})
    assert typed(work, "gate").exit_code == 1
    assert typed(work, "report", "--format", "md", "--format", "junit").exit_code == 0
    for suffix in ("md", "xml"):
        text = html.unescape((Path(work.config.report.out) / f"report.{suffix}").read_text(encoding="utf-8"))
        assert "tango exact" in text and "b 80" in text and "trueup report --open" in text
        assert "Hold: Hold" not in text and "hold: Hold" not in text


def test_a_rollback_does_not_clear_the_bar(work):
    """What the last promotion rested on is what the next one is held against, undone or not."""
    verdict, alias = gate_step.gate(work), work.config.promote.alias
    work.store.promotions.move(alias, TUNED, verdict.id, expected=None)
    work.store.promotions.rollback(alias)
    found, _ = gate_step.judgement(work, work.config.gate)
    assert {suite.name for suite in found.bar} == {BOOKING.name, GENERAL.name}
    assert found.bar_policy == work.config.gate
