"""Render stored runs that no gate judged: one alone, or several side by side."""

from harness.types import Story
from reports.html import whole_page

SUFFIX = ".html"


def render(story: Story) -> bytes:
    """One HTML file. The last run is the one that others are compared with; its verdict is not shown."""
    return whole_page(story, judged=False)
