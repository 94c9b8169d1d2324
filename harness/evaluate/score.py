"""Look up scorers: `score.text` is the function `text` in the file of that name in `harness/evaluate/scorers/`.

A scorer is loaded when it is first used, so a suite pays only for what it scores with. Third parties add one by an entry
point in the group `trueup.scorers`. Type checkers and editors read `score.pyi`, which `make docs` writes.
"""

from typing import Any

from harness.core.plugins import load, names
from harness.errors import UsageError


def __dir__() -> list[str]:
    return list(names("scorers"))


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    module = load("scorers", name)
    if not hasattr(module, name):
        raise UsageError(f"the scorer {name!r} has no function of that name", where=str(module.__file__))
    return getattr(module, name)
