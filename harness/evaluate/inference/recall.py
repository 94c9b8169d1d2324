"""Remember which way a model is run, by what the finding depends on: weights, libraries, processor and this code."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from harness.core.codec import digest, encode, read, write_atomic
from harness.core.digests import model_digests
from harness.core.installed import versions
from harness.core.reads import code
from harness.errors import InputError, StorageError
from harness.evaluate.inference.check import TEXT, RightWays, checked, examine
from harness.evaluate.inference.ways import Way
from harness.types import Json


def recalled(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    folder: str,
    opened: Json,
    longest: int = 0,
    ways: Sequence[Way] = (),
) -> RightWays:
    """The finding for a model that has been opened; examined now unless it was before.

    `opened`: number format and quantization; `longest` and `ways`: as for `examine`, the ways given once one was used.
    Raises InputError when no way is right.
    """
    known = _place(model, folder, [opened, checked(model.config, longest)])
    try:
        return read(known, RightWays)
    except (OSError, InputError):
        finding = examine(model, tokenizer(TEXT, add_special_tokens=False)["input_ids"], ways, longest)
    with contextlib.suppress(OSError, StorageError):  # it is found again next time
        write_atomic(known, encode(finding))
    return finding


def _place(model: PreTrainedModel, folder: str, opened: Json) -> Path:
    libraries = [f"{name} {number}" for name, number in versions(("torch", "transformers", "bitsandbytes")).items()]
    here = [model.device.type, torch.backends.cpu.get_cpu_capability()]
    key = digest([model_digests(folder), opened, libraries, here, code("harness.evaluate.inference.check")])
    return finding_file("ways", key)


def finding_file(kind: str, key: str) -> Path:
    """Where what was found under a key is remembered, for all projects of this user."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root, "trueup", kind, f"{key}.json")
