"""Tell which arm of a canary answered a call, by the digest that the trace names.

A server of ours writes the attribute `trueup.served`; others only the model's name, `trueup-<digest>`, which deploy targets
give. A shortened digest means the id that it begins.
"""

import re
from collections.abc import Iterable
from typing import Literal

from harness.types import SERVED, SHADOW, Call, Canary

BASE = "base"
SHORT = 12
"""Digits of a digest in a model's name; fewer are no digest."""
_NAME = re.compile(rf"(?:^|/)trueup-(?:[a-z]+-)?([0-9a-f]{{{SHORT},64}})(?:$|-)")

Side = Literal["candidate", "control", ""]


class Arms:
    """The arms of one canary."""

    def __init__(self, canary: Canary) -> None:
        self._candidate = canary.candidate_ids
        self._control = canary.control_ids
        self._models, self._alias = frozenset(canary.control_models), canary.alias

    def side(self, call: Call) -> Side:
        """Empty where neither answered."""
        digest = digest_of(call)
        if not digest:
            is_alias = call.model_served == self._alias  # as a gateway says that answers with what it was asked for
            name = call.model_requested if is_alias else call.model_served or call.model_requested
            return "control" if name in self._models else ""
        if _among(digest, self._candidate):
            return "candidate"
        return "control" if _among(digest, self._control) or digest in self._models else ""


def model_name(ident: str) -> str:
    """The name at a server of what has this content id; empty is the base model."""
    return f"trueup-{ident[:SHORT]}" if ident else BASE


def digest_of(call: Call) -> str:
    """The digest that the trace of a call names, or `base`; empty where it names none."""
    stated = call.metadata.get(SERVED)
    if isinstance(stated, str) and stated:
        return stated
    return next((found for name in (call.model_served, call.model_requested) if (found := named(name))), "")


def named(model: str) -> str:
    """The digest in a model's name; empty where there is none."""
    match = _NAME.search(model)
    return match[1] if match else ""


def is_shadow(call: Call) -> bool:
    return call.metadata.get(SHADOW) in (True, "true")


def _among(digest: str, ids: Iterable[str]) -> bool:
    return len(digest) >= SHORT and any(each.startswith(digest) or digest.startswith(each) for each in ids)
