"""Writes rounds into a store and says so after each: the child process that the crash tests kill.

`python crash_writer.py STORE FIRST LAST` prints the number of each round once all of it was acknowledged.
"""

import sys
from pathlib import Path

from harness.core.codec import digest
from harness.store import Store
from harness.types import Call, Feedback, Reply, Verdict

MODEL = "d" * 64


def write_round(store: Store, number: int) -> None:
    calls = [Call(id=f"call-{number}-{part}", start_ns=number) for part in range(3)]
    store.traces.merge(calls, [Feedback(id=f"feedback-{number}")], [], files={digest(number): f"{number}.jsonl"})
    store.artifacts.put("verdict", Verdict(outcome="hold", sentence=str(number)))
    folder = store.artifacts.scratch("adapter")
    (folder / "weights").write_text(str(number) * 1000)
    store.artifacts.add_folder("adapter", digest(number), folder)
    store.memo.remember("rounds", "done", str(number))
    current = store.promotions.current("main")
    store.promotions.move("main", digest(number), digest("x"), expected=current.adapter if current else None)
    store.ledger.add({f"case-{number}": "held_out"})
    with store.replies(MODEL) as cache:
        cache.add({f"request-{number}": Reply(text=str(number))})


def states(store: Store) -> dict[str, int]:
    """How many rounds each room of the store holds whole."""
    counts = store.traces.counts()
    assert counts["calls"] == 3 * counts["feedback"] and counts["read"] == counts["calls"] + counts["feedback"]
    assert all(store.traces.seen(digest(number)) for number in range(counts["feedback"]))
    history = store.promotions.history("main")
    assert [move.adapter for move in history] == [digest(number) for number in range(len(history))]
    return {
        "traces": counts["feedback"],
        "nouns": len(store.artifacts.ids("verdict")),
        "folders": len(store.artifacts.ids("adapter")),
        "memo": int(store.memo.recall("rounds", "done") or -1) + 1,
        "promotions": len(history),
        "ledger": len(store.ledger.splits()),
        "replies": len(store.replies(MODEL)),
    }


if __name__ == "__main__":
    opened = Store.open(Path(sys.argv[1]))
    with opened.lock():
        for count in range(int(sys.argv[2]), int(sys.argv[3])):
            write_round(opened, count)
            print(count, flush=True)
