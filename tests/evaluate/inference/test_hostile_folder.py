"""A model folder that was made to run something: its code, its pickles and its template leave no mark."""

import json
import os
import pickle
import shutil
from pathlib import Path

import pytest
import torch

from harness.core.rendering import prompt_ids
from harness.errors import InputError
from harness.evaluate.inference.acceptance import accept_whole
from harness.evaluate.inference.opening import open_model, open_tokenizer
from harness.types import Message, Prompt, TextPart

CLASSES = {
    "config.json": {"AutoConfig": "mine.Mine", "AutoModelForCausalLM": "mine.Mine"},
    "tokenizer_config.json": {"AutoTokenizer": ["mine.Mine", "mine.Mine"]},
}
"""File to what it says of classes of the folder's own."""
ESCAPES = (
    "{{ cycler.__init__.__globals__.os.system('touch MARK') }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ messages.__class__.__base__.__subclasses__() }}",
    "{{ raise_exception.__globals__['__builtins__']['open']('MARK', 'w') }}",
    "{% set f = '%c%c' % (95, 95) %}{{ (messages|attr(f ~ 'class' ~ f)).mro() }}",
    "{% include 'MARK' %}",
    "{% import 'os' as os %}{{ os.system('touch MARK') }}",
)
"""Templates that reach for Python behind Jinja."""


class Bomb:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


@pytest.fixture
def mark(tmp_path) -> Path:
    return tmp_path / "mark"


@pytest.fixture
def copied(folder, tmp_path, mark) -> Path:
    """The tiny model, with a module beside it that leaves a mark when it is imported."""
    copy = shutil.copytree(folder, tmp_path / "model")
    (copy / "mine.py").write_text(f"from pathlib import Path\nPath({str(mark)!r}).touch()\nclass Mine: pass\n")
    return copy


def opened(folder: Path) -> None:
    accept_whole(folder)
    open_model(folder, torch.float32, None, torch.device("cpu"), open_tokenizer(folder))


@pytest.mark.parametrize("file", CLASSES)
def test_code_beside_the_weights_is_never_imported(copied, mark, file):
    """Whatever the configuration of model or tokenizer names: it is refused, or opened as what transformers knows."""
    path = copied / file
    path.write_text(json.dumps(json.loads(path.read_text()) | {"auto_map": CLASSES[file]}))
    try:
        opened(copied)
    except InputError as refused:
        assert "code" in refused.what
    assert not mark.exists()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors", "adapter_model.bin", "training_args.bin"])
def test_a_pickle_is_never_loaded(copied, mark, name):
    """Beside the weights or in their place, and under a name that says otherwise."""
    if name == "pytorch_model.bin":
        (copied / "model.safetensors").unlink()
    (copied / name).write_bytes(pickle.dumps(Bomb(mark)))
    if name in ("pytorch_model.bin", "model.safetensors"):
        with pytest.raises(InputError):
            opened(copied)
    else:
        opened(copied)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Bomb(mark)))
    assert mark.exists(), "the pickle would have left its mark"


@pytest.mark.parametrize("escape", ESCAPES)
def test_a_template_reaches_no_python(copied, mark, escape):
    """What leads out of the template is an error of the model's folder."""
    (copied / "chat_template.jinja").write_text(escape.replace("MARK", str(mark)) + "{{ messages[0].content }}")
    said = (Message(role="user", parts=(TextPart(text="Hello"),)),)
    with pytest.raises(InputError):
        prompt_ids(open_tokenizer(copied), Prompt(name="none"), said)
    assert not mark.exists()
