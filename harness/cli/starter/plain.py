"""Write a starter trueup.toml and one eval file that run at once, for `trueup init`."""

from pathlib import Path

from harness.cli import config_schema
from harness.core.codec import write_atomic
from harness.errors import UsageError

CONFIG = """\
[project]
name = "{name}"

[model]
base = "{model}"              # folder with config.json, tokenizer and *.safetensors

[ingest]
paths = ["traces"]            # exports and feedback: files, folders or globs

[prompts.short]
system = "Answer the customer's question."

[prompts.production]          # the prompt that production sends, found in the traces
traces = true

[arms.base]
prompt = "short"

[arms.prompted]
prompt = "production"

[arms.tuned]                  # tonight's adapter
prompt = "short"

[eval]
paths = ["evals"]
"""

EVAL = '''\
"""A first eval file. Each function is a suite; each case is one call of it. Run it: pytest evals --model base"""

from trueup import cases, guard, score, suite

QUESTIONS = [
    {"id": "capital", "text": "What is the capital of France? Answer with one word.", "expected": "Paris"},
    {"id": "sum", "text": "What is 2 + 3? Answer with the number only.", "expected": "5"},
]


@suite(role=guard(margin=0.05))
@cases(QUESTIONS)
def eval_basics(case, model):
    reply = model.chat(case.messages, max_tokens=16)
    return score.text(reply, case.expected, mode="contains", fold=True)
'''


def write(folder: Path, model: str = "") -> list[Path]:
    """Write both files, and the schema for editors. Raises UsageError when one of them is there already: nothing is overwritten."""
    wanted = {folder / "trueup.toml": config_schema.LINE + CONFIG, folder / "evals" / "eval_basics.py": EVAL}
    for path in wanted:
        if path.exists():
            raise UsageError("there is a project here already", where=str(path), next="trueup status")
    name = "".join(sign if sign.isalnum() else "_" for sign in folder.resolve().name.lower()) or "project"
    (folder / "traces").mkdir(parents=True, exist_ok=True)
    for path, text in wanted.items():
        filled = text.format(name=name, model=model or "models/base") if path.suffix == ".toml" else text
        write_atomic(path, filled.encode())
    write_atomic(folder / config_schema.FILE, config_schema.content())
    return [*wanted, folder / config_schema.FILE]
