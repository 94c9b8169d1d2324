"""The page and the plot of `benchmarks.gate_calibration`."""

from benchmarks.gate_calibration_cells import RULES, SIZES, Cell


def table(cells: list[Cell], method: str) -> list[str]:
    chosen = [cell for cell in cells if cell.method == method]
    sizes = sorted({cell.n for cell in chosen})
    lines = ["| setting | " + " | ".join(f"n = {n:,}" for n in sizes) + " |", "|---|" + "---:|" * len(sizes)]
    for setting in dict.fromkeys(cell.setting for cell in chosen):
        row = {cell.n: f"{cell.passed:.1%}" for cell in chosen if cell.setting == setting}
        lines.append(f"| {setting} | " + " | ".join(row.get(n, "") for n in sizes) + " |")
    return lines


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

Written by `python -m benchmarks.gate_calibration --write`. Every number is a simulation of runs whose truth is known.

A guard with margin m must not pass a model that is truly m worse, except with a chance of at most alpha = 5 %. Here
every simulated candidate is exactly m worse, the hardest truth that must not pass; the tables give how often it passed.

![False passes at the margin by number of cases](calibration.svg)
"""

NOTES = {
    "tango_exact": "Pass or fail, independent cases: what the gate uses. Exact over the discordance, so it never exceeds "
    "5 % but for Monte Carlo error.",
    "tango (asymptotic)": "Tango's test as published, with the normal quantile: close, and above 5 % at some sizes. "
    "For comparison.",
    "t interval (other gates)": "Student's 95 % interval of the paired differences above minus the margin: the rule of "
    "other gates. With few flips it collapses to a point and passes. For comparison.",
    "tango_effective": "Clusters and averaged repeats: what the gate uses. Below ten clusters it gives no pass at all.",
    "t, bca": "Numbers without bounds, independent: what the gate uses. Samples too skewed for their number are not "
    "judged, so they do not pass.",
    "cr1, wild bootstrap": "Numbers without bounds, in clusters: what the gate uses.",
    "bootstrap_macro_f1": "Macro-F1, counted again in each resample; the bound is the true difference. A label with fewer "
    "than five cases is not judged, so it does not pass.",
    "rogan_gladen": "Pass or fail as a judge says it, corrected for the judge's errors, which are known from labels only.",
    "betting_sequence": "An evaluation that ends early (`[eval] early_stop`), here with a look after every case: how often the "
    "sequence ever leaves the true loss of 3 points. A loss that is not there would end it, a gain never does.",
    "clopper_pearson": "The rate of one arm against a limit, as budgets use it; the true rate is the limit. Clusters share "
    "their chance.",
}


def page(
    cells: list[Cell], powers: list[tuple[str, int, float, float]], result: dict[str, float], classic: float
) -> str:
    lines = [HEAD]
    for method, note in NOTES.items():
        counts = sorted({cell.runs for cell in cells if cell.method == method})
        drawn = f"{' or '.join(f'{count:,}' for count in counts)} simulated pairs of runs a cell."
        lines += [f"## {method}", "", note, drawn, "", *table(cells, method), ""]
    lines += [
        "## Power",
        "",
        "How often a guard with a 3-point margin passes a model that did not change, as simulated, ",
    ]
    lines += ["and in brackets as the planner (`harness.gate.statistics.power`) foretold.", ""]
    lines += ["| discordance | " + " | ".join(f"n = {n:,}" for n in SIZES) + " |", "|---|" + "---:|" * len(SIZES)]
    for setting in dict.fromkeys(name for name, *_ in powers):
        row = [f"{seen:.0%} ({told:.0%})" for name, _, told, seen in powers if name == setting]
        lines.append(f"| {setting} | " + " | ".join(row) + " |")
    lines += ["", "## In one line", ""]
    lines.append(
        f"- The t-interval rule at n = 10, a 3-point margin and 3 % discordance passes {classic:.0%} of the time."
    )
    lines.append(f"- Worst false-promote rate of any method and size: {result['worst_false_promote']:.2%}; ")
    lines.append(f"  alpha plus the Monte Carlo error of that many cells: {result['allowed']:.2%}.")
    lines.append(
        "- Base against base through the whole gate, with 5 % of the cases flipping and a target that asks for any"
    )
    lines.append(f"  gain at all: promoted {result['aa_promote']:.1%} of the time.")
    lines.append(
        f"- Largest distance between simulated and foretold power: {100 * result['worst_power_error']:.1f} points."
    )
    return "\n".join(lines) + "\n"
