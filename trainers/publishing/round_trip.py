"""Check the round trip: the adapter that was written answers as the trained model did.

A process that has seen nothing of the training loads base and adapter from their files and computes the logits of some
training rows at their supervised positions, in float32. They must equal the trained model's, every weight of the file
must have found its place, and with the adapter off they must differ: an adapter that changes nothing, or is silently
not applied, is refused here and never judged. The model as serving makes it of both (`harness.evaluate.inference.folding`)
must give the same logits too. Both sides use PEFT's own forward pass, one row at a time, so nothing of
`trainers.training.loss` can hide what another program would see. A whole checkpoint is compared with its base in the same way.

    python -P -m trainers.publishing.round_trip REQUEST.json 5     started by a `Worker`
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import safetensors.torch
import torch
from peft import PeftConfig, PeftModel, PeftModelForCausalLM
from transformers import PreTrainedModel

from harness.core import worker
from harness.core.codec import decode, encode, write_atomic
from harness.core.worker import Worker
from harness.errors import InvalidError, TrueupError
from harness.evaluate.inference.folding import fold
from harness.evaluate.inference.head import accepts
from harness.types import Json, Noun
from trainers.model import parameters
from trainers.model.language_model import LanguageModel, base_of
from trainers.rows.tokens import TokenRow

M = TypeVar("M", bound=LanguageModel)

ROWS = 4
TOLERANCE = 1e-5
"""Largest difference of two float32 logits, absolute and relative, that counts as equal."""
FOLDED = 1e-3
"""As `TOLERANCE`, between the adapter beside the weights and folded into them, as a share of the largest logit: that rounds."""
VIRTUAL = "prompt_embeddings"
"""PEFT's name for virtual tokens in a file; it puts them in their place itself, and then reports the name as unknown."""
REQUEST, LOGITS = "roundtrip.json", "roundtrip.safetensors"


class Probe(Noun, frozen=True):
    base: str
    adapter: str
    rows: tuple[tuple[tuple[int, ...], tuple[bool, ...]], ...]
    dtype: str
    """What the base was trained in: it is opened in that, and then raised to float32 as the trained model was."""
    quantization: dict[str, Json] = {}
    whole: bool = False
    """The adapter's folder holds a checkpoint."""
    on_cpu: bool = True
    """Both sides compute there: in float32 a model may need twice the memory of the GPU that trained it."""


class RoundTrip(Noun, frozen=True):
    difference: float
    """Largest absolute difference to the trained model's logits."""
    equal: bool
    effect: float
    """Largest absolute difference that switching the adapter off makes."""
    served: float = 0.0
    """Largest absolute difference of the model as serving puts the adapter on it."""
    served_equal: bool = True
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()


def certify(model: LanguageModel, base: str, adapter: Path, rows: Sequence[TokenRow]) -> dict[str, Json]:
    """What the fresh process found. Raises InvalidError when the adapter is not what was trained, or does nothing.

    `model` is the trained model; it is left in float32, and unless it is quantized on the CPU. `adapter` is the folder with its files; the probe's own files
    are put beside it and removed.
    """
    chosen = rows[:: max(1, len(rows) // ROWS)][:ROWS]
    request, logits = adapter.with_name(REQUEST), adapter.with_name(LOGITS)
    plain = tuple((tuple(row.ids), tuple(row.supervised)) for row in chosen)
    try:
        probe = Probe(base=base, adapter=str(adapter), rows=plain, **_opened(model))
        model = torch.nn.Module.to(model, "cpu") if probe.on_cpu else model
        write_atomic(logits, safetensors.torch.save({"logits": logits_of(_raised(model), chosen)}))
        write_atomic(request, encode(probe))
        finding = _in_a_fresh_process(request)
    finally:
        request.unlink(missing_ok=True)
        logits.unlink(missing_ok=True)
    _judge(finding)
    return {"rows": len(chosen), "difference": finding.difference, "served": finding.served, "effect": finding.effect}


def _in_a_fresh_process(request: Path) -> RoundTrip:
    hidden = {"CUDA_VISIBLE_DEVICES": ""} if decode(request.read_bytes(), Probe).on_cpu else {}
    with Worker("trainers.publishing.round_trip", str(request), more=hidden, death=_unloaded) as child:
        child.end_requests()
        return decode(child.result(), RoundTrip)


def _unloaded(code: int, output: str) -> TrueupError:
    return TrueupError("the adapter could not be loaded again", where=output.rpartition("\n")[2])


def _judge(finding: RoundTrip) -> None:
    if finding.missing or finding.unexpected:
        name = (*finding.missing, *finding.unexpected)[0]
        raise InvalidError("weights of the written adapter do not fit the model", where=name)
    if not finding.equal:
        raise InvalidError(f"the written adapter answers differently: its logits are off by {finding.difference:.2g}")
    if not finding.served_equal:
        raise InvalidError(
            f"the adapter is not served as it was trained: its logits are off by {finding.served:.2g}",
            next='set [tune] target_modules = "all-linear"',
        )
    if finding.effect == 0.0:
        raise InvalidError(
            "the adapter changes nothing", next="raise [tune] learning_rate or epochs, and look at the training rows"
        )


@torch.no_grad()
def logits_of(model: LanguageModel, rows: Sequence[TokenRow]) -> torch.Tensor:
    """Logits at the supervised positions of all rows: [positions, vocabulary]."""
    model.eval()
    kept_logits = []
    for row in rows:
        ids = torch.tensor([row.ids[:-1]], device=model.device)
        kept = len(row.ids) - row.first
        options = {"logits_to_keep": kept} if accepts(base_of(model), "logits_to_keep") else {}
        logits = model(input_ids=ids, use_cache=False, **options).logits[0, -kept:]
        kept_logits.append(logits[torch.tensor(row.supervised[row.first :], device=logits.device)])
    return torch.cat(kept_logits).cpu().contiguous()


def _opened(model: LanguageModel) -> dict[str, Any]:
    """How the base under a trained model was opened."""
    base = base_of(model)
    used = getattr(base.config, "quantization_config", None)
    names = ("load_in_4bit", "bnb_4bit_quant_type", "bnb_4bit_use_double_quant")
    whole = not isinstance(model, PeftModel)  # a checkpoint says itself how it is quantized
    return {
        "dtype": str(base.dtype).removeprefix("torch."),
        "quantization": {name: getattr(used, name) for name in names} if used is not None and not whole else {},
        "whole": whole,
        "on_cpu": used is None,
    }


def _raised(model: M) -> M:
    """The model in float32; 4-bit weights stay what they are, which transformers' own `float` would refuse."""
    return torch.nn.Module.float(model)


def examine(request: Path) -> RoundTrip:
    """What the fresh process does: load everything from its files, and compare."""
    probe = decode(request.read_bytes(), Probe)
    expected = safetensors.torch.load_file(request.with_name(LOGITS))["logits"]
    rows = [TokenRow("", list(ids), list(supervised)) for ids, supervised in probe.rows]
    model, missing, unexpected = _reload(probe)
    loaded = served = logits_of(model, rows)
    if isinstance(model, PeftModel):
        with model.disable_adapter():
            off = logits_of(model, rows)
        if probe.on_cpu and not model.active_peft_config.is_prompt_learning:
            served = logits_of(fold(model), rows)
    else:
        off = logits_of(_raised(_base(probe, probe.base)), rows)
    return RoundTrip(
        difference=(loaded - expected).abs().max().item(),
        equal=torch.allclose(loaded, expected, rtol=TOLERANCE, atol=TOLERANCE),
        effect=(loaded - off).abs().max().item(),
        served=(served - loaded).abs().max().item(),
        served_equal=bool((served - loaded).abs().max() <= FOLDED * loaded.abs().max()),
        missing=missing,
        unexpected=unexpected,
    )


def _base(probe: Probe, folder: str) -> PreTrainedModel:
    return parameters.open_base(folder, parameters.dtype(probe.dtype), probe.quantization).model


def _reload(probe: Probe) -> tuple[LanguageModel, tuple[str, ...], tuple[str, ...]]:
    """The written model in float32, with the weights that were missing and those that have no place."""
    if probe.whole:  # transformers refuses a checkpoint that lacks a weight
        return _raised(_base(probe, probe.adapter)), (), ()
    config = PeftConfig.from_pretrained(probe.adapter)
    peft = PeftModelForCausalLM(_base(probe, probe.base), config)
    loaded = peft.load_adapter(probe.adapter, "default")
    unexpected = tuple(name for name in loaded.unexpected_keys if name != VIRTUAL or not config.is_prompt_learning)
    return _raised(peft), tuple(loaded.missing_keys), unexpected


if __name__ == "__main__":
    worker.parent().perform(lambda: encode(examine(Path(sys.argv[1]))))
