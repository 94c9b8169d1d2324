"""Recall on planted values, with detect-secrets as the oracle."""

import pytest

pytest.importorskip("detect_secrets", reason="detect-secrets is in the extra `dev`")

from benchmarks.redaction import LOOKALIKES, SECRETS, VALUES, measure


@pytest.fixture(scope="module")
def measured():
    return measure(25, seed=11)


@pytest.mark.parametrize("kind", SECRETS)
def test_recall_of_secrets_is_not_below_the_oracles(measured, kind):
    """Of the same planted lines we find at least the share that detect-secrets finds."""
    assert measured["recall"][kind]["as it is"] >= measured["oracle"][kind]


@pytest.mark.parametrize("kind", VALUES)
def test_planted_values_are_found_in_json_and_behind_escapes(measured, kind):
    """At least 95 of 100 values of each kind, as they are, in JSON text, and behind invisible characters."""
    for form in ("as it is", "in JSON text", "in JSON in JSON", "zero-width spaces", "over two parts"):
        assert measured["recall"][kind][form] >= 0.95, form


@pytest.mark.parametrize("name", [name for name in LOOKALIKES if name != "commit hash, bare"])
def test_what_only_looks_alike_is_left(measured, name):
    """Order numbers, dates, versions, identifiers: at most one of 25 is replaced."""
    assert measured["false"][name] <= 0.04
