"""Put payloads into every text field of a story, whatever the field is and however deep it lies."""

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import msgspec

from harness.types import Story

KEPT = {"outcome", "at_ns", "too_long", "schedule", "expires"}
"""Fields whose type allows only some words, or whose text is read as a date."""
LINKS = {
    "case_id",
    "suite",
    "name",
    "id",
    "call_id",
    "train_id",
    "baseline",
    "candidate",
    "cluster",
    "metric",
    "baselines",
}
"""Names that one record finds another by: all records must spoil the same name in the same way."""
EMPTY = {"error", "skipped", "baseline_error", "candidate_error"}
"""Fields that mean something by being empty."""


def poison(story: Story, texts: list[str]) -> Story:
    """The story with a payload in every string: values, dict keys, ids. Equal names stay equal."""
    return Poison(texts).over(story)


class Poison:
    def __init__(self, texts: list[str]) -> None:
        self.texts: Iterator[str] = cycle(texts)
        self.names: dict[str, str] = {}

    def name(self, text: str) -> str:
        """The same poisoned name for the same name, different ones for different names."""
        if text and text not in self.names:
            self.names[text] = f"{next(self.texts)}{len(self.names)}"
        return self.names.get(text, text)

    def over(self, value: Any, field: str = "") -> Any:
        if isinstance(value, msgspec.Struct):
            kept = value.__struct_config__.tag_field
            changed = {
                name: getattr(value, name) if name in KEPT or name == kept else self.over(getattr(value, name), name)
                for name in value.__struct_fields__
            }
            return type(value)(**changed)
        if isinstance(value, dict):
            return {self.name(key): self.over(one, field) for key, one in value.items()}
        if isinstance(value, (tuple, list)):
            return type(value)(self.over(one, field) for one in value)
        if isinstance(value, str) and not (value == "" and field in EMPTY):
            return self.name(value) if field in LINKS or value in self.names else next(self.texts)
        return value
