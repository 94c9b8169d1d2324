"""trueup: the engine alone, and the same work through plain synchronous eval functions under pytest."""

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.evaluation.workloads import Workload
from harness.core import codec
from harness.evaluate.backends import hf
from harness.evaluate.backends import vllm as vllm_backend
from harness.evaluate.inference import kept as inference_kept
from harness.evaluate.runner.survey import run_file
from harness.types import Arm, EvalRequest, Reply, Request, Run

CHAT = """
from trueup import cases

@cases("rows.jsonl")
def eval_chat(case, model):
    return len(model.chat(case.messages, max_tokens={max_new}).text)
"""
SESSION = """
from trueup import cases

@cases("rows.jsonl")
def eval_session(case, model):
    chat = model.session(case.messages, max_tokens={max_new}).play()
    for line in case["turns"]:
        chat.say(line)
    return len(chat.text)
"""
CHOICE = """
from trueup import cases

@cases("rows.jsonl")
def eval_choice(case, model):
    return case["options"].index(model.choose(case["context"], case["options"], raw=True).text)
"""


def engine(model: str, work: Workload, dtype: str, width: int) -> list[str]:
    """The backend's own `answer`, without pytest."""
    arm = Arm(name="base", model=model, options={"dtype": dtype})
    return _texts(hf.open([arm], batch_size=width).answer(arm, _requests(work)))


def vllm(model: str, work: Workload, dtype: str, width: int, url: str) -> list[str]:
    """The backend `vllm` with the server at `url`, which runs already; its time to start is not in it."""
    arm = Arm(name="base", backend="vllm", model=model, options={"url": url, "dtype": dtype, "compare": False})
    return _texts(vllm_backend.open([arm]).answer(arm, _requests(work)))


def functions(
    model: str, work: Workload, dtype: str, width: int, adapters: Sequence[str] = ("",), keeps: bool = True
) -> list[str]:
    """A pytest session over one eval file, from collection to the written run; the last replies of the last arm.

    `keeps` False: earlier turns of a session are read again.
    """
    if not keeps:
        inference_kept.CPU_BYTES = 0
    with tempfile.TemporaryDirectory() as folder:
        arms = tuple(
            Arm(name=f"arm{place}", model=model, adapter=adapter, options={"dtype": dtype})
            for place, adapter in enumerate(adapters)
        )
        run = session(Path(folder), work, arms, width)[-1]
        return [result.replies[-1].text for result in run.results]


def session(folder: Path, work: Workload, arms: Sequence[Arm], width: int) -> list[Run]:
    """Write an eval file for the workload into `folder`, run it under pytest in this process, read the runs."""
    rows: list[dict[str, Any]] = [{"id": str(place), "messages": chat} for place, chat in enumerate(work.chats)]
    rows += [
        {"id": str(place), "context": text, "options": options} for place, (text, options) in enumerate(work.questions)
    ]
    for row, turns in zip(rows, work.turns, strict=False):
        row["turns"] = turns
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    body = SESSION if work.turns else CHAT if work.chats else CHOICE
    (folder / "eval_work.py").write_text(body.replace("{max_new}", str(work.max_new)))
    request = EvalRequest(arms=tuple(arms), paths=(str(folder),), out=str(folder), batch_size=width)
    (folder / "request.json").write_bytes(codec.encode(request))
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # as the loop does
    quiet = ["-q", "-p", "no:cacheprovider", "-o", "addopts=", "--import-mode=importlib", "--rootdir", str(folder)]
    code = pytest.main([*quiet, "-p", "trueup", "--trueup-request", str(folder / "request.json"), str(folder)])
    assert code == 0, f"pytest ended with {code}"
    return [codec.read(folder / run_file(arm.name), Run) for arm in arms]


def _requests(work: Workload) -> list[Request]:
    chats = [tuple(map(codec.from_chat, chat)) for chat in work.chats]
    requests = [Request(messages=chat, max_tokens=work.max_new) for chat in chats]
    return requests + [Request(kind="loglikelihood", text=text, options=options) for text, options in work.questions]


def _texts(replies: Sequence[Reply | Exception]) -> list[str]:
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return [reply.text for reply in replies if isinstance(reply, Reply)]
