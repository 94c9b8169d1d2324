"""Render the index over all nights: one line a night with a link to its report, and trends."""

from harness.types import Story
from reports.parts.cases import candidate
from reports.parts.diary import diary
from reports.parts.page import page
from reports.parts.trend import is_share, trend

SUFFIX = ".html"


def render(story: Story) -> bytes:
    """One HTML file without any script. It reads what the story has of all nights; newest first."""
    drawn = trend(story, nights=400)
    means = {point.at_ns: point.means for point in story.history}
    suites = list(dict.fromkeys(name for table in means.values() for name in table))
    nights = sorted(story.history, key=lambda point: point.at_ns, reverse=True)
    judged = candidate(story) or "tuned"
    rows = [(night, point) for night, point in zip(reversed(drawn.nights), nights, strict=False)]
    return page(
        "history.html.j2",
        title=story.title,
        trend=drawn,
        rows=rows,
        suites=suites,
        shares={name: is_share(story, name) for name in suites},
        judged=judged,
        promotions=story.promotions,
        watched=story.watched,
        canaries=story.canaries,
        diary=diary(story) if story.watched or story.canaries or story.promotions else [],
        served=story.served,
    )
