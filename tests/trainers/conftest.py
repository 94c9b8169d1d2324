from collections.abc import Callable
from pathlib import Path

import pytest

from harness.core.codec import write_lines
from harness.core.rendering import stop_ids
from harness.types import Case, Message, Prompt, Recipe, TextPart, TuneRequest
from tests.tiny import tiny_model
from trainers.model import parameters
from trainers.publishing import round_trip
from trainers.rows.tokens import Renderer, TokenRow, build

SYSTEM = Prompt(name="short", messages=(Message(role="system", parts=(TextPart(text="Answer in one sentence."),)),))


def say(role: str, text: str) -> Message:
    return Message(role=role, parts=(TextPart(text=text),))


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny random llama."""
    return tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs the round trip in this process: what it finds is the same, and seconds are spared."""
    monkeypatch.setattr(round_trip, "_in_a_fresh_process", round_trip.examine)


@pytest.fixture
def opened(base: Path) -> parameters.Base:
    return parameters.open_base(base, parameters.dtype("float32"))


@pytest.fixture
def renderer(base: Path, opened: parameters.Base) -> Renderer:
    return Renderer(opened.tokenizer, stop_ids(opened.tokenizer, base), SYSTEM, opened.max_tokens)


@pytest.fixture(scope="session")
def cases() -> list[Case]:
    """Questions of different lengths with short answers."""
    return [
        Case(
            id=f"case-{number}",
            call_id=f"call-{number}",
            messages=(say("user", f"What comes after {number}?" + " Please." * (number % 4)),),
            target=say("assistant", f"It is {number + 1}."),
        )
        for number in range(20)
    ]


@pytest.fixture
def rows(cases: list[Case], renderer: Renderer) -> list[TokenRow]:
    return build(cases, renderer, Recipe()).rows


@pytest.fixture
def request_for(tmp_path: Path, base: Path, cases: list[Case]) -> Callable[..., TuneRequest]:
    """Makes a request to train `cases`; keywords replace its fields."""
    write_lines(tmp_path / "data" / "train.jsonl", cases)
    recipe = Recipe(learning_rate=1e-3, batch_size=4, max_steps=6)

    def make(**fields: object) -> TuneRequest:
        given = {
            "base": str(base),
            "dataset": str(tmp_path / "data"),
            "prompt": SYSTEM,
            "recipe": recipe,
            "out": str(tmp_path / "adapter"),
        }
        return TuneRequest(**(given | fields))

    return make
