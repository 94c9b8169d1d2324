"""Choose the cases of the targets that the judged arm still gets wrong: the commonest failures first, one of each."""

from msgspec import Struct

from harness.core import codec
from harness.core.cluster_names import common
from harness.core.differences import FieldDifference, differences
from harness.types import Budget, Json, Result, Role, Story, Target
from reports.parts.cases import CaseRow, candidate, passes
from reports.parts.cluster_names import cluster_names
from reports.parts.matrix import suites_of
from reports.parts.safe import line
from reports.parts.words import short_name

LONGEST = 220
"""Characters of a text that is shown."""


class StillWrong(Struct):
    suite: str
    id: str
    group: str
    """What the judged arm gets wrong in most cases of the group; else the name of its failure cluster, or of its suite."""
    alike: int
    """Cases of the group that are still wrong."""
    text: str
    wanted: str
    answer: str
    """What differs, where that can be told by field; else the answer."""
    told: bool
    """Whether `answer` is what differs."""
    why: str


def still_wrong(story: Story, rows: list[CaseRow], most: int = 5) -> list[StillWrong]:
    """One case of each group, the largest group first; the lowest score stands for its group."""
    roles = {name: suite.role for name, suite in suites_of(story.runs).items()}
    targets = {name for name, role in roles.items() if isinstance(role, Target)}
    arm, groups = candidate(story), dict[str, list[CaseRow]]()
    for row in rows:
        score = row.scores.get(arm)
        if row.suite in (targets or roles) and score is not None and not passes(roles[row.suite], score):
            groups.setdefault(row.case.cluster or f"{row.suite} {_field(row, arm)}", []).append(row)
    worst = sorted(groups.values(), key=lambda members: -len(members))[:most]
    names = _names(worst, cluster_names(story, rows) if groups else {}, arm)
    return [
        _example(_worst(_typical(members, name, arm), roles, arm), members, name, arm)
        for members, name in zip(worst, names, strict=True)
    ]


def _names(groups: list[list[CaseRow]], clusters: dict[str, str], arm: str) -> list[str]:
    """A name for each group, each used once."""
    names: list[str] = []
    for members in groups:
        fallback = clusters.get(members[0].case.cluster) or short_name(members[0].suite)
        name = common([told for row in members if (told := _differences(row, arm))]) or fallback
        if name in names:  # the cluster's own name may say the same, and then tells it apart already
            name = fallback if fallback.startswith(name) else f"{name} ({fallback})"
        names.append(name)
    return names


def _typical(rows: list[CaseRow], name: str, arm: str) -> list[CaseRow]:
    """Those that the name of their group tells of; all where it tells of none."""
    field = name.split(":")[0]
    told = [row for row in rows if any(field == each.field or str(each) in name for each in _differences(row, arm))]
    return told or rows


def _differences(row: CaseRow, arm: str) -> list[FieldDifference]:
    return differences(row.case.expected, _answer(row.results.get(arm, ()))[0])


def _field(row: CaseRow, arm: str) -> str:
    """The first field that is wrong, by which cases without a failure cluster are grouped."""
    return next((each.field for each in _differences(row, arm)), "")


def _worst(rows: list[CaseRow], roles: dict[str, Role], arm: str) -> CaseRow:
    """The lowest score; of a budget the highest."""
    return min(rows, key=lambda row: (row.scores[arm] or 0.0) * (-1 if isinstance(roles[row.suite], Budget) else 1))


def _example(row: CaseRow, alike: list[CaseRow], group: str, arm: str) -> StillWrong:
    results = row.results.get(arm, ())
    answer, why = _answer(results)
    told = [str(each) for each in differences(row.case.expected, answer) if each.field]
    return StillWrong(
        suite=row.suite,
        id=row.id,
        group=group,
        alike=len(alike),
        text=line(row.case.text or row.id, LONGEST),
        wanted=line(_text(row.case.expected), LONGEST),
        answer=line("; ".join(told) or answer, LONGEST),
        told=bool(told),
        why=line(why, LONGEST),
    )


def _answer(results: tuple[Result, ...]) -> tuple[str, str]:
    """The last answer of the first repeat that lost a point, and why it did."""
    for result in results:
        lost = [score for score in result.scores if score.value < 1]
        if lost and result.replies:
            reply = result.replies[-1]
            calls = ", ".join(f"{call.name}({call.arguments})" for call in reply.tool_calls)
            return reply.text or calls, lost[0].explanation
    return "", ""


def _text(value: Json) -> str:
    return "" if value is None else value if isinstance(value, str) else codec.canonical(value)
