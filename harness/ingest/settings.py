"""Combine ingest's options with those of [privacy] and the store's salt."""

from typing import Any

from harness.project import Project
from harness.redact import redaction
from harness.store.salt import salt

INBOX = "inbox"
"""Folder of the store in which `trueup collect` leaves what it received."""


def options(project: Project) -> dict[str, Any]:
    """Ingest's options, with those of [privacy] and the store's salt."""
    chosen = project.config.privacy
    own: dict[str, Any] = {
        "redact": (list(chosen.kinds) or True) if chosen.redact else False,
        "salt": chosen.salt or salt(project.store.root),
        "keep": chosen.keep,
        "patterns": chosen.patterns,
    }
    return {**own, **project.config.ingest.options}


def redactor(project: Project) -> redaction.Redactor | None:
    return redaction.of(options(project))
