"""Split sessions between two arms by a hash, so that a session stays where it is and no state is kept.

A session is the candidate's where the first 52 bits of SHA-256 of `salt:session`, read as a fraction, are below the share. Each
canary has a salt of its own, so no one is always first. A share that grows keeps the sessions that it had.
"""

from hashlib import sha256

from harness.types import Call

BITS = 52
"""What a double holds exactly, and every gateway's language has."""


def bucket(session: str, salt: str) -> float:
    """Where a session is, from 0 up to 1."""
    first = int(sha256(f"{salt}:{session}".encode()).hexdigest()[: BITS // 4], 16)
    return first / (1 << BITS)


def is_candidates(session: str, salt: str, share: float) -> bool:
    """Whether the candidate answers the session. One without an id is the control's."""
    return bool(session) and bucket(session, salt) < share


def key_of(call: Call) -> str:
    """By what a call was split: its session, else its user, else itself."""
    return call.session_id or call.user_id or call.id
