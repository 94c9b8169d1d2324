"""Values to plant: secrets and personal data that are valid and made up, what looks like them and is not, and ways to hide one.

Written from the formats' own descriptions, not from the detectors' patterns. Deterministic for a seed.
"""

import base64
import html
import json
import random
import string
from collections.abc import Callable
from urllib.parse import quote

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
Make = Callable[[random.Random], str]


def some(rng: random.Random, alphabet: str, count: int) -> str:
    return "".join(rng.choices(alphabet, k=count))


def digits(rng: random.Random, count: int) -> str:
    return some(rng, string.digits, count)


def card(rng: random.Random) -> str:
    prefix, length, groups = rng.choice(
        [
            ("4", 16, (4, 4, 4, 4)),
            ("5" + rng.choice("12345"), 16, (4, 4, 4, 4)),
            ("37", 15, (4, 6, 5)),
            ("6011", 16, (4, 4, 4, 4)),
        ]
    )
    body = prefix + digits(rng, length - len(prefix) - 1)
    total = sum(int(d) if at % 2 else sum(divmod(2 * int(d), 10)) for at, d in enumerate(reversed(body)))
    return grouped(body + str(-total % 10), groups, rng.choice(["", " ", "-"]))


def grouped(text: str, groups: tuple[int, ...], joint: str) -> str:
    cuts = [sum(groups[:number]) for number in range(len(groups) + 1)]
    return joint.join(text[start:end] for start, end in zip(cuts, cuts[1:], strict=False))


def iban(rng: random.Random) -> str:
    country, bban = rng.choice(
        [
            ("DE", digits(rng, 18)),
            ("FR", digits(rng, 23)),
            ("GB", "NWBK" + digits(rng, 14)),
            ("NL", "ABNA" + digits(rng, 10)),
        ]
    )
    value = int("".join(str(int(char, 36)) for char in bban + country + "00"))
    plain = f"{country}{98 - value % 97:02}{bban}"
    return rng.choice([plain, " ".join(plain[at : at + 4] for at in range(0, len(plain), 4))])


def email(rng: random.Random) -> str:
    name = rng.choice(["ada", "j.doe", "anna-maria", "o_brien", "müller", "x"]) + rng.choice(
        ["", "+shop", str(rng.randrange(99))]
    )
    return f"{name}@{rng.choice(['example.com', 'mail.example.co.uk', 'sub.example-shop.de', 'example.museum'])}"


def phone(rng: random.Random) -> str:
    area, three, four = rng.randrange(201, 990), digits(rng, 3), digits(rng, 4)
    return rng.choice(
        [
            *(
                f"+49 {rng.randrange(151, 179)} {digits(rng, 7)}",
                f"+44 20 {digits(rng, 4)} {four}",
                f"+1-{area}-{three}-{four}",
            ),
            *(f"({area}) {three}-{four}", f"{area}-{three}-{four}", f"0{rng.randrange(30, 99)} {digits(rng, 7)}"),
            *(f"0{rng.randrange(1521, 1799)}/{digits(rng, 7)}", f"0033 1 {grouped(digits(rng, 8), (2, 2, 2, 2), ' ')}"),
        ]
    )


def ip(rng: random.Random) -> str:
    four = ".".join(str(rng.randrange(1, 255)) for _ in range(4))
    return rng.choice([four, f"2001:db8:{some(rng, HEX, 4)}::{some(rng, HEX, 4)}:{rng.randrange(1, 9)}", four])


def key(rng: random.Random) -> str:
    return rng.choice(
        [
            *(f"sk-proj-{some(rng, ALNUM, 48)}", f"sk-ant-api03-{some(rng, ALNUM, 60)}", f"ghp_{some(rng, ALNUM, 36)}"),
            *(f"glpat-{some(rng, ALNUM, 20)}", f"xoxb-{digits(rng, 12)}-{digits(rng, 12)}-{some(rng, ALNUM, 24)}"),
            *(f"AKIA{some(rng, string.ascii_uppercase + string.digits, 16)}", f"AIza{some(rng, ALNUM, 35)}"),
            *(f"hf_{some(rng, ALNUM, 34)}", f"sk_live_{some(rng, ALNUM, 24)}", f"npm_{some(rng, ALNUM, 36)}"),
            *(f"SG.{some(rng, ALNUM, 22)}.{some(rng, ALNUM, 43)}", f"SK{some(rng, HEX, 32)}", jwt(rng)),
            f"-----BEGIN RSA PRIVATE KEY-----\n{some(rng, ALNUM + '+/', 64)}\n-----END RSA PRIVATE KEY-----",
        ]
    )


def jwt(rng: random.Random) -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": digits(rng, 10), "name": "Ada"})
    head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{head}.{body}.{some(rng, ALNUM + '_-', 43)}"


def token(rng: random.Random) -> str:
    return rng.choice([some(rng, ALNUM + "+/", 40), some(rng, HEX, 32), some(rng, HEX, 64)])


def password(rng: random.Random) -> str:
    return rng.choice(
        ["Tr0ub4dor&3", "hunter2hunter2", "correcthorsebattery", "P@ssw0rd!9", some(rng, ALNUM + "!#%*", 12)]
    )


VALUES: dict[str, Make] = {
    "key": key,
    "token": token,
    "secret": password,
    "email": email,
    "iban": iban,
    "card": card,
    "ip": ip,
    "phone": phone,
}

AROUND = {
    "secret": [
        'password = "{}"', "DB_PASSWORD={}", '{{"api_key": "{}"}}', "https://admin:{}@db.example.com/x", "client_secret: '{}'"
    ],
    "token": ['here it is: "{}"', 'value = "{}"', "use {} please"],
}  # fmt: skip
ANYWHERE = ["Hello, {} is mine.", "{}", "Please use {} for it, thanks", 'note = "{}"', "first line\n{}\nlast line"]


def planted(rng: random.Random, kind: str) -> tuple[str, str]:
    """A value, and a text with it inside."""
    value = VALUES[kind](rng)
    return value, rng.choice(AROUND.get(kind, ANYWHERE)).format(value)


def _zero_width(text: str) -> str:
    return "\u200b".join(text)


def _json(text: str) -> str:
    return json.dumps({"body": text})


FORMS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "in JSON text": _json,
    "in JSON in JSON": lambda text: _json(_json(text)),
    "percent-encoded": lambda text: quote(text, safe=""),
    "HTML entities": lambda text: "".join(f"&#{ord(c)};" if not c.isalnum() else c for c in html.unescape(text)),
    "\\u escapes": lambda text: "".join(f"\\u{ord(c):04x}" if not c.isalnum() else c for c in text),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "hexadecimal": lambda text: text.encode().hex(),
    "zero-width spaces": _zero_width,
    "fullwidth digits": lambda text: text.translate({48 + n: 0xFF10 + n for n in range(10)}),
    "reversed": lambda text: text[::-1],
    "rot13": lambda text: text.translate(
        str.maketrans(ALNUM[:52], ALNUM[13:26] + ALNUM[:13] + ALNUM[39:52] + ALNUM[26:39])
    ),
}

LOOKALIKES: dict[str, Make] = {
    "order number": lambda rng: rng.choice(
        [f"AP-{digits(rng, 4)}", f"BEST-{digits(rng, 3)}-{digits(rng, 3)}-{digits(rng, 4)}", f"order {digits(rng, 10)}", f"#{digits(rng, 8)}"]
    ),
    "tracking number": lambda rng: rng.choice([f"1Z999AA1{digits(rng, 10)}", f"JD0146{digits(rng, 12)}", f"RR{digits(rng, 9)}DE"]),
    "date or time": lambda rng: rng.choice(
        [f"2026-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02} 08:43:15", f"{rng.randrange(1, 29):02}/10/2026", "10:45:30.123"]
    ),
    "price or number": lambda rng: rng.choice([f"{digits(rng, 3)},{digits(rng, 3)}.00 EUR", f"3.{digits(rng, 14)}", f"1{digits(rng, 12)}"]),
    "version": lambda rng: f"version {rng.randrange(9)}.{rng.randrange(20)}.{rng.randrange(20)}.{rng.randrange(9)}",
    "UUID": lambda rng: "-".join(some(rng, HEX, count) for count in (8, 4, 4, 4, 12)),
    "16 digits that fail Luhn": lambda rng: _failing(card(rng)),
    "ISBN": lambda rng: f"ISBN 978-3-{digits(rng, 5)}-{digits(rng, 3)}-{digits(rng, 1)}",
    "name in code": lambda rng: rng.choice(["get_current_weather_forecast_for_city", "com.example.shop.checkout.CartService"]),
    "words about secrets": lambda rng: rng.choice(
        ["your password is required", "the token limit: 4096 tokens", "password: string", "max_tokens=6400"]
    ),
    "commit hash, said to be one": lambda rng: f"commit {some(rng, HEX, 40)}",
    "commit hash, bare": lambda rng: some(rng, HEX, 40),
}  # fmt: skip


def _failing(number: str) -> str:
    return number[:-1] + str((int(number[-1]) + 1) % 10)
