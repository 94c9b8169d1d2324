"""Format words and signs: how a number, an outcome, a role and a time read in every report."""

from datetime import UTC, datetime

from harness.types import Budget, Contract, Finding, Guard, Json, Role, Target

MEANING = {
    "promote": "the candidate may replace what is in production",
    "hold": "the candidate is not good enough",
    "undecided": "there is not enough evidence either way",
    "invalid": "the judgement itself cannot be trusted",
}
"""What each verdict says, in words."""

MARKS = {
    "promote": "✓",
    "pass": "✓",
    "fixed": "✓",
    "better": "↑",
    "hold": "✕",
    "fail": "✕",
    "broken": "✕",
    "failed": "✕",
    "passed": "✓",
    "worse": "↓",
    "undecided": "?",
    "unresolved": "?",
    "missing": "?",
    "invalid": "!",
    "error": "!",
    "info": "·",
    "both_pass": "=",
    "both_fail": "–",
}
"""A sign for each outcome and status, so that colour is never the only one."""


def percent(value: float | None) -> str:
    """A share as a percentage: 0.834 is `83.4%`."""
    return "–" if value is None else f"{value * 100:.1f}%"


def whole_percent(value: float) -> str:
    """A share as a percentage for a tick of an axis: 0.5 is `50%`, 0.025 is `2.5%`."""
    return f"{value * 100:g}%"


def points(value: float | None, share: bool = True) -> str:
    """A signed difference: percentage points for shares, else the number."""
    if value is None:
        return "–"
    shown = round(value * 100, 1) + 0.0 if share else float(f"{value:.3g}") + 0.0
    return (f"{shown:+.1f}" if share else f"{shown:+g}").replace("-", "−").replace("+0.0", "0.0")


def number(value: float | None) -> str:
    """A count or a mean, short: 2080 is `2,080`, 22.04 is `22`, 0.031 is `0.031`."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.3g}"


def level(value: float) -> str:
    """A level as a percentage: 0.95 is `95 %`, 0.98745 is `98.75 %`."""
    return f"{100 * value:.4g} %"


def told(value: Json) -> str:
    """A recorded value for people: `yes`, `2,080`, `rows 400, stop supervised yes`."""
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {told(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(told, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, (int, float)) else "–" if value is None else str(value)


def duration(seconds: float) -> str:
    """Seconds for people: `0.4 s`, `42 s`, `5 min 51 s`, `2 h 05 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def moment(at_ns: int) -> str:
    """`2026-11-01 00:00 UTC` of a Unix time in nanoseconds; empty when unknown."""
    return datetime.fromtimestamp(at_ns / 1e9, tz=UTC).strftime("%Y-%m-%d %H:%M UTC") if at_ns else ""


def short_name(name: str) -> str:
    """A suite's name for people: `parcel_desk/eval_parcel::eval_parcel` is `parcel`."""
    return name.rpartition("::")[2].removeprefix("eval_") or name


def role_name(role: Role) -> str:
    """`target`, `guard`, `contract`, `budget` or `info`."""
    return type(role).__name__.lower()


def asked(role: Role) -> str:
    """What a role asks for, in words."""
    if isinstance(role, Target):
        return f"gain at least {role.min_gain * 100:g} points"
    if isinstance(role, Guard):
        return f"lose at most {role.margin * 100:g} points"
    if isinstance(role, Contract):
        return "every case passes"
    return f"stay at or below {role.limit:g}" if isinstance(role, Budget) else "measured only"


def basis(finding: Finding) -> list[str]:
    """What a finding rests on, in lines: the formula with its p value, and its level where the sentence does not say it; then
    the counts. Zeros are left out, but for b (broken) and c (fixed), of which none is as telling as many."""
    formula = finding.formula.replace("_", " ") or "–"
    if finding.p_value is not None:
        formula += " · p < 0.001" if finding.p_value < 0.001 else f" · p {finding.p_value:.3f}"
    if finding.interval and f"{level(finding.interval.level)} interval" not in finding.sentence:
        formula += f" · level {finding.interval.level:g}"
    counts = {name: value for name, value in finding.counts.items() if value or name in ("b", "c")}
    low, high = counts.pop("newcombe_low", None), counts.pop("newcombe_high", None)
    named = " · ".join(f"{name.replace('_', ' ')} {number(value)}" for name, value in counts.items())
    newcombe = f"Newcombe {points(low)} to {points(high)}" if low is not None and high is not None else ""
    return [line for line in (formula, named, newcombe) if line]
