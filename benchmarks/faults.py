"""Count the test cases behind the page of faults, by group, and the inputs that one case goes through.

    python -m benchmarks.faults

The tests are those that docs/design/0022-faults.md names; pytest collects them and says how many cases each has. A case
may be a sweep: it kills at every call in turn, or damages each file of a store.
"""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from benchmarks import privacy_kinds
from harness.evaluate.judging.attacks import ATTACKS
from tests.reports.payloads import hostile

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "design" / "0022-faults.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py::test_\w+)`")
GROUPS = {
    "kills, power loss, two at once": (5, 15, 18, 22, 23, 24, 25),
    "full disk, no memory": (16, 28),
    "damaged files": (10, 20, 21),
    "hostile and odd input": (1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 51, 52),
    "secrets and personal data": (33, 34),
    "hostile models and training data": (26, 27, 29, 30, 31, 32, 36),
    "a gate that is misled": (37, 38, 39, 40, 41, 42, 43, 44, 45, 46),
    "reports and consoles": (47, 48, 49, 50),
}
INPUTS = {
    "payloads against reports, pages and the console": len(hostile()),
    "attacks on a judge": len(ATTACKS),
    "kinds of secrets and personal data, 20 values each": len(dict(privacy_kinds.planted())),
    "kinds of harmless texts, 300 texts each": len(privacy_kinds.HARMLESS),
}


def named() -> dict[int, set[str]]:
    """Row of the page to the tests that it names."""
    rows = re.finditer(r"^\| (\d+) \|.*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {int(row[1]): set(NAMED.findall(row[0])) for row in rows}


def collected(tests: set[str]) -> Counter[str]:
    """Test to its number of cases. Raises RuntimeError when pytest cannot collect one."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:randomly", *sorted(tests)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    return Counter(line.split("[")[0] for line in done.stdout.splitlines() if line.startswith("tests/"))


def main() -> None:
    rows = named()
    cases = collected(set().union(*rows.values()))
    print("| faults | rows | tests | cases |\n|---|--:|--:|--:|")
    for group, numbers in GROUPS.items():
        tests = set().union(*(rows[number] for number in numbers))
        print(f"| {group} | {len(numbers)} | {len(tests)} | {sum(cases[test] for test in tests)} |")
    print(f"| all that the page names | {len(rows)} | {len(cases)} | {cases.total():,} |")
    print("\n| inputs that tests go through | number |\n|---|--:|")
    for what, count in INPUTS.items():
        print(f"| {what} | {count} |")


if __name__ == "__main__":
    main()
