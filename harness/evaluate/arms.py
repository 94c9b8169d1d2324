"""Resolve the arms of trueup.toml: fill in their prompts and adapters.

Without [arms.*] there are the three that every fine-tune has to be held against: `base`, `prompted` (the prompt that
production used, worked examples and all) and `tuned`. `champion` joins when something has been promoted, and so does an
arm that asks no model: `constant`, which gives the commonest training answer to everything, or `empty`, which gives no
answer, where nothing was curated. Whoever does not beat it has learnt nothing from the message, and a guard that it passes
cannot fail.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from harness.config import prompt
from harness.core import options as option_tables
from harness.core.codec import canonical
from harness.core.nearest import did_you_mean
from harness.core.options import OptionsTable
from harness.core.replies import json_object
from harness.errors import UsageError
from harness.sections import ArmSection, Config, JudgeSection
from harness.types import Arm, Case, Json, Message, Prompt

TUNED, CHAMPION = "tuned", "champion"
CONSTANT, EMPTY = "constant", "empty"
FIXED = (CONSTANT, EMPTY)
"""Arms that give one answer to everything: the commonest training answer, and none at all."""


def sections(config: Config) -> dict[str, ArmSection]:
    """The arms that the file names, or the usual three, and one for each prompt that a search has to find and no arm has.

    `tuned` is among them where something is to be trained."""
    named = {*(spec.prompt for spec in config.arms.values()), *config.arms}
    searched = {
        name: ArmSection(prompt=name) for name, spec in config.prompts.items() if spec.optimise and name not in named
    }
    if config.arms:
        given = {**config.arms, **searched}
        trains = TUNED in (config.gate.candidate, *given, *(spec.adapter for spec in given.values()))
        if not trains:
            return given
        given.setdefault(TUNED, ArmSection(prompt=next(iter(given.values())).prompt))
        given[TUNED] = replace(given[TUNED], adapter=given[TUNED].adapter or TUNED)
        return given
    written = {name: spec for name, spec in config.prompts.items() if not spec.optimise}
    recorded = next((name for name, spec in written.items() if spec.traces), "")
    short = next((name for name, spec in written.items() if not spec.traces), "")
    arms = {"base": ArmSection(prompt=short)}
    if recorded:
        arms["prompted"] = ArmSection(prompt=recorded)
    return {**arms, **searched, TUNED: ArmSection(prompt=short, adapter=TUNED)}


def tuned_section(config: Config) -> ArmSection:
    """The arm that is trained. Raises UsageError where trueup.toml neither names it nor has it as the candidate."""
    known = sections(config)
    if TUNED not in known:
        raise UsageError(
            f"nothing is to be trained: the candidate is {config.gate.candidate!r}",
            where="[gate] candidate",
            next='add [arms.tuned], or set candidate = "tuned" under [gate]',
        )
    return known[TUNED]


def resolve(
    config: Config,
    recorded: tuple[Prompt, ...],
    adapters: dict[str, str],
    champion: Arm | None = None,
    found: Mapping[str, Prompt] = {},
) -> dict[str, Arm]:
    """Arms that can be run now.

    `adapters` maps `tuned` and `champion` to adapter folders; an arm whose adapter is not there yet is left out, and so
    is one whose prompt should come from traces that have none, or from a search and is not in `found`. `champion` is the promoted arm, where it is not just an adapter.
    Raises UsageError as `check_options` does.
    """
    arms: dict[str, Arm] = {}
    tables = {name: _options(config, f"arms.{name}", spec) for name, spec in sections(config).items()}
    for name, spec in sections(config).items():
        words = found.get(spec.prompt) if _is_searched(config, spec) else prompt(config, spec.prompt, recorded)
        folder = adapters.get(spec.adapter, "") if spec.adapter in (TUNED, CHAMPION) else config.path(spec.adapter)
        if words is None or (spec.adapter and not folder):
            continue
        arms[name] = Arm(
            name=name,
            backend=spec.backend or config.model.backend,
            model=spec.model or config.model.base,
            adapter=folder,
            prompt=words,
            options=tables[name].given,
            template_options=template_options(config, spec),
        )
    if CHAMPION in adapters and TUNED in arms and CHAMPION not in arms:
        arms[CHAMPION] = replace(arms[TUNED], name=CHAMPION, adapter=adapters[CHAMPION])
    if champion and CHAMPION not in arms:
        arms[CHAMPION] = replace(champion, name=CHAMPION)
    return arms


def _is_searched(config: Config, spec: ArmSection) -> bool:
    return bool(spec.prompt in config.prompts and config.prompts[spec.prompt].optimise)


def check_trainable(config: Config, name: str, words: Prompt | None) -> None:
    """Raises UsageError where nothing can be trained under the prompt of that name."""
    if words is not None and words.nearest:
        raise UsageError(
            f"the prompt {name!r} changes with each case, so nothing is trained under it",
            where="[arms.tuned]",
            next="give examples by `nearest` to an arm of its own, and the tuned arm another prompt",
        )
    if name in config.prompts and config.prompts[name].optimise:
        raise UsageError(
            f"the prompt {name!r} is searched after the training, so nothing is trained under it",
            where="[arms.tuned]",
            next="give the tuned arm another prompt; a prompt that was found can be pasted from the report",
        )


def production(config: Config) -> str:
    """The arm that production runs while nothing is promoted: the one that says so, else the one with production's prompt.

    Empty where no arm does. Raises UsageError where several say so.
    """
    arms = sections(config)
    named = [name for name, spec in arms.items() if spec.production]
    if len(named) > 1:
        raise UsageError(f"several arms are production: {', '.join(named)}", next=f"keep it in [arms.{named[0]}] only")
    recorded = [
        name
        for name, spec in arms.items()
        if not spec.adapter and spec.prompt in config.prompts and config.prompts[spec.prompt].traces
    ]
    return next(iter([*named, *recorded]), "")


def template_options(config: Config, spec: ArmSection) -> dict[str, Json]:
    """The arm's variables of the chat template: those of [model], and its own over them."""
    return {**config.model.template_options, **spec.template_options}


def absent(config: Config, name: str, ready: Iterable[str]) -> UsageError:
    """What to say of an arm that cannot be asked: what it needs is not there yet, or the file names no such arm."""
    spec = sections(config).get(name)
    if name == CHAMPION or (spec and spec.adapter == CHAMPION):
        return UsageError(f"the arm {name!r} waits for something to be promoted", next="trueup promote")
    if spec and spec.adapter == TUNED:
        return UsageError(f"the arm {name!r} has no adapter yet", next="trueup tune")
    if spec and _is_searched(config, spec):
        return UsageError(
            f"the prompt of the arm {name!r} is searched on training rows, and there are too few", next="trueup curate"
        )
    if spec:
        return UsageError(f"the prompt of the arm {name!r} is read off the traces", next="trueup ingest; trueup curate")
    return UsageError(f"there is no arm named {name!r}", next=did_you_mean(name, ready, "arms"))


def judges(config: Config) -> tuple[Arm, ...]:
    """The models of [judges.*]; one that names no model asks the base model. Raises UsageError on an unknown option."""
    return tuple(
        Arm(
            name=name,
            backend=judge.backend or config.model.backend,
            model=judge.model or config.model.base,
            options=_options(config, f"judges.{name}", judge).given,
            template_options={} if judge.model else config.model.template_options,
        )
        for name, judge in config.judges.items()
    )


def check_options(config: Config) -> None:
    """Raises UsageError on an option of an arm or a judge that its backend does not have, naming the nearest, and where
    several arms are production."""
    for name, arm in sections(config).items():
        _options(config, f"arms.{name}", arm)
    judges(config)
    production(config)


def _options(config: Config, name: str, spec: ArmSection | JudgeSection) -> OptionsTable:
    backend = spec.backend or config.model.backend
    return option_tables.of_plugin("backends", backend, spec.options, f"[{name}] options", config.root)


def fixed(train: Sequence[Case]) -> Arm:
    """The arm that gives the commonest training answer to everything, or no answer where nothing has a target."""
    answers = Counter(_written(case.target) for case in train if case.target is not None)
    if not answers:
        return Arm(name=EMPTY, backend="constant", options={"reply": ""})
    reply, _ = min(answers.items(), key=lambda item: (-item[1], item[0]))
    return Arm(name=CONSTANT, backend="constant", options={"reply": reply})


def _written(answer: Message) -> str:
    """An answer as the constant arm's option: its text, or the message in chat form where it calls tools."""
    if not answer.tool_calls:
        return answer.text
    made = [
        {"type": "function", "function": {"name": call.name, "arguments": _canonical(call.arguments)}}
        for call in answer.tool_calls
    ]
    return canonical({"role": "assistant", "content": answer.text, "tool_calls": made})


def _canonical(arguments: str) -> str:
    """Arguments that mean the same as the same text; an id of a call is left out for the same reason."""
    value = json_object(arguments or "{}")
    return arguments if value is None else canonical(value)
