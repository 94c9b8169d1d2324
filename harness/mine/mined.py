"""Hold what mining hands to curation: failures, clusters and passing calls."""

from harness.types import Cluster, Failure, Noun, Share


class Mined(Noun, frozen=True):
    failures: tuple[Failure, ...] = ()
    """Each with its cluster's id; a call may have several."""
    clusters: tuple[Cluster, ...] = ()
    """Largest first."""
    calls: int = 0
    """How many calls were looked at."""
    hints: tuple[str, ...] = ()
    """Detectors that only show where to look: what they find is no failure of the call."""
    shares: tuple[Share, ...] = ()
    """All usable calls by kind. Calls that broke in their environment are left out: no model can change them."""
    passed: tuple[str, ...] = ()
    """Ids of calls with positive evidence and no failure; among them the steps by which an agent came to a praised answer."""
    good: int = 0
    """Calls with positive evidence: praised and nothing against it, or confirmed."""
    flagged_good: dict[str, int] = {}
    """Detector to those of them that it flags."""
    doubtful: tuple[str, ...] = ()
    """Detectors that flag too many of them. They are `hints` too: they never decide alone."""
