"""Check the installation, the config, the models and every stored file, for `trueup doctor`."""

import importlib.metadata
import importlib.util
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from harness import config as harness_config
from harness import loop
from harness.core.digests import model_digests
from harness.core.plugins import PACKAGES, known, names
from harness.errors import TrueupError
from harness.store import Store

OURS = ("trueup", "harness", "trainers", "reports")
LOW_DISK = 2**30

Check = tuple[str, bool, str]
"""Name, whether it is well, and what to know or to type."""


def examine(path: Path | None) -> list[Check]:
    """All checks, in the order in which to mend them."""
    checks = [_installation(name) for name in OURS] + [_packages(), _plugins()]
    try:
        config = harness_config.load(path)
    except TrueupError as error:
        return [*checks, ("config", False, _line(error))]
    checks.append(("config", True, f"{config.root}/{harness_config.FILE}"))
    checks.append(_attempt("names", lambda: _names_known(config)))
    checks.append(_attempt("options", lambda: _options_known(config)))
    checks.append(_attempt("model", lambda: f"weights {model_digests(config.model.base).weights[:12]}"))
    checks += [_attempt(f"eval path {path}", partial(_exists, path)) for path in config.eval.paths]
    checks.append(_attempt("store", lambda: _store(config.store)))
    return [*checks, _disk(Path(config.root))]


def _installation(package: str) -> Check:
    """A folder of the same name on the path would be imported instead of ours; name the intruder."""
    spec = importlib.util.find_spec(package)
    found = Path(spec.origin).parent if spec and spec.origin else None
    expected = Path(__file__).parents[2] / package
    return (f"package {package}", found == expected, str(found) if found == expected else f"{found} hides {expected}")


def _packages() -> Check:
    """The versions that matter when a result differs between two machines."""
    parts = [f"{name} {importlib.metadata.version(name)}" for name in ("trueup", "torch", "transformers", "peft")]
    return ("versions", True, ", ".join(parts))


def _plugins() -> Check:
    return ("plug-ins", True, ", ".join(f"{len(names(kind))} {kind}" for kind in PACKAGES))


def _names_known(config: harness_config.Config) -> str:
    """A misspelt plug-in is told now, and not in the middle of the night."""
    arms, judges = config.arms.values(), config.judges.values()
    backends = [config.model.backend, *(one.backend for one in arms), *(one.backend for one in judges)]
    asked = [
        ("formats", config.ingest.format),
        *(("redactors", name) for name in config.privacy.kinds),
        *(("detectors", name) for name in config.mine.detectors),
        *(("backends", name) for name in backends),
        ("trainers", config.tune.method),
        ("adapters", config.tune.adapter),
        *(("reports", name) for name in config.report.formats),
    ]
    for kind, name in asked:
        if name:
            known(kind, name)
    return "every plug-in that trueup.toml names is there"


def _options_known(config: harness_config.Config) -> str:
    """A misspelt option too, by every step that reads one."""
    loop.check(config)
    return "every option that trueup.toml names is one of its plug-in"


def _attempt(name: str, check: Callable[[], str]) -> Check:
    try:
        return (name, True, check())
    except TrueupError as error:
        return (name, False, _line(error))


def _exists(path: str) -> str:
    if not os.path.exists(path):
        raise TrueupError("does not exist", where=path, next="set [eval] paths, or run trueup init")
    return "found"


def _store(root: Path) -> str:
    if not root.exists():
        return "nothing stored yet"
    damaged = Store.open(root).verify()
    if damaged:
        raise TrueupError(f"{len(damaged)} damaged: {', '.join(damaged[:3])}", next="remove them and run trueup run")
    return "every stored file is as it was written"


def _disk(root: Path) -> Check:
    free = shutil.disk_usage(root).free
    return ("disk", free > LOW_DISK, f"{free / 2**30:.1f} GiB free")


def _line(error: TrueupError) -> str:
    return str(error).replace("\n  ", "; ")
