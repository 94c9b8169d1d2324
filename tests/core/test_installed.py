"""A plain installation, without any extra: what local models need of libraries is there."""

import importlib.metadata
import tomllib
from pathlib import Path

import pytest
import torch

from harness.core.installed import versions
from harness.evaluate.backends import hf
from harness.evaluate.inference.opening import open_model, open_tokenizer
from harness.evaluate.inference.recall import recalled
from harness.types import Arm
from tests.tiny import tiny_model

ROOT = Path(__file__).parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


@pytest.fixture
def plain(monkeypatch):
    """No extra is installed, as far as its metadata tells."""
    names = {entry.split(">")[0].split("=")[0] for entries in EXTRAS.values() for entry in entries}
    real = importlib.metadata.Distribution.from_name

    def from_name(name):
        if name in names:
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata.Distribution, "from_name", from_name)


def test_what_is_not_installed_is_left_out(plain):
    """An extra has no version; the others keep their order."""
    assert list(versions(["torch", "bitsandbytes", "numpy"])) == ["torch", "numpy"]


def test_a_local_model_is_named_and_opened_without_extras(plain, tmp_path, monkeypatch):
    """The digest of an arm, and the way in which its model is run."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tiny_model(tmp_path / "model")
    assert hf.digest(Arm(name="base", model=str(folder)))
    tokenizer = open_tokenizer(folder)
    model = open_model(folder, torch.float32, None, torch.device("cpu"), tokenizer)
    assert recalled(model, tokenizer, str(folder), ["float32"])
