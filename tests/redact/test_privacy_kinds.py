"""Recall of many kinds in the words of many languages, and precision over harmless texts."""

import random

import pytest

from benchmarks import privacy_kinds
from harness.redact.redaction import Redactor

KINDS = dict(privacy_kinds.planted())


@pytest.fixture(scope="module")
def redact():
    return Redactor(salt="x")


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_found_where_people_write_it(redact, kind):
    """Of twenty values, drawn with their check digits from the format's description, none is left."""
    rng = random.Random(kind)
    left = [text for value, text in (KINDS[kind](rng) for _ in range(20)) if value in redact.text(text)]
    assert not left


@pytest.mark.parametrize("name", privacy_kinds.HARMLESS)
def test_a_harmless_text_is_left_alone(redact, name):
    """Opening hours, paths, commits, names in code and the like are training data."""
    rng = random.Random(name)
    texts = [privacy_kinds.HARMLESS[name](rng) for _ in range(300)]
    assert [text for text in texts if redact.text(text) != text] == []
