"""Numbers with the bounds that make sense: a value beyond them is refused where it is read, before anything is done with it."""

from typing import Annotated

from msgspec import Meta

ZeroToOne = Annotated[float, Meta(ge=0.0, le=1.0)]
BelowOne = Annotated[float, Meta(ge=0.0, lt=1.0)]
"""A share that cannot be all."""
Chance = Annotated[float, Meta(gt=0.0, lt=1.0)]
Change = Annotated[float, Meta(ge=-1.0, le=1.0)]
"""A difference of two shares."""
Above0 = Annotated[float, Meta(gt=0.0)]
From0 = Annotated[float, Meta(ge=0.0)]
Count = Annotated[int, Meta(ge=1)]
CountOr0 = Annotated[int, Meta(ge=0)]
"""A count for which 0 has a meaning of its own."""
