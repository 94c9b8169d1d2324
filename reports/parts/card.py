"""Render the dataset card as one HTML file."""

from itertools import groupby
from typing import Any

from reports.parts.page import page

NARROW = 40
"""Characters of a cell up to which two columns stand beside other tables."""


def render(dataset: Any, about: str, sections: Any) -> bytes:
    """`sections`: titles with words and a table each, as `harness/curate/card.py` makes them."""
    runs = [(small, list(found)) for small, found in groupby(sections, _small)]
    return page("card.html.j2", title=dataset.name, about=about, runs=runs)


def _small(section: Any) -> bool:
    cells = (str(value) for row in section.rows for value in row)
    return not section.text and len(section.columns) == 2 and all(len(cell) <= NARROW for cell in cells)
