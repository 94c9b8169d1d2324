"""Find e-mail addresses (the practical part of RFC 5322: no quoted local parts, no address literals)."""

RANK = 30

_LETTER = r"A-Za-z0-9\x{80}-\x{10ffff}"
PATTERN = (
    rf"[{_LETTER}][{_LETTER}._%+-]*(?:@| ?[\[(](?:at|AT)[\])] ?)"
    rf"(?:[{_LETTER}-]+(?:\.| ?[\[(](?:dot|DOT)[\])] ?))+(?:[A-Za-z]{{2,24}}|xn--[A-Za-z0-9-]+)\b"
)
HINT = r"[^\s\"]@[^\s\"]|[\[(](?:at|AT)[\])]"
