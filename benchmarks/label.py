"""What 50 labels find when `trueup label` picks the calls, beside 50 calls drawn at random.

    python -m benchmarks.label [--calls 300] [--seeds 5]

The traffic is that of `benchmarks.mine`, all five kinds together, with one call in eight planted for a detector; beside these, one
answer in twenty of the prose and of the agent is evasive (`We will see about that.`): no detector looks for it, and nobody
complained. A label costs the same whoever picks it. Counted are, over the seeds: planted failures among the 50, the sorts of them
(kind of traffic and planted fault; 16 there are), the failures without a right answer that got one, and evasive answers.
Last come the same counts for the picks of each kind alone.
"""

import argparse
import random
import statistics
import sys
from collections.abc import Collection, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from benchmarks.mine import KINDS, Traffic, say, traffic
from harness.curate.label.step import next_picks
from harness.curate.options import CurateOptions
from harness.curate.sieve import Sieve
from harness.mine import traffic as mine_traffic
from harness.mine.stage import mine

LABELS = 50
EVASIVE, EVADED, ONE_IN = "We will see about that.", ("prose", "agent"), 20
COLUMNS = ("failures", "sorts", "new targets", "evasive")


class Found(NamedTuple):
    """What a set of labelled calls holds."""

    failures: float
    sorts: float
    targets: float
    evasive: float


def mixed(size: int, seed: int) -> tuple[Traffic, set[str]]:
    """All kinds of traffic in one, and the ids of the calls that were answered evasively."""
    draw = random.Random(f"evasive/{seed}")
    joined, evasive = Traffic([], [], {}), set[str]()
    for kind in KINDS:
        made = traffic(kind, size, seed)
        spoken = {item.call_id for item in made.feedback}
        for call in made.calls:
            evades = kind in EVADED and call.id not in made.planted and call.id not in spoken
            if evades and draw.randrange(ONE_IN) == 0:
                call = replace(call, output=(say("assistant", EVASIVE),))
                evasive.add(call.id)
            joined.calls.append(call)
        joined.feedback.extend(made.feedback)
        joined.planted.update(made.planted)
    return joined, evasive


def measured(size: int, seed: int, kinds: Collection[str] = ()) -> tuple[Found, Found]:
    """What `LABELS` picks hold, and what as many calls drawn at random do."""
    made, evasive = mixed(size, seed)
    mined = mine(made.calls, made.feedback)
    calls = mine_traffic.Traffic(made.calls)
    rows, fates = Sieve(calls, made.feedback, mined).rows(CurateOptions())
    chosen = [pick.call_id for pick in next_picks(calls, rows, fates, made.feedback, mined, LABELS, kinds)]
    drawn = random.Random(f"labels/{seed}").sample([call.id for call in made.calls if call.usable], LABELS)
    without = {call_id for call_id, fate in fates.items() if fate.fate == "no_target"} | evasive

    def count(labelled: Sequence[str]) -> Found:
        failures = [call_id for call_id in labelled if call_id in made.planted]
        sorts = {(call_id.split(":")[0], made.planted[call_id]) for call_id in failures}
        return Found(
            len(failures),
            len(sorts),
            sum(call in without for call in labelled),
            sum(call in evasive for call in labelled),
        )

    return count(chosen), count(drawn)


def averaged(found: Sequence[Found]) -> Found:
    return Found(*(statistics.fmean(column) for column in zip(*found, strict=True)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=300, help="of each kind of traffic")
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    print(f"{'':18}" + "".join(f"{name:>13}" for name in COLUMNS))
    picked, drawn = zip(*(measured(given.calls, seed) for seed in range(given.seeds)), strict=True)
    lines = {"trueup label": averaged(picked), "at random": averaged(drawn)}
    for kind in ("missing", "variety", "random"):
        lines[f"only {kind}"] = averaged([measured(given.calls, seed, (kind,))[0] for seed in range(given.seeds)])
    for name, found in lines.items():
        print(f"{name:18}" + "".join(f"{value:13.1f}" for value in found))
    better = lines["trueup label"]
    return int(any(ours < theirs for ours, theirs in zip(better, lines["at random"], strict=True)))


if __name__ == "__main__":
    sys.exit(main())
