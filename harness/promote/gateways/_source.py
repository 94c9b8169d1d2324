"""Give the split as Python source that needs nothing of ours, for gateways and applications that run it themselves."""

from harness.types import TrafficSplit

_SOURCE = '''\
"""Say which model answers a session. Written by `trueup canary`: changed there, not here."""

from hashlib import sha256

ALIAS, CANDIDATE, CONTROL = {alias!r}, {candidate!r}, {control!r}
SHARE, SALT, HEADER = {share!r}, {salt!r}, {header!r}


def model_for(session):
    """The candidate where the first 52 bits of SHA-256 of `salt:session`, as a fraction, are below the share."""
    if not session:
        return CONTROL
    place = int(sha256(f"{{SALT}}:{{session}}".encode()).hexdigest()[:13], 16) / 2**52
    return CANDIDATE if place < SHARE else CONTROL
'''


def model_for(split: TrafficSplit) -> str:
    """A module with `model_for(session)`. Values are written as Python literals, so none of them can be code."""
    control = split.candidate if split.share >= 1 else split.control
    return _SOURCE.format(
        alias=split.alias,
        candidate=split.candidate,
        control=control,
        share=split.share,
        salt=split.salt,
        header=split.header.lower(),
    )
