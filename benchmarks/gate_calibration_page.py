"""The page and the plot of `benchmarks.gate_calibration`."""

from benchmarks.gate_calibration_cells import SIZES, Cell
from benchmarks.gate_calibration_corners import nights, nights_before

RULES = ("tango_exact", "tango (asymptotic)", "t interval (other gates)")


def table(cells: list[Cell], method: str) -> list[str]:
    chosen = [cell for cell in cells if cell.method == method and (method != "tango_exact" or not cell.looks)]
    sizes = sorted({cell.n for cell in chosen})
    lines = ["| setting | " + " | ".join(f"n = {n:,}" for n in sizes) + " |", "|---|" + "---:|" * len(sizes)]
    for setting in dict.fromkeys(cell.setting for cell in chosen):
        row = {cell.n: _rates(cell) for cell in chosen if cell.setting == setting}
        lines.append(f"| {setting} | " + " | ".join(row.get(n, "") for n in sizes) + " |")
    return lines


def _rates(cell: Cell) -> str:
    """How often it passes, and in brackets how often it did before."""
    return f"{cell.passed:.1%}" + ("" if cell.old is None else f" ({cell.old:.1%})")


def plot(cells: list[Cell], limit: float) -> str:
    """SVG: the worst false-pass rate over the discordances, by size, a line a method."""
    left, top, width, height, most = 70, 30, 560, 300, 0.8
    spots = {n: left + width * i / (len(SIZES) - 1) for i, n in enumerate(SIZES)}

    def y(rate: float) -> float:
        return top + height * (1 - (min(rate, most) / most) ** 0.5)

    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 390" font-family="sans-serif" font-size="13">',
        "<title>False passes at the margin, worst over discordance, by number of cases</title>",
        '<rect width="860" height="390" fill="white"/>',
    ]
    for rate in (0.0, 0.01, 0.05, 0.2, 0.4, 0.8):
        parts.append(f'<line x1="{left}" x2="{left + width}" y1="{y(rate):.1f}" y2="{y(rate):.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y(rate) + 4:.1f}" text-anchor="end">{rate:.0%}</text>')
    for n, x in spots.items():
        parts.append(f'<text x="{x:.1f}" y="{top + height + 20}" text-anchor="middle">{n:,}</text>')
    parts.append(
        f'<text x="{left + width / 2}" y="{top + height + 45}" text-anchor="middle">cases (square-root scale of rates)</text>'
    )
    parts.append(
        f'<line x1="{left}" x2="{left + width}" y1="{y(limit):.1f}" y2="{y(limit):.1f}" stroke="#444" stroke-dasharray="5 4"/>'
    )
    parts.append(f'<text x="{left + width + 8}" y="{y(limit) + 16:.1f}" fill="#444">allowed: {limit:.1%}</text>')
    colours = ("#1b7f4d", "#2b6cb0", "#c0392b")
    for place, (method, colour) in enumerate(zip(RULES, colours, strict=True)):
        worst = {n: max(cell.passed for cell in cells if cell.method == method and cell.n == n) for n in SIZES}
        line = " ".join(f"{spots[n]:.1f},{y(worst[n]):.1f}" for n in SIZES)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{left + width + 8}" y="{top + 20 + 20 * place}" fill="{colour}">{method}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


HEAD = """# Calibration of the gate

Written by `python -m benchmarks.gate_calibration --write`. Every number comes from data whose truth is known: summed
over every possible sample where there are few kinds of them, else simulated.

A guard with margin m must not pass a model that is truly m worse, and a target must not pass one that gains exactly what
is not enough. Every truth here is that bound, the hardest that must not pass. The tables of the methods give how often it
passes at one look that may err in 5 %; in brackets, how often the gate before the corners were closed passed. A real
first look may err in half of that: see "Twenty nights".

![False passes at the margin by number of cases](calibration.svg)
"""

NOTES = {
    "tango_exact": "Pass or fail, independent cases. Exact over the discordance, so it never exceeds 5 %.",
    "graded": "Scores from 0 to 1 of which all gain a little and rare ones fail as a whole. One unseen total failure is "
    "counted along, so a sample without one does not pass by itself.",
    "unequal clusters": "Users of unlike sizes. Clusters count as fewer equal ones (n^2 over the sum of squared sizes); "
    "under ten of these nothing is judged.",
    "a user who breaks": "Every user gains in some cases, and for rare ones all breaks. The less the cases of a user move "
    "together, the more of an unseen user who breaks is counted along.",
    "tango_effective": "Clusters of one size and averaged repeats. Under ten clusters nothing is judged.",
    "net effect on traffic": "An adapter answers a share of all calls anew, as well as the base: on traffic nothing is gained. "
    "Before: the two mined suites passed by themselves, at the same error.",
    "budget": "2 % of the replies stall for a minute, and the budget's limit is the truth. A mean of scores beyond 0 to 1 "
    "is judged with a declared range only.",
    "prediction_powered": "People see no difference, and the judge is laxer on the tuned arm. Labels name their arm.",
    "rogan_gladen": "Pass or fail as a judge says it, whose errors are known from labels only. In rows with a margin it errs "
    "alike on both arms (`most_bias=0`).",
    "clopper_pearson": "The rate of one arm against a limit, as budgets use it. Clusters share their chance.",
    "bootstrap_macro_f1": "Macro-F1, counted again in each resample. A label with under five cases is not judged.",
    "betting_sequence": "An evaluation that ends early (`[eval] early_stop`), with a look after every case.",
    "tango (asymptotic)": "Tango's test as published, for comparison.",
    "t interval (other gates)": "Student's 95 % interval above minus the margin, for comparison. With few flips it "
    "collapses to a point and passes.",
}

UNJUDGED = """## What is not judged at all

- Scores beyond 0 to 1 without a declared range: undecided, whatever they say (before: t and BCa, 36 % at n = 30).
- A judge whose labels name no arm and whose author states no `most_bias`: undecided.
- One row pasted 40 times: one case (`tests/gate/test_corners.py`).

## What is not covered

- That candidates of different nights are independent is assumed in the figures of "Twenty nights", not in the method: the
  sum of the shares is at most 5 % however they depend on one another.
- Fresh cases start a new budget. A project that gets fresh cases every night has 2.5 % a night, not 5 % in all.
- A judge's labels must be of answers drawn at random from those of the arm.
"""


def page(
    cells: list[Cell],
    powers: list[tuple[str, int, float, tuple[float, float, float]]],
    clustered: list[tuple[str, int, float, float]],
    result: dict[str, float],
) -> str:
    lines = [HEAD]
    for method, note in NOTES.items():
        counts = sorted({cell.runs for cell in cells if cell.method == method})
        drawn = "Summed exactly." if counts == [0] else f"{counts[-1]:,} simulated pairs of runs a cell."
        lines += [f"## {method}", "", note, drawn, "", *table(cells, method), ""]
    lines += [
        UNJUDGED,
        *_nights([cell for cell in cells if cell.looks]),
        *_power(powers, clustered),
        "## In one line",
        "",
    ]
    lines += [
        f"- Worst false-promote rate of any method at one look: {result['worst_look']:.2%} (before: "
        f"{result['worst_look_before']:.0%}); allowed are {result['allowed']:.0%}.",
        f"- Worst net effect on traffic: {result['worst_net']:.2%} at one look.",
        f"- Worst over 20 nights: {result['worst_20_nights']:.2%} (before: {result['worst_20_nights_before']:.0%}).",
        f"- Base against base through the whole gate, first look, 5 % of the cases flipping, a target that asks for any gain: "
        f"promoted {result['aa_promote']:.1%} of the time.",
    ]
    return "\n".join(lines) + "\n"


def _nights(series: list[Cell]) -> list[str]:
    """The worst setting of each method."""
    lines = [
        "## Twenty nights",
        "",
        "Look k at the same cases may err in alpha / (k (k + 1)). Twenty candidates whose truth is",
    ]
    lines += [
        "the bound: how often any of them passes, of each method at its worst setting; before, with 5 % a night.",
        "",
    ]
    lines += ["| method | setting | n | first look | 20 nights | before |", "|---|---|---:|---:|---:|---:|"]
    for method in dict.fromkeys(cell.method for cell in series):
        worst = max((cell for cell in series if cell.method == method), key=nights)
        before = max(map(nights_before, (cell for cell in series if cell.method == method)))
        lines.append(
            f"| {method} | {worst.setting} | {worst.n:,} | {worst.looks[0]:.1%} | {nights(worst):.1%} | {before:.0%} |"
        )
    return [*lines, ""]


def _power(
    powers: list[tuple[str, int, float, tuple[float, float, float]]], clustered: list[tuple[str, int, float, float]]
) -> list[str]:
    """What the smaller error costs."""
    lines = [
        "## Power, and what honesty costs",
        "",
        "Independent pass/fail cases, summed exactly: 5 % a night as before, and",
    ]
    lines += ["now at the first, fifth and 20th look at the same cases.", ""]
    lines += ["| setting | n | before | look 1 | look 5 | look 20 |", "|---|---:|---:|---:|---:|---:|"]
    lines += [
        f"| {what} | {n:,} | {before:.0%} | " + " | ".join(f"{one:.0%}" for one in now) + " |"
        for what, n, before, now in powers
    ]
    lines += [
        "",
        "Clusters and graded scores with nothing changed: what the unseen case alone costs. True gains on "
        "traffic: how often the mined suites alone would pass, which say nothing of traffic. All at 5 %.",
        "",
    ]
    lines += ["| setting | n | before | now |", "|---|---:|---:|---:|"]
    lines += [f"| {what} | {n:,} | {before:.0%} | {now:.0%} |" for what, n, before, now in clustered]
    return [*lines, ""]
