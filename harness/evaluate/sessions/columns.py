"""Fill `{column}` in a text from a case."""

import re

from harness.core.codec import canonical
from harness.core.nearest import did_you_mean
from harness.errors import UsageError
from harness.types import Case

COLUMN = re.compile(r"\{(\w+)\}")


def filled(text: str, case: Case | None) -> str:
    """The text with each `{column}` in place: text as it is, other values as JSON. Raises UsageError for an unknown one."""

    def value(match: re.Match[str]) -> str:
        try:
            found = case[match[1]] if case is not None else None
        except KeyError:
            found = None
        if found is None:
            known = [*case.fields, *case.__struct_fields__] if case is not None else []
            where = f"case {case.id}" if case is not None else ""
            hint = (
                did_you_mean(match[1], known, "columns") if case is not None else "call it with the case: guest(case)"
            )
            raise UsageError(f"the case has no value for {match[0]}", where=where, next=hint)
        return found if isinstance(found, str) else canonical(found)

    return COLUMN.sub(value, text)
