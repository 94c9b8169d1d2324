"""Define what all nouns are: frozen, built with keywords, equal by value."""

from typing import Any

from msgspec import Struct

Json = Any
"""A JSON value: None, bool, int, float, str, list or dict with str keys. No union of these: to a type checker a
`dict[str, str]` would be none of them, as containers are invariant. What a value is, its reader checks."""


class Noun(Struct, frozen=True, omit_defaults=True, repr_omit_defaults=True, gc=False):
    """Base of all nouns; build them with keywords.

    Fields at their default are left out of the JSON, so a new field changes no old id, and of the repr, so that it is short.
    The garbage collector passes nouns over, as values that never change cannot form a circle: with hundreds of thousands in
    memory that saves a tenth of the time.
    """
