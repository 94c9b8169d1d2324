"""Answer with local models of Hugging Face transformers, on CPU or CUDA: full batches, one resident base.

Any number of requests of mixed kinds is answered at once. Prompts that begin alike share that beginning, the longest
come first, rows that finish make room for rows that wait. Which rows stand side by side depends on the requests and on
their replies alone, so the same requests under the same model give the same replies on a CPU.

This file only says which model an arm is, so that a run with nothing to answer imports neither transformers nor peft; the
engine is `harness.evaluate.inference.engine`.
"""

from collections.abc import Sequence
from typing import Any, Literal

from harness.core import codec
from harness.core.adapters import check_template, verify
from harness.core.digests import model_digests
from harness.core.installed import versions
from harness.core.reads import code, plugin_code
from harness.evaluate.inference.dtype import dtype_name, quantization
from harness.types import Arm, Noun

ENGINE = "harness.evaluate.inference.engine"
"""The module that answers: its source, and that of all that it imports, is part of every digest."""
LIBRARIES = ("torch", "transformers", "tokenizers", "peft", "bitsandbytes")
"""Their versions are too: another one may answer differently."""

PREFERRED_BATCH = 256
"""Requests worth gathering before an answer is asked for: several batches, to be sorted and shared."""


class Options(Noun, frozen=True):
    """Its keys under an arm's options."""

    dtype: Literal["auto", "float32", "bfloat16", "nf4"] = "auto"
    """What is computed in. auto: bfloat16 where the processor multiplies it in hardware, else float32; nf4: 4-bit weights."""


def digest(arm: Arm) -> str:
    """Content id of what answers for an arm: weights, adapter, tokenizer, template, number format, code and libraries.

    The prompt is part of each request, so arms that differ only in it are one model and share their replies.

    Loads no weights. Raises InputError when the folder is no model, InvalidError when the adapter was made for another.
    """
    base = model_digests(arm.model)
    adapter = ""
    if arm.adapter:
        manifest = verify(arm.adapter, arm.model)
        check_template(manifest, arm)
        adapter = manifest.id
    libraries = [f"{name} {number}" for name, number in versions(LIBRARIES).items()]
    engine = [code(ENGINE), *sorted(plugin_code("reply_formats").values())]
    return codec.digest([engine, libraries, base, adapter, dtype_name(arm), *filter(None, [quantization(arm)])])


def check(arm: Arm) -> str:
    """What is known of the arm's model without loading it. Raises InputError when it does not go the whole way."""
    from harness.evaluate.inference.acceptance import accept_whole

    accept_whole(arm.model, arm.template_options)
    return f"weights {model_digests(arm.model).weights[:12]}"


def open(arms: Sequence[Arm], *, batch_size: int = 0) -> Any:
    """A backend for these arms. Weights are loaded with the first answer; adapters are verified now."""
    from harness.evaluate.inference.engine import HuggingFace

    backend = HuggingFace(digest, PREFERRED_BATCH, batch_size)
    for arm in arms:
        backend.digest(arm)
    return backend
