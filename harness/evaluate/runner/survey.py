"""Name what a pytest that runs eval files is given, and what it leaves behind. Imports no pytest."""

from harness.types import Noun, Suite

TOLERANT = (
    *("-p", "trueup", "--import-mode=importlib", "--continue-on-collection-errors"),
    *("-W", "ignore::pytest.PytestConfigWarning"),
)
"""What every pytest that runs eval files is given. A project's own settings may name plug-ins that are not loaded here, and
may make errors of warnings."""

SUITES_FILE = "suites.json"


class Survey(Noun, frozen=True):
    """What the eval files hold, before anything is run."""

    suites: tuple[Suite, ...] = ()
    problems: tuple[str, ...] = ()
    """Files that did not load."""
    mistakes: tuple[str, ...] = ()
    """What eval functions misspell: their cases would be errors."""
    texts: tuple[str, ...] = ()
    """The texts of all cases, each once: what no training row may be near."""
    cases: dict[str, tuple[str, ...]] = {}
    """Suite name to the ids of its selected cases."""
    asked: dict[str, tuple[str, ...]] = {}
    """Suite name to the content ids of what its cases ask."""


def run_file(arm: str) -> str:
    """Name of the file in `EvalRequest.out` that holds the run of an arm."""
    return f"{arm}.run.json"
