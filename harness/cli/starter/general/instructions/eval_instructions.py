"""Does the model still do as it is told? Each instruction is one whose fulfilment a program can check."""

import json
import re

from trueup import cases, guard, score, suite

FENCE = re.compile(r"^```\w*\n|\n?```$")


def words(text):
    return re.findall(r"[\w'-]+", text)


def lines(text):
    return [line for line in text.splitlines() if line.strip()]


def plain(text):
    return text.strip().strip(".!\"'*").strip().casefold()


def json_key(text, want):
    try:
        return json.loads(FENCE.sub("", text.strip())).get(want[0]) == want[1]
    except (ValueError, AttributeError):
        return False


CHECKS = {
    "repeat": lambda text, want: want in text,
    "contains": lambda text, want: want.casefold() in text.casefold(),
    "starts": lambda text, want: text.strip().startswith(want),
    "question": lambda text, want: text.strip().endswith("?") and len(lines(text)) == 1,
    "avoids": lambda text, want: want not in words(text.casefold()),
    "one_line": lambda text, want: len(lines(text)) == 1,
    "words": lambda text, want: 0 < len(words(text)) <= want,
    "one_word": lambda text, want: len(words(text)) == 1,
    "yes_no": lambda text, want: plain(text) in ("yes", "no"),
    "items": lambda text, want: len(lines(text)) == want,
    "times": lambda text, want: text.casefold().count(want[0]) == want[1],
    "either": lambda text, want: plain(text) in want,
    "json_key": json_key,
    "tagged": lambda text, want: f"<b>{want}</b>" in text,
}


@suite(role=guard(margin=0.08), slices=["check"], prompt=False, tags=["instructions"])
@cases("instructions.jsonl")
def eval_instructions(case, model):
    reply = model.chat(case.messages, max_tokens=32)
    fulfilled = CHECKS[case["check"]](reply.text, case["want"])
    return score.check("fulfilled", fulfilled, f"{case['check']} {case['want'] or ''} not met: {reply.text!r}")
