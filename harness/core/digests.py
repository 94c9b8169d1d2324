"""Digest a model folder: weights, tokenizer, chat template.

One place computes them, so that training, evaluation and promotion agree on what "the same model" means. Hashing the
weights of a large model takes a while, so the result is remembered per file by size and modification time.
"""

import json
from functools import cache
from pathlib import Path

from harness.core.codec import digest, file_digest
from harness.errors import InputError
from harness.types import Noun

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
)


def drawn(ident: str) -> str:
    """What cases are sorted by where their order must be one that was drawn beforehand: a digest of the id, so that it
    has nothing to do with what a case asks or where it stands in its file."""
    return digest(["order", ident])


class ModelDigests(Noun, frozen=True):
    weights: str
    tokenizer: str
    template: str


def model_digests(folder: str | Path) -> ModelDigests:
    """Digests of a model folder. Raises InputError when it is not one, saying what is missing."""
    path = Path(folder)
    weights = sorted(path.glob("*.safetensors"))
    if not path.is_dir():
        raise InputError("the model folder does not exist", where=str(path), next="set [model] base in trueup.toml")
    if not weights or not (path / "config.json").exists():
        missing = "weights (*.safetensors)" if not weights else "config.json"
        raise InputError(f"the model folder holds no {missing}", where=str(path), next="save the model as safetensors")
    config = json.loads((path / "config.json").read_bytes())
    config.pop("transformers_version", None)
    return ModelDigests(
        weights=digest([config, *[_file(file) for file in weights]]),
        tokenizer=digest([[name, _file(path / name)] for name in TOKENIZER_FILES if (path / name).exists()]),
        template=digest(chat_template(path)),
    )


def chat_template(folder: Path) -> str:
    """Text of the model's chat template; empty when it has none."""
    own = folder / "chat_template.jinja"
    if own.exists():
        return own.read_text(encoding="utf-8")
    config = folder / "tokenizer_config.json"
    text = json.loads(config.read_bytes()).get("chat_template") if config.exists() else None
    return text if isinstance(text, str) else json.dumps(text, sort_keys=True) if text else ""


def _file(path: Path) -> str:
    stat = path.stat()
    return _remembered(str(path.resolve()), stat.st_size, stat.st_mtime_ns)


@cache
def _remembered(path: str, size: int, mtime_ns: int) -> str:
    return file_digest(Path(path))
