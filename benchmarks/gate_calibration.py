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
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from benchmarks import gate_calibration_cells as cells_of
from benchmarks import gate_calibration_corners as corners
from benchmarks.gate_calibration_cells import Cell
from benchmarks.gate_calibration_page import page, plot

DOCS = Path(__file__).parent.parent / "docs"
PEERS = ("tango (asymptotic)", "t interval (other gates)")
"""Rules that are in the tables for comparison only."""
ALLOWED = 0.06


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write docs/calibration.md and docs/calibration.svg")
    parser.add_argument("--runs", type=int, default=2000, help="simulated pairs of runs a cell that is not summed")
    options = parser.parse_args()
    rng = np.random.default_rng(20260101)
    cells = list(_timed(_cells(options.runs, rng)))
    series = [cell for cell in cells if cell.looks]
    ours = [cell for cell in cells if cell.method not in PEERS]
    powers, clustered = list(corners.power_rows()), list(corners.clustered_power(options.runs // 4, rng))
    result = {
        "worst_look": round(max(cell.passed for cell in ours), 4),
        "worst_20_nights": round(max(map(corners.nights, series)), 4),
        "allowed": ALLOWED,
        "aa_promote": round(corners.same_against_same(options.runs // 10, rng), 4),
        "worst_look_before": round(max(cell.old or 0.0 for cell in ours), 4),
        "worst_20_nights_before": round(max(map(corners.nights_before, series)), 4),
    }
    for cell in sorted(ours, key=lambda cell: -cell.passed)[:5]:
        print(f"{cell.passed:.4f}  {cell.method}, {cell.setting}, n = {cell.n} ({cell.runs or 'exact'})")
    if options.write:
        (DOCS / "calibration.md").write_text(page(cells, series, powers, clustered, result), encoding="utf-8")
        (DOCS / "calibration.svg").write_text(plot(cells, ALLOWED), encoding="utf-8")
    print(json.dumps(result))


def _cells(runs: int, rng: np.random.Generator) -> Iterator[Cell]:
    yield from cells_of.independent()
    yield from (corners.exact_nights(n) for n in (100, 500))
    yield from cells_of.peers(10 * runs, rng)
    yield from corners.graded_cells()
    yield from corners.budget_cells()
    yield from corners.unequal_cells(runs, rng)
    yield from corners.broken_cluster_cells(runs, rng)
    yield from cells_of.effective_cells(runs, rng)
    yield from cells_of.laxer_cells(runs, rng)
    yield from cells_of.judged_cells(runs, rng)
    yield from cells_of.rate_cells(runs, rng)
    yield from cells_of.corpus_cells(runs, rng)
    yield from cells_of.sequence_cells(runs, rng)


def _timed(cells: Iterable[Cell]) -> Iterator[Cell]:
    """The cells, with the seconds that each method took said at its end."""
    method, started = "", time.perf_counter()
    for cell in cells:
        if method not in ("", cell.method) and cell.method not in PEERS:
            print(f"{time.perf_counter() - started:6.0f} s  {method}", flush=True)
            started = time.perf_counter()
        method = cell.method
        yield cell
    print(f"{time.perf_counter() - started:6.0f} s  {method}", flush=True)


if __name__ == "__main__":
    main()
