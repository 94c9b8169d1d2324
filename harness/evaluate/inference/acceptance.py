"""Refuse a model folder that cannot go the whole way, before its weights are read: one reason, and what would work.

Reads the files' names (`model_files`), the configuration, the tokenizer, and the names and shapes of the weights, and writes
one conversation. What needs the weights themselves is checked when they are opened (`opening`).
"""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    AutoConfig,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.quantizers.auto import AutoHfQuantizer

from harness.core.reading import read_reply
from harness.core.rendering import prompt_ids, stop_ids, target_ids
from harness.errors import InputError
from harness.evaluate.inference.model_files import WORKS as WORKS
from harness.evaluate.inference.model_files import check_tokenizer_files, configuration, refusal, tensors
from harness.types import Json, Message, Prompt, TextPart

EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "word_embeddings.weight", "embeddings.weight", "embed_in.weight")
TEMPLATE = "use the instruction-tuned variant, or the chat_template.jinja that the model was published with"
UNQUANTIZED = 'use the unquantized checkpoint; with dtype = "nf4", or [tune] adapter = "qlora", it is kept in 4 bits'
ANSWER = "Yes, at seven."
_HEAD = re.compile(r"For[A-Z]")


def accept(folder: str | Path) -> Any:
    """The configuration of a model folder that generates text from text. Raises InputError for any other."""
    path = Path(folder)
    written = configuration(path)
    kind = written["model_type"]
    if "auto_map" in written and kind not in CONFIG_MAPPING:
        raise refusal("it brings code of its own (auto_map), and no model's code is run here", path)
    if kind not in CONFIG_MAPPING:
        raise refusal(f"transformers does not know the architecture {kind!r}", path, f"update transformers, or {WORKS}")
    try:
        config = AutoConfig.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # each kind of configuration checks itself in its own way
        raise refusal(f"its configuration cannot be read: {error}", path, "fix config.json") from error
    if getattr(config, "is_encoder_decoder", False):
        raise refusal("it is an encoder-decoder, which does not continue a prompt", path)
    model_class(config, path)
    _accept_quantized(config, path)
    return config


def accept_whole(folder: str | Path, template_options: Mapping[str, Json] = {}) -> None:
    """As `accept`, and the rest of the way too: as many weights as the configuration says, a tokenizer with no token beyond
    the embedding, and a chat template whose answers are read back."""
    path, config = Path(folder), accept(folder)
    _accept_weights(config, path)
    check_tokenizer_files(path)
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the reader of each tokenizer format raises what it likes
        raise refusal(
            f"its tokenizer cannot be read: {' '.join(str(error).split())}",
            path,
            "add the files that the model was published with",
        ) from error
    accept_tokenizer(tokenizer, embeddings(path) or config.get_text_config().vocab_size, path)
    if not getattr(tokenizer, "chat_template", None):
        raise refusal(
            "it has no chat template",
            path,
            "use the instruction-tuned variant, or add chat_template.jinja to the folder",
        )
    _accept_template(tokenizer, path, template_options)


def accept_tokenizer(tokenizer: PreTrainedTokenizerBase, rows: int, folder: str | Path) -> None:
    """Raises InputError when the tokenizer has tokens beyond the model's embedding of `rows` tokens."""
    largest = max(tokenizer.get_vocab().values(), default=0)
    if largest >= rows:
        raise refusal(
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
        raise refusal(f"a model of type {config.model_type!r} does not write text", folder)
    named = getattr(config, "architectures", None) or ()
    heads = [name for name in named if _HEAD.search(name) and hasattr(transformers, name)]
    if heads and not any(each.__name__ in heads for each in known):
        raise refusal(f"its weights are a {heads[0]}, which does not write text", folder)
    return next((each for each in known if each.__name__ in named), known[0])


def embeddings(folder: Path) -> int:
    """Rows of the token embedding in the weights' files; 0 when it has a name that is not known."""
    for name, tensor in tensors(folder):
        if name.endswith(EMBEDDINGS) and "vision" not in name and "position" not in name:
            return int(tensor.get_shape()[0])
    return 0


def _accept_quantized(config: Any, path: Path) -> None:
    """Raises InputError for weights in a quantized form that nothing here can read."""
    quantized = getattr(config, "quantization_config", None)
    if quantized is None:
        return
    given = quantized if isinstance(quantized, dict) else quantized.to_dict()
    method, device = given.get("quant_method", "an unnamed method"), "cuda" if torch.cuda.is_available() else "cpu"
    if given.get("load_in_8bit"):
        raise refusal("its 8-bit weights (LLM.int8) answer otherwise with other rows in the batch", path, UNQUANTIZED)
    try:
        quantizer = AutoHfQuantizer.from_config(quantized, pre_quantized=True)
        quantizer.validate_environment(device_map={"": device})
    except Exception as error:  # each quantizer raises what it likes
        raise refusal(
            f"its weights are quantized by {method}, which cannot run here: {' '.join(str(error).split())}",
            path,
            UNQUANTIZED,
        ) from error


def _accept_weights(config: Any, path: Path) -> None:
    """Raises InputError when the files hold fewer numbers than the configuration says, as another model's files do.

    Numbers, not names: transformers renames and joins weights when it loads them.
    """
    if getattr(config, "quantization_config", None) is not None:
        return
    try:
        with torch.device("meta"):
            empty = model_class(config, path)(config)
    except Exception as error:  # whatever a model's own code raises on settings that do not go together
        raise refusal(
            f"its configuration does not make a model: {type(error).__name__}: {error}",
            path,
            "copy config.json again from where the model was published",
        ) from error
    wanted = sum(weight.numel() for weight in empty.parameters())
    there = sum(math.prod(tensor.get_shape()) for _, tensor in tensors(path))
    if there < wanted:
        raise refusal(
            f"its files contain {there:,} weights, but config.json describes a model of {wanted:,}",
            path,
            "copy the weights again, with the config.json that belongs to them",
        )


def _accept_template(tokenizer: PreTrainedTokenizerBase, path: Path, options: Mapping[str, Json]) -> None:
    """Raises InputError when a question and its answer are not written, stopped and read back."""
    none = Prompt(name="none")
    asked = (Message(role="user", parts=(TextPart(text="Is there a table?"),)),)
    answer = Message(role="assistant", parts=(TextPart(text=ANSWER),))
    stop = stop_ids(tokenizer, path)
    try:
        prompt = prompt_ids(tokenizer, none, asked, (), options)
        written = target_ids(tokenizer, none, asked, answer, stop, (), options)
    except InputError as error:
        raise refusal(error.what, path, error.next or TEMPLATE) from error
    end = next((place for place, token in enumerate(written) if token in stop), len(written))
    read = read_reply(tokenizer, prompt, written[:end])
    if read.text.strip() != ANSWER:
        raise refusal(
            f"its chat template writes no answers that can be read back: {ANSWER!r} is read as {read.text[:80]!r}",
            path,
            TEMPLATE,
        )
