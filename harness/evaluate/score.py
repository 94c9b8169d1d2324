"""Look up scorers: `score.text` is the function `text` in the file of that name in `harness/evaluate/scorers/`.

A scorer is loaded when it is first used, so a suite pays only for what it scores with. Third parties add one by an entry
point in the group `trueup.scorers`.
"""

from typing import TYPE_CHECKING, Any

from harness.core.plugins import load, names
from harness.errors import UsageError

if TYPE_CHECKING:  # for editors
    from harness.evaluate.scorers.budget import budget as budget
    from harness.evaluate.scorers.calls import calls as calls
    from harness.evaluate.scorers.check import check as check
    from harness.evaluate.scorers.code import code as code
    from harness.evaluate.scorers.date import date as date
    from harness.evaluate.scorers.embedding import embedding as embedding
    from harness.evaluate.scorers.json_fields import json_fields as json_fields
    from harness.evaluate.scorers.json_schema import json_schema as json_schema
    from harness.evaluate.scorers.label import label as label
    from harness.evaluate.scorers.number import number as number
    from harness.evaluate.scorers.refusal import refusal as refusal
    from harness.evaluate.scorers.reward import reward as reward
    from harness.evaluate.scorers.safety import safety as safety
    from harness.evaluate.scorers.similarity import similarity as similarity
    from harness.evaluate.scorers.text import text as text


def __dir__() -> list[str]:
    return list(names("scorers"))


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    module = load("scorers", name)
    if not hasattr(module, name):
        raise UsageError(f"the scorer {name!r} has no function of that name", where=str(module.__file__))
    return getattr(module, name)
