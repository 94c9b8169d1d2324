"""What redaction would find, who is forgotten, and what a mark keeps from being used; and the inbox seen from the loop."""

import json
import socket
import subprocess

import pytest
from click.testing import CliRunner

from harness import config, forget
from harness.cli.main import cli
from harness.core.codec import write_lines
from harness.curate import stage as curate_stage
from harness.errors import InputError, InvalidError, UsageError
from harness.ingest import settings as ingest_settings
from harness.ingest import step as ingest_step
from harness.ingest.collector.inbox import Writer
from harness.project import Project
from harness.store.salt import salt
from harness.tune import step as tune_step
from harness.types import Adapter, Case, Dataset, Prompt, Recipe
from tests.ingest.collector.serving import request, span

SAID = '[{"role": "user", "parts": [{"type": "text", "content": "I am ada@example.com"}]}]'
ANSWERED = '[{"role": "assistant", "parts": [{"type": "text", "content": "Hello"}]}]'
TALK = {"gen_ai.input.messages": SAID, "gen_ai.output.messages": ANSWERED}


def exported(*spans):
    return json.dumps(request(*spans)).encode()


@pytest.fixture
def project(tmp_path):
    (tmp_path / "trueup.toml").write_text('[project]\nname = "x"\n[ingest]\npaths = ["traces"]\n')
    (tmp_path / "traces").mkdir()
    users = {1: "bob@example.com", 2: "customer-7", 3: "bob@example.com"}
    spans = [span(number, f"{number:032x}", **TALK, **{"user.id": user}) for number, user in users.items()]
    (tmp_path / "traces" / "day.jsonl").write_bytes(exported(*spans))
    return tmp_path


@pytest.fixture
def work(project):
    return Project.open(config.load(project))


def test_a_dry_run_says_what_would_be_found_and_stores_nothing(project, work):
    """Counts of calls and of each kind, and an empty table after it."""
    found = CliRunner().invoke(cli, ["ingest", "--dry-run", "--json", "--config", str(project)])
    counts = json.loads(found.stdout)
    assert (counts["calls"], counts["calls_redacted"], counts["redacted:email"]) == (3, 3, 5)
    assert work.store.traces.counts()["read"] == 0
    said = CliRunner().invoke(cli, ["ingest", "--dry-run", "--config", str(project)])
    assert "3 calls have something that would be replaced" in said.output


def test_pseudonyms_are_keyed_by_the_store(project, work, tmp_path):
    """The salt is made once, is the owner's only, and another store's is another."""
    assert salt(work.store.root) == salt(work.store.root) != salt(tmp_path / "other")
    assert (work.store.root / "salt").stat().st_mode & 0o777 == 0o600


def test_the_section_privacy_says_what_is_redacted(project, work):
    """Kinds, own patterns, exceptions and the switch come from trueup.toml."""
    (project / "trueup.toml").write_text(
        '[project]\nname = "x"\n[ingest]\npaths = ["traces"]\n[privacy]\nkinds = ["email"]\nkeep = ["ada@example\\\\.com"]\n'
        '[privacy.patterns]\ncustomer = "customer-[0-9]"\n'
    )
    work = Project.open(config.load(project))
    ingest_step.ingest(work)
    text = str(list(work.store.traces.calls()))
    assert "ada@example.com" in text and "<CUSTOMER_" in text and "bob@" not in text


def test_a_user_is_forgotten_by_the_id_that_was_traced(project, work):
    """An id that was replaced by a pseudonym is found; no byte of the table holds the pseudonym afterwards."""
    ingest_step.ingest(work)
    name = ingest_settings.redactor(work).text("bob@example.com")
    assert sum(name in str(call) for call in work.store.traces.calls()) == 2
    found = forget.forget(work, "bob@example.com", "")
    assert len(found.calls) == 2 and [call.user_id for call in work.store.traces.calls()] == ["customer-7"]
    held = [path for path in (work.store.root / "traces").rglob("*") if path.is_file()]
    assert held and not any(name.encode() in path.read_bytes() for path in held)


def test_nothing_to_forget_is_said(work):
    """Without a user or a trace, with both, or with later calls of a trace, nothing is erased."""
    for user, trace, later in (("", "", False), ("ada", "0" * 32, False), ("", "0" * 32, True)):
        with pytest.raises(UsageError, match="trueup forget"):
            forget.forget(work, user, trace, later)


def test_a_new_export_does_not_bring_the_forgotten_back(project, work):
    """The same calls in another file, whose bytes nobody saw before, stay out; the command and the status count them."""
    ingest_step.ingest(work)
    assert len(forget.forget(work, "bob@example.com").calls) == 2
    held = json.loads((project / "traces" / "day.jsonl").read_bytes())
    (project / "traces" / "again.jsonl").write_text(json.dumps(held, indent=1))
    dry = CliRunner().invoke(cli, ["ingest", "--dry-run", "--config", str(project)])
    assert "1 calls, 0 feedback records" in dry.output and "2 records of users or traces that were" in dry.output
    found = json.loads(CliRunner().invoke(cli, ["ingest", "--json", "--config", str(project)]).stdout)
    assert (found["calls"], found["repeated"], found["suppressed"]) == (0, 4, 2)
    status = json.loads(CliRunner().invoke(cli, ["status", "--json", "--config", str(project)]).stdout)["records"]
    assert (status["calls"], status["forgotten"], status["suppressed"]) == (1, 2, 2)
    assert status["read"] == status["calls"] + status["repeated"] + status["forgotten"] + status["suppressed"]


def test_killed_while_forgetting_the_marks_are_there(work, made, monkeypatch):
    """What was made with the calls is marked before they are erased, since nothing tells afterwards what was."""

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("harness.store.traces.Traces.forget", killed)
        forget.forget(work, trace=made.trace_id)
    assert [work.is_marked(letter * 64) for letter in "abc"] == [True, False, True]
    assert forget.forget(work, trace=made.trace_id).adapters == ("c" * 64,)


@pytest.fixture
def made(work):
    """A dataset with one of the calls, an adapter of it, and another dataset without."""
    ingest_step.ingest(work)
    first, *_ = work.store.traces.calls()
    for ident, call in (("a" * 64, first.id), ("b" * 64, "other:call")):
        folder = work.store.artifacts.scratch("dataset")
        for split in curate_stage.SPLITS:
            write_lines(folder / f"{split}.jsonl", [Case(id=split, call_id=call)] if split == "train" else [])
        write_lines(folder / "dataset.json", [Dataset(id=ident, name="x")])
        work.store.artifacts.add_folder("dataset", ident, folder)
    bound = dict.fromkeys(("base", "tokenizer", "template"), "0" * 64)
    adapter = Adapter(
        id="c" * 64, method="lora", dataset="a" * 64, recipe=Recipe(), prompt=Prompt(name="none"), **bound
    )
    folder = work.store.artifacts.scratch("adapter")
    write_lines(folder / "adapter.json", [adapter])
    work.store.artifacts.add_folder("adapter", "c" * 64, folder)
    return first


def test_what_was_made_with_a_forgotten_call_is_named_and_marked(work, made):
    """The dataset that holds the call and its adapter are marked, the other dataset is not."""
    found = forget.forget(work, "", made.trace_id)
    assert (found.calls, found.datasets, found.adapters) == ((made.id,), ("a" * 64,), ("c" * 64,))
    assert [work.is_marked(letter * 64) for letter in "abc"] == [True, False, True]
    assert any("trace exports" in place for place in found.remains)


def test_a_marked_dataset_is_never_trained_on(work, made):
    """Tuning on it is refused, naming the way out, and so is judging and promoting its adapter."""
    forget.forget(work, "", made.trace_id)
    with pytest.raises(InvalidError, match="forgotten since"):
        tune_step.tune(work, work.dataset("a" * 64))
    with pytest.raises(InvalidError, match="forgotten since"):
        work.check_not_forgotten("adapter", "c" * 64)


def test_forgetting_twice_is_the_same_as_once(work, made):
    """The second time nothing is left to erase; the marks stay."""
    forget.forget(work, "", made.trace_id)
    assert forget.forget(work, "", made.trace_id).calls == ()
    assert work.is_marked("a" * 64)


def test_the_command_says_what_it_did_and_what_remains(project, work, made):
    """People read names of what was marked and where copies may be; machines read the same as JSON."""
    found = CliRunner().invoke(cli, ["forget", "--trace", made.trace_id, "--config", str(project)])
    assert found.exit_code == 0 and "1 calls erased" in found.output and f"dataset {'a' * 12}" in found.output
    again = CliRunner().invoke(cli, ["forget", "--user", "customer-7", "--json", "--config", str(project)])
    assert len(json.loads(again.stdout)["calls"]) == 1


def test_the_inbox_is_read_beside_the_paths_and_emptied(project, work):
    """`trueup ingest` without paths takes what was received, once; with paths it leaves it."""
    writer = Writer(work.store.root / ingest_settings.INBOX)
    writer.append(exported(span(9, "9" * 32, **TALK)))
    writer.close()
    assert ingest_step.ingest(work, [str(project / "traces")]).calls == 3
    assert ingest_step.ingest(work).calls == 1
    assert work.store.traces.counts()["calls"] == 4
    assert not list((work.store.root / ingest_settings.INBOX).iterdir())


def test_what_waits_in_the_inbox_is_shown_and_rehearsed(project, work):
    """`trueup status` names its bytes, a dry run reads it beside the paths, and both leave it there."""
    assert "wait in the inbox" not in CliRunner().invoke(cli, ["status", "--config", str(project)]).output
    writer = Writer(work.store.root / ingest_settings.INBOX)
    writer.append(exported(span(9, "9" * 32, **TALK)))
    writer.close()
    (segment,) = (work.store.root / ingest_settings.INBOX).iterdir()
    shown = json.loads(CliRunner().invoke(cli, ["status", "--json", "--config", str(project)]).stdout)["inbox"]
    assert shown["bytes"] == segment.stat().st_size and shown["since"].startswith("20")
    assert "wait in the inbox: trueup ingest" in CliRunner().invoke(cli, ["status", "--config", str(project)]).output
    for words, calls in ((["--dry-run"], 4), (["--dry-run", str(project / "traces")], 3)):
        found = CliRunner().invoke(cli, ["ingest", *words, "--json", "--config", str(project)])
        assert json.loads(found.stdout)["calls"] == calls
    assert segment.exists() and work.store.traces.counts()["read"] == 0


def test_who_is_forgotten_is_forgotten_in_the_inbox_too(project, work):
    """What waits in the inbox is read before it is erased, so it does not come back with the next ingest."""
    writer = Writer(work.store.root / ingest_settings.INBOX)
    writer.append(exported(span(9, "9" * 32, **TALK, **{"user.id": "customer-7"})))
    writer.close()
    found = CliRunner().invoke(cli, ["forget", "--user", "customer-7", "--json", "--config", str(project)])
    assert len(json.loads(found.stdout)["calls"]) == 1
    ingest_step.receive(work)
    assert work.store.traces.counts()["calls"] == 0


def test_a_receiver_and_a_run_do_not_wait_for_each_other(work):
    """While the store's lock is held, requests are still taken in; while a receiver runs, the lock is free."""
    with work.store.lock():
        writer = Writer(work.store.root / ingest_settings.INBOX)
        writer.append(exported(span(9, "9" * 32, **TALK)))
    with work.store.lock():
        assert ingest_step.ingest(work).calls == 3
    writer.close()


def test_a_night_on_which_nothing_came_is_no_error(project):
    """Who only receives, and names no paths, ingests nothing while nothing has come; without a receiver it is an error."""
    (project / "trueup.toml").write_text("")
    work = Project.open(config.load(project))
    with pytest.raises(InputError):
        ingest_step.ingest(work)
    writer = Writer(work.store.root / ingest_settings.INBOX)
    writer.append(exported(span(9, "9" * 32, **TALK)))
    assert ingest_step.ingest(work).calls == 0
    writer.close()
    assert [ingest_step.ingest(work).calls for _ in range(2)] == [1, 0]


@pytest.mark.parametrize("words", [["--port", "99999"], ["--grpc-port", "-1"], ["--port", "{taken}"]], ids=str)
def test_a_port_that_cannot_be_listened_on_is_a_wrong_flag(project, words):
    """Out of range, or taken by another: refused before anything is received, with the exit code of wrong usage."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = [word.format(taken=taken.getsockname()[1]) for word in words]
        found = CliRunner().invoke(cli, ["collect", *words, "--config", str(project)])
    assert isinstance(found.exception, UsageError) or found.exit_code == 2


def test_only_this_machine_is_served_without_a_token(project, monkeypatch):
    """Another address is refused before anything is listened on; the message names the variable that holds the token."""
    monkeypatch.delenv("TRUEUP_COLLECT_TOKEN", raising=False)
    found = CliRunner().invoke(cli, ["collect", "--host", "0.0.0.0", "--port", "0", "--config", str(project)])
    assert isinstance(found.exception, UsageError) and "TRUEUP_COLLECT_TOKEN" in str(found.exception)


def test_nothing_of_a_person_is_left_once_what_is_named_was_typed(project, work, made):
    """Work folders, mined results and runs are named with the command that removes them; then no file holds an id."""
    work.store.artifacts.put("mined", {"failures": [{"call_id": made.id}]}, id="d" * 64)
    work.store.artifacts.put("run", {"cases": [{"call_id": "other:call"}]}, id="e" * 64)
    scratch = work.store.artifacts.scratch("dataset")
    (scratch / "train.jsonl").write_text(json.dumps({"call_id": made.id}))
    (project / "reports").mkdir()
    (project / work.config.report.out / "report.html").parent.mkdir(exist_ok=True)
    (project / work.config.report.out / "report.html").write_text(f"<a>{made.id}</a>")
    found = forget.forget(work, trace=made.trace_id)
    for place in found.remains:
        what, _, command = place.partition(": rm ")
        if command:
            subprocess.run(f"rm {command.partition(';')[0]}", shell=True, check=True)
    assert not (work.store.root / "artifacts" / "mined" / f"{'d' * 64}.json").exists()
    assert work.store.artifacts.has("run", "e" * 64)
    left = [path for path in project.rglob("*") if path.is_file() and "traces" not in path.relative_to(project).parts]
    assert not [path for path in left if made.id.encode() in path.read_bytes()]
