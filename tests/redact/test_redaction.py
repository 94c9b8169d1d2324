"""Redaction finds what was planted, leaves the rest alone, and lets nothing out when it fails."""

import base64
import json
import re
import time
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.redact.redaction import RedactionError, RedactionTooSlow, Redactor
from harness.types import Call, Message, Quarantined, TextPart, ToolCallPart

PLANTED = {
    "email": ["ada.byron+x@mail.example.co.uk", "a@b.io"],
    "card": ["4111 1111 1111 1111", "4111111111111111", "5500-0055-5555-5559", "378282246310005"],
    "iban": ["DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819"],
    "ip": ["192.168.17.4", "2001:db8:85a3::8a2e:370:7334"],
    "phone": ["+49 170 1234567", "(555) 123-4567", "030 1234567", "0044 20 7946 0958", "1-800-555-0199"],
    "token": ["wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "8f14e45fceea167a5a36dedd4bea2543"],
    "key": ["sk-proj-abcDEF0123456789abcd", "AKIAIOSFODNN7EXAMPLE", "ghp_" + "a1B2" * 9, "xoxb-12345-abcdefGHIJ"],
    "secret": [
        "password = Tr0ub4dor&3",
        '"api_key": "9f8e7d6c5b4a39281706"',
        "Bearer abcDEF0123456789ghij",
        "://u:s3cretPw@h",
        'password = "correcthorse"',
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
    "order BEST-555-123-4567, order number 555-123-4567, invoice 0800 123456",
    "sha 550e8400-e29b-41d4-a716-446655440000, get_current_weather_forecast_for_a_city_in_celsius",
    '{"token": "Hello", "logprob": -0.1, "max_tokens": 6400000}',
    "41111111111111112345678, 2026102608431512, DE89 and AT61",
    "password: string, api_key: ${API_KEY}, token=<your-token>, secret: undefined",
]


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in PLANTED.items() for value in values])
def test_planted_values_are_found(kind, value):
    """Each planted value is replaced by a pseudonym of its kind, wherever it stands in a text."""
    redact = Redactor()
    text = redact.text(f"Before {value} after")
    assert f"<{kind.upper()}_" in text
    assert text.startswith("Before ") and text.endswith(" after")
    assert redact.counts == {kind: 1}


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in PLANTED.items() for value in values])
def test_planted_values_are_found_standing_alone(kind, value):
    """A text that is nothing but the value, and one in which an escape stands before it."""
    for text in (value, f"\n{value}\n", json.dumps(f"\n{value}\n")):
        redact = Redactor()
        assert f"<{kind.upper()}_" in redact(call(text)).input[0].text


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


HIDDEN = {
    "after an escaped newline": ("email", '{"a": "x\\nada@example.com\\ty"}'),
    "in JSON in JSON": ("email", json.dumps({"a": json.dumps({"b": "é\nada@example.com"})})),
    "unicode escape": ("email", "ada\\u0040example.com"),
    "percent": ("email", "ada%40example.com"),
    "entity": ("email", "ada&#64;example.com"),
    "zero-width space": ("email", "a\u200bda@exa\u200bmple.com"),
    "fullwidth": ("card", "４１１１ １１１１ １１１１ １１１１"),
    "no-break space": ("card", "4111\u00a01111\u00a01111\u00a01111 12/28"),
    "base64": ("email", base64.b64encode(b"my mail is ada@example.com").decode()),
    "base64 in base64": ("key", base64.b64encode(base64.b64encode(b"use sk-proj-abcDEF0123456789abcd")).decode()),
    "hexadecimal": ("secret", b"password=Tr0ub4dor&3x".hex()),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_what_is_escaped_or_encoded_is_found(name):
    """An escape, an entity, base64 or an invisible character does not hide a value; the text around keeps its form."""
    kind, text = HIDDEN[name]
    redact = Redactor()
    clean = redact(call(text)).input[0].text
    assert f"<{kind.upper()}_" in clean and redact.counts[kind] == 1
    before, _, after = clean.partition(f"<{kind.upper()}_")
    assert text.startswith(before) and text.endswith(after[9:])


def test_a_secret_across_two_text_parts_is_found():
    """A key whose halves stand in two parts of one message is replaced in the first and cut out of the second."""
    parts = (TextPart(text="use sk-proj-abcDEF01"), TextPart(text="23456789abcd now"))
    clean = Redactor()(Call(id="x", input=(Message(role="user", parts=parts),)))
    first, second = (part.text for part in clean.input[0].parts)
    assert first.startswith("use <KEY_") and second == " now"


@given(st.text(max_size=60), st.sampled_from([value for values in PLANTED.values() for value in values]))
@settings(max_examples=60)
def test_redacting_twice_changes_nothing(text, value):
    """Pseudonyms are left alone, whatever stands around them, so what was redacted on arrival is the same when ingested."""
    redact = Redactor()
    once = redact.text(f"{text} {value} {text}")
    assert redact.text(once) == once


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
@settings(max_examples=60)
def test_any_json_value_can_be_redacted(value):
    """No value makes redaction fail, and one that holds nothing comes back equal."""
    assert Redactor().json({"value": value})


def test_what_was_redacted_before_is_flagged(tmp_path):
    """A call that comes with pseudonyms carries the flag, though nothing was left to find."""
    redact = Redactor()
    assert redact(call("I am <EMAIL_3fa9c1d2>")).flags == ("redacted",)
    assert not redact.counts


def test_deep_nesting_cannot_stop_redaction():
    """Values nested deeper than any conversation are still searched."""
    deep = "ada@example.com"
    for _ in range(300):
        deep = [deep]
    assert "example.com" not in json.dumps(Redactor()(call("x", metadata={"deep": deep})).metadata)


TRIES = 5
"""How often growth is measured until it is seen to be linear: what shares the processor slows single tries, and what is
quadratic is so in each."""


def test_near_misses_everywhere_take_linear_time():
    """Text made to be almost a candidate everywhere: five times as much takes less than fifteen times as long."""
    piece = "4111 a@ sk- \\u0040 1.2. +1 00 -----BEGIN PRIVATE KEY----- password: AT61 :::: " + "a" * 40

    def seconds(count):
        redact, began = Redactor(), time.process_time()
        redact.text(piece * count)
        return time.process_time() - began

    seconds(10)
    assert any(seconds(500) < 15 * max(seconds(100), 0.02) for _ in range(TRIES))


def test_own_patterns_and_exceptions():
    """A pattern of the user's is a kind; a value that is to be kept is kept; a broken pattern is refused."""
    redact = Redactor(patterns={"employee": r"EMP-[0-9]{6}"}, keep=[r"support@acme\.com"])
    assert redact.text("EMP-123456 wrote to support@acme.com").startswith("<EMPLOYEE_")
    assert redact.text("EMP-123456 wrote to support@acme.com").endswith("support@acme.com")
    for pattern in ("(", "x*"):
        with pytest.raises(UsageError):
            Redactor(patterns={"broken": pattern})


def test_one_number_is_one_pseudonym_however_it_is_written():
    """Spaces and hyphens in a card number do not make it another."""
    one, two = (Redactor().text(text) for text in ("4111 1111 1111 1111", "4111-1111-1111-1111"))
    assert one == two


def test_a_quarantined_excerpt_is_redacted():
    """What could not be read is kept with an excerpt, and that is redacted too."""
    assert "@" not in Redactor()(Quarantined(id="x", file="f", reason="r", excerpt="{ada@example.com")).excerpt


def test_a_failing_detector_lets_nothing_out(monkeypatch):
    """When a test of a candidate raises, the record is refused, not given away."""
    monkeypatch.setattr("harness.redact.redactors.card.confirm", lambda *_: 1 / 0)
    with pytest.raises(RedactionError):
        Redactor()(call("card 4111 1111 1111 1111"))


def test_kinds_can_be_chosen():
    """Only the named kinds are redacted; an unknown one is refused with the known ones."""
    assert Redactor(["card"]).text("ada@example.com") == "ada@example.com"
    with pytest.raises(UsageError, match="email") as error:
        Redactor(["emial"])
    assert "email" in str(error.value)


def test_an_optional_kind_says_what_to_install(monkeypatch):
    """Presidio runs only when it is named; where it is not installed nothing is stored, and the message names the extra."""
    monkeypatch.setitem(__import__("sys").modules, "presidio_analyzer", None)
    assert Redactor().text("Ada Byron") == "Ada Byron"
    with pytest.raises(UsageError, match="presidio") as error:
        Redactor(["presidio"])(call("Ada Byron"))
    assert "pip install" in str(error.value)


class Analyzer:
    """Takes every `Ada` for a person, by the character, as Presidio does."""

    def analyze(self, text, **_):
        assert len(text) <= 50_000
        return [SimpleNamespace(start=found.start(), end=found.end()) for found in re.finditer("Ada", text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Zürich 🙂 Ada", 1),
        ('{"Ada": "Ada", "note": "Zürich: \\"Ada\\" lives here"}', 1),
        ("gpt-4o-Ada-mini", 0),
        ("x " * 60_000 + "Ada " + "y" * 60_000 + " Ada", 2),
    ],
    ids=["after other letters", "in JSON only in prose", "not in one word", "in a text of any length"],
)
def test_names_are_found_where_prose_is(monkeypatch, text, found):
    """Offsets fit what is replaced, and neither keys of JSON text nor names of models are taken for people."""
    monkeypatch.setattr("harness.redact.redactors.presidio._analyzer", Analyzer)
    redact = Redactor(["presidio"])
    clean = redact.text(text)
    assert redact.counts.total() == found
    assert re.sub("<PRESIDIO_[0-9a-f]{8}>", "Ada", clean) == text


@pytest.mark.slow
def test_the_real_analyzer_finds_a_name():
    """Presidio with an English model of spaCy, where both are installed; a second pass changes nothing."""
    pytest.importorskip("presidio_analyzer", reason="an extra: pip install 'trueup[presidio]'")
    redact = Redactor(["presidio"])
    clean = redact.text("I am Ada Byron, and live in Zürich near Bob O'Neill.")
    assert clean.count("<PRESIDIO_") == 3 and redact.text(clean) == clean


def test_numbers_in_an_object_are_redacted_by_their_key():
    """A phone, a card or a password that is a JSON number is found; an amount or a time is not."""
    said = {"phone": 612345678, "card": 4111111111111111, "amount": 612345678, "count": 1700000000, "bsn": 111222333}
    clean = Redactor().json({"body": said})["body"]
    assert isinstance(clean["phone"], str) and isinstance(clean["card"], str) and isinstance(clean["bsn"], str)
    assert (clean["amount"], clean["count"]) == (612345678, 1700000000)


GROWING = {
    "e-mail addresses": lambda size: "".join(f"ann{number}@example.com " for number in range(size // 20)),
    "PEM headers": lambda size: "-----BEGIN PRIVATE KEY-----\n" * (size // 28),
    "digits": lambda size: "4" * size,
    "colons": lambda size: ":" * size,
    "spaced digits": lambda size: "4 " * (size // 2),
    "hexadecimal groups": lambda size: "a1:" * (size // 3),
    "escapes": lambda size: "\\u0040" * (size // 6),
    "base64": lambda size: "QUJD" * (size // 4),
    "names of numbers": lambda size: "BSN 111222333 call 0612345678 " * (size // 30),
    "words for passwords": lambda size: "password is " * (size // 12),
}


@pytest.mark.parametrize("what", GROWING)
def test_twice_the_text_takes_about_twice_the_time(what):
    """Redaction is linear: for each kind of near misses the processor time of twice the text is below three times."""
    redact = Redactor()

    def seconds(size: int) -> float:
        record = call(GROWING[what](size))
        began = time.process_time()
        redact(record)
        return time.process_time() - began

    seconds(1_000)
    size, first = 20_000, 0.0
    while first < 0.1 and size < 5_000_000:  # long enough to measure
        size *= 2
        first = seconds(size)
    assert any(seconds(2 * size) < 3 * first + 0.05 for _ in range(TRIES))


def test_many_text_parts_are_joined_in_linear_time():
    """Finds that lie across thousands of parts are cut out in one pass."""
    parts = [{"text": f"ann{number}@exam"} if number % 2 else {"text": "ple.com "} for number in range(20_000)]
    began = time.process_time()
    Redactor().json({"parts": parts})
    assert time.process_time() - began < 20


def test_a_text_that_takes_too_long_is_refused():
    """With a budget of processor time redaction ends, and nothing of the record is given away."""
    with pytest.raises(RedactionTooSlow):
        Redactor(budget_s=0.001).json({"body": "4 4 4 " * 100_000})
