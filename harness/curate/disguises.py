"""Read a text as a person reads it, so that a disguise makes no other text of it.

Letters of other alphabets that look like Latin ones, marks over letters, and whatever is put between letters (spaces, points,
characters without width) are taken away. What is left has no words, so it is for comparing whole texts only.
"""

import re
import unicodedata

_CYRILLIC = dict(zip("авеіјкмнорѕстухһԁԛԝ", "abeijkmhopsctyxhdqw", strict=True))
_GREEK = dict(zip("αβεζηικνορτυχϲ", "abeznikvoptuxc", strict=True))
_OTHERS = {"ı": "i", "ł": "l", "ø": "o", "đ": "d", "ħ": "h", "ß": "ss", "æ": "ae", "œ": "oe", "þ": "p"}
_LOOK_ALIKE = str.maketrans({**_CYRILLIC, **_GREEK, **_OTHERS})
"""After case is folded. The Latin look-alikes among Unicode's confusable characters (Unicode Technical Standard 39)."""
_OTHER_LETTERS = re.compile(r"[^\W\d_]", re.UNICODE)
_BETWEEN = re.compile(r"[\W_]+")


def bare(text: str) -> str:
    """The letters and digits of a text, as they look. A text that is in another alphabet as a whole stays as it is."""
    if text.isascii():
        return _BETWEEN.sub("", text.casefold())
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    plain = _BETWEEN.sub("", "".join(char for char in plain if not unicodedata.combining(char)))
    latin = sum(char.isascii() for char in _OTHER_LETTERS.findall(plain))
    return plain.translate(_LOOK_ALIKE) if 2 * latin >= len(_OTHER_LETTERS.findall(plain)) else plain
