"""Training rows on a terminal: what is read and what is learnt, in colour; without colours, in brackets."""

from typing import Any

from rich.text import Text

from harness.commands._command import late

STYLES = {"context": "dim", "special": "cyan", "supervised": "bold green", "stop": "bold black on green"}
LEARNT = ("supervised", "stop")


def show(preview: Any) -> None:
    """Print each row of a `Preview`, then the fates of all rows and their tokens."""
    console = late("console")
    legend = Text("colours: ")
    for kind, style in STYLES.items():
        legend.append(kind, style=style).append("  ")
    console.out.print(legend if console.out.is_terminal else Text("what is learnt stands in [[ ]]"))
    for row in preview.rows:
        learnt = sum(kind in LEARNT for _, kind in row.tokens)
        console.say(f"\n{row.id}: {len(row.tokens)} tokens, {learnt} learnt", style="bold")
        console.out.print(_coloured(row, console) if console.out.is_terminal else _bracketed(row, console))
    console.say()
    console.table(("fate", "rows"), sorted(preview.fates.items()))
    console.say(", ".join(f"{count:,} {kind}" for kind, count in sorted(preview.tokens.items())) + " tokens")
    for ident, reason in preview.reasons.items():
        console.say(f"{ident}: {reason}", style="red")


def _coloured(row: Any, console: Any) -> Text:
    text = Text()
    for token, kind in row.tokens:
        text.append(console.clean(token), style=STYLES[kind])
    return text


def _bracketed(row: Any, console: Any) -> Text:
    text, inside = "", False
    for token, kind in row.tokens:
        if (kind in LEARNT) != inside:
            inside = not inside
            text += "[[" if inside else "]]"
        text += console.clean(token)
    return Text(text + ("]]" if inside else ""))
