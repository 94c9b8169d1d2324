"""`score.text(reply, expected)`: each name is the scorer in the file of that name in `harness/scorers/`.

A scorer is loaded when it is first used, so a suite pays only for what it scores with. Third parties add one by an entry
point in the group `trueup.scorers`.
"""

from typing import TYPE_CHECKING, Any

from harness.errors import UsageError
from harness.plugins import load, names

if TYPE_CHECKING:  # for editors
    from harness.scorers.budget import budget as budget
    from harness.scorers.calls import calls as calls
    from harness.scorers.check import check as check
    from harness.scorers.code import code as code
    from harness.scorers.date import date as date
    from harness.scorers.embedding import embedding as embedding
    from harness.scorers.json_fields import json_fields as json_fields
    from harness.scorers.json_schema import json_schema as json_schema
    from harness.scorers.label import label as label
    from harness.scorers.number import number as number
    from harness.scorers.refusal import refusal as refusal
    from harness.scorers.reward import reward as reward
    from harness.scorers.safety import safety as safety
    from harness.scorers.similarity import similarity as similarity
    from harness.scorers.text import text as text


def __dir__() -> list[str]:
    return list(names("scorers"))


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    module = load("scorers", name)
    if not hasattr(module, name):
        raise UsageError(f"the scorer {name!r} has no function of that name", where=str(module.__file__))
    return getattr(module, name)
