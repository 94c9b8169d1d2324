"""Find national identity and tax numbers: announced by their name, or written in a form of their own; check digits pass.

The checks are those of python-stdnum. A check digit alone passes one number in ten or so, so what is only digits needs its
name in front of it: *BSN*, *PESEL*, *Aadhaar*.
"""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import re2

from harness.errors import UsageError

RANK = 45
OPTIONAL = find_spec("stdnum") is None
"""It runs wherever the extra `national-ids` is installed: python-stdnum is LGPL, so nobody gets it without asking."""
OVERLAPPING = True

NAMED = {
    r"bsn|burgerservicenummer|sofinummer": ("nl.bsn",),
    r"nir|num[eé]ro de s[eé]curit[eé] sociale|s[eé]curit[eé] sociale|num[eé]ro fiscal|nif|spi": ("fr.nir", "fr.nif"),
    r"dni|nie|nif|documento nacional": ("es.dni", "es.nie", "es.nif", "pt.nif"),
    r"nif|contribuinte": ("pt.nif",),
    r"cpf|cnpj|cadastro de pessoas": ("br.cpf", "br.cnpj"),
    r"aadhaar|aadhar|आधार|pan(?: card)?": ("in_.aadhaar", "in_.pan"),
    r"身份证(?:号码?)?|身份證|identity card": ("cn.ric",),
    r"steuer-?id(?:entifikationsnummer)?|idnr|steuerliche identifikationsnummer|steuernummer": ("de.idnr", "de.stnr"),
    r"ssn|social security|itin|ein|taxpayer": ("us.ssn", "us.itin", "us.ein"),
    r"nhs|utr": ("gb.nhs", "gb.utr"),
    r"pesel|nip": ("pl.pesel", "pl.nip"),
    r"personnummer|f[oø]dselsnummer|cpr|henkil[oö]tunnus|hetu": (
        *("se.personnummer", "no.fodselsnummer", "dk.cpr", "fi.hetu"),
    ),
    r"codice fiscale": ("it.codicefiscale",),
    r"rijksregisternummer|num[eé]ro national|insz|niss": ("be.nn",),
    r"ahv(?:-?nummer)?|avs": ("ch.ssn",),
    r"sozialversicherungsnummer|svnr": ("at.vnr", "ch.ssn"),
    r"sin|social insurance": ("ca.sin",),
    r"tfn|tax file": ("au.tfn",),
    r"curp|rfc": ("mx.curp", "mx.rfc"),
    r"rrn|주민등록번호": ("kr.rrn",),
    r"kimlik|tckn|t\.?c\.? kimlik no": ("tr.tckimlik",),
    r"rodn[eé] č[ií]slo|rodne cislo": ("cz.rc",),
    r"cnp": ("ro.cnp",),
    r"egn|егн": ("bg.egn",),
    r"isikukood": ("ee.ik",),
    r"asmens kodas": ("lt.asmens",),
    r"oib": ("hr.oib",),
    r"amka|αμκα": ("gr.amka",),
    r"pps": ("ie.pps",),
    r"cuit|cuil": ("ar.cuit",),
    r"rut": ("cl.rut",),
    r"teudat zehut|תעודת זהות|ת\.ז\.": ("il.idnr",),
    r"id number": ("za.idnr", "il.idnr"),
    r"инн|inn": ("ru.inn",),
    r"kennitala": ("is_.kennitala",),
}
"""A name, in RE2 syntax, to the modules of python-stdnum that may know the number behind it."""

FORMS = {
    r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}": "br.cpf",
    r"[0-9]{2}\.[0-9]{3}\.[0-9]{3}/[0-9]{4}-[0-9]{2}": "br.cnpj",
    r"[0-9]{3}-[0-9]{2}-[0-9]{4}": "us.ssn",
    r"[1-8][0-9]{5}(?:19|20)[0-9]{9}[0-9Xx]": "cn.ric",
    r"[A-Z]{6}[0-9]{2}[A-EHLMPR-T][0-9]{2}[A-Z][0-9]{3}[A-Z]": "it.codicefiscale",
    r"[A-Z]{4}[0-9]{6}[HM][A-Z]{5}[A-Z0-9][0-9]": "mx.curp",
    r"[0-9]{8}-?[A-HJ-NP-TV-Z]": "es.dni",
    r"[XYZ]-?[0-9]{7}-?[A-HJ-NP-TV-Z]": "es.nie",
    r"[12][ .]?[0-9]{2}[ .]?[0-9]{2}[ .]?[0-9AB]{2}[ .]?[0-9]{3}[ .]?[0-9]{3}[ .]?[0-9]{2}": "fr.nir",
    r"[0-9]{6}[-+A][0-9]{3}[0-9A-FHJ-NPR-Y]": "fi.hetu",
    r"[0-9]{6}-[0-9]{4}": "se.personnummer",
    r"[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}-[0-9Kk]": "cl.rut",
    r"[0-9]{6}-[1-4][0-9]{6}": "kr.rrn",
    r"[0-9]{2}\.[0-9]{2}\.[0-9]{2}-[0-9]{3}\.[0-9]{2}": "be.nn",
    r"756\.[0-9]{4}\.[0-9]{4}\.[0-9]{2}": "ch.ssn",
    r"[0-9]{2}-[0-9]{8}-[0-9]": "ar.cuit",
}
"""A form that hardly anything else has, to the module that checks it."""

_NINO = r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]"
"""United Kingdom's, which has no check digit."""
_LINK = (
    r"(?:[\s_-]*(?:number|nummer|num(?:ber)?|n[ºo°]?|nr|code|card|numéro|número))?[\s\"'\\.:=#(]{0,6}"
    r"(?:is|was|ist|es|est|é|e|:)?[\s\"'\\:=#]{0,4}"
)
_VALUE = r"[0-9A-Z](?:[ ./+-]{0,2}[0-9A-Z]){6,20}"
_ANNOUNCED = rf"(?:\b|_)(?i:{'|'.join(NAMED)})(?i:{_LINK})(?:{_VALUE})"

PATTERN = rf"{_ANNOUNCED}|\b(?:{'|'.join((*FORMS, _NINO))})\b"
HINT = PATTERN.replace(r"(?:\b|_)", "").replace(r"\b", "")

_BEFORE = re2.compile(rf"^_?(?i:{'|'.join(NAMED)})(?i:{_LINK})".encode())
_NAMES = {re2.compile(rf"(?i)^_?(?:{name})(?i:{_LINK})$".encode()): modules for name, modules in NAMED.items()}
_FORMS = {re2.compile(form.encode()): module for form, module in FORMS.items()}
_WHOLE_NINO = re2.compile(_NINO.encode())


def confirm(text: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The number alone, when it passes the check of the country that its name or its form says."""
    found = text[start:end]
    if text[max(0, start - 1) : start] in (b"-", b".", b"/", b"#", b"_"):
        return None
    if _WHOLE_NINO.fullmatch(found) or any(
        _passes(module, found) for form, module in _FORMS.items() if form.fullmatch(found)
    ):
        return start, end
    before = _BEFORE.match(found)
    if not before:
        return None
    value = found[before.end() :]
    modules = [module for name, known in _NAMES.items() if name.match(before.group()) for module in known]
    for size in _ends(value):
        if any(_passes(module, value[:size]) for module in modules):
            return start + before.end(), start + before.end() + size
    return None


def _ends(value: bytes) -> list[int]:
    """Where the number may end, the longest first: words may follow it."""
    return [at for at in range(len(value), 6, -1) if not value[at - 1 : at + 1].isalnum() or at == len(value)]


def _passes(module: str, value: bytes) -> bool:
    return bool(_module(module).is_valid(value.decode("ascii", "replace")))


@cache
def _module(name: str) -> Any:
    if OPTIONAL:
        raise UsageError("national ids are checked by python-stdnum", next="pip install 'trueup[national-ids]'")
    return import_module(f"stdnum.{name}")
