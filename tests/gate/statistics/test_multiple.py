"""Corrections for many tests."""

import pytest

from harness.gate.statistics.multiple import benjamini_hochberg, holm


def test_holm_by_hand():
    """Smallest times three, next times two, and never below the one before."""
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])


def test_benjamini_hochberg_by_hand():
    """p times m over its rank, from the largest down."""
    assert benjamini_hochberg([0.01, 0.02, 0.9]) == pytest.approx([0.03, 0.03, 0.9])


def test_nothing_to_correct():
    """No tests, no p values."""
    assert holm([]) == benjamini_hochberg([]) == []
