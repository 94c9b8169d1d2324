"""The dataset card as one HTML file."""

from typing import Any

from reports._page import page


def render(dataset: Any, about: str, sections: Any) -> bytes:
    """`sections`: titles with a table or a paragraph each, as `harness/curation/card.py` makes them."""
    return page("card.html.j2", title=dataset.name, about=about, sections=sections)
