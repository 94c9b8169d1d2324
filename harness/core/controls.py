"""Replace characters that steer a terminal or a reader instead of being read."""

import re

CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\ufeff\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e007f]"
)
"""Controls of C0 and C1 but tab and line feed, and the format characters of Unicode (Cf), the bidirectional ones among them.

The joiners U+200C and U+200D stay: Persian, Indic scripts and emoji are written with them.
"""


def visible(text: str) -> str:
    """The text with U+FFFD in place of each such character."""
    return CONTROL.sub("\ufffd", text)
