"""Refuse a model folder that cannot go the whole way, before its weights are read: one reason, and what would work.

Reads the configuration, the tokenizer and the names and shapes of the weights. What needs the weights themselves is
checked when they are opened (`opening`).
"""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    AutoConfig,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from harness.errors import InputError

WORKS = (
    "use a decoder-only model in safetensors format that transformers knows, such as Qwen3, Llama, Gemma 3 or SmolLM2"
)
EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "word_embeddings.weight", "embeddings.weight", "embed_in.weight")


def accept(folder: str | Path) -> Any:
    """The configuration of a model folder that generates text from text. Raises InputError for any other."""
    path = Path(folder)
    written = _written(path)
    for check in (_own_code, _known, _safetensors):
        check(path, written)
    try:
        config = AutoConfig.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _refusal(f"its configuration cannot be read: {error}", path, "fix config.json") from error
    if getattr(config, "is_encoder_decoder", False):
        raise _refusal("it is an encoder-decoder, which does not continue a prompt", path)
    model_class(config, path)
    return config


def accept_whole(folder: str | Path) -> None:
    """As `accept`, and the tokenizer too: it has a chat template, and no token without an embedding."""
    path, config = Path(folder), accept(folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the reader of each tokenizer format raises what it likes
        raise _refusal(
            f"its tokenizer cannot be read: {error}", path, "add the files that the model was published with"
        ) from error
    accept_tokenizer(tokenizer, embeddings(path) or config.get_text_config().vocab_size, path)
    if not getattr(tokenizer, "chat_template", None):
        raise _refusal(
            "it has no chat template",
            path,
            "use the instruction-tuned variant, or add chat_template.jinja to the folder",
        )


def accept_tokenizer(tokenizer: PreTrainedTokenizerBase, rows: int, folder: str | Path) -> None:
    """Raises InputError when the tokenizer has tokens beyond the model's embedding of `rows` tokens."""
    largest = max(tokenizer.get_vocab().values(), default=0)
    if largest >= rows:
        raise _refusal(
            f"its tokenizer has token {largest} ({tokenizer.convert_ids_to_tokens(largest)!r}), and its embedding {rows} rows",
            folder,
            "use the tokenizer that the model was published with, or resize the embedding and save the model again",
        )


def model_class(config: Any, folder: str | Path) -> type[PreTrainedModel]:
    """The class that the weights are for: of those that write text, the one that the configuration names."""
    known: list[type[PreTrainedModel]] = []
    for mapping in (MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING):
        entry: Any = mapping.get(type(config), ())
        known += entry if isinstance(entry, tuple) else (entry,)
    if not known:
        raise _refusal(f"a model of type {config.model_type!r} does not write text", folder)
    named = getattr(config, "architectures", None) or ()
    return next((each for each in known if each.__name__ in named), known[0])


def embeddings(folder: Path) -> int:
    """Rows of the token embedding in the weights' files; 0 when it has a name that is not known."""
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 # not a dict
                if name.endswith(EMBEDDINGS) and "vision" not in name and "position" not in name:
                    return int(tensors.get_slice(name).get_shape()[0])
    return 0


def _written(path: Path) -> dict[str, Any]:
    if not path.is_dir():
        raise _refusal("the folder does not exist", path, "set [model] base in trueup.toml")
    try:
        return dict(json.loads((path / "config.json").read_bytes()))
    except FileNotFoundError as error:
        raise _refusal(
            "the folder has no config.json", path, "set [model] base to a folder that save_pretrained wrote"
        ) from error
    except ValueError as error:
        raise _refusal(
            f"config.json is not JSON: {error}", path, "copy it again from where the model was published"
        ) from error


def _own_code(path: Path, config: dict[str, Any]) -> None:
    if "auto_map" in config and config.get("model_type") not in CONFIG_MAPPING:
        raise _refusal("it brings code of its own (auto_map), and no model's code is run here", path)


def _known(path: Path, config: dict[str, Any]) -> None:
    kind = config.get("model_type")
    if kind not in CONFIG_MAPPING:
        raise _refusal(
            f"transformers does not know the architecture {kind!r}", path, f"update transformers, or {WORKS}"
        )


def _safetensors(path: Path, config: dict[str, Any]) -> None:
    files = sorted(path.glob("*.safetensors"))
    if not files:
        raise _refusal(
            "it has no weights in safetensors format",
            path,
            "save it again with save_pretrained, which writes safetensors",
        )
    for file in files:
        try:
            with safe_open(file, framework="pt"):
                continue
        except (SafetensorError, OSError) as error:
            raise _refusal(f"{file.name} is damaged: {error}", path, "copy the file again") from error


def _refusal(why: str, folder: str | Path, then: str = WORKS) -> InputError:
    return InputError(f"the model cannot be used: {why}", where=str(folder), next=then)
