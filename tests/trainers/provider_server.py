"""A provider of fine-tuning of the OpenAI shape, on this machine: what the real `openai` client talks to in tests.

It holds files and jobs as the API describes them and moves a job one state on at each look. Faults are switched on by
name: `failed`, `cancelled`, `slow` (never leaves the queue), `limited` (429 at every second call of a kind, the first among them), `lost` (the job is
made, the answer is a 500), `refused` (401).
"""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

AnyProvider = TypeVar("AnyProvider", bound="Provider")
STATES = ("validating_files", "queued", "running", "running", "succeeded")


class Provider:
    """The state of the server."""

    def __init__(self, *faults: str) -> None:
        self.faults = set(faults)
        self.files: dict[str, bytes] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.looks: dict[str, int] = {}
        self.calls: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self.url = ""

    def job(self, body: dict[str, Any]) -> dict[str, Any]:
        ident = f"ftjob-{len(self.jobs) + 1}"
        self.jobs[ident] = {
            "id": ident, "object": "fine_tuning.job", "created_at": int(time.time()), "error": None,
            "fine_tuned_model": None, "finished_at": None, "hyperparameters": {"n_epochs": "auto"},
            "model": body["model"], "organization_id": "org", "result_files": [], "seed": body.get("seed", 0),
            "status": STATES[0], "trained_tokens": None, "training_file": body["training_file"],
            "validation_file": None, "metadata": body.get("metadata"), "method": body.get("method"),
        }  # fmt: skip
        self.looks[ident] = 0
        return self.jobs[ident]

    def look(self, ident: str) -> dict[str, Any]:
        job = self.jobs[ident]
        if job["status"] in ("failed", "cancelled", "succeeded"):
            return job
        self.looks[ident] += 1
        job["status"] = "queued" if "slow" in self.faults else STATES[min(self.looks[ident], len(STATES) - 1)]
        if job["status"] == "running" and self.faults & {"failed", "cancelled"}:
            job["status"] = next(iter(self.faults & {"failed", "cancelled"}))
        if job["status"] == "failed":
            job["error"] = {"code": "invalid_training_file", "message": "row 3 is too long", "param": "training_file"}
        if job["status"] == "succeeded":
            job |= {"fine_tuned_model": f"ft:{job['model']}:trueup:{ident}", "trained_tokens": 1234}
        return job

    def reply(self, body: dict[str, Any]) -> str:
        """What a model answers to a request for a chat completion."""
        return "Certainly."

    def events(self, ident: str) -> list[dict[str, Any]]:
        """Newest first: a message, and a metrics event for each look."""
        messages = [{"type": "message", "message": "created", "data": None}]
        for step in range(1, self.looks[ident] + 1):
            data = {"step": step, "train_loss": 2.0 / step, "total_steps": len(STATES) - 1}
            messages.append({"type": "metrics", "message": f"step {step}", "data": data})
        return [
            {"id": f"ftevent-{ident}-{number}", "object": "fine_tuning.job.event", "created_at": number, "level": "info", **one}
            for number, one in reversed(list(enumerate(messages)))
        ]  # fmt: skip


@contextmanager
def provider(*faults: str) -> Iterator[Provider]:
    """A running provider."""
    with running(Provider(*faults)) as state:
        yield state


@contextmanager
def running(state: AnyProvider) -> Iterator[AnyProvider]:
    """This provider, at an address of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"state": state}))
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


class Handler(BaseHTTPRequestHandler):
    state: Provider
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("content-length", 0))))

    def log_message(self, *given: Any) -> None:
        """Quiet."""

    def _serve(self, body: bytes) -> None:
        state, path = self.state, self.path.split("?")[0].removeprefix("/v1")
        state.calls.append(f"{self.command} {path}")
        if "refused" in state.faults or self.headers.get("authorization") != "Bearer secret-key":
            return self._say(401, {"error": {"message": "no such key", "code": "invalid_api_key"}})
        if "limited" in state.faults and state.calls.count(state.calls[-1]) % 2:
            return self._say(429, {"error": {"message": "slow down"}}, {"retry-after-ms": "5"})
        return self._answer(path, body)

    def _answer(self, path: str, body: bytes) -> None:
        state = self.state
        job = re.fullmatch(r"/fine_tuning/jobs/([^/]+)(/\w+)?", path)
        if path == "/files":
            ident = f"file-{len(state.files) + 1}"
            state.files[ident] = body
            return self._say(200, {"id": ident, "object": "file", "bytes": len(body), "created_at": 0, "filename": "rows", "purpose": "fine-tune", "status": "processed"})  # fmt: skip
        if path == "/fine_tuning/jobs" and self.command == "POST":
            made = state.job(json.loads(body))
            if "lost" in state.faults:
                state.faults.remove("lost")
                return self._say(500, {"error": {"message": "gateway"}}, {"retry-after-ms": "5"})
            return self._say(200, made)
        if path == "/fine_tuning/jobs":
            return self._list(list(reversed(state.jobs.values())))
        if job and job[2] is None:
            return self._say(200, state.look(job[1])) if job[1] in state.jobs else self._say(404, {"error": {}})
        if job and job[2] == "/cancel":
            state.jobs[job[1]]["status"] = "cancelled"
            return self._say(200, state.jobs[job[1]])
        if job and job[2] == "/events":
            return self._list(state.events(job[1]))
        if job and job[2] == "/checkpoints":
            return self._list([{"id": "ftckpt-1", "object": "fine_tuning.job.checkpoint", "created_at": 0, "fine_tuned_model_checkpoint": "ft:step-2", "fine_tuning_job_id": job[1], "step_number": 2, "metrics": {}}])  # fmt: skip
        if path.startswith("/models/ft:"):
            return self._say(
                200, {"id": path, "object": "model", "created": 0, "owned_by": "us", "shutdown_date": "2027-05-01"}
            )
        if path == "/chat/completions":
            state.asked.append(json.loads(body))
            message = {"role": "assistant", "content": state.reply(state.asked[-1])}
            return self._say(200, {"choices": [{"message": message, "finish_reason": "stop", "index": 0}]})
        return self._say(404, {"error": {"message": "not here"}})

    def _list(self, items: list[dict[str, Any]]) -> None:
        self._say(200, {"object": "list", "data": items, "has_more": False})

    def _say(self, status: int, answer: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        data = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in (
            {"content-type": "application/json", "content-length": str(len(data))} | (headers or {})
        ).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
