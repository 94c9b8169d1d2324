"""Recall and precision of redaction on planted values, against detect-secrets, and the table in docs/redaction.md.

    python -m benchmarks.redaction            # prints the table
    python -m benchmarks.redaction --write    # writes docs/redaction.md

A value counts as found when no trace of it is left: neither as it is nor in the form in which it was hidden. Last line: one
JSON object.
"""

import argparse
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

from detect_secrets.core.scan import scan_line
from detect_secrets.settings import default_settings

from benchmarks import privacy_kinds
from benchmarks.planted import FORMS, LOOKALIKES, VALUES, planted
from harness.redact.redaction import Redactor
from harness.types import Call, Message, TextPart

PAGE = Path(__file__).parents[1] / "docs" / "redaction.md"
HARMLESS_TEXTS = 20_000
SECRETS = ("key", "token", "secret")
"""The kinds that detect-secrets looks for."""


def call(*texts: str) -> Call:
    return Call(id="t:s", input=(Message(role="user", parts=tuple(TextPart(text=text) for text in texts)),))


def said(found: Call) -> str:
    return "".join(part.text for part in found.input[0].parts if isinstance(part, TextPart))


def found_by_us(redact: Redactor, value: str, text: str, form: str) -> bool:
    """Whether nothing is left of the value in a call that holds the text in some form."""
    hidden = FORMS[form](text)
    left = said(redact(call(hidden)))
    needles = {value, FORMS[form](value), FORMS[form](text)}
    return not any(needle in left for needle in needles if needle)


def found_by_oracle(value: str, text: str) -> bool:
    """Whether detect-secrets reports a line of the text."""
    with default_settings():
        return any(True for line in text.split("\n") for _ in scan_line(line))


def split_in_two(redact: Redactor, value: str, text: str) -> bool:
    """Whether a value is found whose halves stand in two parts of one message."""
    middle = text.index(value) + len(value) // 2
    return value not in said(redact(call(text[:middle], text[middle:])))


def measure(count: int, seed: int = 7) -> dict[str, Any]:
    redact, rng = Redactor(salt="benchmark"), random.Random(seed)
    rows = {kind: [planted(rng, kind) for _ in range(count)] for kind in VALUES}
    recall: dict[str, dict[str, float]] = {}
    for kind, pairs in rows.items():
        recall[kind] = {form: _share(found_by_us(redact, *pair, form) for pair in pairs) for form in FORMS}
        recall[kind]["over two parts"] = _share(split_in_two(redact, *pair) for pair in pairs)
    oracle = {kind: _share(found_by_oracle(*pair) for pair in rows[kind]) for kind in SECRETS}
    alike = {name: [make(rng) for _ in range(count)] for name, make in LOOKALIKES.items()}
    wrong = {
        name: _share(said(redact(call(f"it is {one} there"))) != f"it is {one} there" for one in values)
        for name, values in alike.items()
    }
    return {"recall": recall, "oracle": oracle, "false": wrong, "count": count, **_in_context(redact, rng, count)}


def _in_context(redact: Redactor, rng: random.Random, count: int) -> dict[str, Any]:
    """Recall of each kind of `privacy_kinds`, and the share of `HARMLESS_TEXTS` harmless texts that are changed."""
    kinds = dict(privacy_kinds.planted())
    found = {
        kind: _share(found_by_us(redact, *draw(rng), "as it is") for _ in range(count // 4))
        for kind, draw in kinds.items()
    }
    each = HARMLESS_TEXTS // len(privacy_kinds.HARMLESS)
    changed = {}
    for name, make in privacy_kinds.HARMLESS.items():
        texts = [make(rng) for _ in range(each)]
        changed[name] = _share(said(redact(call(text))) != text for text in texts)
    return {"kinds": found, "changed": changed, "harmless": each * len(privacy_kinds.HARMLESS)}


def _share(found: Any) -> float:
    outcomes = list(found)
    return sum(outcomes) / len(outcomes)


def _mean(shares: dict[str, float]) -> float:
    return sum(shares.values()) / len(shares)


def page(measured: dict[str, Any], command: str) -> str:
    """The published table."""
    shares = {form: [measured["recall"][kind][form] for kind in VALUES] for form in (*FORMS, "over two parts")}
    oracle = [f"{measured['oracle'][kind]:.2f}" if kind in SECRETS else "" for kind in VALUES]
    lines = [
        "# What redaction finds",
        "",
        f"Written by `{command}`: {measured['count']} made-up values of each kind, planted in a sentence, an assignment or JSON, in",
        "each form. A value counts as found when nothing of it is left. The values are written from the formats' descriptions, not",
        "from the detectors' patterns; still they are values that we thought of. **No redaction finds all personal data**: names and",
        "street addresses are not looked for without the extra `presidio`.",
        "",
        "## Recall",
        "",
        f"| form | {' | '.join(VALUES)} |",
        "|---|" + "--:|" * len(VALUES),
        *(f"| {form} | {' | '.join(f'{share:.2f}' for share in found)} |" for form, found in shares.items()),
        f"| *detect-secrets 1.5, as it is* | {' | '.join(oracle)} |",
        "",
        "What is reversed or in rot13 is not looked for: these rows show what a table without them would hide (where they are above",
        "zero, the text is random enough for `token`, or reads the same).",
        "",
        "## What is replaced and should not be",
        "",
        "| looks alike | replaced |",
        "|---|--:|",
        *(f"| {name} | {share:.2f} |" for name, share in measured["false"].items()),
        "",
        "Hexadecimal of 32 or 64 digits cannot be told from a key by its form: it is replaced, unless the key it stands under, a word",
        "before it or a file name behind it says that it is an id or a digest; 40 digits are taken for a commit. One in ten numbers",
        "that fail Luhn would pass it by chance; these were made to fail.",
        "",
        f"## {len(measured['kinds'])} kinds as people write them",
        "",
        f"{measured['count'] // 4} values of each (`benchmarks/privacy_kinds.py`): phones and passwords in the words of many languages, keys of",
        f"vendors, national ids. Found of all: {_mean(measured['kinds']):.3f}.",
        "",
        "| kind | found |",
        "|---|--:|",
        *(f"| {kind} | {share:.2f} |" for kind, share in measured["kinds"].items()),
        "",
        f"## {measured['harmless']:,} harmless texts",
        "",
        f"Changed of all: {_mean(measured['changed']):.4f}.",
        "",
        "| text | changed |",
        "|---|--:|",
        *(f"| {name} | {share:.4f} |" for name, share in measured["changed"].items()),
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--write", action="store_true", help="write docs/redaction.md")
    given = parser.parse_args()
    began = time.process_time()
    measured = measure(given.count)
    text = page(measured, f"python -m benchmarks.redaction --write --count {given.count}")
    if given.write:
        PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    plain = {kind: found["as it is"] for kind, found in measured["recall"].items()}
    seconds = round(time.process_time() - began, 1)
    print(json.dumps({"recall": plain, "oracle": measured["oracle"], "false": measured["false"], "cpu_s": seconds}))


if __name__ == "__main__":
    main()
