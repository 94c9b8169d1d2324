"""Promotion of an arm without an adapter, and rollback across kinds."""

import json
import shutil
from dataclasses import replace as copied
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from harness import config, loop
from harness.cli.main import cli
from harness.errors import InvalidError, UsageError
from harness.evaluate import step as evaluate_step
from harness.evaluate.arms import tuned_section
from harness.gate import candidate as gate_candidate
from harness.gate import step as gate_step
from harness.project import Project
from harness.promote import step as promote_step
from harness.types import Arm
from tests.gate.desk import adapter_in

CONFIG = """
[project]
name = "tickets"

[model]
backend = "scripted"

[prompts.v1]
system = "one word"

[prompts.v2]
system = "refund or delivery"

[arms.base]
prompt = "v1"
production = true
options = { default = "refund" }

[arms.next]
prompt = "v2"
model = "script.json"

[gate]
candidate = "next"
"""
EVALS = """
from trueup import cases, guard, score, suite, target

@suite(role=target(min_gain=0.05))
@cases([{"id": f"l{n}", "text": f"late {n}", "expected": "delivery"} for n in range(60)])
def eval_late(case, model):
    return score.text(model.chat(case.messages), case.expected)

@suite(role=guard(margin=0.05))
@cases([{"id": f"m{n}", "text": f"money {n}", "expected": "refund"} for n in range(150)])
def eval_money(case, model):
    return score.text(model.chat(case.messages), case.expected)
"""
SCRIPT = {**{f"late {n}": "delivery" for n in range(60)}, **{f"money {n}": "refund" for n in range(150)}}
ADAPTER = "a" * 64


def written(folder, text=CONFIG, script=SCRIPT):
    (folder / "evals").mkdir(exist_ok=True)
    (folder / "trueup.toml").write_text(text)
    (folder / "evals" / "eval_tickets.py").write_text(EVALS)
    (folder / "script.json").write_text(json.dumps(script))
    return Project.open(config.load(folder))


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """A project in which `trueup run` was walked once, without a fine-tune and without traces."""
    work = written(tmp_path_factory.mktemp("tickets"))
    return work, loop.run(work)


@pytest.fixture
def work(walked, tmp_path):
    """A copy of it in another place."""
    folder = shutil.copytree(walked[0].config.root, tmp_path / "copy")
    return Project.open(config.load(folder))


def trueup(work, *words):
    done = CliRunner().invoke(cli, [*words, "--quiet", "--config", work.config.root])
    return done.exit_code, done.output + str(done.exception or "")


def test_the_loop_needs_neither_traces_nor_a_tune(walked):
    """Evaluate, gate, report; nothing was curated or trained, and the report is there."""
    work, verdict = walked
    assert verdict.outcome == "promote", verdict.sentence
    assert not work.store.artifacts.ids("dataset") and not work.store.artifacts.ids("adapter")
    assert "Nothing was trained for this report." in (Path(work.config.root) / "out" / "report.html").read_text()


def test_what_is_promoted_is_stored_and_shown(work):
    """The alias points at the arm's settings; status, promote, rollback and the report say what serves."""
    code, output = trueup(work, "promote", "--by", "ann")
    assert code == 0 and "production is now next" in output and "prompt v2" in output
    move = work.store.promotions.current("production")
    arm = work.served_arm(move.adapter)
    assert (arm.name, arm.backend, arm.prompt.name) == ("next", "scripted", "v2")
    assert arm.model == str(Path(work.config.root) / "script.json")
    assert "alias production" in trueup(work, "status")[1] and move.adapter[:12] in trueup(work, "status")[1]
    assert trueup(work, "report")[0] == 0
    assert move.adapter[:12] in (Path(work.config.root) / "out" / "report.html").read_text()
    assert "production is back at the base model" in trueup(work, "rollback")[1]


def test_the_champion_of_the_next_night_is_that_arm(work):
    """It is asked as it was judged, whatever trueup.toml says now; itself it is no rival, a worse change is held."""
    promote_step.promote(work)
    assert evaluate_step.arms(work, None, None)["champion"].prompt.name == "v2"
    worse = {**SCRIPT, **{f"late {n}": "refund" for n in range(10, 60)}}
    renamed = CONFIG.replace("script.json", "script3.json").replace("refund or delivery", "whatever")
    folder = Path(work.config.root)
    written(folder, renamed)
    (folder / "script3.json").write_text(json.dumps(worse))
    work = Project.open(config.load(folder))
    champion = evaluate_step.arms(work, None, None)["champion"]
    assert champion.prompt.messages[0].text == "refund or delivery" and champion.model.endswith("script.json")
    verdict = loop.run(work)
    assert verdict.outcome == "hold" and "champion" in verdict.sentence
    assert verdict.champion == work.store.promotions.current("production").adapter != verdict.candidate


def test_the_promoted_arm_judged_again_is_the_champion_itself(work):
    """Under new names for the arm and its prompt, too: it is held against the base alone, and may be promoted again."""
    promote_step.promote(work)
    names = CONFIG.replace("v2", "current").replace("arms.next", "arms.renamed").replace('"next"', '"renamed"')
    work = written(Path(work.config.root), names)
    verdict = loop.run(work)
    assert verdict.outcome == "promote" and verdict.candidate == verdict.champion
    assert {finding.baseline for finding in verdict.findings if finding.rule == "target"} == {"base"}


def test_the_promoted_prompt_may_become_the_base(work):
    """A base that is what was promoted is no weaker one; another prompt for the base is."""
    promote_step.promote(work)
    base = '[arms.base]\nprompt = "v2"\nmodel = "script.json"\nproduction = true\n'
    start, end = CONFIG.index("[arms.base]"), CONFIG.index("[arms.next]")
    changed = CONFIG[:start] + base + CONFIG[end:].replace('prompt = "v2"', 'prompt = "v1"')
    verdict = loop.run(written(Path(work.config.root), changed))
    assert not [finding for finding in verdict.findings if finding.rule == "weakened"]
    other = CONFIG.replace('system = "one word"', 'system = "answer wrongly"')
    verdict = loop.run(written(Path(work.config.root), other))
    (weaker,) = [finding for finding in verdict.findings if finding.rule == "weakened"]
    assert "the arm base has another prompt" in weaker.sentence and weaker.outcome == "unresolved"


def test_what_changed_since_it_was_judged_is_not_promoted(work):
    """Another script under the same name is not what was judged; nor is it what is in production."""
    changed = dict(list(SCRIPT.items())[:-1])
    script = Path(work.config.root) / "script.json"
    before = script.read_text()
    script.write_text(json.dumps(changed))
    with pytest.raises(InvalidError, match="changed since it was judged"):
        promote_step.promote(work)
    script.write_text(before)
    promote_step.promote(work)
    script.write_text(json.dumps(changed))
    verdict = loop.run(Project.open(config.load(Path(work.config.root))))
    assert verdict.outcome == "invalid" and "in production changed" in verdict.sentence


def test_a_candidate_that_trueup_toml_does_not_name_is_not_promoted(work):
    """The verdict of --candidate is stored and shown; promote says what to write."""
    policy = gate_candidate.named(work.config.gate, "next")
    config_of_another = replace(work.config, gate=replace(work.config.gate, candidate="base", baselines=("next",)))
    gate_step.gate(work, policy)
    with pytest.raises(InvalidError, match="trueup.toml says 'base'") as raised:
        promote_step.promote(copied(work, config=config_of_another))
    assert 'candidate = "next"' in str(raised.value)
    stricter = replace(work.config, gate=replace(work.config.gate, alpha=0.04))
    with pytest.raises(InvalidError, match="policy was changed"):
        promote_step.promote(copied(work, config=stricter))


@pytest.mark.parametrize(
    "options",
    [
        {"url": "https://ann:correct-horse-7@example.com/v1"},
        {"url": "https://example.com/v1", "body": {"api_key": "sk-proj-abcdEFGH1234567890abcdEFGH1234567890"}},
    ],
)
def test_an_arm_with_a_secret_in_its_options_is_not_stored(work, options):
    """What is promoted is kept for good, so a key has to come from the environment."""
    arm = Arm(name="next", backend="openai_compatible", model="m", options=options)
    with pytest.raises(UsageError, match="contains a secret"):
        promote_step._keep(work, "c" * 64, arm, "")
    assert not work.store.artifacts.ids("arm")


def test_rollback_goes_back_across_kinds(work):
    """Adapter, then arm, then adapter: each step back is what served before; a removed one is skipped."""
    adapter_in(work, ADAPTER)
    moves = work.store.promotions
    moves.move("production", ADAPTER, "e" * 64, expected=None)
    with pytest.raises(InvalidError, match="not held against it"):
        promote_step.promote(work)  # the verdict is older than the adapter in production
    arm = gate_step.under(work, replace(work.config.gate)).candidate
    work.store.artifacts.put("arm", Arm(name="next", backend="scripted", model="script.json"), id=arm)
    moves.move("production", arm, "e" * 64, expected=ADAPTER)
    moves.move("production", ADAPTER, "e" * 64, expected=arm)
    assert [promote_step.rollback(work).adapter for _ in range(3)] == [arm, ADAPTER, ""]
    assert "adapter aaaa" in work.served(ADAPTER) and work.served(arm).startswith("next ")


def test_rounds_need_something_to_train(work):
    """`trueup run --iterations` says so; `trueup tune` names what to write."""
    code, output = trueup(work, "run", "--iterations", "3")
    assert code == 1 and "is not trained" in output
    with pytest.raises(UsageError, match="nothing is to be trained") as raised:
        tuned_section(work.config)
    assert "[arms.tuned]" in str(raised.value)
