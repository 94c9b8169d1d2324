"""Find prompts as a step: recall or search what `[prompts.NAME] optimise` asks for, and store it.

The rows that judge are set aside from the training split by groups of near-duplicates; what was held out is never read. In the
end the prompt shows rows of the whole split, where it shows the nearest.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec.structs import replace

from harness import config as harness_config
from harness.core import dataset_files, plugins, reads
from harness.core import options as option_tables
from harness.core.codec import digest
from harness.core.options import OptionsTable
from harness.core.reads import Reads
from harness.core.set_aside import by_hash, set_aside
from harness.errors import UsageError
from harness.evaluate import arms as evaluate_arms
from harness.evaluate.prompting.trial import Trial
from harness.evaluate.prompting.writer import PromptWriter
from harness.evaluate.runner.answering import Answerer
from harness.evaluate.runner.few_shot import solved
from harness.project import Project
from harness.sections import Config
from harness.types import Arm, Case, Dataset, Message, Noun, Prompt, PromptSearch, Reply, Request
from harness.types.bounds import Count, From0

OPTIMISERS: str = "prompt_optimisers"
KIND = "prompt"
"""Kind of artifact: a prompt that was found."""
LATEST = "found-prompt"
"""Memo step: dataset and section to the prompt that was found for them."""
LEAST, SHARE = 20, 0.4
"""Fewest training rows that can judge prompts, and the most of the training split that is set aside for it."""


class SearchOptions(Noun, frozen=True):
    """The keys of [prompts.NAME.options] that every search has."""

    calls: Count = 1500
    """Most requests to the model that answers."""
    validation: Annotated[int, msgspec.Meta(ge=LEAST)] = 60
    """Training rows that are set aside to judge prompts, at most two fifths of them."""
    scorer: str = ""
    """A scorer that judges replies; empty: a reply has to say the same as the row's target."""
    seed: int = 17
    """Draws the rows that are set aside, and the search's own choices."""


class WriterOptions(Noun, frozen=True):
    """Those of a search in which a model writes prompts."""

    model: str = ""
    """The arm whose model writes, such as `teacher` for [arms.teacher]; its prompt is left out."""
    reflections: Count = 30
    """Most requests to it."""
    money: From0 = 0.0
    """The most that it may cost, in the currency of the arm's `prices`; 0: no limit."""


def optimised(config: Config) -> dict[str, str]:
    """Prompt that a search has to find, to the arm that it is for."""
    found: dict[str, str] = {}
    for arm, spec in evaluate_arms.sections(config).items():
        if spec.prompt in config.prompts and config.prompts[spec.prompt].optimise and not spec.adapter:
            found.setdefault(spec.prompt, arm)
    return found


def known(project: Project, dataset: Dataset | None) -> dict[str, Prompt]:
    """Name to prompt of those that were found for a dataset."""
    found = {}
    for name in optimised(project.config) if dataset else ():
        ident = project.recalled(LATEST, _pointer(project.config, name, dataset), KIND)
        if ident:
            found[name] = project.store.artifacts.get(KIND, ident, Prompt)
    return found


def search(project: Project, dataset: Dataset | None, only: Sequence[str] = ()) -> None:
    """Find each prompt whose arm is to be asked (`only`; empty: all), unless it is known. Without a dataset, or with too few
    training rows, the arm is left out, and a note says so. Raises UsageError on options that make no sense."""
    for name, arm in optimised(project.config).items():
        if only and arm not in only:
            continue
        rows = _rows(project, dataset)
        pool, validation = _parted(rows, _table(project.config, name))
        if dataset is None or len(validation) < LEAST or not pool:
            project.progress.note(
                f"the arm {arm} is left out: {len(rows)} training rows are too few to search a prompt"
            )
            continue
        _search(project, dataset, name, arm, pool, validation)


def check(config: Config) -> None:
    """Raises UsageError on an optimiser or an option that nothing knows, and on a search that no model can write for."""
    for name, section in config.prompts.items():
        if not section.optimise:
            if section.options:
                raise UsageError(
                    "options of a search, and no search", where=f"[prompts.{name}]", next='add optimise = "demos"'
                )
            continue
        values = _table(config, name).values
        if values["scorer"]:
            plugins.known("scorers", values["scorer"])
        if _writes(section.optimise):
            _check_writer(config, name, values)


def _check_writer(config: Config, name: str, values: Mapping[str, object]) -> None:
    where = f"[prompts.{name}.options]"
    arms = evaluate_arms.sections(config)
    if values["model"] not in arms:
        raise UsageError(
            f"optimise = {config.prompts[name].optimise!r} needs a model that writes prompts: "
            + (f"there is no arm {values['model']!r}" if values["model"] else "none is named"),
            where=where,
            next=f'model = "NAME" of an arm: {", ".join(arms)}; or add [arms.teacher]',
        )
    if values["money"] and "prices" not in arms[str(values["model"])].options:
        raise UsageError(
            "a budget in money needs prices", where=where, next=f"set prices in [arms.{values['model']}] options"
        )


def _search(
    project: Project, dataset: Dataset, name: str, arm_name: str, pool: list[Case], validation: list[Case]
) -> None:
    section, table = project.config.prompts[name], _table(project.config, name)
    start = harness_config.prompt(project.config, name, dataset.prompts)
    if start is None:
        return  # the arm is left out as one whose prompt is to come from traces that have none
    arms = evaluate_arms.resolve(project.config, dataset.prompts, {}, found={name: start})
    arm, writing = arms[arm_name], arms.get(str(table.values.get("model", "")))
    key = _reads(section.optimise, table, [start, pool, validation], [arm, *([writing] if writing else [])]).key
    ident = project.recalled(KIND, key, KIND)
    if not ident:
        with project.progress.step("prompt"):
            prompt = _found(project, section.optimise, table, start, pool, validation, arm, writing)
        ident = project.store.artifacts.put(KIND, prompt)
        project.store.memo.remember(KIND, key, ident)
        made = prompt.search
        assert made is not None
        project.progress.note(
            f"{arm_name}: {made.before:.3f} to {made.after:.3f} on {made.cases} training rows that were set aside "
            f"({made.tried} prompts, {made.calls:,} calls)"
        )
    project.store.memo.remember(LATEST, _pointer(project.config, name, dataset), ident)


def _found(
    project: Project,
    optimiser: str,
    table: OptionsTable,
    start: Prompt,
    pool: Sequence[Case],
    validation: Sequence[Case],
    arm: Arm,
    writing: Arm | None,
) -> Prompt:
    """Run the search. The models are let go of at its end."""
    plugin, values = plugins.load(OPTIMISERS, optimiser), table.values
    answerer = Answerer(
        [arm, *([replace(writing, name="writer")] if writing else [])], str(project.store.root / "replies")
    )
    try:
        writer = None
        if writing:
            write = _ask(answerer, replace(writing, name="writer"))
            writer = PromptWriter(write, values["reflections"], values["money"])
        trial = Trial(
            start,
            pool,
            validation,
            _ask(answerer, arm),
            calls=values["calls"],
            scorer=values["scorer"],
            seed=values["seed"],
            writer=writer,
        )
        before = trial.score(start)
        struct = option_tables.struct_of(plugin)
        prompt: Prompt = plugin.optimise(trial, option_tables.read(values, struct, "") if struct else None)
        after = trial.score(prompt)
    finally:
        answerer.close()
    return replace(
        prompt,
        search=PromptSearch(
            optimiser=optimiser,
            cases=len(validation),
            before=before,
            after=after,
            tried=trial.tried,
            calls=trial.asked,
            reflections=writer.asked if writer else 0,
            cost=writer.cost if writer else None,
            shown=_shown(prompt, pool),
        ),
    )


def _ask(answerer: Answerer, arm: Arm) -> Callable[[Sequence[Request]], Sequence[Reply | Exception]]:
    options = arm.template_options
    return lambda requests: answerer.answer(arm, [replace(each, template_options=options) for each in requests])


def _rows(project: Project, dataset: Dataset | None) -> list[Case]:
    """The training rows with a target and a question."""
    if dataset is None:
        return []
    cases = dataset_files.read_split(project.store.artifacts.folder("dataset", dataset.id), "train")
    return [case for case in cases if case.target is not None and case.text.strip()]


def _parted(rows: Sequence[Case], table: OptionsTable) -> tuple[list[Case], list[Case]]:
    """What may be shown, and what judges, in an order that depends on the rows alone."""
    most = min(int(table.values["validation"]), int(SHARE * len(rows)))
    pool, validation = set_aside(rows, most, by_hash(table.values["seed"], "prompt"))
    return pool, sorted(validation, key=lambda case: digest([table.values["seed"], case.id]))


def _table(config: Config, name: str) -> OptionsTable:
    section = config.prompts[name]
    plugin = plugins.load(OPTIMISERS, section.optimise)
    own = option_tables.struct_of(plugin)
    kinds: list[type[msgspec.Struct]] = [
        SearchOptions,
        *([WriterOptions] if _writes(section.optimise) else []),
        *([own] if own else []),
    ]
    return option_tables.table(section.options, kinds, f"[prompts.{name}.options]", config.root)


def _writes(optimiser: str) -> bool:
    return bool(getattr(plugins.load(OPTIMISERS, optimiser), "WRITES", False))


def _reads(optimiser: str, table: OptionsTable, values: list[object], arms: Sequence[Arm]) -> Reads:
    return Reads(
        step=KIND,
        code=reads.code("harness.evaluate.prompting.trial", "harness.evaluate.prompting.writer"),
        options=[table.knobs, digest(values), [[arm.options, arm.template_options] for arm in arms]],
        plugins=reads.plugin_code(OPTIMISERS, [optimiser]),
        nouns={f"model {at}": plugins.load("backends", arm.backend).digest(arm) for at, arm in enumerate(arms)},
    )


def _pointer(config: Config, name: str, dataset: Dataset | None) -> str:
    return digest([name, dataset.id if dataset else "", config.prompts[name], config.model])


def _shown(prompt: Prompt, pool: Sequence[Case]) -> tuple[str, ...]:
    """Ids of the calls whose answers the prompt holds, so that forgetting a person finds them."""
    said: set[Message] = set(prompt.messages)
    return tuple(case.call_id or case.id for case in pool if {*solved(case)} <= said)
