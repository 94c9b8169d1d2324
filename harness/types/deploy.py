"""Define what is deployed: a release, and the journal of a deployment that is under way."""

from harness.types.base import Json, Noun
from harness.types.evaluation import Arm


class Release(Noun, frozen=True):
    """What a deploy target gets: the files of a promoted adapter or arm, under a name made of their digests."""

    name: str
    """Of what answers and its verdict, such as `trueup-3fa91c88d0e24b67-88d0e2aa`."""
    what: str
    """Content id of the adapter or the arm."""
    verdict: str
    """Content id of the verdict that it was promoted with; empty when there is none."""
    words: str
    """What answers, for people."""
    arm: Arm
    """Who answered when it was judged, with paths of this machine."""
    places: dict[str, str]
    """Path of each file in the release to where it is on this machine."""
    digests: dict[str, str]
    """Path of each file in the release to its sha256."""
    facts: dict[str, str] = {}
    """Short values that targets keep as tags or annotations: outcome, sentence, base, dataset."""


class Switch(Noun, frozen=True):
    """What one target serves before and after a deployment."""

    target: str
    """NAME of its section `[deploy.NAME]`."""
    kind: str
    options: dict[str, Json]
    before: str
    """Release names as the target has them; empty: it serves none."""
    after: str
    is_new: bool
    """Whether the target did not have `after` before, so that undoing removes it."""


class Deployment(Noun, frozen=True):
    """The journal: written before anything changes, removed when everything did or nothing does."""

    alias: str
    what: str
    """Content id that the alias is to point at."""
    moves: int
    """How often the alias was moved before. One more: it was carried out."""
    switches: tuple[Switch, ...]
