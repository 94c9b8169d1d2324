"""Define where the store is."""

import re

from harness.types.base import Noun

ADDRESS = re.compile(r"(?:s3|gs|az):|\w\w+:/")
"""How an address begins, a mistyped one too: taken for a folder, `s3:/bucket` would begin a new store."""


class StoreSettings(Noun, frozen=True):
    """Where the store is. The environment variable TRUEUP_STORE goes before `root`."""

    root: str = ""
    """A folder, or the address of a bucket: `s3://bucket/folder`, `gs://…`, `az://…`. Empty: `.trueup` beside this file. Credentials
    come from the environment only."""
    id: str = ""
    """Of the store in the bucket, as `trueup store verify` prints it. With it an emptied or another bucket is refused, and
    never taken for a fresh start."""
    lease_s: float = 60.0
    """A run on a bucket that gave no sign of life for so many seconds counts as dead, and the next one may begin."""

    @property
    def address(self) -> str:
        """Of the bucket; empty where the store is a folder."""
        return self.root if ADDRESS.match(self.root) else ""
