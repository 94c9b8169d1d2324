"""Load plug-ins by kind and name: from the kind's folder first, from entry points second.

A plug-in is a module: the file `harness/ingest/formats/otlp.py` is the format `otlp`. Nothing is registered. Third parties
offer theirs by an entry point in the group `trueup.<kind>`, such as `trueup.scorers`. Only the module that was asked
for is imported, so a plug-in may import torch at its top and `trueup --help` still answers at once.
"""

import importlib
import importlib.metadata
import pkgutil
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Literal, TypeVar, overload

from harness.core import protocols
from harness.core.nearest import did_you_mean
from harness.errors import UsageError

T = TypeVar("T")

PACKAGES = {
    "formats": "harness.ingest.formats",
    "detectors": "harness.mine.detectors",
    "doubts": "harness.curate.doubts",
    "scorers": "harness.evaluate.scorers",
    "backends": "harness.evaluate.backends",
    "rules": "harness.gate.rules",
    "redactors": "harness.redact.redactors",
    "trainers": "trainers",
    "adapters": "trainers.adapters",
    "reports": "reports",
    "reply_formats": "harness.core.reply_formats",
    "notifiers": "harness.notify.kinds",
    "targets": "harness.promote.targets",
    "engines": "harness.core.engines",
    "trackers": "harness.notify.trackers",
    "prompt_optimisers": "harness.evaluate.prompting.optimisers",
    "gateways": "harness.promote.gateways",
}
"""Kind of plug-in to the package whose files are the plug-ins. Folders in it, and files that start with an underscore, are
what these stand on."""


@cache
def names(kind: str) -> tuple[str, ...]:
    """Sorted names of all plug-ins of a kind, without importing any of them."""
    package = importlib.import_module(PACKAGES[kind])
    own = {module.name for module in pkgutil.iter_modules(package.__path__) if not module.ispkg}
    return tuple(sorted({name for name in own if not name.startswith("_")} | set(_foreign(kind))))


@overload
def load(kind: Literal["detectors"], name: str) -> protocols.Detector: ...
@overload
def load(kind: Literal["doubts"], name: str) -> protocols.DoubtSign: ...
@overload
def load(kind: Literal["backends"], name: str) -> protocols.AnswerBackend: ...
@overload
def load(kind: Literal["rules"], name: str) -> protocols.GateRule: ...
@overload
def load(kind: Literal["trainers"], name: str) -> protocols.Trainer: ...
@overload
def load(kind: Literal["adapters"], name: str) -> protocols.AdapterKind: ...
@overload
def load(kind: Literal["reports"], name: str) -> protocols.Report: ...
@overload
def load(kind: Literal["notifiers"], name: str) -> protocols.Notifier: ...
@overload
def load(kind: Literal["reply_formats"], name: str) -> protocols.ReplyFormat: ...
@overload
def load(kind: Literal["prompt_optimisers"], name: str) -> protocols.PromptOptimiser: ...
@overload
def load(kind: Literal["targets"], name: str) -> protocols.DeployTarget: ...
@overload
def load(kind: Literal["engines"], name: str) -> protocols.Engine: ...
@overload
def load(kind: Literal["trackers"], name: str) -> protocols.Tracker: ...
@overload
def load(kind: Literal["gateways"], name: str) -> protocols.Gateway: ...
@overload
def load(kind: Literal["formats", "scorers", "redactors"], name: str) -> ModuleType: ...
@overload
def load(kind: str, name: str) -> Any: ...
@cache
def load(kind: str, name: str) -> Any:
    """The plug-in's module.

    Raises UsageError with the nearest known name, with what to install, or with what it lacks of its protocol.
    """
    known(kind, name)
    path = f"{PACKAGES[kind]}.{name}"
    try:
        module = importlib.import_module(path) if find_spec(path) else _foreign(kind)[name].load()
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] in ("harness", "trainers", "reports"):
            raise
        raise UsageError(
            f"{kind[:-1]} {name!r} needs the package {error.name!r}", next=f"pip install {error.name}"
        ) from error
    lack = protocols.lack(kind, name, module)
    if lack:
        raise UsageError(
            f"{kind[:-1]} {name!r} cannot be used: {lack}",
            where=getattr(module, "__name__", str(module)),
            next=f"offer what harness.core.protocols says of {kind}",
        )
    return module


def says(kind: str, name: str, what: str, default: T) -> T:
    """What a plug-in says of itself in a constant of its file; `default` where it leaves that out, or is not there."""
    return getattr(load(kind, name), what, default) if name in names(kind) else default


def module_name(kind: str, name: str) -> str:
    """Dotted name of the plug-in's module. Raises UsageError as `load` does; imports nothing of it."""
    known(kind, name)
    path = f"{PACKAGES[kind]}.{name}"
    return path if find_spec(path) else _foreign(kind)[name].module


def known(kind: str, name: str) -> None:
    """Raises UsageError with the nearest known name when there is no such plug-in; imports none."""
    if name not in names(kind):
        raise UsageError(f"there is no {kind[:-1]} named {name!r}", next=did_you_mean(name, names(kind), kind))


def helper(kind: str, name: str) -> ModuleType:
    """A module of the plug-ins' package that is no plug-in itself, such as `reports.parts.terminal`."""
    return importlib.import_module(f"{PACKAGES[kind]}.{name}")


@cache
def _foreign(kind: str) -> dict[str, importlib.metadata.EntryPoint]:
    return {point.name: point for point in _entry_points().select(group=f"trueup.{kind}")}


_entry_points = cache(importlib.metadata.entry_points)
"""What all installed packages offer. Reading it takes tens of milliseconds, so each process does it once."""
