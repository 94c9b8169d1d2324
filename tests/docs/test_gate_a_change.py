"""The page that leads from a changed prompt to an exit code is typed as it stands, against a small endpoint."""

import json
import re
import shlex
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from harness.cli.main import cli
from harness.project import Project

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "gate-a-change.md"
FENCE = re.compile(r"^```(\w+) ?([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
URL = "http://localhost:8000/v1"
ROWS = {"evals/late.jsonl": 60, "evals/money.jsonl": 150}
"""The page shows two cases of each file; the test writes as many as the page says are needed."""


class Endpoint(BaseHTTPRequestHandler):
    """Knows both teams only when the system prompt names them; else every ticket is a refund."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        system, asked = (message["content"] for message in body["messages"])
        team = "Delivery" if "delivery" in system and "Parcel" in asked else "refund"
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": team}}
        usage = {"prompt_tokens": 9, "completion_tokens": 1}
        answer = json.dumps({"id": "x", "model": body["model"], "choices": [choice], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def endpoint():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def more(rows, count):
    """As many rows as asked, made as the first two are."""
    first = rows.splitlines()[0]
    return "".join(re.sub(r"\b1\b", str(number), first) + "\n" for number in range(1, count + 1))


@pytest.fixture(scope="module")
def typed(tmp_path_factory, endpoint):
    """The page's files written, and its commands typed in order; command to exit code and output."""
    folder = tmp_path_factory.mktemp("page")
    outcomes = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("OPENAI_API_KEY", "none")
        patch.setattr(click, "launch", lambda *_: 0)
        for language, name, text in FENCE.findall(PAGE.read_text(encoding="utf-8")):
            if language == "console":
                for line in re.findall(r"^\$ trueup (.+)$", text, re.MULTILINE):
                    words = shlex.split(line, comments=True)
                    done = CliRunner().invoke(cli, words)
                    outcomes[" ".join(words)] = done.exit_code, done.output or str(done.exception or "")
            elif name:
                (folder / name).parent.mkdir(exist_ok=True)
                text = more(text, ROWS[name]) if name in ROWS else text.replace(URL, endpoint)
                (folder / name).write_text(text, encoding="utf-8")
    return folder, outcomes


def test_every_command_of_the_page_ends_with_0(typed):
    """The change is promoted, and each command does what the page says without an error."""
    _, outcomes = typed
    assert len(outcomes) >= 9
    assert {command: code for command, (code, _) in outcomes.items() if code} == {}


def test_the_commands_print_what_the_page_says(typed):
    """Case ids before anything is asked, the verdict, what both arms said, what to type for a verdict, who serves now."""
    output = {command.split()[0]: output for command, (_, output) in typed[1].items() if command != "eval --dry-run"}
    assert "money-150" in typed[1]["eval --dry-run"][1]
    assert "Promote: late (60 cases) improved by 100.0 points over base" in output["run"]
    assert "answer    refund" in output["show"] and "answer    Delivery" in output["show"]
    assert "trueup gate --candidate next --baseline base" in output["compare"]
    assert "production is now next" in output["promote"] and "alias production" in output["status"]
    assert output["runs"].count("latest") == 3, "base, next, and the arm that answers nothing"


def test_the_report_and_the_stored_arm_are_there(typed):
    """A page for the reviewer, and the settings that were judged, for the next night."""
    folder, _ = typed
    work = Project.open(folder)
    arm = work.served_arm(work.store.promotions.current("production").adapter)
    assert (folder / "out" / "report.html").is_file()
    assert (arm.name, arm.model, arm.prompt.name) == ("next", "small-model", "next")
