"""Save checkpoints: complete or invisible, hashed, and exact.

A checkpoint is a folder `step-00000120` with the trained weights, the optimizer's moments and `state.json`, which holds
the hashes of the others. It is written under another name and renamed, so a killed run leaves either a whole one or
none. Only safetensors and JSON: nothing that is read back can run. Dropout draws from a seed of its own step
(`trainers.training.descent`), so no generator's state has to be kept.
"""

import shutil
from pathlib import Path

import safetensors.torch
import torch
from msgspec.structs import replace

from harness.core.codec import encode, file_digest, read, sync_folder, write_atomic
from harness.errors import InputError, StorageError
from harness.types import CurvePoint, Noun
from trainers.model import parameters
from trainers.model.language_model import LanguageModel
from trainers.training import processes

STATE, WEIGHTS, OPTIMIZER = "state.json", "weights.safetensors", "optimizer.safetensors"
NEWEST = 2
"""How many of the newest are kept. Those at the end of an epoch are kept as well, to choose from."""


class TrainingState(Noun, frozen=True):
    """Where a training stands."""

    request: str
    """Digest of what is trained: a checkpoint of anything else is never resumed."""
    step: int = 0
    epoch_end: bool = False
    curve: tuple[CurvePoint, ...] = ()
    files: dict[str, str] = {}
    """File name to sha256."""


class Shelf:
    """The checkpoints of one training, in one folder."""

    def __init__(self, folder: Path, request: str) -> None:
        self.folder, self.request = folder, request

    def save(self, model: LanguageModel, optimizer: torch.optim.Optimizer, state: TrainingState, best: int = 0) -> None:
        """Add a checkpoint, durably, and remove those no longer needed, but not that of step `best`.

        Of several processes the first writes. Raises StorageError on a full disk.
        """
        if processes.first():
            self._write(model, optimizer, state)
            self._prune(best)
        processes.wait()

    def _write(self, model: LanguageModel, optimizer: torch.optim.Optimizer, state: TrainingState) -> None:
        target = self.folder / _name(state.step)
        partial = target.with_name(f".{target.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        write_atomic(partial / WEIGHTS, safetensors.torch.save(parameters.weights(model)))
        write_atomic(partial / OPTIMIZER, safetensors.torch.save(_moments(optimizer)))
        files = {name: file_digest(partial / name) for name in (WEIGHTS, OPTIMIZER)}
        write_atomic(partial / STATE, encode(replace(state, request=self.request, files=files)))
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
        sync_folder(self.folder)

    def resume(self, model: LanguageModel, optimizer: torch.optim.Optimizer) -> TrainingState:
        """Load the newest checkpoint of this very training that is whole; a state at step 0 when there is none."""
        for folder in self._newest_first():
            state = _valid(folder)
            if state is not None and state.request == self.request:
                parameters.load_weights(model, safetensors.torch.load_file(folder / WEIGHTS))
                _restore(optimizer, safetensors.torch.load_file(folder / OPTIMIZER))
                return state
        return TrainingState(request=self.request)

    def load(self, model: LanguageModel, step: int) -> None:
        """Put the weights of this training's checkpoint at `step` into the model. Raises StorageError without one."""
        folder = self.folder / _name(step)
        state = _valid(folder)
        if state is None or state.request != self.request:
            raise StorageError("the checkpoint that was chosen is damaged", where=str(folder), next="trueup tune")
        parameters.load_weights(model, safetensors.torch.load_file(folder / WEIGHTS))

    def clear(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _newest_first(self) -> list[Path]:
        return sorted(self.folder.glob("step-*"), reverse=True)

    def _prune(self, best: int) -> None:
        for folder in self._newest_first()[NEWEST:]:
            if folder.name == _name(best):
                continue
            state = _valid(folder)
            if state is None or not state.epoch_end or state.request != self.request:
                shutil.rmtree(folder, ignore_errors=True)


def _name(step: int) -> str:
    return f"step-{step:08d}"


def _valid(folder: Path) -> TrainingState | None:
    """The checkpoint's state, or None when any of its bytes is not what was written."""
    try:
        state = read(folder / STATE, TrainingState)
        whole = all(file_digest(folder / name) == expected for name, expected in state.files.items())
    except (OSError, InputError):
        return None
    return state if whole and state.files else None


def _moments(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The optimizer's tensors by parameter number and name, such as `3.exp_avg`."""
    states: dict[int, dict[str, torch.Tensor]] = optimizer.state_dict()["state"]
    return {f"{number}.{name}": value for number, state in states.items() for name, value in state.items()}


def _restore(optimizer: torch.optim.Optimizer, moments: dict[str, torch.Tensor]) -> None:
    states: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in moments.items():
        number, name = key.split(".")
        states.setdefault(int(number), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": states})
