"""Sign a verdict's file, so that whoever reads it can tell who made it.

The arithmetic of a verdict anybody can check, and anybody can make a file in which it is right. A team that keeps a key where
only its nightly job can read it knows by the signature that the file is that job's. HMAC-SHA256 (RFC 2104) over the canonical
JSON of the verdict and its judgement.
"""

import hmac
import os
from collections.abc import Mapping
from typing import Any

from harness.core.codec import canonical

KEY = "TRUEUP_SIGNING_KEY"
"""Environment variable that holds the key."""
METHOD = "hmac-sha256"


def sign(content: Any, environment: Mapping[str, str] = os.environ) -> str:
    """`hmac-sha256:HEX`, or nothing without a key."""
    key = environment.get(KEY, "")
    return f"{METHOD}:{_code(content, key)}" if key else ""


def origin(content: Any, signature: str, environment: Mapping[str, str] = os.environ) -> tuple[bool, str]:
    """Whether nothing speaks against the origin of a file, and what is known of it, in a sentence."""
    key = environment.get(KEY, "")
    if not signature:
        return not key, "It is not signed, so anybody can have made it."
    if not key:
        return True, f"It is signed; set {KEY} to check by whom."
    if hmac.compare_digest(signature, f"{METHOD}:{_code(content, key)}"):
        return True, f"It is signed with the key in {KEY}."
    return False, f"Its signature was not made with the key in {KEY}, or the file was edited."


def _code(content: Any, key: str) -> str:
    return hmac.new(key.encode(), canonical(content).encode(), "sha256").hexdigest()
