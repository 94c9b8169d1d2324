"""`trueup init --from-traces`: what it writes runs at once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness import config
from harness.cli.starter import from_traces
from harness.core.codec import from_chat
from harness.errors import InputError, UsageError
from harness.types import Call, Feedback, Message, ToolCallPart

TOOLS = ({"type": "function", "function": {"name": "find"}},)


def traffic(route, answer, count=12, tools=()):
    """Calls that were all praised."""
    calls, praise = [], []
    for number in range(count):
        said = answer(number)
        message = said if isinstance(said, Message) else from_chat({"role": "assistant", "content": said})
        calls.append(
            Call(
                id=f"{route}:{number}",
                route=route,
                session_id=f"s{number}",
                start_ns=(number + 1) * 10**12,
                input=(from_chat({"role": "user", "content": f"{route} question {number}"}),),
                output=(message,),
                tools=tools,
            )
        )
        praise.append(Feedback(id=f"f{route}{number}", call_id=calls[-1].id, value=1.0))
    return calls, praise


FORMS = {
    "POST /orders": traffic("POST /orders", lambda n: json.dumps({"total": n, "day": "2026-01-02"})),
    "POST /kind": traffic("POST /kind", lambda n: ("late", "lost", "other")[n % 3]),
    "agent": traffic(
        "agent",
        lambda n: Message(role="assistant", parts=(ToolCallPart(name="find", arguments='{"id": 1}'),)),
        tools=TOOLS,
    ),
    "chat": traffic("chat", lambda n: f"Your parcel number {n} is on its way to you, and will be there on day {n}."),
}


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    folder = tmp_path_factory.mktemp("desk")
    calls = [call for made, _ in FORMS.values() for call in made]
    praise = [one for _, said in FORMS.values() for one in said]
    return folder, from_traces.write(folder, calls, praise, "exports")


def test_it_says_what_it_guessed_and_from_how_much(started):
    """One sentence a route, with its form and counts."""
    _, made = started
    said = " | ".join(made.sentences)
    assert "POST /orders: 100% are JSON objects with total (number, 100%), day (date, 100%)" in said
    assert "one of 3 labels: late, lost, other" in said
    assert "tool calls: find (12)" in said and "free text" in said
    assert said.count("12 answers said to be good, of 12 calls") == 4


def test_what_it_wrote_runs_at_once_and_production_passes_it(started):
    """Every suite of the traffic runs on the recorded answers without a model."""
    folder, made = started
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *made.next.split()[1:]]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert "96 passed" in done.stdout, done.stdout


def test_the_settings_are_a_config_with_the_cheaper_fixes_as_arms(started):
    """Base, the prompt of production, and nearest examples compete with the fine-tune."""
    folder, _ = started
    read = config.load(folder)
    assert list(read.arms) == ["base", "prompted", "few_shot", "tuned"]
    assert read.prompts["examples"].nearest == 4
    assert read.gate.options["prompted_arms"] == ["prompted", "few_shot"]


def test_traces_given_by_a_relative_path_are_found_from_the_project(tmp_path, monkeypatch):
    """Others who check the project out have no folder of that absolute path."""
    monkeypatch.chdir(tmp_path)
    from_traces.write(Path("desk"), *FORMS["POST /kind"], "exports/week.jsonl")
    assert config.load(tmp_path / "desk").ingest.paths == (str(tmp_path / "exports" / "week.jsonl"),)
    assert "../exports/week.jsonl" in (tmp_path / "desk" / "trueup.toml").read_text()


def test_general_guards_come_with_it(started):
    """A start has guards that can be decided: whether the model follows instructions, and knows what it knew."""
    folder, _ = started
    for name, cases in (("instructions", 256), ("knowledge", 691)):
        (source,) = (folder / "evals" / name).glob("eval_*.py")
        (rows,) = (folder / "evals" / name).glob("*.jsonl")
        assert "role=guard(" in source.read_text(encoding="utf-8")
        assert len(rows.read_text(encoding="utf-8").splitlines()) == cases


@pytest.mark.parametrize(("count", "role"), [(40, "info()"), (400, "guard(margin=0.05)")])
def test_a_guard_is_written_where_the_cases_can_decide_it(tmp_path, count, role):
    """Forty cases cannot show that five points are kept, and the file says from how many on they can."""
    calls, praise = traffic(
        "chat", lambda n: f"Your parcel number {n} is on its way, and comes on day {n}.", count=count
    )
    from_traces.write(tmp_path, calls, praise, "exports")
    source = (tmp_path / "evals" / "chat" / "eval_chat.py").read_text(encoding="utf-8")
    assert f"@suite(role={role}" in source and ("from 351 on" in source) == (role == "info()")


def test_nothing_that_is_there_is_overwritten(started):
    """A second time it stops before it writes."""
    folder, _ = started
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(UsageError, match="there already"):
        from_traces.write(folder, *FORMS["chat"], "exports")
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_too_few_calls_are_no_basis(tmp_path):
    """Four answers of a route say too little, and nothing is written."""
    calls, praise = FORMS["chat"]
    with pytest.raises(InputError, match="too little to guess from: 4 calls"):
        from_traces.write(tmp_path, calls[:4], praise[:4], "exports")
    assert not list(tmp_path.iterdir())


def test_what_nothing_was_written_for_is_said(tmp_path):
    """Routes with too few good answers are named with their calls, so that nobody takes the suites for all there is."""
    calls, praise = FORMS["chat"]
    others = [replace(call, id=f"r{n}", route=("rare", "")[n % 2]) for n, call in enumerate(calls[:5])]
    *_, last = from_traces.write(tmp_path, [*calls, *others], praise, "exports").sentences
    assert "nothing for 5 calls of 2 other routes: rare (3), calls without a route (2)" in last


def test_corrected_failures_stay_out_of_the_eval_files(tmp_path):
    """They are for training and the held-out set, which must not be near a case of an eval file."""
    calls, praise = traffic("POST /kind", lambda n: ("late", "lost", "other")[n % 3], count=30)
    wrong = [Feedback(id=f"c{n}", call_id=calls[n].id, value=-1.0, correction="other") for n in range(10)]
    from_traces.write(tmp_path, calls, [*wrong, *praise[10:]], "exports")
    rows = (tmp_path / "evals" / "post_kind" / "post_kind.jsonl").read_text().splitlines()
    asked = {json.loads(row)["messages"][0]["content"] for row in rows}
    assert len(asked) == 20 and not asked & {f"POST /kind question {n}" for n in range(10)}


def test_the_calls_that_are_stored_can_be_looked_at(tmp_path):
    """Without a path the project's own calls are read, its trueup.toml stays, and without a project it says so."""
    with pytest.raises(UsageError, match="no project here"):
        from_traces.from_traces(tmp_path, from_traces.STORED)
    from harness.store import Store

    (tmp_path / "trueup.toml").write_text('[project]\nname = "mine"\n')
    calls, praise = FORMS["POST /kind"]
    Store.open(tmp_path / ".trueup").traces.merge(calls, praise, ())
    made = from_traces.from_traces(tmp_path, from_traces.STORED)
    assert "12 answers" in made.sentences[0]
    assert (tmp_path / "trueup.toml").read_text() == '[project]\nname = "mine"\n'
