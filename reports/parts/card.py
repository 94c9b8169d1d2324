"""Render the dataset card as one HTML file."""

from collections.abc import Sequence
from itertools import groupby
from typing import Protocol

from harness.types import Dataset
from reports.parts.page import page

NARROW = 40
"""Characters of a cell up to which two columns stand beside other tables."""


class CardPart(Protocol):
    """A title with words, a table, or both."""

    @property
    def title(self) -> str: ...
    @property
    def columns(self) -> tuple[str, ...]: ...
    @property
    def rows(self) -> tuple[tuple[str | int, ...], ...]: ...
    @property
    def text(self) -> str: ...


def render(dataset: Dataset, about: str, sections: Sequence[CardPart]) -> bytes:
    """`sections`: titles with words and a table each, as `harness/curate/card.py` makes them."""
    runs = [(small, list(alike)) for small, alike in groupby(sections, _small)]
    return page("card.html.j2", title=dataset.name, about=about, runs=runs)


def _small(section: CardPart) -> bool:
    cells = (str(value) for row in section.rows for value in row)
    return not section.text and len(section.columns) == 2 and all(len(cell) <= NARROW for cell in cells)
