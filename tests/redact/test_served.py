"""The content id of what answered is no secret: it is kept where traces name it, and only there."""

from hashlib import sha256

from harness.redact.redaction import Redactor
from harness.types import SERVED

DIGEST = sha256(b"an adapter").hexdigest()


def test_the_served_digest_is_kept_in_spans_and_in_metadata():
    """As an OTLP attribute and as a key of a call's metadata; elsewhere the same text is redacted."""
    redact = Redactor()
    attribute = {"key": SERVED, "value": {"stringValue": DIGEST}}
    assert redact.json({"attributes": [attribute]}) == {"attributes": [attribute]}
    assert redact.json({"metadata": {SERVED: DIGEST}}) == {"metadata": {SERVED: DIGEST}}
    assert DIGEST not in str(redact.json({"attributes": [{"key": "note", "value": {"stringValue": DIGEST}}]}))
