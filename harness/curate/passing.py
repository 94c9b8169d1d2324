"""Draw the calls that stand for what passes today: at random among all calls in which no failure was found.

Praise is no random sample: people praise what is easy or what went very well. So calls that nobody spoke of are drawn at the
same rate as praised ones. What is expected of them is production's own answer, which nobody confirmed: such a row shows
whether an adapter answers otherwise than production, and never trains.
"""

from collections.abc import Callable

from harness.core.codec import digest
from harness.curate.options import CurateOptions
from harness.mine.mined import Mined

SOURCE = "unopposed"
"""Source of the target of a call that nobody spoke of and no detector faulted."""


def draw(mined: Mined, options: CurateOptions) -> Callable[[str], bool]:
    """Says of a call's id whether the call is drawn: a hash of the id alone decides. At most about `most_regression` are;
    none under `regression_from = "praised"`."""
    passed = sum(share.calls for share in mined.shares if not share.failed)
    rate = min(options.regression_share, options.most_regression / max(passed, 1))
    if options.regression_from == "praised":
        rate = 0.0
    return lambda call_id: int(digest(["passing", options.seed, call_id])[:12], 16) < rate * 16**12
