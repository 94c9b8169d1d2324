"""Write the verdict with all that it was computed from: `trueup gate --check FILE` computes it again."""

from harness.core import codec
from harness.core.signature import sign
from harness.types import Story

SUFFIX = ".verdict.json"


def render(story: Story) -> bytes:
    """UTF-8 JSON with sorted keys, signed where the environment has a key; `judgement` is null for a verdict whose data were
    not kept."""
    kept = {"schema": codec.SCHEMA, "verdict": story.verdict, "judgement": story.judgement}
    return codec.encode(kept | {"signature": sign([story.verdict, story.judgement])})
