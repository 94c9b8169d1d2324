"""`trueup serve`: who answers to which name, what is refused, and that served calls come back as traces with the digest."""

import http.client
import json
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from harness import config
from harness.core.adapters import read_manifest
from harness.errors import UsageError
from harness.evaluate.backends import hf
from harness.project import Project
from harness.promote import canary, serve
from harness.promote import step as promote_step
from harness.promote.serve import ServeOptions
from harness.promote.served_by import Arms
from harness.promote.split import is_candidates
from harness.types import SERVED, SHADOW, Arm, CallError, Message, Request, TextPart
from tests.promote.test_step import CONFIG, trueup, walked  # noqa: F401


class Client:
    """Asks a server that runs, each request on a connection of its own."""

    def __init__(self, port: int) -> None:
        self.port = port

    def get(self, path, **headers):
        return self._ask("GET", path, None, headers)

    def chat(self, model, text, **headers):
        """Status and what came back for one user message."""
        body = {"model": model, "messages": [{"role": "user", "content": text}], "user": "ann", "max_tokens": 8}
        return self.post("/v1/chat/completions", body, **headers)

    def post(self, path, body, **headers):
        return self._ask("POST", path, json.dumps(body), {"content-type": "application/json", **headers})

    def says(self, model, text, **headers):
        status, answer = self.chat(model, text, **headers)
        assert status == 200, answer
        return answer["choices"][0]["message"]["content"]

    def _ask(self, method, path, body, headers):
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())


@contextmanager
def serving(work, **options):
    """A server of this project, in a thread."""
    with serve.opened(work, ServeOptions(port=0, **options)) as (server, _):
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield Client(server.server_address[1])
        finally:
            server.shutdown()


@pytest.fixture
def work(walked, tmp_path):  # noqa: F811
    """A copy of the project that was walked to a promote of the arm `next`."""
    root = shutil.copytree(walked[0].config.root, tmp_path / "copy")
    (root / "trueup.toml").write_text(f"{CONFIG}\n[canary]\nshare = 0.5\n")
    return Project.open(config.load(root))


def ingested(work):
    """Calls of the store, once what was served is ingested."""
    assert trueup(work, "ingest")[0] == 0
    return list(work.calls())


def test_base_champion_alias_and_digest_are_served(work):
    """Each answers as itself; what is promoted while it runs is served from the next request on."""
    verdict = work.latest_verdict()
    with serving(work) as client:
        assert client.says("base", "late 3") == client.says("production", "late 3") == "refund"
        promote_step.promote(work)
        names = ("champion", "production", verdict.candidate, verdict.candidate[:8], f"trueup-{verdict.candidate[:12]}")
        assert {client.says(name, "late 3") for name in names} == {"delivery"}
        assert client.says("base", "late 3") == "refund"
        status, listed = client.get("/v1/models")
        assert status == 200 and {card["id"]: card["root"] for card in listed["data"]} == {
            "base": "base",
            **dict.fromkeys(("champion", "production", f"trueup-{verdict.candidate[:12]}"), verdict.candidate),
        }
        promote_step.rollback(work)
        assert client.says("champion", "late 3") == "refund"


def test_served_calls_come_back_as_traces_with_the_digest(work):
    """Who asked, in which session, below which span of the application's, and what answered; a failed call too."""
    promote_step.promote(work)
    what = work.latest_verdict().candidate
    parent = f"00-{'ab' * 16}-{'cd' * 8}-01"
    with serving(work) as client:
        client.says("champion", "late 3", **{"x-session-id": "s1", "traceparent": parent})
        client.says("base", "late 4", **{"x-trueup-shadow": "true"})
        assert client.chat("base", "late 5")[0] == 200
    first, mirrored, _ = sorted(ingested(work), key=lambda call: call.start_ns)
    assert (first.session_id, first.user_id, first.trace_id) == ("s1", "ann", "ab" * 16)
    assert first.metadata[SERVED] == what and first.model_served == f"trueup-{what[:12]}"
    assert (first.input[-1].text, first.reply, first.params["max_tokens"]) == ("late 3", "delivery", 8)
    assert mirrored.metadata == {**mirrored.metadata, SERVED: "base", SHADOW: True} and SHADOW not in first.metadata


def test_a_model_that_fails_is_an_error_for_the_client_and_in_the_traces(work):
    """Status 500, and a call with an error; the server goes on."""
    root = Path(work.config.root)
    rules = '{"match": "^boom", "error": "the model broke"}\n{"match": "late", "reply": "fine"}\n'
    (root / "rules.jsonl").write_text(rules)
    text = CONFIG.replace('options = { default = "refund" }', 'options = { replies = "rules.jsonl" }')
    (root / "trueup.toml").write_text(text)
    with serving(Project.open(config.load(root))) as client:
        status, answer = client.chat("base", "boom")
        assert status == 500 and "the model broke" in answer["error"]["message"]
        assert client.says("base", "late 1") == "fine"
    failed, fine = sorted(ingested(work), key=lambda call: call.start_ns)
    assert isinstance(failed.error, CallError) and fine.error is None and failed.metadata[SERVED] == "base"


def test_a_canary_gets_its_share_of_the_sessions_under_the_alias(work):
    """Each session stays where its hash puts it; without a session, and in shadow, the control answers."""
    plan = canary.start(work)
    sessions = [f"s{number}" for number in range(40)]
    with serving(work) as client:
        said = {session: client.says("production", "late 3", **{"x-session-id": session}) for session in sessions}
        assert client.says("production", "late 3") == "refund"
        canary.stop(work)
        assert {client.says("production", "late 3", **{"x-session-id": each}) for each in sessions[:5]} == {"refund"}
    theirs = {session for session in sessions if is_candidates(session, plan.salt, plan.share)}
    assert {session for session, reply in said.items() if reply == "delivery"} == theirs != set()
    arms = Arms(plan)
    sides = {
        (call.session_id in theirs, arms.side(call)) for call in ingested(work) if call.session_id not in sessions[:5]
    }
    assert sides == {(True, "candidate"), (False, "control")}


def test_many_at_once_get_their_own_answers(work):
    """Batches mix models and clients."""
    promote_step.promote(work)
    said = {}

    def ask(client, number, name):
        said[number, name] = client.says(name, f"late {number}")

    with serving(work) as client:
        threads = [
            threading.Thread(target=ask, args=(client, number, name))
            for number in range(12)
            for name in ("base", "champion")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert said == {
        (number, name): "refund" if name == "base" else "delivery"
        for number in range(12)
        for name in ("base", "champion")
    }


@pytest.mark.parametrize(
    "path,body,status,words",
    [
        (
            "/v1/chat/completions",
            {"model": "nobody", "messages": []},
            404,
            "no model is named 'nobody'; base, champion",
        ),
        ("/v1/chat/completions", {"messages": []}, 400, "model"),
        ("/v1/chat/completions", {"model": "base"}, 400, "no list of `messages`"),
        ("/v1/chat/completions", {"model": "base", "messages": [], "n": 2}, 400, "n=2"),
        ("/v1/embeddings", {"model": "base", "input": "x"}, 400, "/embeddings"),
    ],
)
def test_what_cannot_be_served_is_refused_with_words(work, path, body, status, words):
    """In the form of the API's errors."""
    with serving(work) as client:
        got, answer = client.post(path, body)
    assert got == status and words in answer["error"]["message"]


def test_who_may_not_ask_is_refused(work, monkeypatch):
    """A page of a browser, another host's name, no token where there is one; and nothing but loopback without one."""
    with serving(work) as client:
        assert client.chat("base", "late 3", Origin="http://page.example")[0] == 403
        assert client.get("/v1/models", Host="page.example")[0] == 421
    monkeypatch.setenv(serve.TOKEN, "secret")
    with serving(work) as client:
        assert client.chat("base", "late 3")[0] == 401
        assert client.chat("base", "late 3", Authorization="Bearer secret")[0] == 200
    monkeypatch.delenv(serve.TOKEN)
    with pytest.raises(UsageError, match="a token is needed"), serving(work, host="0.0.0.0"):
        pass
    with pytest.raises(UsageError, match="variable with the token is empty"), serving(work, token_env="OTHER"):
        pass


def test_a_port_that_is_taken_is_named(work):
    """With what to type."""
    with serving(work) as client:
        taken = serve.opened(work, ServeOptions(port=client.port))
        with pytest.raises(UsageError, match="cannot listen") as raised, taken:
            pass
    assert "--port" in str(raised.value)


@pytest.mark.slow
def test_ctrl_c_ends_a_server_of_real_weights_and_leaves_its_traces(tmp_path):
    """A tiny model with a LoRA adapter on it: served as hf answers, over a real socket, to a process that is interrupted."""
    from benchmarks.evaluation.adapter import make
    from tests.tiny import tiny_model

    base = tiny_model(tmp_path / "base")
    (tmp_path / "trueup.toml").write_text(
        f'[model]\nbase = "{base}"\n[arms.base]\noptions = {{ dtype = "float32" }}\n'
        '[arms.tuned]\noptions = { dtype = "float32" }\n'
    )
    work = Project.open(config.load(tmp_path))
    folder = make(base, work.store.artifacts.scratch("adapter"), seed=1, size=0.5, rank=4, alpha=8)
    ident = read_manifest(folder).id
    work.store.artifacts.add_folder("adapter", ident, folder)
    command = [sys.executable, "-m", "trueup", "serve", "--port", "0", "--config", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            client = Client(int(process.stderr.readline().partition("127.0.0.1:")[2].partition("/")[0]))
            said = {name: client.says(name, "a table for four") for name in ("base", ident[:12])}
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        finally:
            process.kill()
    asked = Request(messages=(Message(role="user", parts=(TextPart(text="a table for four"),)),), max_tokens=8)
    for name, adapter in (("base", ""), (ident[:12], str(work.store.artifacts.folder("adapter", ident)))):
        arm = Arm(name="a", model=str(base), adapter=adapter, options={"dtype": "float32"})
        assert said[name] == hf.open([arm]).answer(arm, [asked])[0].text
    assert said["base"] != said[ident[:12]]
    assert {call.metadata[SERVED]: call.reply for call in ingested(work)} == {
        "base": said["base"],
        ident: said[ident[:12]],
    }
