"""Kinds of secrets and personal data as people write them in some twenty languages, and harmless texts that look like them.

Values are drawn from the formats' own descriptions, with their check digits by python-stdnum; no detector's pattern is read.
Deterministic for a seed.
"""

import random
import string
from collections.abc import Callable, Iterator
from functools import partial

from stdnum import luhn, verhoeff
from stdnum.br import cpf
from stdnum.es import dni
from stdnum.iso7064 import mod_11_2

from benchmarks.planted import ALNUM, HEX, digits, grouped, jwt, some
from benchmarks.planted import planted as planted_anywhere

Make = Callable[[random.Random], str]

PHONES = {
    "FR": ("0[67]########", (2, 2, 2, 2, 2), "Appelez-moi au {}", "mon portable : {}"),
    "BE": ("04########", (4, 2, 2, 2), "mijn gsm is {}", "mon GSM est le {}"),
    "NL": ("06########", (2, 8), "bel me op {}", "mijn mobiel: {}"),
    "ES": ("6########", (3, 3, 3), "llámame al {}", "móvil {}"),
    "MX": ("55########", (2, 4, 4), "mi celular es {}", "llama al {}"),
    "IN": ("98########", (5, 5), "call me on {}", "मोबाइल {}"),
    "BR": ("119########", (2, 5, 4), "meu celular é {}", "WhatsApp {}"),
    "PT": ("91#######", (3, 3, 3), "ligue para {}", "telemóvel {}"),
    "CN": ("138########", (3, 4, 4), "手机 {}", "我的电话是{}"),
    "JP": ("090########", (3, 4, 4), "携帯は {}", "電話 {}"),
    "KR": ("010########", (3, 4, 4), "전화 {}", "연락처: {}"),
    "DE": ("0171#######", (4, 7), "ruf mich an: {}", "Handy {}"),
    "AT": ("0664#######", (4, 7), "Tel. {}", "Handy: {}"),
    "CH": ("079#######", (3, 3, 2, 2), "Telefon {}", "Natel/Handy {}"),
    "UK": ("079########", (5, 6), "reach me at {}", "text me on {}"),
    "US": ("212555####", (3, 3, 4), "call {}", "my cell is {}"),
    "IT": ("347#######", (3, 3, 4), "chiamami al {}", "cellulare: {}"),
    "PL": ("512######", (3, 3, 3), "zadzwoń {}", "telefon {}"),
    "SE": ("070#######", (3, 3, 2, 2), "ring mig på {}", "mobil {}"),
    "RU": ("8912#######", (1, 3, 3, 2, 2), "телефон {}", "звоните {}"),
    "TR": ("0532#######", (4, 3, 2, 2), "telefon {}", "telefonum {}"),
    "ID": ("0812########", (4, 4, 4), "telepon {}", "WhatsApp {}"),
}
PASSWORDS = (
    *(
        "password: {}",
        "the password is {}",
        "mot de passe : {}",
        "le mot de passe est {}",
        "Passwort: {}",
        "wachtwoord: {}",
    ),
    *(
        "contraseña: {}",
        "la contraseña es {}",
        "senha: {}",
        "parola d'ordine: {}",
        "hasło: {}",
        "lösenord: {}",
        "heslo: {}",
    ),
    *(
        "salasana: {}",
        "jelszó: {}",
        "şifre: {}",
        "пароль: {}",
        "密码：{}",
        "パスワード: {}",
        "비밀번호: {}",
        "mật khẩu: {}",
    ),
    *("kata sandi: {}", '"passwd": "{}"', "api_key={}", "client_secret = '{}'"),
)
KEYS: dict[str, Make] = {
    "OpenAI": lambda rng: f"sk-proj-{some(rng, ALNUM, 48)}",
    "GitHub": lambda rng: f"ghp_{some(rng, ALNUM, 36)}",
    "GitLab": lambda rng: f"glpat-{some(rng, ALNUM, 20)}",
    "AWS": lambda rng: f"AKIA{some(rng, string.ascii_uppercase + '234567', 16)}",
    "Google": lambda rng: f"AIza{some(rng, ALNUM, 35)}",
    "Slack": lambda rng: f"xoxb-{digits(rng, 12)}-{digits(rng, 12)}-{some(rng, ALNUM, 24)}",
    "Stripe": lambda rng: f"sk_live_{some(rng, ALNUM, 24)}",
    "Hugging Face": lambda rng: f"hf_{some(rng, string.ascii_letters, 34)}",
    "npm": lambda rng: f"npm_{some(rng, ALNUM, 36)}",
    "Postman": lambda rng: f"PMAK-{some(rng, HEX, 24)}-{some(rng, HEX, 34)}",
    "Grafana": lambda rng: f"glsa_{some(rng, ALNUM, 32)}_{some(rng, HEX, 8)}",
    "Docker": lambda rng: f"dckr_pat_{some(rng, ALNUM, 27)}",
    "Vault": lambda rng: f"hvs.{some(rng, ALNUM, 90)}",
    "Doppler": lambda rng: f"dp.pt.{some(rng, ALNUM, 43)}",
    "Atlassian": lambda rng: f"ATATT3{some(rng, ALNUM, 186)}",
    "Figma": lambda rng: f"figd_{some(rng, ALNUM, 40)}",
    "PlanetScale": lambda rng: f"pscale_tkn_{some(rng, ALNUM, 43)}",
    "New Relic": lambda rng: f"NRAK-{some(rng, string.ascii_uppercase + string.digits, 27)}",
    "Sentry": lambda rng: f"sntryu_{some(rng, HEX, 64)}",
    "Pulumi": lambda rng: f"pul-{some(rng, HEX, 40)}",
    "Notion": lambda rng: f"ntn_{some(rng, ALNUM, 46)}",
    "Shopify": lambda rng: f"shpat_{some(rng, HEX, 32)}",
    "Square": lambda rng: f"sq0atp-{some(rng, ALNUM, 22)}",
    "SendGrid": lambda rng: f"SG.{some(rng, ALNUM, 22)}.{some(rng, ALNUM, 43)}",
    "Brevo": lambda rng: f"xkeysib-{some(rng, HEX, 64)}-{some(rng, ALNUM, 16)}",
    "Databricks": lambda rng: f"dapi{some(rng, HEX, 32)}",
    "DigitalOcean": lambda rng: f"dop_v1_{some(rng, HEX, 64)}",
    "Linear": lambda rng: f"lin_api_{some(rng, ALNUM, 40)}",
    "Airtable": lambda rng: f"pat{some(rng, ALNUM, 14)}.{some(rng, HEX, 64)}",
    "HubSpot": lambda rng: f"pat-na1-{'-'.join(some(rng, HEX, count) for count in (8, 4, 4, 4, 12))}",
    "age": lambda rng: f"AGE-SECRET-KEY-1{some(rng, '023456789ACDEFGHJKLMNPQRSTUVWXYZ', 58)}",
    "Entra": lambda rng: f"{some(rng, ALNUM, 3)}8Q~{some(rng, ALNUM, 34)}",
    "Alibaba": lambda rng: f"LTAI{some(rng, ALNUM, 20)}",
    "Razorpay": lambda rng: f"rzp_live_{some(rng, ALNUM, 14)}",
}


def _eleven(rng: random.Random) -> str:
    """Nine digits whose weighted sum is a multiple of 11, as a Dutch BSN."""
    while True:
        number = "1" + digits(rng, 8)
        if (
            sum(int(digit) * weight for digit, weight in zip(number, (9, 8, 7, 6, 5, 4, 3, 2, -1), strict=True)) % 11
            == 0
        ):
            return number


def _date(rng: random.Random) -> str:
    return f"{rng.randrange(50, 99)}{rng.randrange(1, 13):02}{rng.randrange(1, 28):02}"


def _pesel(rng: random.Random) -> str:
    body = _date(rng) + digits(rng, 4)
    return body + str(-sum(int(d) * w for d, w in zip(body, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3), strict=True)) % 10)


def _cpf(rng: random.Random) -> str:
    body = "5" + digits(rng, 8)
    return cpf.format(body + cpf._calc_check_digits(body))


def _aadhaar(rng: random.Random) -> str:
    body = "2" + digits(rng, 10)
    return grouped(body + verhoeff.calc_check_digit(body), (4, 4, 4), " ")


def _chinese(rng: random.Random) -> str:
    body = f"11010519{_date(rng)}{digits(rng, 3)}"
    return body + mod_11_2.calc_check_digit(body)


def _french(rng: random.Random) -> str:
    body = f"1{rng.randrange(50, 99)}{rng.randrange(1, 13):02}75{digits(rng, 6)}"
    return f"{body}{97 - int(body) % 97:02}"


def _dni(rng: random.Random) -> str:
    body = digits(rng, 8)
    return body + dni.calc_check_digit(body)


def _swedish(rng: random.Random) -> str:
    body = _date(rng) + digits(rng, 3)
    return f"{body[:6]}-{body[6:]}{luhn.calc_check_digit(body)}"


IDS: dict[str, tuple[Make, str]] = {
    "BSN (NL)": (_eleven, "mijn BSN is {}"),
    "PESEL (PL)": (_pesel, "PESEL: {}"),
    "CPF (BR)": (_cpf, "meu CPF é {}"),
    "Aadhaar (IN)": (_aadhaar, "Aadhaar {}"),
    "身份证 (CN)": (_chinese, "身份证号 {}"),
    "NIR (FR)": (_french, "numéro de sécurité sociale : {}"),
    "DNI (ES)": (_dni, "mi DNI es {}"),
    "personnummer (SE)": (_swedish, "personnummer {}"),
    "SSN (US)": (lambda rng: f"{rng.randrange(101, 665)}-{rng.randrange(10, 99)}-{rng.randrange(1000, 9999)}", "my SSN is {}"),
    "NINO (UK)": (lambda rng: f"AB{digits(rng, 6)}C", "NI number {}"),
}  # fmt: skip


def _phone(plan: str, groups: tuple[int, ...]) -> Make:
    def make(rng: random.Random) -> str:
        number = "".join(
            rng.choice("23456789") if char == "#" else rng.choice("67") if char == "R" else char for char in plan
        )
        return grouped(number, groups, rng.choice(["", " ", "-"]))

    return make


def planted() -> Iterator[tuple[str, Callable[[random.Random], tuple[str, str]]]]:
    """Name of each kind, and what draws a value and a text that holds it."""
    for country, (plan, groups, *around) in PHONES.items():
        yield f"phone {country}", _in(_phone(plan.replace("[67]", "R"), groups), around)
    for form in PASSWORDS:
        yield (
            f"`{form}`",
            _in(lambda rng: some(rng, string.ascii_lowercase, 6) + digits(rng, 2) + some(rng, ALNUM, 4), [form]),
        )
    for vendor, key in KEYS.items():
        yield f"key {vendor}", _in(key, ["use {} for it", "KEY={}", '{{"k": "{}"}}'])
    for name, (number, around) in IDS.items():
        yield name, _in(number, [around])
    for name in ("email", "iban", "card", "ip"):
        yield name, partial(planted_anywhere, kind=name)
    yield "JSON web token", _in(jwt, ["Cookie: {}", "use {}"])
    yield "password in an address", _in(lambda rng: some(rng, ALNUM, 12), ["https://bob:{}@db.example.com/x"])
    yield "bearer token", _in(lambda rng: some(rng, ALNUM, 32), ["Authorization: Bearer {}"])
    yield "Telegram", _in(lambda rng: f"{digits(rng, 9)}:AA{some(rng, ALNUM, 33)}", ["bot {}"])
    numbers = _phone("06########", (10,))
    yield "phone, a JSON number", _in(lambda rng: numbers(rng).lstrip("0"), ['{{"phone": {}}}', '{{"mobile": {}}}'])


def _in(make: Make, around: list[str]) -> Callable[[random.Random], tuple[str, str]]:
    def draw(rng: random.Random) -> tuple[str, str]:
        value = make(rng)
        return value, rng.choice(around).format(value)

    return draw


WORDS = (
    "parcel",
    "refund",
    "invoice",
    "meeting",
    "server",
    "deploy",
    "table",
    "ticket",
    "branch",
    "customer",
    "window",
)
HARMLESS: dict[str, Make] = {
    "opening hours": lambda rng: f"open {rng.randrange(7, 11):02}.{rng.choice(['00', '30'])}-{rng.randrange(17, 22)}.00, Sat {rng.randrange(9, 11)}:00 - 16:00",
    "order number": lambda rng: f"order {digits(rng, rng.randrange(8, 13))} of the {rng.choice(WORDS)}",
    "ticket": lambda rng: f"{rng.choice(['JIRA', 'OPS', 'BUG'])}-{digits(rng, 5)}: the {rng.choice(WORDS)} fails",
    "commit": lambda rng: f"{some(rng, HEX, rng.choice([7, 8, 12, 40]))} fixes the {rng.choice(WORDS)}",
    "version": lambda rng: f"upgrade to {rng.randrange(30)}.{rng.randrange(30)}.{rng.randrange(30)}-rc{rng.randrange(9)}+build.{digits(rng, 8)}",
    "path": lambda rng: f"/usr/lib/python3.{rng.randrange(9, 14)}/site-packages/{rng.choice(WORDS)}_{rng.choice(WORDS)}/{rng.choice(WORDS)}_service_v{rng.randrange(9)}.py",
    "name in code": lambda rng: f"call get{''.join(rng.choice(WORDS).title() for _ in range(5))}ById{rng.randrange(9)}() or {'_'.join(rng.choice(WORDS) for _ in range(6))}",
    "date": lambda rng: f"on 20{rng.randrange(20, 30)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02} at {rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}.{digits(rng, 6)}",
    "price": lambda rng: f"{digits(rng, 2)}.{digits(rng, 3)},{digits(rng, 2)} EUR for {rng.randrange(2, 40)} of them",
    "log line": lambda rng: f"[{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}] INFO {rng.choice(WORDS)} took {digits(rng, 7)} ns, pid={digits(rng, 5)}, id={digits(rng, 10)}",
    "words about secrets": lambda rng: rng.choice(["your password is wrong", "reset the password: open settings", "the token is expired", "le mot de passe est incorrect", "die Passwort-Regel ist einfach", "set api_key to your key"]),
    "tracking": lambda rng: f"tracking number 1Z{some(rng, string.ascii_uppercase + string.digits, 16)} for the {rng.choice(WORDS)}",
    "table": lambda rng: " | ".join(digits(rng, rng.randrange(1, 7)) for _ in range(8)),
    "coordinates": lambda rng: f"at {rng.randrange(90)}.{digits(rng, 6)}, {rng.randrange(180)}.{digits(rng, 6)}",
    "UUID": lambda rng: f"request {'-'.join(some(rng, HEX, count) for count in (8, 4, 4, 4, 12))} failed",
    "prose": lambda rng: f"Please {rng.choice(['call', 'contact', 'text'])} the {rng.choice(WORDS)} team about {rng.randrange(2, 9)} {rng.choice(WORDS)}s in 20{rng.randrange(20, 30)}.",
}  # fmt: skip
