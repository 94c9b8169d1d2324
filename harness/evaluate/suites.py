"""Declare suites in eval files: `@suite`, `@cases`, and the roles a suite can have.

The decorators only note what was said; nothing is loaded or registered. The pytest plugin reads the note when it
collects the file.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, Literal, TypeVar

from msgspec import Struct

from harness.core.repeats import tries
from harness.errors import UsageError
from harness.types import CORPUS, Budget, Case, Contract, Guard, Info, Role, Target

F = TypeVar("F", bound=Callable[..., Any])

NOTE = "__trueup__"
"""Attribute of an eval function that holds its `Declaration`."""

Rows = Iterable[Case | Mapping[str, Any]]


class MinedSplit(Struct, frozen=True):
    """One split of a mined dataset, as the source of cases."""

    dataset: str
    """Name of the dataset; empty: the only one there is."""
    split: str


Source = str | Path | MinedSplit | Rows | Callable[[], Rows]
"""Where cases come from: a file or a folder of datasets (path relative to the eval file), a mined split, rows, or a
function that gives rows."""


class Declaration(Struct):
    """What the decorators of one eval function said."""

    role: Role = Info()
    metric: str = ""
    cluster: str = ""
    repeats: int = 1
    across: str = ""
    must_pass: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    prompt: bool = True
    owner: str = ""
    tags: tuple[str, ...] = ()
    range: tuple[float, float] | None = None
    weights: Literal["case", "cluster"] = "case"
    cluster_cap: int = 0
    source: Source | None = None
    id: str = ""
    """Column that holds the case's id; empty: `id`, else the row's content."""
    split: str = ""
    """Split of a folder of datasets; empty: `test`, or the only one."""
    schema: Any = None
    """What every row must be: a type, or a JSON Schema."""


def declaration(function: Callable[..., Any]) -> Declaration:
    """What was declared of an eval function; all defaults when nothing was."""
    return getattr(function, NOTE, None) or Declaration()


def suite(
    *bare: Any,
    role: Role = Info(),
    metric: str = "",
    cluster: str = "",
    repeats: int = 1,
    across: str = "",
    must_pass: Sequence[str] = (),
    slices: Sequence[str] = (),
    prompt: bool = True,
    owner: str = "",
    tags: Sequence[str] = (),
    range: tuple[float, float] | None = None,
    weights: Literal["case", "cluster"] = "case",
    cluster_cap: int = 0,
) -> Callable[[F], F]:
    """Say what a suite is for; see `harness.types.Suite` for the fields.

    Raises UsageError on a role that is not one, on fewer than one repeat, without brackets, on repeats that cannot be joined `across`, and on a range, weights or a
    cap that make no sense.
    """
    if bare:
        raise UsageError("@suite has no brackets", next="@suite(role=guard()), or no @suite at all")
    if not isinstance(role, Role):
        raise UsageError(
            f"not a role: {role!r}", next="role=target(...), guard(...), contract(), budget(...) or info()"
        )
    if repeats < 1:
        raise UsageError(f"repeats must be at least 1, not {repeats}")
    _check_counting(range, weights, cluster, cluster_cap)
    _check_across(across, role, metric)

    def note(function: F) -> F:
        noted = _noted(function)
        noted.role, noted.metric, noted.cluster, noted.repeats = role, metric, cluster, repeats
        noted.across, noted.must_pass, noted.slices = across, _names(must_pass), _names(slices)
        noted.prompt, noted.owner, noted.tags = prompt, owner, _names(tags)
        noted.range, noted.weights, noted.cluster_cap = range, weights, cluster_cap
        return function

    return note


def _check_counting(range: tuple[float, float] | None, weights: str, cluster: str, cap: int) -> None:
    """What scores and clusters count for; raises UsageError where it makes no sense."""
    if range is not None and not (len(range) == 2 and all(map(isfinite, range)) and range[0] < range[1]):
        raise UsageError(f"not a range of scores: {range!r}", next="range=(0, 30)")
    if weights not in ("case", "cluster"):
        raise UsageError(f"weights are by case or by cluster, not {weights!r}", next='weights="cluster"')
    if cap < 0:
        raise UsageError(f"cluster_cap must be 0 or more, not {cap}")
    if (weights == "cluster" or cap) and not cluster:
        raise UsageError("what a cluster counts for needs a cluster", next='cluster="user_id"')


def _check_across(across: str, role: Role, metric: str) -> None:
    """How repeats are joined; raises UsageError on an unknown way, and where the role or the metric counts them itself."""
    tries(across)
    if across and (isinstance(role, (Contract, Budget)) or metric in CORPUS):
        by = metric if metric in CORPUS else f"the role {type(role).__name__.lower()}"
        raise UsageError(f"{across} joins passes and fails, and {by} counts repeats itself", next="leave `across` out")


class Cases:
    """`@cases("booking.jsonl")`: one call of the eval function for each row. See `Source` for what it takes."""

    def __call__(self, source: Source, *, id: str = "", split: str = "", schema: Any = None) -> Callable[[F], F]:
        """`id`, `split` and `schema`: see `Declaration`. Raises UsageError without brackets."""
        if getattr(source, "__name__", "").startswith("eval_"):
            raise UsageError("@cases has no brackets", next='@cases("FILE.jsonl")')

        def note(function: F) -> F:
            noted = _noted(function)
            noted.source, noted.id, noted.split, noted.schema = source, id, split, schema
            return function

        return note

    def held_out(self, dataset: str = "") -> Callable[[F], F]:
        """The cases that were mined and held out of training: what can show that a failure was fixed."""
        return self(MinedSplit(dataset, "held_out"))

    def regression(self, dataset: str = "") -> Callable[[F], F]:
        """The mined cases that production passes today: what can show a break."""
        return self(MinedSplit(dataset, "regression"))

    def production(self, dataset: str = "") -> Callable[[F], F]:
        """A random sample of production, passed or failed ([curate] production_share): what shows the effect on traffic."""
        return self(MinedSplit(dataset, "production"))


cases = Cases()


def target(min_gain: float = 0.0) -> Target:
    """Role: the tuned model must gain at least `min_gain` (of the score, 0 to 1) on this suite."""
    return Target(min_gain=min_gain)


def guard(margin: float = 0.03) -> Guard:
    """Role: the tuned model must not lose more than `margin` (of the score, 0 to 1) on this suite."""
    return Guard(margin=margin)


def contract() -> Contract:
    """Role: every case must pass, in most of its repeats."""
    return Contract()


def budget(limit: float, quantile: float = 0.0) -> Budget:
    """Role: the suite's score (seconds, tokens, cost) must stay at or below `limit`: in a share `quantile` of the cases, or
    (with 0) its mean. Raises UsageError on a quantile that is none."""
    if not 0.0 <= quantile < 1.0:
        raise UsageError(f"a quantile is a share of the cases, not {quantile}", next="budget(limit=2.0, quantile=0.95)")
    return Budget(limit=limit, quantile=quantile)


def info() -> Info:
    """Role: measured and shown; decides nothing."""
    return Info()


def _noted(function: Callable[..., Any]) -> Declaration:
    if not hasattr(function, NOTE):
        setattr(function, NOTE, Declaration())
    noted: Declaration = getattr(function, NOTE)
    return noted


def _names(names: Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)
