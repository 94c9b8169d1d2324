"""Stored runs are listed, and one case is found in them and shown."""

import json

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from harness.cli.main import cli
from harness.errors import UsageError
from harness.gate import stored_runs
from harness.types import Case, Message, Reply, Result, Run, Score, TextPart, ToolCallPart
from tests.gate.desk import BOOKING, CASES, GENERAL, RIGHT, answered, evaluated

HOSTILE = "fine\x1b[31m\u202e\n::error::gone\nexpected  nothing"


def typed(work, *words):
    return CliRunner().invoke(cli, [*words, "--quiet", "--config", work.config.root])


def refund(arm, **result):
    """A run of one case that only it has, as `trueup eval -k` keeps it."""
    asked = Message(role="user", parts=(TextPart(text="refund me"), TextPart(text="\nplease")))
    case = Case(id="refund-17", messages=(asked,), expected={"label": "refund"})
    run = answered(arm, RIGHT["base"])
    results = (Result(suite=GENERAL.name, case_id=case.id, **result),)
    return replace(run, suites=run.suites[1:], cases={GENERAL.name: (case,)}, results=results, id=f"{arm} {result}")


def test_runs_are_listed_the_newest_first_with_their_counts(work):
    """Arm, suites, cases, errors; those that the gate judges are marked, a run of a selection is not."""
    work.store.artifacts.put("run", replace(refund("base", error="KeyError: 'x'"), started_ns=2**62))
    first, *rest = stored_runs.stored(work, 20)
    assert (first.arm, first.suites, first.cases, first.errors, first.latest) == ("base", (GENERAL.name,), 1, 1, False)
    assert sorted(line.arm for line in rest) == ["base", "prompted", "tuned"] and all(line.latest for line in rest)
    assert {line.cases for line in rest} == {600}
    assert len(stored_runs.stored(work, 2)) == 2


def test_the_command_prints_ids_that_compare_takes(work):
    """As a table, and as JSON."""
    listed = json.loads(typed(work, "runs", "--json").stdout)["runs"]
    ids = [line["id"] for line in listed]
    assert len(ids) == 3 and all(ident[:12] in typed(work, "runs").stdout for ident in ids)
    assert typed(work, "compare", ids[0][:12], ids[1][:12]).exit_code == 0


def test_nothing_stored_says_what_to_type(tmp_path):
    """An empty project is no error."""
    (tmp_path / "trueup.toml").write_text("")
    done = CliRunner().invoke(cli, ["runs", "--config", str(tmp_path)])
    assert done.exit_code == 0 and "trueup eval" in done.output


def test_a_case_is_shown_over_all_arms(work):
    """In each suite that has it: what was asked, and the scores of each arm of the latest evaluation."""
    shown = stored_runs.case(work, "c100")
    assert [each.suite for each in shown] == [BOOKING.name, GENERAL.name]
    assert {each.arm: each.results[0].score("exact") for each in shown[0].answers} == {
        "base": 0.0,
        "prompted": 1.0,
        "tuned": 1.0,
    }
    assert shown[0].case == CASES[100]
    (only,) = stored_runs.case(work, "c100", ("tuned",), "general")
    assert (only.suite, [each.arm for each in only.answers]) == (GENERAL.name, ["tuned"])


def test_a_case_of_an_older_run_is_found_by_the_start_of_its_id(work):
    """What only a selection was asked is looked for in the newest stored runs of each arm."""
    work.store.artifacts.put("run", refund("base", replies=(Reply(text="old"),)))
    work.store.artifacts.put("run", refund("base", replies=(Reply(text="new"),)))
    (shown,) = stored_runs.case(work, "refund")
    assert [each.results[0].replies[0].text for each in shown.answers] == ["new"]


@pytest.mark.parametrize(
    ("name", "words"), [("c30l", "did you mean"), ("c1", ""), ("c11", ""), ("zzzzz", "known cases")]
)
def test_a_name_that_is_no_case_is_answered_with_the_nearest(work, name, words):
    """An id that is one is taken for itself, though others start with it."""
    if not words:
        assert stored_runs.case(work, name)[0].case.id == name
        return
    with pytest.raises(UsageError, match="no stored run has the case") as raised:
        stored_runs.case(work, name)
    assert words in str(raised.value)


def test_a_start_that_several_share_is_told_so(work):
    """The first of them are named."""
    for ident in ("refund-1", "refund-2"):
        run = refund("base", replies=(Reply(text=ident),))
        case = replace(run.cases[GENERAL.name][0], id=ident)
        both = tuple(replace(case, id=each) for each in ("refund-1", "refund-2"))
        work.store.artifacts.put("run", replace(run, cases={GENERAL.name: both}, id=ident))
    with pytest.raises(UsageError, match="several cases start with 'refund-'"):
        stored_runs.case(work, "refund-")


def test_show_prints_everything_and_lets_no_text_out(work):
    """Question, expected, reply with its calls, scores with reasons, errors; control characters and CI commands are harmless,
    and no line of a reply can be taken for a line of the page."""
    score = Score(name="exact", value=0.5, label="late", explanation="one of two\nfields")
    call = ToolCallPart(name="refund", arguments='{"n": 1}')
    reply = Reply(text=HOSTILE, tool_calls=(call,), finish_reason="length")
    work.store.artifacts.put("run", refund("base", replies=(reply,), scores=(score,)))
    work.store.artifacts.put("run", refund("tuned", error="TimeoutError: no answer"))
    done = typed(work, "show", "refund-17")
    assert done.exit_code == 0, done.output
    for words in (
        "refund me",
        "please",
        '{"label":"refund"}',
        "exact = 0.5 late",
        "fields",
        "TimeoutError",
        "[length]",
    ):
        assert words in done.stdout
    assert 'refund({"n": 1})' in done.stdout
    assert not {"\x1b", "\u202e"} & set(done.stdout)
    lines = done.stdout.splitlines()
    assert not [line for line in lines if line.lstrip().startswith("::")]
    assert not [line for line in lines if line.startswith("  expected  nothing")]
    cases = json.loads(typed(work, "show", "refund-17", "--json").stdout)["cases"]
    (base,) = [answer for answer in cases[0]["answers"] if answer["arm"] == "base"]
    assert base["results"][0]["replies"][0]["text"] == HOSTILE


def test_compare_says_what_to_type_for_a_verdict(work):
    """Two arms of the latest evaluation can be judged; other runs have to be evaluated first."""
    assert (
        typed(work, "compare", "base", "tuned")
        .stdout.rstrip()
        .endswith("trueup gate --candidate tuned --baseline base")
    )
    ident = work.store.artifacts.put("run", replace(answered("base", RIGHT["prompted"]), id="other"))
    done = typed(work, "compare", "base", ident[:12])
    assert done.exit_code == 0 and done.stdout.splitlines()[-1].count("trueup eval, then trueup gate") == 1


def test_a_run_of_no_case_is_a_run(work):
    """Nothing selected is listed as such."""
    evaluated(work)
    bare = Run(
        id="bare", arm=answered("base", RIGHT["base"]).arm, model_digest="d", suites=(), results=(), started_ns=1
    )
    work.store.artifacts.put("run", bare)
    assert min(stored_runs.stored(work, 9), key=lambda line: line.at_ns).cases == 0
