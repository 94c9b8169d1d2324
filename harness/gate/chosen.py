"""Remember which adapters were compared on the suites before one of them was judged.

Whoever judges the best of several has that many chances to be lucky. The names of all that will be asked are kept before the
first answer, so leaving the losers out of trueup.toml later changes nothing.
"""

from collections.abc import Sequence

from harness.project import Project
from harness.types import Noun

KIND = "finalists"


class Finalists(Noun, frozen=True):
    """Adapters that are asked the same suites, so that the best one is judged."""

    adapters: tuple[str, ...]
    """Content ids, sorted."""


def announce(project: Project, adapters: Sequence[str]) -> None:
    """Keep who will be asked. To be called before anything is asked."""
    project.store.artifacts.put(KIND, Finalists(tuple(sorted(set(adapters)))))


def among(project: Project, candidate: str) -> int:
    """How many a candidate was chosen among, itself counted; 1 where there was no choice, the most where there were several."""
    stored = project.store.artifacts
    fields = (stored.get(KIND, ident, Finalists).adapters for ident in stored.ids(KIND))
    return max((len(field) for field in fields if candidate in field), default=1)
