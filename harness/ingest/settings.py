"""Ingest's options, with those of [privacy] and the store's salt."""

from typing import Any

from harness.project import Work
from harness.redact import redaction
from harness.store.salt import salt

INBOX = "inbox"
"""Folder of the store in which `trueup collect` leaves what it received."""


def options(work: Work) -> dict[str, Any]:
    """Ingest's options, with those of [privacy] and the store's salt."""
    chosen = work.config.privacy
    own: dict[str, Any] = {
        "redact": (list(chosen.kinds) or True) if chosen.redact else False,
        "salt": chosen.salt or salt(work.store.root),
        "keep": chosen.keep,
        "patterns": chosen.patterns,
    }
    return {**own, **work.config.ingest.options}


def redactor(work: Work) -> redaction.Redactor | None:
    return redaction.of(options(work))
