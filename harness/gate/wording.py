"""Format numbers in words, the same way in every rule. Light: nothing here computes."""

from harness.types import Comparison, Interval, Pair


def file(comparison: Comparison) -> str:
    return comparison.suite.file or comparison.suite.name.split("::")[0]


def error(pair: Pair) -> str:
    return pair.baseline_error or pair.candidate_error


def label(name: str) -> str:
    """Short name of a suite: `booking_desk/eval_booking::eval_booking` is `booking`."""
    return name.rsplit("/", 1)[-1].rsplit("::", 1)[-1].removeprefix("eval_")


def is_rate(comparison: Comparison) -> bool:
    """True when every score lies in 0 to 1, and no other range was declared, so that differences are said in points."""
    return comparison.suite.range in (None, (0.0, 1.0)) and all(
        0.0 <= value <= 1.0
        for pair in comparison.pairs
        for value in (pair.baseline, pair.candidate)
        if value is not None
    )


def amount(value: float, rate: bool) -> str:
    """A size without its sign: `7.1 points` of a rate, else the number."""
    return f"{abs(value) * 100:.1f} points" if rate else f"{abs(value):.3g}"


def number(value: float, rate: bool) -> str:
    return f"{value * 100:.1f}" if rate else f"{value:.3g}"


def level(interval: Interval) -> str:
    """`95 % interval`."""
    return f"{100 * interval.level:.4g} % interval"


def span(interval: Interval) -> str:
    """Ends of an interval of a share: `0.3 % to 3.1 %`."""
    return f"{interval.low:.1%} to {interval.high:.1%}"


def band(interval: Interval, rate: bool) -> str:
    """`95 % interval 77.9 to 84.6`."""
    return f"{level(interval)} {number(interval.low, rate)} to {number(interval.high, rate)}"


def signed_band(interval: Interval, rate: bool) -> str:
    """Of a difference: `95 % interval -1.2 to +5.8`, a loss with its minus sign as everywhere."""
    return f"{level(interval)} {_signed(interval.low, rate)} to {_signed(interval.high, rate)}"


def change(comparison: Comparison, estimate: float, interval: Interval) -> str:
    """`booking improved by 81.2 points over base (95 % interval +77.9 to +84.6)`."""
    rate = is_rate(comparison)
    across = f" ({comparison.suite.across})" if comparison.suite.across else ""
    name, shown = f"{label(comparison.suite.name)}{across}", signed_band(interval, rate)
    if estimate == 0:
        return f"{name} did not change against {comparison.baseline} ({shown})"
    verb, against = ("improved", "over") if estimate > 0 else ("dropped", "against")
    return f"{name} {verb} by {amount(estimate, rate)} {against} {comparison.baseline} ({shown})"


def _signed(value: float, rate: bool) -> str:
    text = f"{value * 100:+.1f}" if rate else f"{value:+.3g}"
    return text.lstrip("+-") if float(text) == 0 else text
