"""Who is told of a verdict: each kind against a stand-in of its API, and what a failure to tell changes (nothing)."""

import json
import os
from pathlib import Path
from unittest import mock

import pytest
from msgspec.structs import replace

from harness import loop, report
from harness.core.ci_job import ci_job
from harness.core.plugins import names
from harness.errors import InputError, UndecidedError, UsageError
from harness.notify import notice as notices
from harness.notify import step, stop
from harness.notify.client import Client, NotifyError
from harness.notify.kinds import webhook
from harness.notify.notice import Notice
from harness.project import Project
from harness.sections import Config, NotifySection
from harness.types import BranchChange, Verdict
from reports import comment
from tests.cli.inside import trueup
from tests.notify.api import MEMBER, STRANGER, serving
from tests.reports.story import make_story

CONFIG = '[project]\nname = "desk"\n[arms.base]\nbackend = "scripted"\n'


@pytest.fixture
def api():
    with serving() as api:
        yield api


@pytest.fixture
def github(api, tmp_path) -> dict[str, str]:
    """The environment of a job for a pull request, with the stand-in as GitHub."""
    pull = {"number": 12, "head": {"sha": "f" * 40}}
    (tmp_path / "event.json").write_text(json.dumps({"pull_request": pull, "repository": {"private": False}}))
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_API_URL": api.url,
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_BASE_REF": "main",
        "GITHUB_REF_NAME": "12/merge",
        "GITHUB_SHA": "e" * 40,
        "GITHUB_RUN_ID": "99",
        "GITHUB_TOKEN": "t0ken",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }


@pytest.fixture
def gitlab(api) -> dict[str, str]:
    return {
        "GITLAB_CI": "true",
        "CI_API_V4_URL": api.url,
        "CI_PROJECT_ID": "3",
        "CI_MERGE_REQUEST_IID": "12",
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        "CI_COMMIT_SHA": "f" * 40,
        "CI_JOB_URL": "https://gitlab.example/o/r/-/jobs/5",
        "CI_PROJECT_VISIBILITY": "public",
        "TRUEUP_GITLAB_TOKEN": "t0ken",
    }


def told(environment: dict[str, str], outcome: str = "hold") -> Notice:
    """The notice of a night with broken cases."""
    story = make_story(60)
    story = replace(story, verdict=replace(story.verdict, outcome=outcome))
    return notices.of_story(story, ci_job(environment))


def sent(kind: str, notice: Notice, environment: dict[str, str], **options: str) -> step.Sent:
    (made,) = step.send({"x": NotifySection(kind=kind, options=options)}, notice, Client(environment))
    return made


# ---------------------------------------------------------------- kinds


def test_a_webhook_gets_json_that_its_receiver_can_check(api):
    """The verdict with its suites; token and signature come from named variables."""
    environment = {"HOOK": f"{api.url}/secret-path", "TOKEN": "t0ken", "KEY": "k3y"}
    made = sent("webhook", told(environment), environment, url_env="HOOK", token_env="TOKEN", secret_env="KEY")
    assert made.is_sent, made
    ((method, path, headers, body),) = api.sent
    assert (method, path, headers["authorization"]) == ("POST", "/secret-path", "Bearer t0ken")
    assert body["schema"] == 1 and (body["outcome"], body["exit_code"]) == ("hold", 1)
    assert {suite["role"] for suite in body["suites"]} >= {"target", "guard"} and "markdown" not in body
    assert headers["x-trueup-signature-256"] == webhook.signature(body, "k3y")
    assert headers["raw"] == webhook.encoded(body)


def test_a_chat_gets_a_message_in_which_nothing_is_a_mention(api):
    """Sentence, suites and link as sections; angle brackets are escaped."""
    notice = replace(told({}), sentence="<!channel> & more", url="https://ci.example/1")
    assert sent("slack", notice, {"SLACK_WEBHOOK_URL": api.url}).is_sent
    body = api.sent[0][3]
    shown = "\n".join(block["text"]["text"] for block in body["blocks"])
    assert "&lt;!channel&gt; &amp; more" in shown and "<https://ci.example/1|Report and job>" in shown
    assert "hold" in body["text"] and "fixed" in shown and all(len(b["text"]["text"]) <= 3000 for b in body["blocks"])


@pytest.mark.parametrize(
    "outcome,conclusion",
    [("promote", "success"), ("hold", "failure"), ("undecided", "neutral"), ("invalid", "failure")],
)
def test_a_check_of_github_is_set_on_the_head_of_the_change(api, github, outcome, conclusion):
    """On the pull request's own commit, not on GitHub's merge commit; undecided is neutral."""
    assert sent("github_check", told(github, outcome), github).is_sent
    method, path, headers, body = api.sent[0]
    assert (method, path, headers["authorization"]) == ("POST", "/repos/o/r/check-runs", "Bearer t0ken")
    assert (body["head_sha"], body["conclusion"], body["status"]) == ("f" * 40, conclusion, "completed")
    assert body["details_url"].endswith("/o/r/actions/runs/99")
    notes = body["output"]["annotations"]
    assert 0 < len(notes) <= 50 and all(note["start_line"] >= 1 and note["path"] for note in notes)


@pytest.mark.parametrize("kind", ["github_comment", "gitlab_note"])
def test_a_comment_is_made_once_and_updated_in_place(api, request, kind):
    """Between other people's comments, on a later page; the marker tells which is ours."""
    environment = request.getfixturevalue(kind.partition("_")[0])
    for text in ("first", "second", "third"):
        api.comment(text, STRANGER, author=1)
    first = sent(kind, told(environment), environment)
    assert first.is_sent and "made" in first.words, first
    second = sent(kind, told(environment, "promote"), environment)
    assert second.is_sent and "updated" in second.words, second
    assert [c["body"] for c in api.comments[:3]] == ["first", "second", "third"] and len(api.comments) == 4
    ours = api.comments[3]["body"]
    assert ours.startswith("<!-- trueup:") and "Promote" in ours and "Report and job" in ours


@pytest.mark.parametrize("kind", ["github_comment", "gitlab_note"])
def test_a_comment_that_somebody_else_left_with_our_marker_is_left_alone(api, request, kind):
    """They could edit it after we filled it: ours is a new one."""
    environment = request.getfixturevalue(kind.partition("_")[0])
    forged = api.comment("<!-- trueup: Parcel desk -->\npromote!", STRANGER, author=1)["body"]
    assert "made" in sent(kind, told(environment), environment).words
    assert api.comments[0]["body"] == forged and len(api.comments) == 2


def test_a_member_s_token_updates_its_own_comment(api, github):
    """A personal token of a maintainer writes as a person, not as a bot."""
    api.comment("<!-- trueup: Parcel desk -->\nold", MEMBER)
    assert "updated" in sent("github_comment", told(github), github).words and len(api.comments) == 1


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_fork_without_rights_gets_the_summary_of_the_job(api, github, status):
    """The comment is refused: the same text is in the job's summary, and what happened is said."""
    api.refuse = {"POST": status, "PATCH": status}
    made = sent("github_comment", told(github), github)
    assert made.is_sent and "summary" in made.words and str(status) in made.words
    assert "Hold" in Path(github["GITHUB_STEP_SUMMARY"]).read_text()
    without = {name: value for name, value in github.items() if name != "GITHUB_TOKEN"}
    assert "GITHUB_TOKEN is not set" in sent("github_comment", told(github), without).words


def test_the_token_goes_to_the_api_and_nowhere_else(api, github):
    """A `next` link to another host is not followed."""
    api.comments = [{"id": n, "body": "x"} for n in range(5)]
    api.answer = mock.Mock(return_value=(200, [], {"link": '<https://evil.example/repos>; rel="next"'}))
    sent("github_comment", told(github), github)
    assert [call.args[0] for call in api.answer.call_args_list] == ["GET", "POST"]


@pytest.mark.parametrize("kind", ["github_check", "github_comment", "gitlab_note"])
def test_outside_of_its_host_a_kind_says_so(kind):
    """On a laptop nothing is sent, and the message names the host."""
    made = sent(kind, told({}), {"GITHUB_TOKEN": "t", "TRUEUP_GITLAB_TOKEN": "t"})
    assert not made.is_sent and kind.partition("_")[0] in made.words.lower()


# ---------------------------------------------------------------- what may go wrong


@pytest.mark.parametrize(
    "url", ["http://example.com/x", "ftp://127.0.0.1/x", "file:///etc/passwd", "example.com", "http://[", ""]
)
def test_only_https_and_this_machine_are_sent_to(url):
    """Everything else is refused before a connection is made."""
    with pytest.raises(NotifyError):
        Client({}).post(url, {})


def test_a_secret_address_is_in_no_message(api):
    """Neither when it is refused, nor when nobody answers."""
    api.refuse = {"POST": 500}
    for place in (api.url, "http://127.0.0.1:9", "http://example.com"):
        made = sent("webhook", told({}), {"HOOK": f"{place}/T0/s3cret"}, url_env="HOOK")
        assert not made.is_sent and "s3cret" not in made.words and "T0" not in made.words


def test_an_address_that_redirects_is_not_followed(api):
    """A webhook that points elsewhere could carry the token there."""
    api.answer = mock.Mock(return_value=(302, {}, {"location": f"{api.url}/other"}))
    assert not sent("webhook", told({}), {}, url=api.url).is_sent and len(api.sent) == 1


@pytest.mark.parametrize("error", [RuntimeError("t0ken"), KeyError("t0ken"), NotifyError("no")])
def test_whatever_a_kind_raises_is_said_and_not_raised(monkeypatch, error):
    """Of an error that is not ours only its kind, since its text may hold a secret."""
    monkeypatch.setattr(webhook, "send", mock.Mock(side_effect=error))
    made = sent("webhook", told({}), {})
    assert not made.is_sent and made.words and "t0ken" not in made.words


def test_only_the_outcomes_that_were_asked_for_are_told(api):
    """`on` narrows; empty is all."""
    some = {
        "hold": NotifySection(kind="webhook", on=("hold",), options={"url": api.url}),
        "promote": NotifySection(kind="webhook", on=("promote",), options={"url": api.url}),
        "all": NotifySection(kind="webhook", options={"url": api.url}),
    }
    assert [each.name for each in step.send(some, told({}), Client({}))] == ["hold", "all"]


@pytest.mark.parametrize(
    "section",
    [NotifySection(kind="webhoook"), NotifySection(kind="slack", options={"url": "x"}), NotifySection(kind="")],
)
def test_a_misspelt_kind_or_option_is_refused_before_a_night(section):
    """As `trueup run` and `trueup doctor` check it."""
    with pytest.raises(UsageError):
        step.check(Config(notify={"team": section}))


# ---------------------------------------------------------------- the commands


@pytest.fixture
def folder(tmp_path, monkeypatch, api):
    """A project that tells a webhook, and whose loop ends as `loop.run` is set to."""
    (tmp_path / "trueup.toml").write_text(
        f'{CONFIG}[notify.team]\nkind = "webhook"\n[notify.team.options]\nurl = "{api.url}"\n'
    )
    story = make_story(30)
    monkeypatch.setattr(loop, "run", mock.Mock(return_value=story.verdict))
    monkeypatch.setattr(report, "first_screen", lambda _: "")
    monkeypatch.setattr(step, "story_of", lambda *_: story)
    return tmp_path


@pytest.mark.parametrize("status", [200, 500])
def test_a_run_tells_its_verdict_and_keeps_its_exit_code(folder, api, status):
    """Also when the receiver is broken, which is said on standard error."""
    if status != 200:
        api.refuse = {"POST": status}
    outcome = loop.run.return_value.outcome
    done = trueup("run", "--json", cwd=folder)
    assert done.returncode == {"promote": 0, "hold": 1, "undecided": 3, "invalid": 4}[outcome]
    assert json.loads(done.stdout)["verdict"] == outcome and len(api.sent) == 1
    assert ("not sent" in done.stderr) == (status != 200) and "notify team" in done.stderr


def test_a_run_that_stops_tells_why_and_leaves_a_page(folder, api, monkeypatch):
    """Too little to learn from is undecided, as exit code 3 says; the next verdict removes the page."""
    verdict = loop.run.return_value
    monkeypatch.setattr(loop, "run", mock.Mock(side_effect=UndecidedError("too few", next="trueup ingest more/")))
    assert trueup("run", cwd=folder).returncode == 3
    body = api.sent[0][3]
    assert (body["outcome"], body["exit_code"], body["next"]) == ("undecided", 3, "trueup ingest more/")
    assert "too few" in (folder / "out" / stop.PAGE).read_text()
    assert trueup("notify", "team", cwd=folder).returncode == 0 and api.sent[1][3]["sentence"] == "too few"
    monkeypatch.setattr(loop, "run", mock.Mock(return_value=verdict))
    trueup("run", cwd=folder)
    assert not (folder / "out" / stop.PAGE).exists() and not (folder / "out" / stop.FILE).exists()


def test_a_run_in_a_public_repository_is_warned(folder, github, monkeypatch):
    """Its store and its reports hold what users wrote; a private one is not."""
    for name, value in {**github, "GITHUB_BASE_REF": ""}.items():
        monkeypatch.setenv(name, value)
    assert "this repository is public" in trueup("run", cwd=folder).stderr
    event = Path(github["GITHUB_EVENT_PATH"])
    event.write_text(event.read_text().replace("false", "true"))
    assert "public" not in trueup("run", cwd=folder).stderr


def test_a_run_whose_store_is_lost_with_the_job_is_warned(folder, github, monkeypatch):
    """A store in the checkout of the job is; one beside it, as on a runner with a disk of its own, is not."""
    for name, value in {**github, "GITHUB_WORKSPACE": str(folder.parent)}.items():
        monkeypatch.setenv(name, value)
    assert "::warning title=trueup::the store is in this job's checkout" in trueup("run", cwd=folder).stderr
    monkeypatch.setenv("GITHUB_WORKSPACE", str(folder / "elsewhere"))
    assert "checkout" not in trueup("run", cwd=folder).stderr


def test_another_error_is_stopped_not_undecided(folder, api, monkeypatch):
    """A missing file is no question of evidence."""
    monkeypatch.setattr(loop, "run", mock.Mock(side_effect=InputError("no traces", where="traces/")))
    assert trueup("run", cwd=folder).returncode == 5
    assert api.sent[0][3]["outcome"] == "stopped"


def test_notify_needs_to_know_whom(tmp_path):
    """Without a [notify.NAME] and without --kind; an unknown name and an unknown kind have their nearest named."""
    (tmp_path / "trueup.toml").write_text(CONFIG)
    for words in ((), ("team",), ("--kind", "github_coment")):
        done = trueup("notify", *words, cwd=tmp_path)
        assert done.returncode == 2 and "next:" in done.stderr
    assert "github_comment" in done.stderr


def test_notify_says_what_was_not_sent_by_its_exit_code(folder, api, monkeypatch):
    """The command is for telling, so not being able to is a failure of it: 5."""
    monkeypatch.setattr(Project, "latest_verdict", lambda _: Verdict(outcome="hold", sentence="x"))
    assert trueup("notify", cwd=folder).returncode == 0
    api.refuse = {"POST": 500}
    done = trueup("notify", "--json", cwd=folder)
    assert done.returncode == 5 and json.loads(done.stdout)["sent"][0]["is_sent"] is False


# ---------------------------------------------------------------- the comment


def test_a_comment_shows_no_text_of_a_trace():
    """Everybody may read it: suites and numbers only."""
    story = make_story(60)
    page = comment.render(story).decode()
    texts = [case.text for run in story.runs for cases in run.cases.values() for case in cases if len(case.text) > 12]
    assert texts and not any(text in page for text in texts)
    assert "| Suite |" in page and "alone changes" not in page


def test_a_comment_tells_what_the_change_alone_changes():
    """Against the branch's latest candidate: verdict, means, fixed and broken, new and removed cases, suite by suite."""
    story = make_story(60)
    compared = story.comparisons[0]
    pairs = (replace(compared.pairs[0], baseline=None), *compared.pairs[1:])
    changed = BranchChange(branch="main", outcome="hold", comparisons=(replace(compared, pairs=pairs),))
    page = comment.render(replace(story, branch_change=changed)).decode()
    assert "against main" in page and "was ✕ hold and is now ✓ promote" in page
    same = tuple(
        replace(pair, candidate=pair.baseline, candidate_error="", baseline_error="") for pair in compared.pairs
    )
    same = tuple(pair for pair in same if pair.baseline is not None)
    calm = BranchChange(branch="main", outcome=story.verdict.outcome, comparisons=(replace(compared, pairs=same),))
    page = comment.render(replace(story, branch_change=calm)).decode()
    assert "No case scores differently." in page and "on both" in page


def test_the_job_is_read_from_the_environment(github, gitlab):
    """Branch, base, change, commit and whether everybody can read the repository; nothing outside of CI."""
    assert not any(ci_job({"HOME": "/"}))
    job = ci_job(github)
    assert (job.branch, job.base, job.change, job.commit, job.is_public) == ("", "main", "12", "f" * 40, True)
    nightly = ci_job({**github, "GITHUB_EVENT_PATH": os.devnull, "GITHUB_BASE_REF": "", "GITHUB_REF_NAME": "main"})
    assert (nightly.branch, nightly.change, nightly.commit, nightly.is_public) == ("main", "", "e" * 40, False)
    job = ci_job(gitlab)
    assert (job.branch, job.base, job.change, job.is_public) == ("", "main", "12", True)


def test_every_kind_is_a_file():
    """So that a new one is one new file."""
    assert set(names("notifiers")) >= {"webhook", "slack", "github_check", "github_comment", "gitlab_note"}
