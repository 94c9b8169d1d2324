"""Write a script of replies that does what BFCL's possible answers say, to try the suite with:

python -m examples.agent_suites.bfcl_oracle oracle.json
pytest examples/agent_suites/evals/eval_bfcl.py --model scripted:oracle.json
"""

import inspect
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from examples.agent_suites.evals.eval_bfcl import ROWS, apis


def script() -> dict[str, list[str]]:
    """What a user says to the replies to it: one with all calls of the turn, and one in words."""
    replies: dict[str, list[str]] = {}
    for task in ROWS:
        named = {name: _naming(method) for name, method in _methods(task).items()}
        for said, calls in zip(task["question"], task["ground_truth"], strict=True):
            replies[said[0]["content"]] = [*_message([eval(call, named) for call in calls]), "Done."]
    return replies


def _methods(task: dict[str, Any]) -> dict[str, Any]:
    return {name: getattr(api, name) for api in apis(task).values() for name in dir(api) if not name.startswith("_")}


def _naming(method: Any) -> Callable[..., dict[str, Any]]:
    """Takes a call's arguments as Python has them; gives the call as a message has it."""

    def call(*args: Any, **kwargs: Any) -> dict[str, Any]:
        arguments = inspect.signature(method).bind(*args, **kwargs).arguments
        return {"type": "function", "function": {"name": method.__name__, "arguments": json.dumps(arguments)}}

    return call


def _message(calls: Sequence[dict[str, Any]]) -> list[str]:
    named = [call | {"id": f"call-{number}"} for number, call in enumerate(calls)]
    return [json.dumps({"role": "assistant", "content": None, "tool_calls": named})] if named else []


def main() -> None:
    Path(sys.argv[1]).write_text(json.dumps(script()), encoding="utf-8")
    print(f"wrote {sys.argv[1]}")


if __name__ == "__main__":
    main()
