"""A server with the part of vLLM's API that trueup uses, in the test's own process or as a program of its own.

`python model_server.py MODEL --port N --served-model-name NAME` answers by rule, without any weights.
"""

import argparse
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeVar

Think = Callable[[str, list[int]], list[float]]
"""Model name and tokens to the log-probabilities of the next token."""


def by_rule(model: str, row: list[int]) -> list[float]:
    """The token after the last one is the likeliest."""
    return [-0.1 - abs((token - row[-1] - 1) % 400) for token in range(400)]


class ModelServer(ThreadingHTTPServer):
    """`faults`: path to the status, or the raw bytes, that is answered there instead."""

    daemon_threads = True

    def __init__(self, root: str, think: Think = by_rule, name: str = "", port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.root, self.name, self.think = root, name or root, think
        self.decode: Callable[[list[int]], str] = lambda tokens: ""
        self.version, self.max_model_len = "0.32.0", 2048
        self.adapters: dict[str, str] = {}
        self.refusal = ""
        """Why no adapter can be loaded."""
        self.faults: dict[str, int | bytes] = {}
        self.asked: list[tuple[str, dict]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def bodies(self, path: str) -> list[dict]:
        return [body for asked, body in self.asked if asked == path]

    def get(self, path: str) -> tuple[int, object]:
        if path == "/version":
            return 200, {"version": self.version}
        if path == "/v1/models":
            base = {"id": self.name, "root": self.root, "parent": None, "max_model_len": self.max_model_len}
            others = [{"id": name, "root": folder, "parent": self.name} for name, folder in self.adapters.items()]
            return 200, {"data": [base, *others]}
        return (200, {}) if path == "/health" else (404, {"detail": "Not Found"})

    def post(self, path: str, body: dict) -> tuple[int, object]:
        if path == "/v1/load_lora_adapter":
            return self._load(body["lora_name"], body["lora_path"])
        if path == "/v1/unload_lora_adapter":
            return (200, "") if self.adapters.pop(body["lora_name"], "") else (404, {})
        if path != "/v1/completions":
            return 404, {"detail": "Not Found"}
        if body["model"] not in {self.name, *self.adapters}:
            return 404, {"error": {"message": f"The model `{body['model']}` does not exist."}}
        return 200, {"choices": [self._choice(index, row, body) for index, row in enumerate(body["prompt"])]}

    def _load(self, name: str, folder: str) -> tuple[int, object]:
        if self.refusal:
            return 500, {"error": {"message": self.refusal}}
        if name in self.adapters:
            return 400, {"error": {"message": f"The lora adapter '{name}' has already been loaded."}}
        self.adapters[name] = folder
        return 200, "Success"

    def _choice(self, index: int, row: list[int], body: dict) -> dict:
        new: list[int] = []
        tops = []
        while len(new) < body["max_tokens"]:
            chances = self.think(body["model"], [*row, *new])
            new.append(max(range(len(chances)), key=chances.__getitem__))
            wanted = {*body.get("logprob_token_ids", ()), new[-1]}
            tops.append({f"token_id:{token}": chances[token] for token in wanted})
            stopped = new[-1] in body.get("stop_token_ids", ()) and not body.get("ignore_eos")
            stopped |= any(stop in self.decode(new) for stop in body.get("stop", ()))
            if stopped:
                break
        return {
            "index": index,
            "token_ids": new,
            "prompt_token_ids": row,
            "finish_reason": "stop" if stopped else "length",
            "logprobs": {"top_logprobs": tops},
        }


class _Handler(BaseHTTPRequestHandler):
    server: ModelServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(lambda: self.server.get(self.path))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((self.path, body))
        self._answer(lambda: self.server.post(self.path, body))

    def _answer(self, work: Callable[[], tuple[int, object]]) -> None:
        fault = self.server.faults.get(self.path)
        status, given = (fault, {"error": {"message": "broken"}}) if isinstance(fault, int) else work()
        data = json.dumps(given).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if isinstance(fault, bytes):  # promised more than is sent
            self.close_connection = True
        self.wfile.write(fault if isinstance(fault, bytes) else data)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the test's output."""


Server = TypeVar("Server", bound=ThreadingHTTPServer)


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """Any such server, in a thread, until the block ends."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--port", type=int)
    parser.add_argument("--pid-file", default="")
    parser.add_argument("--fail", action="store_true")
    known, rest = parser.parse_known_args()
    print("arguments", *rest, "PYTHONPATH" in os.environ, file=sys.stderr, flush=True)
    if known.pid_file:
        Path(known.pid_file).write_text(str(os.getpid()))
    if known.fail:
        sys.exit("RuntimeError: no memory for the key-value cache")
    ModelServer(known.model, port=known.port).serve_forever()
