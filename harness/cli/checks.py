"""Check the installation, the config, the models and every stored file, for `trueup doctor`."""

import importlib.metadata
import importlib.util
import os
import shutil
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from harness import config as harness_config
from harness import loop, report
from harness.core.adapters import HOSTED
from harness.core.codec import encode
from harness.core.plugins import PACKAGES, known, load, names
from harness.errors import InputError, TrueupError, UsageError
from harness.evaluate.arms import sections, template_options, tuned_section
from harness.gate import candidate
from harness.project import Project
from harness.redact.redaction import kinds
from harness.sections import ArmSection, JudgeSection
from harness.store import Store, memory
from harness.tune.step import check_arm
from harness.types import Arm, Json

OURS = ("trueup", "harness", "trainers", "reports")
LOW_DISK = 2**30
SHOWN = 20
"""Damaged files that are named."""
REPAIR = "restore them from a backup; without one, trueup doctor --repair continues with what is left"
FATES = (
    *("calls", "repeated", "conflicts", "feedback", "feedback_repeated", "quarantined", "quarantined_repeated"),
    *("forgotten", "suppressed"),
)

Check = tuple[str, bool, str]
"""Name, whether it is well, and what to know or to type."""


def examine(path: Path | None) -> list[Check]:
    """All checks, in the order in which to fix them."""
    checks = [_installation(name) for name in OURS] + [_packages(), _plugins(), _redaction()]
    try:
        config = harness_config.load(path)
    except (TrueupError, OSError) as error:
        return [*checks, ("config", False, _line(error))]
    checks.append(("config", True, f"{config.root}/{harness_config.FILE}"))
    checks.append(_attempt("names", lambda: _names_known(config)))
    checks.append(_attempt("options", lambda: _options_known(config)))
    if candidate.is_tuned(config, config.gate):
        checks.append(_attempt("recipe", lambda: _recipe(config)))
    checks += [_attempt(name, partial(_answers, arm)) for name, arm in _models(config).items()]
    checks += [_attempt(f"eval path {path}", partial(_exists, path)) for path in config.eval.paths]
    checks.append(_attempt("git", lambda: _out_of_git(config.store)))
    checks += [*_store(config), _attempt("feedback", lambda: _feedback(config))]
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


def _redaction() -> Check:
    """What personal data is looked for by default; a kind whose package is missing is not left out without a word."""
    missing = "" if "national_id" in kinds() else "; not national ids: pip install 'trueup[national-ids]'"
    return ("redaction", True, f"{len(kinds())} kinds{missing}")


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
        *(("notifiers", one.kind) for one in config.notify.values()),
        *(("trackers", name) for name in config.track),
        ("adapters", config.tune.adapter),
        *(("prompt_optimisers", one.optimise) for one in config.prompts.values()),
        *(("reports", report.SHORT.get(name, name)) for name in config.report.formats),
    ]
    for kind, name in asked:
        if name:
            known(kind, name)
    return "every plug-in that trueup.toml names is there"


def _options_known(config: harness_config.Config) -> str:
    """A misspelt option too, by every step that reads one."""
    loop.check(config)
    return "every option that trueup.toml names is one of its plug-in"


def _recipe(config: harness_config.Config) -> str:
    """Can the model that is trained be loaded and rendered, and its adapter be asked?"""
    from harness.evaluate.inference.acceptance import accept_whole

    section = tuned_section(config)
    if not (base := section.model or config.model.base):
        raise UsageError("no model is named", next="set [model] base in trueup.toml to the folder of a model")
    if config.tune.method != HOSTED:
        accept_whole(base, template_options(config, section))
    check_arm(config)
    return f"{config.tune.method} with {config.tune.adapter} on {base}"


def _models(config: harness_config.Config) -> dict[str, Arm]:
    """One arm or judge for each model that is asked, under the names of all that ask it."""
    asked: list[tuple[str, ArmSection | JudgeSection, dict[str, Json]]] = [
        (name, spec, template_options(config, spec)) for name, spec in sections(config).items()
    ]
    for name, judge in config.judges.items():
        asked.append((name, judge, {} if judge.model else config.model.template_options))
    same: dict[bytes, list[Arm]] = defaultdict(list)
    for name, spec, variables in asked:
        arm = Arm(
            name=name,
            backend=spec.backend or config.model.backend,
            model=spec.model or config.model.base,
            options=spec.options,
            template_options=variables,
        )
        same[encode(replace(arm, name=""))].append(arm)
    return {f"model of {', '.join(arm.name for arm in arms)}": arms[0] for arms in same.values()}


def _answers(arm: Arm) -> str:
    """Could the arm be asked? Nothing is loaded and nothing is paid for."""
    backend = load("backends", arm.backend)
    return str(backend.check(arm)) if hasattr(backend, "check") else f"{arm.backend} is not asked before a run"


def _attempt(name: str, check: Callable[[], str]) -> Check:
    try:
        return (name, True, check())
    except (TrueupError, OSError) as error:
        return (name, False, _line(error))


def _exists(path: str) -> str:
    if not os.path.exists(path):
        raise TrueupError("does not exist", where=path, next="set [eval] paths, or run trueup init")
    return "found"


def repair(path: Path | None) -> list[str]:
    """Let the store go on with what is left; says what was lost. Hold no lock. Raises BusyError while a run is at work."""
    config = harness_config.load(path)
    return Store.repair(config.store, config.storage.address, config.storage.id, (Path(config.report.out),))


def _store(config: harness_config.Config) -> list[Check]:
    """The stored files, what refers to them, the counts and the work folders."""
    if not config.store.exists() and not config.storage.address:
        return [("store", True, "nothing stored yet")]
    try:
        store = Store.open(config.store, config.storage.address, config.storage.id)
        store.reports = (Path(config.report.out),)
    except (TrueupError, OSError) as error:
        return [("store", False, _line(error))]
    return [
        _attempt("store", lambda: _files(store)),
        _attempt("memory", lambda: _memory(store)),
        _attempt("references", lambda: _references(store)),
        _attempt("counts", lambda: _counts(store)),
        _attempt("work folders", lambda: _work_folders(store)),
    ]


def _files(store: Store) -> str:
    damaged = store.verify()
    if damaged:
        raise TrueupError(f"{len(damaged)} damaged or lost: {_few(damaged)}", next=REPAIR)
    if store.origin.address:
        return f"every file of the working copy is as it was written; trueup store verify reads all of {store.place}"
    return "every stored file is as it was written"


def _memory(store: Store) -> str:
    memory.check(store, store.reports)
    return "the ledger knows what the verdicts, promotions and datasets rest on"


def _feedback(config: harness_config.Config) -> str:
    """Feedback that reaches no call, or is not understood, teaches nothing. Raises InputError when none reaches one."""
    if not config.store.exists() and not config.storage.address:
        return "nothing stored yet"
    summary = Project.open(config).feedback_summary()
    linked, waiting = sum(summary.linked.values()), summary.unlinked
    causes = "; ".join(
        f"{one.records:,} link to no call ({', '.join(one.examples)}): {one.cause}" for one in summary.waiting
    )
    if waiting and not linked:
        raise InputError(f"none of {waiting:,} feedback records links to a call: {causes}")
    unknown = [
        f"{one.unknown:,} of {one.name} are not understood: {one.next.replace(chr(10), ', ')}"
        for one in summary.names
        if one.next
    ]
    return "; ".join([f"{linked:,} records linked", *([causes] if waiting else []), *unknown])


def _out_of_git(store: Path) -> str:
    """What users wrote belongs in no commit. Raises InputError when git has files of the store."""
    folder = next((each for each in store.parents if (each / ".git").exists()), None)
    if folder is None:
        return "no git repository"
    name = f"{store.relative_to(folder).as_posix()}/"
    if name.encode() in _index(folder / ".git"):
        raise InputError(
            "git has files of the store, which contains what users wrote",
            where=str(store),
            next=f"git rm -r --cached {name}; whoever has a clone has them, too",
        )
    return "git has no file of the store"


def _index(git: Path) -> bytes:
    """Git's index, in which each path stands as it is; of a worktree, whose `.git` is a file, its own."""
    if git.is_file():
        git = git.parent / git.read_text(encoding="utf-8").partition("gitdir:")[2].strip()
    return (git / "index").read_bytes() if (git / "index").is_file() else b""


def _references(store: Store) -> str:
    lost = store.dangling()
    if lost:
        raise TrueupError(
            f"{len(lost)} name something that is gone: {_few(lost)}",
            next="trueup doctor --repair, then trueup run; for an alias, trueup promote --undo",
        )
    return "whatever is referred to is there"


def _counts(store: Store) -> str:
    """All that was ever read has one fate."""
    counts = store.traces.counts()
    fates = sum(counts[fate] for fate in FATES)
    if counts["read"] != fates:
        raise TrueupError(f"{counts['read']:,} records were read, {fates:,} are accounted for", next=REPAIR)
    return f"{counts['read']:,} records read, each accounted for"


def _work_folders(store: Store) -> str:
    left = len(store.artifacts.stale_scratch())
    return f"{left} left by runs that were killed; the next run removes them" if left else "none left behind"


def _few(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _disk(root: Path) -> Check:
    free = shutil.disk_usage(root).free
    return ("disk", free > LOW_DISK, f"{free / 2**30:.1f} GiB free")


def _line(error: Exception) -> str:
    return str(error).replace("\n  ", "; ")
