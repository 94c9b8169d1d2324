"""Parse trueup.toml into a frozen `Config`.

Unknown keys are refused, naming the nearest: a misspelt key must not silently weaken a gate. Paths are made absolute here.
"""

import os
import tomllib
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from harness.core.codec import from_chat
from harness.core.nearest import did_you_mean
from harness.errors import UsageError
from harness.sections import Config as Config
from harness.types import Message, Prompt, TextPart

FILE = "trueup.toml"

T = TypeVar("T")


def find(start: Path) -> Path:
    """The nearest trueup.toml at or above `start`. Raises UsageError when there is none."""
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / FILE).is_file():
            return folder / FILE
    raise UsageError(f"no {FILE} here or above", where=str(start.resolve()), next="trueup init")


def load(path: Path | None = None) -> Config:
    """Read a config file (or the nearest one). Raises UsageError naming file, key and the nearest known key."""
    file = find(Path.cwd()) if path is None else path / FILE if path.is_dir() else path
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError("the config file does not exist", where=str(file), next="trueup init") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"not valid TOML: {error}", where=str(file), next="fix that line") from error
    raw.pop("root", None)
    config = section(raw, Config, where=str(file))
    for arm in config.arms.values():
        if arm.prompt and arm.prompt not in config.prompts:
            raise unknown_key(f"prompts.{arm.prompt}", (f"prompts.{name}" for name in config.prompts), str(file))
    check_arms(config, str(file))
    _check_scales(config, str(file))
    _check_trace_url(config, str(file))
    return _absolute(msgspec.structs.replace(config, root=str(file.resolve().parent)))


def check_arms(config: Config, where: str) -> None:
    """A misspelt candidate or baseline is told at once, not as a missing run at the end of a night. Raises UsageError."""
    optimised = (name for name, prompt in config.prompts.items() if prompt.optimise)
    arms = {*(config.arms or ("base", "prompted")), *optimised, "tuned"}
    gate = config.gate
    for key, names, known in (
        ("candidate", (gate.candidate,), arms),
        ("baselines", gate.baselines, arms | {"base", "champion", "constant", "empty"}),
    ):
        for name in names:
            if name not in known:
                hint = did_you_mean(name, known, "arms")
                raise UsageError(f"[gate] {key} names no arm: {name!r}", where=where, next=hint)
    if gate.candidate in gate.baselines:
        others = sorted(arms - {gate.candidate, "tuned"}) or ["NAME"]
        raise UsageError(
            f"the candidate {gate.candidate!r} is its own baseline",
            where=where,
            next=f'compare it with another arm: baselines = ["{others[0]}"] under [gate]',
        )


def _check_trace_url(config: Config, where: str) -> None:
    address = config.report.trace_url
    if address and not (address.startswith(("https://", "http://")) and "{trace_id}" in address.partition("//")[2]):
        what = f"[report] trace_url is no web address with {{trace_id}} in it: {address!r}"
        raise UsageError(what, where=where, next='trace_url = "https://traces.example/{trace_id}"')


def _check_scales(config: Config, where: str) -> None:
    for name, stated in config.feedback.items():
        for key, ends in (("scale", stated.scale), ("neutral", stated.neutral)):
            if ends and not (ends[0] < ends[1] or (key == "neutral" and ends[0] == ends[1])):
                raise UsageError(
                    f"[feedback.{name}] {key} = [{ends[0]:g}, {ends[1]:g}] does not go from low to high",
                    where=where,
                    next=f'{key} = [{ends[1]:g}, {ends[0]:g}], and better = "low" if the low end is praise',
                )


def section(raw: dict[str, Any], kind: type[T], *, where: str) -> T:
    """Convert one table of the file. Raises UsageError on an unknown key or a value of the wrong type."""
    check_keys(raw, kind, where)
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise UsageError(f"wrong value in the config: {error}", where=where, next="fix that key") from error


def check_keys(raw: Any, kind: Any, where: str, above: str = "") -> None:
    """Refuse keys that the struct `kind` does not have, at any depth."""
    if not (isinstance(raw, dict) and isinstance(kind, type) and issubclass(kind, Struct)):
        return
    known = {f.encode_name: f.type for f in msgspec.structs.fields(kind) if (kind, f.name) != (Config, "root")}
    for key, value in raw.items():
        name = f"{above}{key}"
        if key not in known:
            raise unknown_key(name, (f"{above}{k}" for k in known), where)
        inner = typing.get_args(known[key])
        if len(inner) == 2 and isinstance(value, dict):  # a table of named sections, dict[str, Section]
            for label, item in value.items():
                check_keys(item, inner[-1], where, f"{name}.{label}.")
        else:
            check_keys(value, known[key], where, f"{name}.")


def unknown_key(name: str, known: Iterable[str], where: str) -> UsageError:
    return UsageError(f"unknown config key `{name}`", where=where, next=did_you_mean(name, known, "keys"))


def prompt(config: Config, name: str, recorded: tuple[Prompt, ...] = ()) -> Prompt | None:
    """The named prompt; None when it is to come from the traces and these have none. Raises UsageError."""
    if not name:
        return Prompt(name="none")
    if name not in config.prompts:
        raise unknown_key(f"prompts.{name}", (f"prompts.{k}" for k in config.prompts), str(Path(config.root) / FILE))
    spec = config.prompts[name]
    if spec.traces:
        return msgspec.structs.replace(recorded[0], name=name, nearest=spec.nearest) if recorded else None
    messages = [Message(role="system", parts=(TextPart(text=spec.system),))] if spec.system else []
    for example in spec.examples:
        messages.append(from_chat({"role": "user", "content": example.user}))
        messages.append(from_chat({"role": "assistant", "content": example.assistant}))
    return Prompt(name=name, messages=tuple(messages), nearest=spec.nearest)


def _absolute(config: Config) -> Config:
    replace = msgspec.structs.replace
    storage = replace(config.storage, root=config.path(os.environ.get("TRUEUP_STORE", "") or config.storage.root))
    return replace(
        config,
        storage=storage,
        model=replace(config.model, base=config.model_path(config.model.base)),
        ingest=replace(config.ingest, paths=tuple(config.path(item) for item in config.ingest.paths)),
        arms={name: replace(arm, model=config.model_path(arm.model, arm.backend)) for name, arm in config.arms.items()},
        candidates={name: replace(one, model=config.model_path(one.model)) for name, one in config.candidates.items()},
        judges={
            name: replace(one, model=config.model_path(one.model, one.backend)) for name, one in config.judges.items()
        },
        eval=replace(config.eval, paths=tuple(config.path(item) for item in config.eval.paths)),
        report=replace(config.report, out=config.path(config.report.out)),
    )
