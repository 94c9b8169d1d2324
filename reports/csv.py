"""Write one row a case as CSV, for a spreadsheet; no cell of it can start a formula."""

from harness.types import Story
from reports.parts import tables

SUFFIX = ".csv"


def render(story: Story) -> bytes:
    """UTF-8 with a byte order mark, so that spreadsheets read it as such; see `tables.cases` for the columns."""
    return tables.to_csv(tables.cases(story)).encode("utf-8-sig")
