"""Open `.trueup/`, the only door to it: traces, artifacts, finished steps, promotions, the hold-out ledger, replies."""

from harness.store.replies import ReplyCache
from harness.store.store import Store
from harness.store.traces import Merged

__all__ = ["Merged", "ReplyCache", "Store"]
