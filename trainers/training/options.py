"""Parse `[tune.options]`, the options of one recipe only, into its own struct."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from harness.errors import UsageError
from harness.types import TuneRequest

T = TypeVar("T", bound=msgspec.Struct)


def read(request: TuneRequest, kind: type[T], besides: Sequence[str] = ()) -> T:
    """The request's options as `kind`, but for those named by `besides`, which are somebody else's.

    Raises UsageError on one that nobody knows or that has the wrong type.
    """
    try:
        return msgspec.convert(
            {key: value for key, value in request.recipe.options.items() if key not in besides}, kind
        )
    except msgspec.ValidationError as error:
        known = ", ".join((*kind.__struct_fields__, *besides))
        raise UsageError(f"[tune.options] of {request.recipe.method}: {error}", next=f"known: {known}") from error
