"""Write the verdict with all that it was computed from: `trueup gate --check FILE` computes it again."""

from harness.core import codec
from harness.types import Story

SUFFIX = ".verdict.json"


def render(story: Story) -> bytes:
    """UTF-8 JSON with sorted keys; `judgement` is null for a verdict whose data were not kept."""
    return codec.encode({"schema": codec.SCHEMA, "verdict": story.verdict, "judgement": story.judgement})
