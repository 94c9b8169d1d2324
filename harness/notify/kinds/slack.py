"""Post the verdict to a chat in Slack's form, which Mattermost, Discord (address + `/slack`) and Rocket.Chat read, too.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

from typing import Any

import msgspec

from harness.core.plugins import helper
from harness.notify.client import Client
from harness.notify.notice import Notice

SIGNS = {"promote": "✅", "hold": "❌", "undecided": "❔", "invalid": "⚠️", "stopped": "⚠️", "watch": "🔔"}
SHOWN = 10
"""Suites that are listed, the first of the report."""
LONGEST = 2900
"""Characters of a section; Slack takes 3,000."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url_env: str = "SLACK_WEBHOOK_URL"
    """Variable that holds the address, which is a secret."""


def send(notice: Notice, options: Options, client: Client) -> str:
    """Post one message."""
    client.post(client.secret(options.url_env), message(notice))
    return "posted"


def message(notice: Notice) -> dict[str, Any]:
    """Text for notifications, and sections with the sentence, the suites and a link."""
    head = f"{SIGNS[notice.outcome]} *{_escaped(notice.project)}: {notice.outcome}*\n{_escaped(notice.sentence)}"
    parts = [head, "\n".join(map(_suite, notice.suites[:SHOWN]))]
    parts += [f"Next: `{_escaped(notice.next).replace('`', '')}`"] if notice.next else []
    parts += [f"<{notice.url}|Report and job>"] if notice.url.startswith("http") else []
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": part[:LONGEST]}} for part in parts if part]
    return {"text": f"{notice.project}: {notice.outcome}", "blocks": blocks}


def _suite(suite: dict[str, Any]) -> str:
    words = helper("reports", "parts.words")
    before, after = (words.number(suite[name]) for name in ("baseline_mean", "candidate_mean"))
    counts = f"{suite['fixed']:,} fixed, {suite['broken']:,} broken, {suite['n']:,} cases"
    return (
        f"{words.MARKS[suite['outcome']]} {_escaped(words.short_name(suite['suite']))}: {before} → {after} ({counts})"
    )


def _escaped(text: str) -> str:
    """As Slack asks for it; nothing of a text becomes a mention or a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
