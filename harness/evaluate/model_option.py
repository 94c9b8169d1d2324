"""Resolve `pytest evals --model NAME`: the arm, its mined data and its cached replies.

Stands beside the loop: it opens the project as the loop does, and asks for less.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from msgspec.structs import replace

from harness import config as harness_config
from harness.core.plugins import names, says
from harness.errors import UsageError
from harness.evaluate import arms as evaluate_arms
from harness.evaluate import step as evaluate_step
from harness.project import Project
from harness.types import Arm, EvalRequest


def request(name: str | None, root: Path, here: Path, paths: tuple[str, ...], repeats: int = 0) -> EvalRequest:
    """What to evaluate for one developer: at most one arm.

    Without a name that is `[eval] model`, if `paths` are eval paths or below: bare `pytest` beside tests asks no model.
    `name` is an arm of the trueup.toml nearest to `paths`, else to `here` or `root`; or needs none: a folder with a
    model, `NAME@URL` of an endpoint, `scripted:FILE` or `recorded:FILE`, relative to `here`. Without a name there is no arm, which is enough to collect. Raises
    UsageError on a name that is not an arm.
    """
    asked = EvalRequest(arms=(), paths=paths, out="", repeats=repeats)
    if (file := _config_file(*map(Path, paths), here, root)) is None:
        return replace(asked, arms=_pick(name, {}, root, here))

    config = harness_config.load(file)
    project = Project.open(config)
    dataset, adapter = project.latest_or_none()
    folders = {config.project.name: str(project.store.artifacts.folder("dataset", dataset.id))} if dataset else {}
    ready = evaluate_step.arms(project, dataset, adapter)
    if name is None and config.eval.model and _are_evals(paths, config.eval.paths):
        name, here = config.eval.model, file.parent
    if name and name not in ready and name in evaluate_arms.sections(config):
        raise evaluate_arms.absent(config, name, ready)
    return replace(
        asked,
        arms=_pick(name, ready, file, here),
        datasets=folders,
        replies=str(project.store.root / "replies"),
        batch_size=config.eval.batch_size,
        judges=evaluate_arms.judges(config),
        application=evaluate_step.application(config),
    )


def arm_names(*near: Path) -> str:
    """The names that --model takes, for a message; `near` as in `_config_file`."""
    file = _config_file(*near)
    named = list(harness_config.load(file).arms) or ["base"] if file else []
    return " or ".join([*named, "a model's folder", "NAME@URL", *(f"{name}:FILE" for name in _from_files())])


def _are_evals(paths: tuple[str, ...], eval_paths: tuple[str, ...]) -> bool:
    """Whether what pytest was called with are eval paths or below."""
    return any(Path(path).resolve().is_relative_to(Path(folder).resolve()) for path in paths for folder in eval_paths)


def _pick(name: str | None, arms: Mapping[str, Arm], root: Path, here: Path) -> tuple[Arm, ...]:
    if name is None:
        return ()
    backend, _, file = name.partition(":")
    if file and says("backends", backend, "FILE", False):
        if not (here / file).is_file():
            raise UsageError(f"the file of --model {name} is not there", where=str(here / file), next="fix the path")
        return (Arm(name=backend, backend=backend, model=str(here / file)),)
    if name in arms:
        return (arms[name],)
    model, _, url = name.rpartition("@")
    if model and url.startswith(("http://", "https://")):
        return (Arm(name=model, backend="openai_compatible", model=model, options={"url": url}),)
    if (here / name / "config.json").is_file():
        return (Arm(name=Path(name).name, backend="hf", model=str(here / name)),)
    why = "" if arms else f" ({harness_config.FILE} is not there)"
    raise UsageError(f"there is no arm named {name!r}{why}", where=str(root), next=f"--model {arm_names(root)}")


def _from_files() -> Iterator[str]:
    """Backends that a file is enough for, of those whose packages are there."""
    for name in names("backends"):
        with suppress(UsageError):
            if says("backends", name, "FILE", False):
                yield name


def _config_file(*near: Path) -> Path | None:
    """The trueup.toml nearest to the eval files that were named, else to where pytest was called, else to its root."""
    for start in near:
        try:
            return harness_config.find(start)
        except UsageError:
            continue
    return None
