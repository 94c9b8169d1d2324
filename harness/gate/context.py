"""Hold what every rule is given: the comparisons of the judged arm, the policy, controls and waivers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from harness.gate.bar import GateBar
from harness.gate.flaky_cases import Sorted
from harness.gate.statistics.spending import spent
from harness.types import ArmSettings, Comparison, Contract, Guard, Pair, Policy, Role, Share, Waiver

PROMPTED = "prompted"
"""The arm with the prompt as production sends it, which rules know by name as they do those of `harness.evaluate.arms`."""


@dataclass(frozen=True)
class Context:
    comparisons: tuple[Comparison, ...]
    """The judged arm against each other arm, in a fixed order."""
    controls: tuple[Comparison, ...]
    """An arm against itself (A/A): what the gate sees when nothing changed."""
    policy: Policy
    baselines: tuple[str, ...]
    """Arms that every target and guard is held against."""
    champion: str = ""
    """Content id of what was promoted; empty when nothing was, or when it is the candidate itself."""
    production: str = ""
    """The arm that is in production; empty: no arm is, or it is the candidate itself."""
    arms: Mapping[str, ArmSettings] = field(default_factory=dict)
    """How each arm was asked."""
    bar: GateBar = GateBar()
    """What was asked for before."""
    looks: Mapping[str, int] = field(default_factory=dict)
    """Suite to the number of this look at its cases; 1 where nothing is said."""
    shares: tuple[Share, ...] = ()
    """What production's calls are like; empty: not known."""
    problems: tuple[str, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    """Those in force."""
    idle_waivers: tuple[Waiver, ...] = ()
    """Those that count as none: they ended, or run for longer than is allowed."""
    today: str = ""
    """ISO date of the verdict."""
    fine_tuned: bool = True
    """Whether the candidate has an adapter."""
    trained_anyway: bool = False
    """Whether it was trained though the power plan advised against it."""
    among: int = 1
    """How many candidates it was chosen among."""
    quarantine: tuple[Sorted, ...] = ()
    """Flaky cases, and whether they were left out of `comparisons`."""

    @property
    def names_the_bar_only(self) -> bool:
        """Whether asking for less is named and decides nothing: a new version says that it is meant, and nothing is promoted
        yet while a gate is being built."""
        return self.policy.version != self.bar.version or not self.bar.promoted

    @property
    def since(self) -> str:
        """From when the bar is, at the start of a sentence."""
        return "Since the last promotion" if self.bar.promoted else "Since an earlier verdict"

    def look(self, suite: str) -> int:
        """The number of this look at a suite's cases; checks and slices (`suite[name]`) are looked at with their suite."""
        return self.looks.get(suite, self.looks.get(suite.split("[")[0], 1))

    def alpha(self, suite: str) -> float:
        """The one-sided error that this look at a suite may make, in equal parts for each candidate there was."""
        return spent(self.policy.alpha, self.look(suite)) / self.among

    def having(self, role: type[Role]) -> Iterator[Comparison]:
        """Comparisons of suites with that role, against the required baselines."""
        for one in self.comparisons:
            if isinstance(one.suite.role, role) and one.baseline in self.baselines:
                yield one

    def against(self, baseline: str, role: type[Role]) -> Iterator[Comparison]:
        """Comparisons with one named arm."""
        return (one for one in self.comparisons if one.baseline == baseline and isinstance(one.suite.role, role))

    def unwaived(self, comparison: Comparison) -> Comparison:
        """Without the cases that a waiver in force names."""
        kept = tuple(pair for pair in comparison.pairs if not self.waiver(comparison, pair))
        return replace(comparison, pairs=kept)

    def waiver(self, comparison: Comparison, pair: Pair) -> Waiver | None:
        """The waiver that names this case, or its cluster; one for a suite is one for its checks too. Only guards and contracts
        can be waived."""
        if not isinstance(comparison.suite.role, (Guard, Contract)):
            return None
        suites = {comparison.suite.name, comparison.suite.name.split("[")[0]}
        for waiver in self.waivers:
            if waiver.suite in suites and (
                (waiver.case_id and waiver.case_id == pair.case_id)
                or (waiver.cluster and waiver.cluster == pair.cluster)
            ):
                return waiver
        return None
