"""Check the shortcut before redaction: a record is passed over only where no text of it, read in any way, holds anything."""

import json
import random

from harness.redact.redaction import Redactor
from harness.redact.redactors import _views
from harness.types import Call, Message, TextPart, ToolCallPart, ToolResultPart

PIECES = [
    *("a.person@example.org", "a.person\\u0040example.org", "john%40example.com", "j&#64;example.com", "jo\u200bhn@example.com"),
    *("phone\n0612345678", "card 4111 1111 1111 1111", "4111\\n1111", '"password": "Xk93jdk!ssQ"', "NL91ABNA0417164300"),
    *("hello", "two\nlines", 'a "quoted" word', "C:\\new\\table", "100%", "a&amp;b", "\\", "\t", "\x01", "été", "10.1.2.3"),
    *("ZW1haWwgbWU6IGpvaG4uZG9lQGV4YW1wbGUuY29t", "order 12345678", "\uff10\uff16", "tel\\t\\\"06 12 34 56 78"),
]  # fmt: skip


def texts(count):
    """Pieces side by side, some of them as JSON text in JSON text."""
    rng = random.Random(5)
    for _ in range(count):
        text = " ".join(rng.choices(PIECES, k=rng.randint(1, 3)))
        for _ in range(rng.choice((0, 0, 1, 2, 3))):
            text = json.dumps({rng.choice(("note", "token", "phone")): text}, ensure_ascii=rng.random() < 0.5)
        yield text


def parts_of(text):
    return TextPart(text=text), ToolCallPart(name="f", arguments=text), ToolResultPart(content=text)


def test_a_text_in_a_record_is_redacted_as_the_text_alone():
    whole, alone = Redactor(salt="s"), Redactor(salt="s")
    for text in texts(1500):
        for part, key in zip(parts_of(text), ("text", "arguments", "content"), strict=True):
            call = whole(Call(id="c", input=(Message(role="user", parts=(part,)),)))
            assert getattr(call.input[0].parts[0], key) == alone.text(text, key), text


def test_the_texts_of_json_are_read_as_they_are():
    for text in texts(500):
        inner = _views.from_json(json.dumps(text, ensure_ascii=False).encode())[1:-1].decode()
        assert inner.replace("\\u0001", "\x01") == text.replace("\\u0001", "\x01")


def test_lines_and_quotation_marks_alone_send_no_record_through_the_detectors(monkeypatch):
    """Nearly every conversation has lines and quotations, and many hold JSON text: the shortcut has to see through these."""
    redactor = Redactor()
    monkeypatch.setattr(redactor, "finds", lambda *_: 1 / 0)
    talk = 'Dear desk,\n\nmy "order" is late.\t\\ Yours,\nA. Guest'
    parts = (*parts_of(talk), *parts_of(json.dumps({"rows": [{"note": talk}]})))
    call = Call(id="c", input=tuple(Message(role="user", parts=(part,)) for part in parts))
    assert redactor(call) == call
