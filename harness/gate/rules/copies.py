"""Say how many cases ask what another case asks too: they are averaged with it and count once."""

from collections.abc import Iterator

from harness.gate import units, wording
from harness.gate.context import Context
from harness.types import Finding


def findings(context: Context) -> Iterator[Finding]:
    copies = {one.suite.name: (units.same(one), len(one.pairs)) for one in context.comparisons}
    for suite, (same, cases) in sorted(copies.items()):
        if same:
            yield Finding(
                rule="copies",
                suite=suite,
                outcome="info",
                sentence=f"{wording.label(suite)}: {same} of {cases} cases ask the same as another one, and do not count again.",
                counts={"same": same, "n": cases - same},
                formula="count",
            )
