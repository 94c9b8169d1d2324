"""Near-duplicates: hashing finds candidates, counting decides."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.near_duplicates import near_pairs, nearest, normalise, similarity, template

TEXT = st.text(alphabet="abc de", max_size=30).map(normalise)


def test_normalising_drops_case_width_and_punctuation():
    """What a person would call the same text is the same text."""
    assert normalise("  Table FOR  ２, please!") == "table for 2 please"


@given(st.text(alphabet=[chr(code) for code in range(128)], max_size=40))
def test_ascii_is_normalised_as_every_other_text_is(text):
    """The quick way for ASCII gives what the general way gives, which a letter beyond ASCII makes it take."""
    assert normalise(f"{text} é") == f"{normalise(text)} é".strip()


def test_templates_mask_numbers():
    """A form message and its next filling share a template."""
    assert template("[asked for: time] 7.30") == template("[asked for: time] 8.15")


@settings(max_examples=60)
@given(st.lists(TEXT, min_size=1, max_size=8), st.lists(TEXT, min_size=1, max_size=8))
def test_nearest_is_what_comparing_all_pairs_gives(texts, others):
    """The leak proof is exact: no pair is missed and no similarity is estimated."""
    for text, (at, score) in zip(texts, nearest(texts, others), strict=True):
        best = max(similarity(text, other) for other in others)
        assert abs(score - best) < 1e-9
        assert at == -1 or abs(similarity(text, others[at]) - best) < 1e-9


@settings(max_examples=60)
@given(st.lists(TEXT, max_size=10))
def test_pairs_are_alike_by_at_least_the_threshold(texts):
    """Every pair that is reported was verified by its Jaccard index."""
    for left, right, score in near_pairs(texts, 0.7):
        assert left < right
        assert abs(score - similarity(texts[left], texts[right])) < 1e-9
        assert score >= 0.7


def test_planted_near_duplicates_are_found():
    """Of 300 messages with one letter changed, at least 295 that are still alike by 0.8 are paired."""
    draw = random.Random(3)
    originals = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz ", k=60)).strip() for _ in range(300)]
    changed = [text[:30] + "q" + text[31:] for text in originals]
    texts = [normalise(text) for text in originals + changed]
    planted = {(at, at + 300) for at in range(300) if similarity(texts[at], texts[at + 300]) >= 0.8}
    found = {(left, right) for left, right, _ in near_pairs(texts, 0.8)}
    assert len(planted) > 250
    assert len(planted & found) >= 0.985 * len(planted)


def test_very_short_texts_equal_only_themselves():
    """ "2" and "12" share nothing; "yes" and "yes!" are one text once normalised."""
    texts = [normalise(text) for text in ("2", "12", "yes", "yes!", "yep")]
    assert near_pairs(texts, 0.8) == [(2, 3, 1.0)]


def test_empty_input_gives_empty_output():
    """No texts, no pairs, and nothing is nearest."""
    assert near_pairs([], 0.8) == []
    assert nearest(["abc"], []) == [(-1, 0.0)]
    assert nearest([""], ["", "x"])[0] == (0, 1.0)
