"""The only door to `.trueup/`: traces, artifacts, finished steps, promotions, the hold-out ledger, cached replies."""

from harness.store.replies import ReplyCache
from harness.store.store import Store
from harness.store.traces import Merged

__all__ = ["Merged", "ReplyCache", "Store"]
