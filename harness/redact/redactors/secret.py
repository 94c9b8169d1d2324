"""Find values whose name says secret: `password = …`, `"api_key": "…"`, bearer tokens, passwords in addresses."""

import re2

from harness.redact.redactors._entropy import entropy

RANK = 20
OVERLAPPING = True

_WORDS = (
    r"(?:api|access|secret|private|signing|encryption|account|auth|client|service)[_. -]?key|client[_-]?secret|secret"
    r"|token|pass(?:wor[dt]|phrase|code|wd)?|passwort|kennwort|contrase(?:n|ñ)a|clave|mot de passe|mdp|wachtwoord|senha|palavra-passe"
    r"|parola(?: d'ordine)?|has[lł]o|l(?:ö|o)senord|adgangskode|passord|salasana|heslo|jelsz(?:ó|o)|(?:ş|s)ifre|parolă|kata sandi"
    r"|mật khẩu|пароль|κωδικός|密码|密碼|口令|パスワード|暗証番号|비밀번호|암호|पासवर्ड|পাসওয়ার্ড|كلمة (?:المرور|السر)|סיסמ(?:ה|א)|รหัสผ่าน"
    r"|pwd|authorization|credentials?|cookie"
)
_IS = r"(?:[:=：]|=>|:=|\b(?:is|are|was|lautet|ist|est|es|é|e|è|är|er|on|je|to|adalah|là)\b|это|是|为|は|है)"
_QUOTES = r"[\\\"'`]{0,16}"
_SCHEME = r"(?:(?:bearer|basic|token)\s+)?"

PATTERN = (
    rf"(?i:(?:{_WORDS}){_QUOTES}\s{{0,4}}{_IS}\s{{0,4}}{_QUOTES}{_SCHEME})[^\s\\\"'`,;<>]{{6,512}}"
    r"|(?i:\b(?:bearer|basic))\s+[A-Za-z0-9._~+/=-]{16,}"
    r"|://[^\s/:@\\\"]{0,64}:[^\s/@\\\"]{3,256}@"
)

HINT = rf"(?i:(?:{_WORDS}){_QUOTES}\s{{0,4}}{_IS})|(?i:bearer|basic)\s|://[^\s/:@\\\"]*:[^\s/@\\\"]+@".replace(
    r"\b", ""
)

LEAST_ENTROPY = 2.8
"""Bits a character of an unquoted value; words have less, generated secrets more."""

LEAST_ANNOUNCED = 2.2
"""The same behind a word that hardly means anything else, such as *password*."""

KEY = re2.compile(rf"(?i)(?:^|[._-]|\b)(?:{_WORDS})s?$".encode())
_BEFORE = re2.compile(
    rf"(?i)^(?:(?:{_WORDS}){_QUOTES}\s{{0,4}}{_IS}\s{{0,4}}|\b){_QUOTES}(?:(?:bearer|basic|token)\s+)?".encode()
)
_EMPTY = re2.compile(
    rb"(?i)^(?:\W*|<.*>|\$\{?.*|%.*%|\{.*\}|(?:your|my|the)[_-].*|x+|string|integer|number|object|boolean|null|none|true|false"
    rb"|undefined|required|optional|default|changeme|example|redacted|hidden|secret|password|token|bearer|basic)$"
)


def confirm(text: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The value alone, when it looks like a secret: mixed characters, or assigned as a text and no placeholder."""
    found = text[start:end]
    if found.startswith(b"://"):
        return _after(text, start + found.index(b":", 3) + 1, end - 1, least=0.0, mixed=False)
    before = _BEFORE.match(found)
    value = start + (before.end() if before else 0)
    name = found[: value - start].lower()
    quoted = name[-1:] in b"\"'`=" and b"token" not in name  # or an assignment without a space, as in a shell
    least = LEAST_ENTROPY if b"token" in name or b"cookie" in name else LEAST_ANNOUNCED
    return _after(text, value, end, least=1.5 if quoted else least, mixed=not quoted)


def named(key: bytes, value: bytes) -> bool:
    """Whether a key of an object calls its value a secret, and the value may be one."""
    name = KEY.search(key)
    if not name or len(value) < 6 or len(value.split()) > 2:
        return False
    strict = name.group().lower().strip(b"._-") in (b"token", b"pass", b"cookie")
    return _after(value, 0, len(value), least=LEAST_ENTROPY if strict else 1.5, mixed=strict) is not None


def _after(text: bytes, start: int, end: int, least: float, mixed: bool) -> tuple[int, int] | None:
    value = text[start:end].rstrip(b".)]}!?")
    if len(value) < 3 or _EMPTY.match(value) or (mixed and not _mixed(value)) or entropy(value) < least:
        return None
    return start, start + len(value)


def _mixed(value: bytes) -> bool:
    """More than a word: a digit among letters, or upper case inside."""
    digits = any(48 <= byte <= 57 for byte in value)
    letters = any(byte > 64 for byte in value)
    inner = value[1:]
    return (digits and letters) or (inner != inner.lower() and value != value.upper() and len(value) >= 12)
