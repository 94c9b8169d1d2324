"""Check which files a model folder has, before anything of it is loaded: what is missing, and what to type instead.

What people give as a model and is none: a GGUF file, an adapter of PEFT, a checkpoint of another library, a name on the Hub,
a download that was cut short or that Git LFS has not filled in.
"""

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open

from harness.errors import InputError

WORKS = (
    "use a decoder-only model in safetensors format that transformers knows, such as Qwen3, Llama, Gemma 3 or SmolLM2"
)
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "*.spm", "spiece.model", "vocab.*", "tekken.json", "*.tiktoken")
INDEX = "model.safetensors.index.json"
LFS = b"version https://git-lfs"
"""How a file begins that Git LFS has not filled in."""
CONVERT = "write it once as a folder: python -m harness.evaluate.inference.gguf {file} {folder}"


class ModelFileError(NamedTuple):
    """Why a folder is no model, and what to type."""

    why: str
    then: str


def refusal(why: str, folder: str | Path, then: str = WORKS) -> InputError:
    """The error that says why a folder cannot be used."""
    return InputError(f"the model cannot be used: {why}", where=str(folder), next=then)


def configuration(folder: str | Path) -> dict[str, Any]:
    """What config.json says, once the folder has all its files. Raises InputError for the first thing that is wrong."""
    if not str(folder):
        raise refusal("no model is named", "[model] base", "set it in trueup.toml to the folder of a model")
    path = Path(folder)
    problem = next(chain(_no_folder(path), _other_format(path), _no_config(path)), None)
    if problem is None:
        config: dict[str, Any] = json.loads((path / "config.json").read_bytes())
        problem = next(chain(_weights(path), _shards(path)), None)
    if problem is not None:
        raise refusal(problem.why, path, problem.then)
    return config


def check_tokenizer_files(folder: str | Path) -> None:
    """Raises InputError when there is no file that a tokenizer is read from."""
    path = Path(folder)
    if not any(True for pattern in TOKENIZERS for _ in path.glob(pattern)):
        raise refusal(
            "it has no tokenizer", path, "copy tokenizer.json and tokenizer_config.json from where it was published"
        )


def tensors(folder: Path) -> Iterator[tuple[str, Any]]:
    """Name and shape of each tensor in the weights' files, of which no number is read."""
    index = folder / INDEX
    single = folder / "model.safetensors"
    listed = set(json.loads(index.read_bytes())["weight_map"].values()) if index.exists() else set()
    files = [folder / name for name in listed] or ([single] if single.exists() else list(folder.glob("*.safetensors")))
    for file in sorted(files):
        with safe_open(file, framework="pt") as opened:
            for name in opened.keys():  # noqa: SIM118 # not a dict
                yield name, opened.get_slice(name)


def _no_folder(path: Path) -> Iterator[ModelFileError]:
    if path.suffix == ".gguf" and path.is_file():
        folder = path.with_suffix("")
        yield ModelFileError(
            "it is a GGUF file, which can be neither trained nor digested as it is",
            f"{CONVERT.format(file=path, folder=folder)}; then set [model] base to {folder}",
        )
    elif path.is_file():
        yield ModelFileError("it is a file, not a folder", f"set [model] base to the folder: {path.parent}")
    elif not path.is_dir():
        yield ModelFileError(
            "the folder does not exist",
            "set [model] base in trueup.toml to a folder; `hf download ORGANISATION/NAME --local-dir FOLDER` gets one",
        )


def _other_format(path: Path) -> Iterator[ModelFileError]:
    if (path / "config.json").exists():
        return
    if (path / "adapter_config.json").exists():
        base = _json(path / "adapter_config.json").get("base_model_name_or_path") or "the model it was trained on"
        yield ModelFileError(
            f"it is an adapter of PEFT for {base}, without that model's weights",
            "merge the two (merge_and_unload, then save_pretrained with the tokenizer), and set [model] base to the result",
        )
    if found := sorted(path.glob("*.gguf")):
        yield ModelFileError(
            f"it contains a GGUF file ({found[0].name}), but no config.json",
            CONVERT.format(file=found[0], folder=f"{path}-safetensors"),
        )


def _no_config(path: Path) -> Iterator[ModelFileError]:
    file = path / "config.json"
    if not file.exists():
        yield ModelFileError("the folder has no config.json", "set [model] base to a folder that save_pretrained wrote")
        return
    try:
        config = json.loads(file.read_bytes())
    except ValueError as error:
        yield ModelFileError(f"config.json is not JSON: {error}", "copy it again from where the model was published")
        return
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        yield ModelFileError(
            "config.json names no model_type", "copy config.json again from where the model was published"
        )


def _weights(path: Path) -> Iterator[ModelFileError]:
    files = sorted(path.glob("*.safetensors"))
    if not files:
        yield ModelFileError(
            "it has no weights in safetensors format", "save it again with save_pretrained, which writes safetensors"
        )
    for file in files:
        with file.open("rb") as opened:
            if opened.read(len(LFS)) == LFS:
                yield ModelFileError(f"{file.name} is a pointer of Git LFS, not the weights", f"git -C {path} lfs pull")
        try:
            with safe_open(file, framework="pt"):
                continue
        except (SafetensorError, OSError) as error:
            yield ModelFileError(f"{file.name} is damaged: {error}", "copy the file again")


def _shards(path: Path) -> Iterator[ModelFileError]:
    """Files and tensors that the index names and that are not there."""
    if not (path / INDEX).exists():
        if found := sorted(path.glob("model-*-of-*.safetensors")):
            yield ModelFileError(f"it has parts such as {found[0].name}, and no {INDEX}", f"copy {INDEX} too")
        return
    weight_map = _json(path / INDEX).get("weight_map")
    if not isinstance(weight_map, dict):
        yield ModelFileError(f"{INDEX} has no weight_map", "copy it again from where the model was published")
        return
    missing = sorted({name for name in weight_map.values() if not (path / name).exists()})
    if missing:
        few = ", ".join(missing[:3])
        yield ModelFileError(f"{len(missing)} of its files are missing: {few}", "download the model again")
        return
    there = {name for name, _ in tensors(path)}
    if lost := sorted(weight_map.keys() - there):
        yield ModelFileError(f"{len(lost)} tensors are not in its files, such as {lost[0]}", "download the model again")


def _json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
