"""`[tune.options]`: the knobs of one recipe only, read into its own struct."""

from typing import TypeVar

import msgspec

from harness.errors import UsageError
from harness.types import TuneRequest

T = TypeVar("T", bound=msgspec.Struct)


def read(request: TuneRequest, kind: type[T]) -> T:
    """The request's options as `kind`. Raises UsageError on one that it does not know or that has the wrong type."""
    try:
        return msgspec.convert(request.recipe.options, kind)
    except msgspec.ValidationError as error:
        known = ", ".join(kind.__struct_fields__)
        raise UsageError(f"[tune.options] of {request.recipe.method}: {error}", next=f"known: {known}") from error
