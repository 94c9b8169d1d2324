"""Check ingest's options, and join them with those of [privacy] and the store's salt."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from harness.core import options as option_tables
from harness.core.options import OptionsTable
from harness.errors import UsageError
from harness.project import Project
from harness.redact import redaction
from harness.sections import Config
from harness.store.salt import salt
from harness.types import Noun

T = TypeVar("T", bound=Noun)

INBOX = "inbox"
"""Folder of the store in which `trueup collect` leaves what it received."""


def options(project: Project) -> dict[str, Any]:
    """The formats' options, ingest's limits, and how to redact. Raises UsageError as `format_options` does."""
    chosen = project.config.privacy
    return {
        **format_options(project.config).values,
        "limits": msgspec.to_builtins(project.config.ingest.limits),
        "redact": (list(chosen.kinds) or True) if chosen.redact else False,
        "salt": chosen.salt or salt(project.store.root),
        "keep": chosen.keep,
        "patterns": chosen.patterns,
    }


def format_options(config: Config) -> OptionsTable:
    """Those of [ingest] options, which belong to the formats.

    Raises UsageError on a key that no format has, and on one of [privacy]: redaction is set there and nowhere else.
    """
    private = config.privacy.__struct_fields__
    for name in config.ingest.options:
        if name in private:
            raise UsageError(
                f"`{name}` is no option of ingest: redaction is set under [privacy]",
                where="[ingest] options",
                next=f"move `{name}` to [privacy]",
            )
    kinds = option_tables.of_plugins("formats")
    return option_tables.table(config.ingest.options, kinds, "[ingest] options", config.root)


def redacted(project: Project) -> Callable[[T], T]:
    """The door for all that is stored and did not come in by ingest: what a person typed, a file brought, a model wrote.

    It gives the record without secrets and personal data, or as it is where [privacy] switches redaction off. Raises
    RedactionError when it cannot tell.
    """
    return redactor(project) or _as_it_is


def _as_it_is(record: T) -> T:
    return record


def redactor(project: Project) -> redaction.Redactor | None:
    """The redactor that [privacy] asks for; None when it is switched off."""
    return redaction.of(options(project))
