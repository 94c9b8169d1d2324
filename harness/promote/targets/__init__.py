"""Deploy targets: a file a kind, `[deploy.NAME] kind = "..."` names it."""
