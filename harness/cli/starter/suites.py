"""Write the eval file of a task as Python source for a person to continue.

Names and labels come from traces, so they only ever stand in it as literals; the names of files and
functions are letters, digits and underscores.
"""

import json
import re
from collections.abc import Sequence
from functools import cache

from harness.cli.starter.tasks import ALWAYS, Field, StarterTask
from harness.gate.statistics.spending import spent
from harness.types import Json, Policy

COMPARATORS = {"number": "score.number()", "date": "score.date()", "text": "score.text(fold=True)"}
TYPES = {"number": "number", "date": "string", "text": "string", "flag": "boolean", "list": "array", "object": "object"}

HEAD = '''\
"""{title}

Guessed from recorded calls by `trueup init --from-traces`: read it, and make it say what good means to you.
"""

from trueup import {imports}

{constants}
def scored(reply, case):
{body}


{few}@suite(role={role}{cluster})
@cases("{file}")
def eval_{name}(case, model):
    """What production answers well today must not break."""
    return scored(model.chat({ask}), case)


@suite(role={role}{cluster})
@cases("{file}")
def eval_{name}_safe(case, model):
    """No secrets or personal data that the conversation does not contain{form}."""
    reply = model.chat({ask})
    return {safe}
'''

MINED = '''

@suite(role=target(min_gain=0.05){cluster})
@cases.held_out()
def eval_{name}_mined(case, model):
    """What failed in production, mined and held out by `trueup curate`: this has to get better."""
    return scored(model.chat({ask}), case)


@suite(role=info(){cluster})
@cases.regression()
def eval_{name}_kept(case, model):
    """What production passed, drawn by `trueup curate`: with the failures it tells what traffic will see."""
    return scored(model.chat({ask}), case)
'''

MIXED = '''\
"""What failed in production, whatever the task: mined and held out by `trueup curate`. This has to get better."""

from trueup import cases, info, score, suite, target


def scored(reply, case):
    """1 when the reply is what should have been answered: the tools called, the JSON fields, or the text."""
    if reply.tool_calls or "tool_calls" in case.expected:
        return {"right": score.calls(reply, case.expected)[0]}
    if isinstance(case.expected, dict):
        return {"right": score.json_fields(reply, case.expected, default=score.text(fold=True))[0]}
    return {"right": score.text(reply, case.expected, fold=True)}


@suite(role=target(min_gain=0.05), cluster="session_id")
@cases.held_out()
def eval_mined(case, model):
    return scored(model.chat(case.messages, tools=case.tools, max_tokens=256), case)


@suite(role=info(), cluster="session_id")
@cases.regression()
def eval_kept(case, model):
    """What production passed: with the failures it tells what traffic will see."""
    return scored(model.chat(case.messages, tools=case.tools, max_tokens=256), case)
'''


MARGIN = 0.05
FEW = """# {cases} cases cannot show that no more than 5 points are lost: from {needed} on, make the role guard(margin=0.05).
"""
MINED_NAMES = ("info", "target")


@cache
def guarded() -> int:
    """Cases from which a guard of that margin can be shown to hold, at the gate's own defaults."""
    from harness.gate.statistics.power import cases_needed  # scipy, which the plain start does not need

    return cases_needed(-MARGIN, 0.0, discordance=0.1, alpha=spent(Policy().alpha, 1))


def identifier(text: str, taken: Sequence[str] = ()) -> str:
    """A name for files and functions, made of a route; another one where it is taken."""
    words = re.sub(r"[^a-z0-9]+", "_", text.casefold()).strip("_")[:40].strip("_")
    name = words if words and not words[0].isdigit() else f"route_{words}".strip("_")
    number = 2
    while name in taken:
        name, number = f"{name.rstrip('0123456789_')}_{number}", number + 1
    return name


def literal(value: Json, indent: str = "") -> str:
    """Python source of a JSON value, one entry a line where it is long."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False) if value.isprintable() else repr(value)
    if not isinstance(value, (dict, list)):
        return repr(value)
    within = f"{indent}    "
    if isinstance(value, dict):
        items, ends = [f"{literal(key)}: {literal(item, within)}" for key, item in value.items()], "{}"
    else:
        items, ends = [literal(item, within) for item in value], "[]"
    short = ", ".join(items)
    if len(indent) + len(short) < 90 and "\n" not in short:
        return f"{ends[0]}{short}{ends[1]}"
    return "\n".join([ends[0], *(f"{within}{item}," for item in items), f"{indent}{ends[1]}"])


def source(task: StarterTask, name: str, file: str, cases: int, mined: bool) -> str:
    """Text of the eval file for that many cases; with `mined`, the suite of held-out failures is part of it."""
    constants, body = _scoring(task)
    role = f"guard(margin={MARGIN})" if cases >= guarded() else "info()"
    form = _schema(task.fields) if task.kind == "json" else None
    if form is not None:
        constants += f"SCHEMA = {literal(form)}\n\n"
    tools = ", tools=case.tools" if task.kind == "tools" else ""
    filled = {
        "title": f"Good answers are {WORDS[task.kind]}.",
        "imports": ", ".join(sorted({"cases", role.split("(")[0], "score", "suite", *MINED_NAMES[: 2 * mined]})),
        "few": "" if cases >= guarded() else FEW.format(cases=cases, needed=guarded()),
        "role": role,
        "constants": constants,
        "body": body,
        "cluster": ', cluster="session_id"' if task.sessions else "",
        "file": file,
        "name": name,
        "ask": f"case.messages{tools}, max_tokens={task.max_tokens}",
        "form": ", and the form that the program behind it reads" if form is not None else "",
        "safe": "score.json_schema(reply, SCHEMA), score.safety(reply, case)" if form else "score.safety(reply, case)",
    }
    return HEAD.format(**filled) + (MINED.format(**filled) if mined else "")


WORDS = {
    "json": "JSON objects",
    "labels": "labels",
    "number": "numbers",
    "tools": "tool calls",
    "text": "free text",
}


def _scoring(task: StarterTask) -> tuple[str, str]:
    """Constants at the top of the file, and the body of `scored`."""
    if task.kind == "json":
        lines = [
            f"    {literal(one.name)}: {COMPARATORS[one.kind]},\n" for one in task.fields if one.kind in COMPARATORS
        ]
        body = "    return score.json_fields(reply, case.expected, compare=COMPARE)"
        return "COMPARE = {\n" + "".join(lines) + "}\n\n", body
    if task.kind == "labels":
        return (
            f"LABELS = {literal(list(task.labels))}\n\n",
            "    return score.label(reply, case.expected, among=LABELS)",
        )
    if task.kind == "number":
        return "", "    return score.number(reply, case.expected, anywhere=True)"
    if task.kind == "tools":
        return "", "    return score.calls(reply, case.expected, order=False)"
    note = "    # How alike the words are says little of free text: a judge with your rubric says more."
    return "", f"{note}\n    return score.similarity(reply, case.expected)"


def _schema(fields: Sequence[Field]) -> Json:
    """What the good answers have in common, as a JSON Schema."""
    properties = {one.name: {"type": [TYPES[one.kind], "null"]} for one in fields}
    always = [one.name for one in fields if one.present >= ALWAYS]
    return {"type": "object", "properties": properties, "required": always, "additionalProperties": False}
