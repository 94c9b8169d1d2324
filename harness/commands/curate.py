"""`trueup curate`."""

from typing import Any

from harness.commands._command import command, late


@command()
def curate(work: Any, as_json: bool) -> dict:
    """Make the training, held-out and regression sets.

    Every call has one fate, and the fates add up.

    \b
    Example: trueup curate --json
    """
    dataset, console = late("loop").curate(work), late("console")
    if not as_json:
        console.table(("split", "cases"), sorted(dataset.counts.items()))
        console.say()
        console.table(("fate of each call", "calls"), sorted(dataset.fates.items(), key=lambda item: -item[1]))
        if dataset.leak_proof:
            worst = dataset.leak_proof[0]
            console.say(
                f"\nleak proof: the nearest training text to any held-out text has similarity {worst.similarity:.2f}"
            )
    return {"id": dataset.id, "counts": dataset.counts, "fates": dataset.fates}
