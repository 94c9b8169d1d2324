"""Tell which pictures a page may show: those that a case carries inline, in formats that hold no program, up to a size."""

import re

from harness.types import Json

LARGEST = 400_000
"""Characters of a data address; larger pictures are named, not shown."""
_DATA = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}")


def shown(address: object) -> bool:
    """Whether it is the data address of a picture that may be shown. SVG is not: it may hold programs."""
    return isinstance(address, str) and len(address) <= LARGEST and bool(_DATA.fullmatch(address))


def inline(part: Json) -> str:
    """The data address in a message part of any provider's form; empty where it has none that may be shown.

    OpenAI: `{"image_url": {"url": "data:..."}}` or `{"image_url": "data:..."}`. Anthropic: `{"source": {"type": "base64",
    "media_type": "image/png", "data": "..."}}`. Gemini: `{"inline_data": {"mime_type": "image/png", "data": "..."}}`.
    """
    if not isinstance(part, dict):
        return ""
    image = part.get("image_url")
    source = part.get("source") or part.get("inline_data") or part.get("inlineData")
    places = [image.get("url") if isinstance(image, dict) else image, part.get("image"), part.get("url")]
    if isinstance(source, dict):
        kind = source.get("media_type") or source.get("mime_type") or source.get("mimeType")
        places.append(f"data:{kind};base64,{source.get('data')}")
    return next((str(place) for place in places if shown(place)), "")
