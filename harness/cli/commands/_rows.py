"""Print training rows: what is read and what is learnt, in colour; without colours, in brackets."""

from collections.abc import Set

from rich.text import Text

from harness.types import Preview, PreviewRow

STYLES = {
    "context": "dim",
    "special": "cyan",
    "supervised": "bold green",
    "stop": "bold black on green",
    "rejected": "red",
}
LEARNT = ("supervised", "stop")
BRACKETS = {"supervised": ("[[", "]]"), "stop": ("[[", "]]"), "rejected": ("{{", "}}")}


def show(preview: Preview) -> None:
    """Print each row of a `Preview`, then the fates of all rows and their tokens."""
    from harness.cli import console

    kinds = {kind for row in preview.rows for _, kind in row.tokens}
    console.out.print(_legend(kinds) if console.out.is_terminal else Text(_words(kinds)))
    for row in preview.rows:
        learnt = sum(kind in LEARNT for _, kind in row.tokens)
        counts = row.counts or f"{len(row.tokens)} tokens, {learnt} learnt"
        console.say(f"\n{row.id}: {counts}", style="bold")
        console.out.print(_coloured(row) if console.out.is_terminal else _bracketed(row))
    console.say()
    console.table(("fate", "rows"), sorted(preview.fates.items()))
    if preview.tokens:
        console.say(", ".join(f"{count:,} {kind}" for kind, count in sorted(preview.tokens.items())) + " tokens")
    for note in preview.notes:
        console.say(note)
    for ident, reason in preview.reasons.items():
        console.say(f"{ident}: {reason}", style="red")


def _coloured(row: PreviewRow) -> Text:
    from harness.cli.console import clean

    text = Text()
    for token, kind in row.tokens:
        text.append(clean(token), style=STYLES[kind])
    return text


def _bracketed(row: PreviewRow) -> Text:
    from harness.cli.console import clean

    text, last = "", ("", "")
    for token, kind in row.tokens:
        pair = BRACKETS.get(kind, ("", ""))
        if pair != last:
            text += last[1] + pair[0]
            last = pair
        text += clean(token)
    return Text(text + last[1])


def _legend(kinds: Set[str]) -> Text:
    legend = Text("colours: ")
    for kind, style in STYLES.items():
        if kind in kinds:
            legend.append(kind, style=style).append("  ")
    return legend


def _words(kinds: Set[str]) -> str:
    marks = [
        f"what is {'rejected' if kind == 'rejected' else 'learnt'} is in {' '.join(BRACKETS[kind])}"
        for kind in ("supervised", "rejected")
        if kind in kinds
    ]
    return ", ".join(marks) or "nothing of these rows is learnt token by token"
