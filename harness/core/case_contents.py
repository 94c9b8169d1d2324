"""Identify a case by what it asks, so that another name, spacing or order of cases makes no other case of it."""

import unicodedata
from collections.abc import Collection

from msgspec import to_builtins

from harness.core.codec import digest
from harness.types import Case


def content(case: Case, grouping: Collection[str] = ()) -> str:
    """Content id of what a case asks and expects; empty where too little is known of it."""
    columns = {name: value for name, value in case.fields.items() if name != "id" and name not in grouping}
    if not case.messages and len(columns) < 2:
        return ""
    return digest(_plain([to_builtins(case.messages), case.tools, columns, case.expected]))


def asked(case: Case) -> str:
    """Content id of what a case asks, whatever it expects and is called; its id where nothing else is known."""
    if case.messages:
        return digest(_plain([to_builtins(case.messages), case.tools]))
    columns = {name: value for name, value in case.fields.items() if name != "id"}
    return digest(_plain(columns)) if columns else f"id:{case.id}"


def _plain(value: object) -> object:
    """Texts without differences that say nothing: Unicode form, upper case, spacing."""
    if isinstance(value, str):
        return " ".join(unicodedata.normalize("NFKC", value).casefold().split())
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
