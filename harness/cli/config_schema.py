"""Describe trueup.toml as JSON Schema, for editors: every key with its type, default and meaning; unknown keys are errors.

Editors with Taplo (Even Better TOML) and PyCharm read the line `#:schema ./trueup.schema.json` at the top of the file.
https://json-schema.org/draft/2020-12
"""

from typing import Any

import msgspec

from harness.core.field_docs import field_docs, structs_in
from harness.core.plugins import load, names
from harness.sections import Config

FILE = "trueup.schema.json"
LINE = f"#:schema ./{FILE}\n"
NAMED = {
    ("ModelSection", "backend"): "backends",
    ("ArmSection", "backend"): "backends",
    ("JudgeSection", "backend"): "backends",
    ("IngestSection", "format"): "formats",
    ("Recipe", "method"): "trainers",
    ("Recipe", "adapter"): "adapters",
    ("NotifySection", "kind"): "notifiers",
    ("PromptSection", "optimise"): "prompt_optimisers",
}
"""Key to the kind of plug-in that it names: editors offer the names."""


def schema() -> dict[str, Any]:
    """The whole schema, as plain values."""
    from harness.curate.options import CurateOptions  # as `[curate]` is read: the config keeps that table as it is

    roots: list[type[msgspec.Struct]] = [Config, CurateOptions]
    components = msgspec.json.schema_components(roots, ref_template="#/$defs/{name}")[1]
    for struct in _all(roots):
        _describe(components[struct.__name__], struct)
    made = components.pop("Config")
    made["properties"].pop("root")
    made["properties"]["curate"] = {"$ref": "#/$defs/CurateOptions", "description": field_docs(Config)["curate"]}
    components["Policy"]["properties"]["options"] |= {"properties": _rule_options(), "additionalProperties": False}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **made,
        "title": "trueup.toml",
        "$defs": components,
    }


def content() -> bytes:
    """The schema as a file."""
    return msgspec.json.format(msgspec.json.encode(schema()), indent=2) + b"\n"


def _all(roots: list[type[msgspec.Struct]]) -> list[type[msgspec.Struct]]:
    """The structs, and those that their fields name, at any depth, each once."""
    found = dict.fromkeys(roots)
    for struct in (todo := list(roots)):
        for field in msgspec.structs.fields(struct):
            for inner in structs_in(field.type):
                if inner not in found:
                    found[inner] = None
                    todo.append(inner)
    return list(found)


def _describe(definition: dict[str, Any], struct: type[msgspec.Struct]) -> None:
    """Add the meaning of each key, the names of plug-ins, and that no other key is known. What a default says nothing goes."""
    definition["additionalProperties"] = False
    docs = field_docs(struct)
    for name, known in definition["properties"].items():
        if docs.get(name):
            known["description"] = docs[name]
        if kind := NAMED.get((struct.__name__, name)):
            known["examples"] = list(names(kind))
        if "$ref" in known or known.get("default") in ("", {}, [], None):
            known.pop("default", None)


def _rule_options() -> dict[str, Any]:
    """The keys of [gate.options], by what each rule says of its own."""
    rules = (load("rules", name) for name in names("rules"))
    known = {option.name: option for rule in rules for option in getattr(rule, "OPTIONS", ())}
    return {name: {"description": option.kind, "default": option.default} for name, option in sorted(known.items())}
