"""Write the trueup.toml of a project that starts from recorded calls."""

import json

from harness.cli.starter.tasks import StarterTask

CONFIG = """\
[project]
name = {name}

[model]
base = {model}              # folder with config.json, tokenizer and *.safetensors

[ingest]
paths = {paths}

[prompts.short]               # guessed from the answers: say here what the task is, in as few words as it takes
system = {system}

[prompts.production]          # the prompt that production sends, found in the traces
traces = true

[prompts.examples]            # the short prompt, and the four solved training rows that are most like the case
system = {system}
nearest = 4

[arms.base]
prompt = "short"

[arms.prompted]
prompt = "production"

[arms.few_shot]
prompt = "examples"

[arms.tuned]                  # tonight's adapter
prompt = "short"

[curate]
replay = "own"                # a tenth of general requests with the base's own answers, against forgetting
regression_from = "passed"    # calls that nobody complained of are asked again too, so that the effect on traffic is known

[eval]
paths = ["evals"]

[gate.options]                # if one of these does as well as the fine-tune, the verdict says so
prompted_arms = ["prompted", "few_shot"]
"""


def config(name: str, model: str, paths: list[str], tasks: tuple[StarterTask, ...]) -> str:
    """Text of trueup.toml. What comes from traces stands in it as quoted text only."""
    return CONFIG.format(
        name=quoted(name),
        model=quoted(model or "models/base"),
        paths=f"[{', '.join(map(quoted, paths))}]",
        system=quoted(instruction(tasks[0])),
    )


def quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes, and DEL, which TOML wants escaped too."""
    whole = text.encode("utf-8", "replace").decode()
    return json.dumps(whole, ensure_ascii=False).replace("\x7f", "\\u007f")


def instruction(task: StarterTask) -> str:
    """A short system text for the task."""
    if task.kind == "json":
        keys = ", ".join(one.name for one in task.fields)
        return f"Reply with one JSON object with the keys {keys}. Use null for what the message does not say."
    if task.kind == "labels":
        return f"Reply with one of these and nothing else: {', '.join(task.labels)}."
    if task.kind == "number":
        return "Reply with the number only."
    return (
        "Answer the user's request." if task.kind == "text" else "Help the user; use the tools where they are needed."
    )
