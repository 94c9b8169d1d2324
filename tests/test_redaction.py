"""Redaction finds what was planted, leaves the rest alone, and lets nothing out when it fails."""

import pytest

from harness.errors import UsageError
from harness.redaction import RedactionError, Redactor
from harness.types import Call, Message, Quarantined, TextPart, ToolCallPart

PLANTED = {
    "email": ["ada.byron+x@mail.example.co.uk", "a@b.io"],
    "card": ["4111 1111 1111 1111", "5500-0055-5555-5559", "378282246310005"],
    "iban": ["DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819"],
    "ip": ["192.168.17.4", "2001:db8:85a3::8a2e:370:7334"],
    "phone": ["+49 170 1234567", "(555) 123-4567", "030 1234567", "0044 20 7946 0958"],
    "key": ["sk-proj-abcDEF0123456789abcd", "AKIAIOSFODNN7EXAMPLE", "ghp_" + "a1B2" * 9, "xoxb-12345-abcdefGHIJ"],
    "secret": [
        "password = Tr0ub4dor&3",
        '"api_key": "9f8e7d6c5b4a39281706"',
        "Bearer abcDEF0123456789ghij",
        "://u:s3cretPw@h",
    ],
}
INNOCENT = [
    "2026-10-26 08:43:15 at 10:45AM, table 12",
    "order PD-44812-XY, 1234567890, tracking 1Z999AA10123456784",
    "4111 1111 1111 1112",
    "version 1.02.3 of 10.5, 3.14159265358979",
    "your password is required, token: the best way",
    "DE88 3704 0044 0532 0130 00",
    "see https://example.com/a/b?c=d",
    "127.0.0.1 and 0.0.0.0",
]


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in PLANTED.items() for value in values])
def test_planted_values_are_found(kind, value):
    """Each planted value is replaced by a pseudonym of its kind, wherever it stands in a text."""
    redact = Redactor()
    text = redact.text(f"Before {value} after")
    assert f"<{kind.upper()}_" in text
    assert text.startswith("Before ") and text.endswith(" after")
    assert redact.counts == {kind: 1}


@pytest.mark.parametrize("text", INNOCENT)
def test_innocent_text_is_left_alone(text):
    """Dates, order numbers, failed checksums, versions and plain words stay as they are."""
    assert Redactor().text(text) == text


def call(text, **fields):
    return Call(id="t:s", input=(Message(role="user", parts=(TextPart(text=text),)),), **fields)


def test_one_value_is_one_pseudonym_in_every_record():
    """The same address has the same pseudonym in a call and elsewhere, in any case; another salt gives another."""
    redact = Redactor()
    one = redact(call("I am Ada@example.com")).input[0].text
    two = redact(call("write to ada@example.com!")).input[0].text
    assert one.split()[-1] == two.split()[-1].rstrip("!")
    assert Redactor(salt="other")(call("I am Ada@example.com")).input[0].text != one


def test_every_string_is_scanned_keys_and_nested_arguments_too():
    """Tool arguments, metadata keys, nested values, numbers, named secrets and user ids are redacted; ids stay."""
    found = Redactor()(
        call(
            "hello",
            trace_id="t",
            user_id="ada@example.com",
            start_ns=4111111111111111,
            output=(Message(role="assistant", parts=(ToolCallPart(arguments='{"to": "bob@example.com"}'),)),),
            metadata={"eve@example.com": {"deep": ["x", {"password": "Tr0ub4dor&3"}]}, "card": 4111111111111111},
        )
    )
    text = str(found)
    assert "example.com" not in text and "Tr0ub4dor" not in text
    assert found.start_ns == 4111111111111111
    assert str(found.metadata["card"]).startswith("<CARD_")
    assert (found.id, found.trace_id, found.flags) == ("t:s", "t", ("redacted",))
    assert found.output[0].tool_calls[0].arguments.startswith('{"to": "<EMAIL_')


def test_a_clean_record_is_the_very_same():
    """A record without a find is given back as it is, unflagged."""
    plain = call("Can I book a table for four?")
    assert Redactor()(plain) is plain


def test_a_quarantined_excerpt_is_redacted():
    """What could not be read is kept with an excerpt, and that is redacted too."""
    assert "@" not in Redactor()(Quarantined(id="x", file="f", reason="r", excerpt="{ada@example.com")).excerpt


def test_a_failing_detector_lets_nothing_out(monkeypatch):
    """When a test of a candidate raises, the record is refused, not given away."""
    monkeypatch.setitem(__import__("harness.redaction", fromlist=["_TESTS"])._TESTS, "email", lambda text: 1 / 0)
    with pytest.raises(RedactionError):
        Redactor()(call("ada@example.com"))


def test_kinds_can_be_chosen():
    """Only the named kinds are redacted; an unknown one is refused with the known ones."""
    assert Redactor(["card"]).text("ada@example.com") == "ada@example.com"
    with pytest.raises(UsageError, match="email") as error:
        Redactor(["emial"])
    assert "email" in str(error.value)
