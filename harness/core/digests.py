"""Digest a model folder: weights, tokenizer, chat template.

One place computes them, so that training, evaluation and promotion agree on what "the same model" means. Hashing the
weights of a large model takes a while, so the result is remembered per file by size and modification time.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from harness.core.codec import digest, known_digest
from harness.errors import InputError
from harness.types import Noun

TOKENIZER_FILES = (
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab*",
    "merges.txt",
    "*.model",
    "*.tiktoken",
    "tekken.json",
)
"""Patterns of file names, as are the others: each kind of tokenizer has files of its own."""
TEMPLATE_FILES = ("chat_template*", "additional_chat_templates/*")
GENERATION_FILES = (
    "generation_config.json",
    "processor_config.json",
    "preprocessor_config.json",
    "*_processor_config.json",
)


def drawn(ident: str) -> str:
    """What cases are sorted by where their order must be one that was drawn beforehand: a digest of the id, so that it
    has nothing to do with what a case asks or where it stands in its file."""
    return digest(["order", ident])


class ModelDigests(Noun, frozen=True):
    weights: str
    tokenizer: str
    template: str
    generation: str = ""
    """Of what else an answer depends on: the tokens that end it, and how inputs are prepared."""


def model_digests(folder: str | Path) -> ModelDigests:
    """Digests of a model folder. Raises InputError when it is not one, saying what is missing."""
    if not str(folder):
        raise InputError("no model is named", next="set [model] base in trueup.toml to a model folder")
    path = Path(folder)
    weights = sorted(path.glob("*.safetensors"))
    if not path.is_dir():
        raise InputError("the model folder does not exist", where=str(path), next="set [model] base in trueup.toml")
    if not weights or not (path / "config.json").exists():
        missing = "weights (*.safetensors)" if not weights else "config.json"
        raise InputError(f"the model folder has no {missing}", where=str(path), next="save the model as safetensors")
    config = json.loads((path / "config.json").read_bytes())
    config.pop("transformers_version", None)
    return ModelDigests(
        weights=digest([config, *[known_digest(file) for file in weights]]),
        tokenizer=_digest_of(path, TOKENIZER_FILES),
        template=digest([chat_template(path), _digest_of(path, TEMPLATE_FILES)]),
        generation=_digest_of(path, GENERATION_FILES),
    )


def companions(
    folder: Path, patterns: Iterable[str] = (*TOKENIZER_FILES, *TEMPLATE_FILES, *GENERATION_FILES)
) -> list[Path]:
    """Files of a model folder, besides its weights and configuration, that an answer depends on; in the order of their names."""
    return sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})


def chat_template(folder: Path) -> str:
    """Text of the model's chat template; empty when it has none."""
    own = folder / "chat_template.jinja"
    if own.exists():
        return own.read_text(encoding="utf-8")
    config = folder / "tokenizer_config.json"
    text = json.loads(config.read_bytes()).get("chat_template") if config.exists() else None
    return text if isinstance(text, str) else json.dumps(text, sort_keys=True) if text else ""


def _digest_of(folder: Path, patterns: Iterable[str]) -> str:
    return digest([[path.relative_to(folder).as_posix(), known_digest(path)] for path in companions(folder, patterns)])
