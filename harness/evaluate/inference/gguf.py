"""Write a GGUF file as a model folder, once: what is trained, digested and served here is safetensors.

    python -m harness.evaluate.inference.gguf model.gguf models/name

transformers reads the weights, which are mostly quantized, as dense bfloat16 numbers, and the tokenizer with its chat
template from the same file.
"""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from harness.core.quiet import hush
from harness.errors import InputError, TrueupError, UsageError


def unpack(file: Path, folder: Path) -> None:
    """Write `folder` (configuration, tokenizer, bfloat16 safetensors) in one rename, or not at all.

    Raises InputError when transformers cannot read the file, UsageError when the folder is there already.
    """
    if not sys.stderr.isatty():  # a bar in a log is one long line; tqdm reads this when it is imported
        os.environ.setdefault("TQDM_DISABLE", "1")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    if folder.exists():
        raise UsageError("the folder is there already", where=str(folder), next="name a new one")
    if not file.is_file():
        raise InputError("there is no such file", where=str(file), next="name the .gguf file")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    folder.parent.mkdir(parents=True, exist_ok=True)
    working = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(working, ignore_errors=True)
    source: dict[str, Any] = {
        "pretrained_model_name_or_path": str(file.parent),
        "gguf_file": file.name,
        "local_files_only": True,
    }
    try:
        AutoTokenizer.from_pretrained(**source).save_pretrained(working)
        dense = GgufConfig(dequantize=True)
        AutoModelForCausalLM.from_pretrained(**source, quantization_config=dense, dtype=torch.bfloat16).save_pretrained(
            working
        )
    except Exception as error:  # the readers of GGUF raise what they like on an architecture that they do not know
        shutil.rmtree(working, ignore_errors=True)
        raise InputError(
            f"transformers cannot read this GGUF file: {' '.join(str(error).split())}",
            where=str(file),
            next='use the model\'s safetensors checkpoint, or serve the file and set backend = "openai_compatible"',
        ) from error
    os.replace(working, folder)


def main() -> None:
    """The file and the new folder are the two arguments."""
    if len(sys.argv) != 3:
        raise SystemExit("usage: python -m harness.evaluate.inference.gguf FILE.gguf FOLDER")
    file, folder = map(Path, sys.argv[1:])
    try:
        hush()
        unpack(file, folder)
    except TrueupError as error:
        print(error, file=sys.stderr)
        raise SystemExit(int(error.exit)) from None
    print(f"wrote {folder}; set [model] base to it")


if __name__ == "__main__":
    main()
