from collections.abc import Callable
from pathlib import Path

import pytest

from harness.store import Store
from harness.types import Call, Feedback, Message, Quarantined, Source, TextPart


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / ".trueup")


@pytest.fixture(scope="session")
def call() -> Callable[..., Call]:
    """Makes a whole call from a number; keywords replace its fields."""

    def make(number: int, reply: str = "yes", file: str = "a.jsonl", **fields: object) -> Call:
        trace, span = f"{number:032x}", f"{number:016x}"
        return Call(
            **{
                "id": f"{trace}:{span}",
                "trace_id": trace,
                "span_id": span,
                "start_ns": 1_000 - number,
                "input": (Message(role="user", parts=(TextPart(text=f"question {number}"),)),),
                "output": (Message(role="assistant", parts=(TextPart(text=reply),)),),
                "source": Source(format="otlp", file=file, line=number),
                **fields,
            }
        )

    return make


@pytest.fixture(scope="session")
def feedback() -> Callable[..., Feedback]:
    def make(number: int, **fields: object) -> Feedback:
        return Feedback(**{"id": f"feedback-{number}", "call_id": f"{number:032x}:{number:016x}", **fields})

    return make


@pytest.fixture(scope="session")
def quarantined() -> Callable[..., Quarantined]:
    def make(number: int, file: str = "a.jsonl") -> Quarantined:
        return Quarantined(id=f"{number:064x}", file=file, line=number, reason="not JSON")

    return make
