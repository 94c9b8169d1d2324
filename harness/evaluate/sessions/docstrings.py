"""Read what a docstring says of a function and of each parameter: Google, NumPy and reStructuredText styles."""

import inspect
import re
from collections.abc import Callable
from typing import Any

SECTION = re.compile(
    r"^(args|arguments|parameters|params|returns?|raises|yields|notes?|examples?)\s*:?\s*$", re.IGNORECASE
)
PARAMETERS = ("args", "arguments", "parameters", "params")
GOOGLE = re.compile(r"^\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$")
NUMPY = re.compile(r"^\*{0,2}(\w+)\s*(?::\s*\S.*)?$")
FIELD = re.compile(r"^:param\s+(?:[^:]*\s)?(\w+)\s*:\s*(.*)$")


def described(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    """The first paragraph on one line, and each parameter's description where there is one."""
    lines = (inspect.getdoc(function) or "").splitlines()
    head = next((place for place, line in enumerate(lines) if not line.strip()), len(lines))
    return " ".join(line.strip() for line in lines[:head]), _parameters(lines)


def _parameters(lines: list[str]) -> dict[str, str]:
    """Descriptions by parameter; what is indented deeper than a parameter's line goes on with it."""
    found: dict[str, str] = {}
    inside, numpy, name, indent = False, False, "", 0
    for place, line in enumerate(lines):
        text = line.strip()
        field, section = FIELD.match(text), SECTION.match(text)
        if field:
            name, indent, found[field[1]] = field[1], _indent(line), field[2]
        elif section:
            inside, name = section[1].lower() in PARAMETERS, ""
            numpy = place + 1 < len(lines) and set(lines[place + 1].strip()) == {"-"}
        elif not text or set(text) == {"-"}:
            continue
        elif name and _indent(line) > indent:
            found[name] = f"{found[name]} {text}".strip()
        elif inside and (entry := (NUMPY if numpy else GOOGLE).match(text)):
            name, indent = entry[1], _indent(line)
            found[name] = "" if numpy else entry[2]
        else:
            name = ""
    return {name: text for name, text in found.items() if text}


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
