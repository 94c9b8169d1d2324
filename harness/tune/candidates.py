"""Read [candidates.*]: the project and the dataset as each candidate has them."""

import dataclasses
import shutil
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import to_builtins
from msgspec.structs import replace

from harness import config as config_file
from harness.core import dataset_files
from harness.core.codec import digest, encode, write_atomic
from harness.core.dataset_files import EVALUATED
from harness.core.set_aside import by_hash, set_aside
from harness.errors import UsageError
from harness.evaluate import arms as evaluate_arms
from harness.evaluate.arms import TUNED
from harness.project import Project
from harness.sections import CandidateSection, Config
from harness.types import Case, Dataset, Recipe

ASIDE, MOST = 0.1, 64
"""Share of the training rows, and most of them, that candidates are compared by before the suites are asked."""


class Entrant(NamedTuple):
    name: str
    project: Project
    """With the candidate's settings in the place of [tune] and of the tuned arm's model."""
    dataset: Dataset


def configs(config: Config) -> dict[str, Config]:
    """Candidate to the config that it alone would have. Raises UsageError on an unknown key or a share out of range."""
    return {name: _config(config, name, spec) for name, spec in config.candidates.items()}


def _config(config: Config, name: str, spec: CandidateSection) -> Config:
    where = f"[candidates.{name}]"
    if not 0 < spec.train_share <= 1:
        raise UsageError(f"train_share is {spec.train_share:g}", where=where, next="write a share above 0, at most 1")
    stated = {**to_builtins(config.tune), **spec.tune}
    recipe = config_file.section(stated, Recipe, where=f"[candidates.{name}.tune]")
    tuned = evaluate_arms.tuned_section(config)
    if not spec.model:
        return replace(config, tune=recipe)
    arms = {**evaluate_arms.sections(config), TUNED: replace(tuned, model=spec.model)}
    return replace(config, tune=recipe, arms=arms)


def projects(project: Project) -> list[Project]:
    """The project as each candidate has it; itself where there are no candidates."""
    return [replaced(project, config) for config in configs(project.config).values()] or [project]


def entries(project: Project, dataset: Dataset) -> tuple[list[Entrant], tuple[str, ...]]:
    """The candidates in the order of trueup.toml, and the ids of the training rows that all of them set aside."""
    train = dataset_files.read_split(project.store.artifacts.folder("dataset", dataset.id), "train")
    rest, aside = set_aside(
        train, min(MOST, round(ASIDE * len(train))), by_hash(project.config.tune.seed, "candidates")
    )
    found = []
    for name, config in configs(project.config).items():
        share = project.config.candidates[name].train_share
        data = dataset if share == 1 else _thinned(project, dataset, rest, aside, share)
        found.append(Entrant(name, replaced(project, config), data))
    return found, tuple(case.id for case in aside)


def replaced(project: Project, config: Config) -> Project:
    """The same open project under another config."""
    return dataclasses.replace(project, config=config)


def _thinned(project: Project, dataset: Dataset, rest: Sequence[Case], aside: Sequence[Case], share: float) -> Dataset:
    """The dataset with a share of its training rows, whole groups; what is held out, and set aside, stays."""
    _, kept = set_aside(rest, round(share * len(rest)), by_hash(project.config.tune.seed, "train_share"))
    return derived(project, dataset, [*kept, *aside], {"train_share": share})


def derived(project: Project, dataset: Dataset, rows: Sequence[Case], notes: dict[str, float | int]) -> Dataset:
    """The dataset with other training rows; what is held out stays byte for byte."""
    source = project.store.artifacts.folder("dataset", dataset.id)
    folder = project.store.artifacts.scratch("dataset")
    for name in (*EVALUATED, "replay", "fates", "doubts"):
        if (source / f"{name}.jsonl").exists():
            shutil.copyfile(source / f"{name}.jsonl", folder / f"{name}.jsonl")
    dataset_files.write_train(folder, rows)
    made = replace(
        dataset,
        id=digest([dataset.id, rows]),
        counts={**dataset.counts, "train": len(rows)},
        parents=(dataset.id,),
        notes={**dataset.notes, **notes},
    )
    write_atomic(folder / "dataset.json", encode(made) + b"\n")
    project.store.artifacts.add_folder("dataset", made.id, folder)
    return made
