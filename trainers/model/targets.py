"""Choose which layers get an adapter: all linear layers that a text goes through, or those that the recipe names.

"all-linear" leaves out, and names, what should not or cannot be trained beside the weights: the routers of a mixture of
experts, towers for images and sound, and layers that PEFT knows to be read past their forward pass. Embeddings and the
output layer are trained only when they are named.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

import torch
from peft import LoraConfig, LoraModel
from peft.utils.transformers_weight_conversion import convert_peft_config_for_transformers
from transformers.pytorch_utils import Conv1D

from harness.core.nearest import did_you_mean
from harness.errors import UsageError
from trainers.model.language_model import LanguageModel

ALL = "all-linear"
ROUTES = "it routes tokens to experts"
_GATE = re.compile(r"(^|_)(gate|router)$")
"""Last part of a router's name; `gate_proj` is a part of an ordinary feed-forward layer."""


class AdapterTargets(NamedTuple):
    """What PEFT's configuration asks for."""

    target_modules: str | list[str]
    exclude_modules: str | None
    """Regular expression of whole names; None: nothing is left out."""
    left_out: dict[str, str]
    """Layers (or the folder of layers) to why they are not trained."""


def targets_of(model: LanguageModel, asked: str) -> AdapterTargets:
    """The layers that `[tune] target_modules` means for this model.

    Raises UsageError for a name that no layer of the model has, and for both ends of tied embeddings at once.
    """
    if asked != ALL:
        return AdapterTargets(_named(model, [part.strip() for part in asked.split(",")]), None, {})
    left_out = {**_towers(model), **_routers(model), **_incompatible(model), **_read_past(model)}
    if not left_out:
        return AdapterTargets(ALL, None, {})
    patterns = (rf"(?:.*\.)?{re.escape(name)}(?:\..*)?" for name in left_out)
    return AdapterTargets(ALL, "|".join(patterns), left_out)


def _named(model: LanguageModel, parts: list[str]) -> list[str]:
    layers = [name for name, _ in _layers(model)]
    for part in parts:
        if not any(name == part or name.endswith(f".{part}") for name in layers):
            known = {name.rsplit(".", 1)[-1] for name in layers}
            raise UsageError(
                f"no layer of the model is named {part!r}",
                where="[tune] target_modules",
                next=did_you_mean(part, known, "layers"),
            )
    ends = [name for name in _tied(model) if any(name == part or name.endswith(f".{part}") for part in parts)]
    if len(ends) > 1:
        raise UsageError(
            f"{' and '.join(ends)} are one weight in this model, so they cannot be trained apart",
            where="[tune] target_modules",
            next=f'name one of them, or set target_modules = "{ALL}"',
        )
    return parts


def _layers(model: LanguageModel) -> Iterable[tuple[str, torch.nn.Module]]:
    """Names and modules of the layers that may get an adapter."""
    for name, module in model.named_modules():
        if isinstance(module, (torch.nn.Linear, torch.nn.Embedding, Conv1D)):
            yield name, module


def _tied(model: LanguageModel) -> list[str]:
    """Names of the embedding and the output layer where they are one weight."""
    ends = (model.get_input_embeddings(), model.get_output_embeddings())
    if None in ends or ends[0].weight is not ends[1].weight:
        return []
    return [name for name, module in model.named_modules() if module in ends]


def _towers(model: LanguageModel) -> dict[str, str]:
    """Top-most parts of a multimodal model that its text decoder is not in."""
    decoder = model.get_decoder()
    inside = {id(module) for module in decoder.modules()} | {id(model.get_output_embeddings())}
    names: dict[str, str] = {}
    for name, module in _layers(model):
        if id(module) in inside:
            continue
        path = name.split(".")
        above = (".".join(path[:depth]) for depth in range(1, len(path) + 1))
        top = next(each for each in above if not _holds(model.get_submodule(each), decoder))
        names[top] = "no text goes through it"
    return names


def _holds(module: torch.nn.Module, decoder: torch.nn.Module) -> bool:
    return any(each is decoder for each in module.modules())


def _routers(model: LanguageModel) -> dict[str, str]:
    config = model.config.get_text_config()
    names = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
    experts = {getattr(config, name) for name in names if getattr(config, name, None)}
    return {
        name.rsplit(".", 1)[-1]: ROUTES
        for name, module in _layers(model)
        if experts
        and _GATE.search(name.rsplit(".", 1)[-1])
        and isinstance(module, torch.nn.Linear)
        and module.out_features in {*experts, 1}
    }


def _incompatible(model: LanguageModel) -> dict[str, str]:
    """Layers that PEFT refuses for this kind of model: their weights are read past the layer's own forward pass."""
    names = {name.rsplit(".", 1)[-1] for name, _ in _layers(model)}
    return {name: "PEFT cannot adapt it in this kind of model" for name in sorted(names) if not _fits(model, name)}


@torch.no_grad()
def _read_past(model: LanguageModel) -> dict[str, str]:
    """Layers whose own forward pass a text never runs, though their weights are read: an adapter there would do nothing."""
    ran: set[str] = set()
    layers = dict(_layers(model.get_decoder()))
    hooks = [
        layer.register_forward_hook(lambda *_, leaf=name.rsplit(".", 1)[-1]: ran.add(leaf))
        for name, layer in layers.items()
    ]
    try:
        model(input_ids=torch.arange(1, 9, device=model.device)[None], use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    idle = {name.rsplit(".", 1)[-1] for name in layers} - ran
    return dict.fromkeys(sorted(idle), "the model reads its weights past its forward pass")


def without_routers(config: LoraConfig, model: LanguageModel) -> dict[str, str]:
    """Take the routers out of the weights that PEFT adapts by name, as it does where experts are one tensor.

    Returns the names that were left out, and why. `config` is changed in place.
    """
    convert_peft_config_for_transformers(config, model, None)
    asked = set(config.target_parameters or ())
    routers = {name for name in asked if _GATE.search(name.split(".")[-2] if "." in name else name)}
    config.target_parameters = sorted(asked - routers) or None
    return dict.fromkeys(sorted(routers), ROUTES)


def _fits(model: LanguageModel, name: str) -> bool:
    try:
        LoraModel._check_target_module_compatiblity(None, LoraConfig(), model, name)  # type: ignore[arg-type] # a method that reads no self
    except ValueError:
        return False
    return True
