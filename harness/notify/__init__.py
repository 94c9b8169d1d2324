"""Tell people and other systems of a verdict: a webhook, a chat, a check, a comment on the change."""
