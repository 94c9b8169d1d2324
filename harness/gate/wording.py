"""Format numbers in words, the same way in every rule. Light: nothing here computes."""

from msgspec.structs import replace

from harness.types import Comparison, Interval, Pair


def file(comparison: Comparison) -> str:
    return comparison.suite.file or comparison.suite.name.split("::")[0]


def error(pair: Pair) -> str:
    return pair.baseline_error or pair.candidate_error


def label(name: str) -> str:
    """Short name of a suite: `booking_desk/eval_booking::eval_booking` is `booking`."""
    return name.rsplit("/", 1)[-1].rsplit("::", 1)[-1].removeprefix("eval_")


def is_rate(comparison: Comparison) -> bool:
    """True when every score lies in 0 to 1, so that differences are said in points."""
    return all(
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


def band(interval: Interval, rate: bool) -> str:
    return f"[{number(interval.low, rate)}, {number(interval.high, rate)}]"


def change(comparison: Comparison, estimate: float, interval: Interval) -> str:
    """`booking gains 81.2 points [77.9, 84.6] against base`."""
    rate = is_rate(comparison)
    name = label(comparison.suite.name)
    if estimate == 0:
        return f"{name} is unchanged {band(interval, rate)} against {comparison.baseline}"
    verb = "gains" if estimate > 0 else "loses"
    # A loss is said without its minus sign, so its interval is turned round.
    shown = interval if estimate > 0 else replace(interval, low=-interval.high, high=-interval.low)
    return f"{name} {verb} {amount(estimate, rate)} {band(shown, rate)} against {comparison.baseline}"
