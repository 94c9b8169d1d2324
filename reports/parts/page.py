"""Render one self-contained HTML page: templates, and the policy that stops it from loading anything else.

Every value is escaped by Jinja. Styles and scripts are our own files, put in by `include`, and named in the
Content-Security-Policy by their sha256; so markup that did come through an escape would still not run, and nothing can
be fetched. Trusted Types are required and no policy is allowed: a sink such as `innerHTML` throws.
"""

import base64
import hashlib
from functools import cache
from pathlib import Path
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness.types import Json
from reports.parts.safe import plain
from reports.parts.words import MARKS, basis, duration, moment, number, percent, points, short_name, told

TEMPLATES = Path(__file__).parent.parent / "templates"


def page(template: str, *, script: str = "", **values: object) -> bytes:
    """Render a template with its policy. `script` names the one script file the page runs, if any."""
    environment = _environment()
    hashes = {"style": _hash("report.css"), "script": _hash(script) if script else "'none'"}
    html = environment.get_template(template).render(policy=_policy(**hashes), script=script, **values)
    return html.encode()


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; style-src {style}; script-src {script}; img-src data:; base-uri 'none'; "
        "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


@cache
def _hash(name: str) -> str:
    """CSP source of a file as `include` puts it into the page."""
    text = _environment().get_template(name).render()
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: plain(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "points": points,
        "basis": basis,
        "number": number,
        "short": short_name,
        "moment": moment,
        "mark": lambda name: MARKS.get(name, "·"),
        "duration": duration,
        "told": told,
        "cases_link": cases_link,
        "words": lambda name: name.replace("_", " "),
    }
    return environment


def cases_link(filters: dict[str, Json]) -> str:
    """Address, within the page, of the case list under some filters."""
    return f"#cases?{urlencode({key: value for key, value in filters.items() if value})}"
