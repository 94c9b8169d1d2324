"""A provider tunes: the real `openai` client against a provider on this machine that behaves, and misbehaves."""

import json

import pytest
from msgspec.structs import replace

pytest.importorskip("openai")

from harness.core.adapters import content_id, hosted, read_manifest, verify
from harness.core.codec import from_chat
from harness.errors import InputError, InvalidError, UsageError
from harness.evaluate.backends import openai_compatible
from harness.types import Arm, Recipe, Request
from tests.trainers.provider_server import Provider, provider
from trainers import hosted as trainers_hosted


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret-key")
    monkeypatch.setattr(trainers_hosted.connection, "FIRST_PAUSE", 0.01)


@pytest.fixture
def ask(request_for):
    """Makes a request to a provider."""

    def make(at: Provider, **options):
        given = {"url": at.url, "poll": 0.001, **options}
        return request_for(base="small-1", recipe=Recipe(method="hosted", epochs=2.0, options=given))

    return make


def nothing(point, steps):
    pass


def test_rows_go_up_and_a_model_comes_back(ask, tmp_path):
    """Upload, job, events and result: the rows carry the prompt, the curve is the provider's, and the manifest names
    the model, its checkpoints and the day on which the provider ends it, and holds no key."""
    points = []
    with provider() as at:
        adapter = trainers_hosted.train(
            request := ask(at), lambda point, steps: points.append((point.step, point.loss, steps))
        )
        (body,) = at.files.values()
        first = json.loads(next(line for line in body.split(b"\n") if line.startswith(b"{")))
        (job,) = at.jobs.values()
    assert [message["role"] for message in first["messages"]] == ["system", "user", "assistant"]
    assert job["method"] == {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}}
    assert points == [(1, 2.0, 4), (2, 1.0, 4), (3, 2 / 3, 4), (4, 0.5, 4)]
    assert adapter.rows == {"trained": 20} and adapter.form == "hosted" and adapter.tokens["total"] == 1234
    found = hosted(request.out, request.recipe.options["url"])
    assert (found.model, found.job, found.ends) == ("ft:small-1:trueup:ftjob-1", "ftjob-1", "2027-05-01")
    assert found.checkpoints == ("ft:step-2",) and "2027-05-01" in adapter.choices["model"]
    assert read_manifest(request.out) == adapter and content_id(adapter) == adapter.id
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"secret-key" in path.read_bytes()]


def test_a_preview_and_an_estimate_send_nothing(ask, tmp_path):
    """What would be uploaded is shown as text and counted; no connection is made, and nothing is written."""
    request = ask(Provider())
    before = sorted(tmp_path.rglob("*"))
    shown = trainers_hosted.preview(request, 2)
    assert shown.rows[0].tokens[-1] == ("assistant: It is 1.\n", "supervised") and "3 messages" in shown.rows[0].counts
    assert shown.fates == {"uploaded": 20} and not shown.tokens and "would leave this machine" in shown.notes[0]
    cost = trainers_hosted.estimate(request)
    assert cost.rows == {"uploaded": 20} and (cost.steps, cost.seconds, cost.weights) == (0, 0.0, 0)
    assert "2 epochs" in cost.details["schedule"] and sorted(tmp_path.rglob("*")) == before


def test_a_killed_run_waits_for_the_same_job(ask):
    """Killed while it waits, the same command finds the job by its noted id: one upload, one job."""

    def kill(point, steps):
        raise KeyboardInterrupt

    with provider() as at:
        with pytest.raises(KeyboardInterrupt):
            trainers_hosted.train(ask(at), kill)
        adapter = trainers_hosted.train(ask(at), nothing)
        assert len(at.jobs) == len(at.files) == 1
        assert [point.step for point in adapter.curve] == [1, 2, 3, 4]


def test_a_job_whose_id_was_never_noted_is_found(ask, monkeypatch):
    """Killed between starting the job and noting its id, the next run finds it by its mark and starts no second one."""
    keep = trainers_hosted.Note.keep

    def die(self, **fields):
        if "job" in fields:
            raise KeyboardInterrupt
        keep(self, **fields)

    with provider() as at:
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(trainers_hosted.Note, "keep", die)
            trainers_hosted.train(ask(at), nothing)
        trainers_hosted.train(ask(at), nothing)
        assert len(at.jobs) == 1


def test_a_lost_answer_starts_no_second_job(ask):
    """The job was made but its answer was a 500: it is looked for before another is started."""
    with provider("lost") as at:
        trainers_hosted.train(ask(at), nothing)
        assert len(at.jobs) == 1 and at.calls.count("POST /fine_tuning/jobs") == 1


def test_rate_limits_are_waited_out(ask):
    """Every second call is refused with 429: the job is done all the same."""
    with provider("limited") as at:
        assert trainers_hosted.train(ask(at), nothing).form == "hosted"
        assert len(at.jobs) == 1


@pytest.mark.parametrize(
    ("fault", "words"), [("failed", "invalid_training_file: row 3 is too long"), ("cancelled", "was cancelled")]
)
def test_a_job_that_ends_badly_says_why_and_can_be_started_anew(ask, tmp_path, fault, words):
    """Nothing is published, the provider's reason is said, and the same command starts another job on the same file."""
    with provider(fault) as at:
        with pytest.raises(InvalidError, match=words):
            trainers_hosted.train(ask(at), nothing)
        assert not (tmp_path / "adapter").exists()
        at.faults.clear()
        trainers_hosted.train(ask(at), nothing)
        assert len(at.jobs) == 2 and len(at.files) == 1


def test_patience_ends_and_the_job_goes_on(ask):
    """A job that stays in the queue is left there, and the next run waits for the same one."""
    with provider("slow") as at:
        with pytest.raises(InvalidError, match="still queued"):
            trainers_hosted.train(ask(at, patience=0.0), nothing)
        assert len(at.jobs) == 1


def test_a_job_can_be_cancelled(ask):
    """`cancel` ends the job of this request at the provider; without one it says so."""
    with provider("slow") as at:
        with pytest.raises(InputError, match="no job"):
            trainers_hosted.cancel(ask(at, patience=0.0))
        with pytest.raises(InvalidError):
            trainers_hosted.train(ask(at, patience=0.0), nothing)
        assert trainers_hosted.cancel(ask(at, patience=0.0)) == "cancelled"
        assert at.jobs["ftjob-1"]["status"] == "cancelled"


def test_a_key_that_is_refused_or_missing_is_said(ask, monkeypatch):
    """A refused key is a usage error that does not print the key, and a missing one names its variable."""
    with provider("refused") as at:
        with pytest.raises(UsageError, match="refuses") as caught:
            trainers_hosted.train(ask(at), nothing)
        assert "secret-key" not in str(caught.value)
        with pytest.raises(UsageError) as caught:
            trainers_hosted.train(ask(at, key_env="OTHER_KEY"), nothing)
        assert caught.value.where == "OTHER_KEY"


def test_nothing_held_out_leaves_the_house(ask):
    """A held-out case among the rows stops it before anything is sent."""
    with provider() as at:
        with pytest.raises(InvalidError, match="held-out"):
            trainers_hosted.train(replace(ask(at), held_out_ids=("call-3",)), nothing)
        assert not at.calls


def test_the_tuned_model_answers_as_an_arm(ask):
    """The endpoint is asked for the model that came back; its digest is another than the base's; elsewhere and on local
    weights the adapter is refused."""
    with provider() as at:
        request = ask(at)
        trainers_hosted.train(request, nothing)
        arm = Arm(
            name="tuned", backend="openai_compatible", model="small-1", adapter=request.out, options={"url": at.url}
        )
        backend = openai_compatible.open([arm])
        asked = Request(messages=(from_chat({"role": "user", "content": "Will you?"}),))
        assert backend.answer(arm, [asked])[0].text == "Certainly." and at.asked[0]["model"].startswith("ft:small-1")
    assert openai_compatible.digest(arm) != openai_compatible.digest(replace(arm, adapter=""))
    with pytest.raises(InvalidError, match="not at this endpoint"):
        openai_compatible.open([replace(arm, options={"url": "http://127.0.0.1:1/v1"})])
    with pytest.raises(InvalidError, match="provider's"):
        verify(request.out, request.dataset)
