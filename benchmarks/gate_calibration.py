"""Is the gate's error rate what it says? Data whose truth is known, judged by the shipped methods.

    python -m benchmarks.gate_calibration            # minutes on one core; the last line is one JSON object
    python -m benchmarks.gate_calibration --write    # also docs/calibration.md and docs/calibration.svg

Every truth is the bound itself, the hardest that must not pass; a pass is a false promote. `worst_look` is the largest
rate of any method at one look that may err in 5 %; `worst_20_nights` that at least one of 20 looks passes, each at its
share of 5 %. `allowed` is 6 % for both: exact cells have no noise, the others at least 2,000 runs.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks import gate_calibration_cells as cells_of
from benchmarks import gate_calibration_corners as corners
from benchmarks import gate_calibration_traffic as traffic
from benchmarks.gate_calibration_cells import Cell
from benchmarks.gate_calibration_corners import nights, nights_before
from benchmarks.gate_calibration_page import page, plot

DOCS = Path(__file__).parent.parent / "docs"
PEERS = ("tango (asymptotic)", "t interval (other gates)")
"""Rules that are in the tables for comparison only."""
ALLOWED = 0.06


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write docs/calibration.md and docs/calibration.svg")
    parser.add_argument("--runs", type=int, default=2000, help="simulated pairs of runs a cell that is not summed")
    parser.add_argument("--jobs", type=int, default=1, help="processes; the results do not depend on it")
    options = parser.parse_args()
    with ProcessPoolExecutor(options.jobs) as pool:
        waiting = [pool.submit(_part, name, options.runs) for name in PARTS]
        clustered = pool.submit(_clustered_power, options.runs)
        aa = pool.submit(_aa, options.runs)
        cells = [cell for future in waiting for cell in future.result()]
        result = _summary(cells, aa.result())
        powers = list(corners.power_rows())
        if options.write:
            shown = page(cells, powers, clustered.result(), result)
            (DOCS / "calibration.md").write_text(shown, encoding="utf-8")
            (DOCS / "calibration.svg").write_text(plot(cells, ALLOWED), encoding="utf-8")
    for cell in sorted(_ours(cells), key=lambda cell: -cell.passed)[:8]:
        print(f"{cell.passed:.4f}  {cell.method}, {cell.setting}, n = {cell.n} ({cell.runs or 'exact'})")
    print(json.dumps(result))


PARTS: dict[str, Callable[[int, np.random.Generator], Iterable[Cell]]] = {
    "net effect": traffic.cells,
    "unequal clusters": corners.unequal_cells,
    "tango_effective": cells_of.effective_cells,
    "graded": lambda runs, rng: corners.graded_cells(),
    "prediction_powered": cells_of.laxer_cells,
    "rogan_gladen": cells_of.judged_cells,
    "bootstrap_macro_f1": cells_of.corpus_cells,
    "clopper_pearson": cells_of.rate_cells,
    "a user who breaks": corners.broken_cluster_cells,
    "betting_sequence": cells_of.sequence_cells,
    "peers": lambda runs, rng: cells_of.peers(10 * runs, rng),
    "tango_exact": lambda runs, rng: [*cells_of.independent(), *(corners.exact_nights(n) for n in (100, 500))],
    "budget": lambda runs, rng: corners.budget_cells(),
}
"""What is counted, the longest first. Each draws from a generator of its own."""


def _part(name: str, runs: int) -> list[Cell]:
    started = time.perf_counter()
    found = list(PARTS[name](runs, _rng(name)))
    print(f"{time.perf_counter() - started:6.0f} s  {name}", flush=True)
    return found


def _clustered_power(runs: int) -> list[tuple[str, int, float, float]]:
    rows = corners.clustered_power(runs // 4, _rng("clustered power"))
    return [*rows, *traffic.power_rows(runs // 4, _rng("power on traffic"))]


def _aa(runs: int) -> float:
    return corners.same_against_same(runs // 10, _rng("base against base"))


def _rng(name: str) -> np.random.Generator:
    return np.random.default_rng([20260101, *name.encode()])


def _ours(cells: Sequence[Cell]) -> list[Cell]:
    return [cell for cell in cells if cell.method not in PEERS]


def _summary(cells: Sequence[Cell], aa: float) -> dict[str, float]:
    series = [cell for cell in cells if cell.looks]
    return {
        "worst_look": round(max(cell.passed for cell in _ours(cells)), 4),
        "worst_20_nights": round(max(map(nights, series)), 4),
        "worst_net": round(max(cell.passed for cell in cells if cell.method == traffic.METHOD), 4),
        "allowed": ALLOWED,
        "aa_promote": round(aa, 4),
        "worst_look_before": round(max(cell.old or 0.0 for cell in _ours(cells)), 4),
        "worst_20_nights_before": round(max(map(nights_before, series)), 4),
    }


if __name__ == "__main__":
    main()
