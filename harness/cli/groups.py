"""Sort the commands into the groups of the help text, and know the old names of those that were merged."""

GROUPS = {
    "Project": ("init", "run", "status", "doctor", "prune", "store"),
    "Data": ("ingest", "collect", "inspect", "mine", "review", "label", "curate", "diff", "export", "forget"),
    "Training": ("tune",),
    "Evaluation": ("eval", "runs", "show", "view", "compare", "quarantine"),
    "Decision": ("gate", "report", "notify", "promote", "deploy", "serve", "canary", "monitor", "watch"),
}
"""Heading to its commands, in the order in which people meet them. A command in no group is in the last one."""


def place(name: str) -> tuple[int, int, str]:
    """What commands are sorted by."""
    for number, names in enumerate(GROUPS.values()):
        if name in names:
            return number, names.index(name), name
    return len(GROUPS) - 1, len(GROUPS["Decision"]), name


def heading(name: str) -> str:
    """The group that a command is in."""
    return list(GROUPS)[place(name)[0]]


def renamed(words: list[str]) -> list[str]:
    """The words that an old command line is today; the same words where the command has its name still.

    `trueup merge a b` is `trueup eval --merge a --merge b`.
    """
    verb, rest = words[0], words[1:]
    if verb == "merge":
        return ["eval", *(word for part in rest for word in (("--merge", part) if part[:1] != "-" else (part,)))]
    return [*OLD[verb], *rest] if verb in OLD else words


OLD = {
    "merge": ("eval", "--merge"),
    "cancel": ("tune", "--cancel"),
    "rollback": ("promote", "--undo"),
    "augment": ("tune", "--try", "augment"),
    "sweep": ("tune", "--try", "sweep"),
}
"""Old name to what is typed today. They keep working, and say so on standard error."""
