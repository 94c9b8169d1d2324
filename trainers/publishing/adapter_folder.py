"""Write trained weights as an adapter folder: complete and durable, or absent."""

import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from msgspec.structs import replace
from peft import PeftModel
from safetensors import SafetensorError
from transformers import PreTrainedModel

from harness.core.adapters import MANIFEST, content_id, read_manifest
from harness.core.codec import encode, file_digest, sync_folder, write_atomic
from harness.core.digests import companions, model_digests
from harness.core.reads import plugin_code
from harness.errors import InputError, InvalidError, StorageError
from harness.types import Adapter, TuneRequest
from trainers.model import parameters
from trainers.model.kind import kind_of
from trainers.model.language_model import LanguageModel
from trainers.rows import dataset

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
"""The names that PEFT reads."""


def draft(request: TuneRequest) -> Adapter:
    """A manifest that is bound to all that the request names, before anything is trained. Its id is the request's."""
    model, form = model_digests(request.base), request.recipe.form
    bound = Adapter(
        id="",
        method=request.recipe.method,
        base=model.weights,
        tokenizer=model.tokenizer,
        template=model.template,
        dataset=dataset.ident(request.dataset),
        recipe=request.recipe,
        prompt=request.prompt,
        code=code(request.recipe.method),
        form=kind_of(request.recipe).form if form == "adapter" else form,
        quantization=kind_of(request.recipe).quantization if form == "adapter" else {},
        template_options=request.template_options,
    )
    return replace(bound, id=content_id(bound))


def code(method: str) -> str:
    """trueup's version, and which source of the recipe."""
    (source,) = plugin_code("trainers", [method]).values()
    return f"{version('trueup')}+{source[:16]}"


def published(out: Path, request: Adapter) -> Adapter | None:
    """The adapter that a killed run had already published for this very request.

    Raises InputError when something else stands at `out`.
    """
    if not out.exists():
        return None
    adapter = read_manifest(out)
    if adapter.checks.get("request") != request.id:
        raise InputError("another adapter is already there", where=str(out), next="remove it, or name another folder")
    return adapter


def write(folder: Path, model: LanguageModel, base: str = "") -> dict[str, str]:
    """What was trained into `folder`: an adapter's weights with PEFT's config, or a whole checkpoint.

    A checkpoint is a model folder of its own, with the tokenizer of `base`. Returns file names with their sha256. Raises
    InvalidError when a weight is not a finite number, StorageError when the disk is full.
    """
    tensors = parameters.weights(model)
    broken = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise InvalidError(f"{len(broken)} tensors contain values that are not numbers", where=broken[0])
    if isinstance(model, PeftModel):
        write_atomic(folder / WEIGHTS, safetensors.torch.save(tensors, metadata={"format": "pt"}))
        write_atomic(folder / CONFIG, _config(model))
    else:
        _checkpoint(folder, model, Path(base))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in files}


def _checkpoint(folder: Path, model: PreTrainedModel, base: Path) -> None:
    try:
        model.save_pretrained(folder)
        for path in companions(base):
            copy = folder / path.relative_to(base)
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, copy)
        for path in folder.rglob("*"):
            sync_folder(path)  # one that takes files as well
    except (OSError, SafetensorError) as error:
        raise StorageError(f"the checkpoint cannot be written: {error}", where=str(folder)) from error


def publish(partial: Path, out: Path, manifest: Adapter) -> Adapter:
    """Give the manifest its id, put it beside the files in `partial`, and move the whole to `out` in one step."""
    adapter = replace(manifest, id=content_id(manifest))
    write_atomic(partial / MANIFEST, encode(adapter))
    partial.rename(out)
    sync_folder(out.parent)
    return adapter


def fresh(folder: Path) -> Path:
    """An empty folder at `folder`, whatever stood there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _config(model: PeftModel) -> bytes:
    """PEFT's adapter_config.json with equal bytes for equal configs: sets in order, and no path of this machine."""
    config = {name: sorted(value) if isinstance(value, (set, frozenset)) else value for name, value in _fields(model)}
    return encode({**config, "base_model_name_or_path": "", "inference_mode": True})


def _fields(model: PeftModel) -> list[tuple[str, Any]]:
    return sorted(model.peft_config["default"].to_dict().items())
