"""The tiny model, made once, and the same weights as plain transformers loads them, to compare with."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from harness.evaluate.backends import hf
from harness.evaluate.inference import engine
from harness.types import Arm, Message, TextPart
from tests.tiny import tiny_model


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def plain(folder: Path) -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


@pytest.fixture
def arm(folder: Path) -> Arm:
    return Arm(name="base", model=str(folder), options={"dtype": "float32"})


@pytest.fixture(scope="session")
def backend(folder: Path) -> engine.HuggingFace:
    return hf.open([Arm(name="base", model=str(folder), options={"dtype": "float32"})])


@pytest.fixture
def user():
    """Builds a conversation of one user message."""
    return lambda text: (Message(role="user", parts=(TextPart(text=text),)),)
