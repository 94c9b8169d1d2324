"""Render two runs side by side: the same page, without a verdict."""

from harness.types import Story
from reports.html import whole_page

SUFFIX = ".html"


def render(story: Story) -> bytes:
    """One HTML file. The story's verdict gives the sentence on top and, in its findings, the intervals."""
    return whole_page(story, judged=False)
