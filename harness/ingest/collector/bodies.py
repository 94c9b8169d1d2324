"""Decompress a request's body in bounded memory, whatever it claims to be.

Limits: `LARGEST` bytes after decompression (the 20 MiB that OTLP recommends), a ratio no trace reaches, and few members, since
a thousand tiny gzip members cost more than they hold.
"""

import io
import zlib
from collections.abc import Callable

import zstandard

LARGEST = 20 << 20
FREE = 1 << 20
RATIO = 200
"""A body may grow to `FREE` bytes, and beyond that to this many times its size."""
MEMBERS = 16


class BodyTooLarge(ValueError):
    """More than is taken (413)."""


class Unsupported(ValueError):
    """A content encoding that is not known (415)."""


def plain(body: bytes, encoding: str) -> bytes:
    """The bytes behind a content encoding. Raises TooLarge, Unsupported, or ValueError when it is damaged."""
    name = encoding.strip().lower() or "identity"
    if name not in _DECODERS:
        known = ", ".join(_DECODERS)
        raise Unsupported(f"content encoding {name[:40]!r} is not known; it may be {known}")
    try:
        return _DECODERS[name](body, min(LARGEST, FREE + RATIO * len(body)))
    except (zlib.error, zstandard.ZstdError, OSError) as error:
        raise ValueError(f"the body cannot be decompressed: {error}") from error


def _plain(body: bytes, most: int) -> bytes:
    return _checked(body, most)


def _gzip(body: bytes, most: int) -> bytes:
    """Members of RFC 1952, one after the other."""
    found, members = b"", 0
    while body:
        members += 1
        if members > MEMBERS:
            raise BodyTooLarge(f"more than {MEMBERS} compressed members")
        piece, body = _inflated(body, most - len(found), 31)
        found += piece
    return found


def _deflate(body: bytes, most: int) -> bytes:
    """One zlib stream of RFC 1950, which is what HTTP calls deflate."""
    return _inflated(body, most, 15)[0]


def _inflated(body: bytes, most: int, window: int) -> tuple[bytes, bytes]:
    decoder = zlib.decompressobj(window)
    found = _checked(decoder.decompress(body, most + 1), most)
    if not decoder.eof:
        raise ValueError("the compressed body is cut")
    return found, decoder.unused_data


def _zstd(body: bytes, most: int) -> bytes:
    """Frames of RFC 8878, one after the other."""
    decoder = zstandard.ZstdDecompressor(max_window_size=8 << 20)
    with decoder.stream_reader(io.BytesIO(body), read_across_frames=True) as reader:
        return _checked(reader.read(most + 1), most)


def _checked(found: bytes, most: int) -> bytes:
    if len(found) > most:
        raise BodyTooLarge(f"more than {most} bytes after decompression")
    return found


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "identity": _plain,
    "gzip": _gzip,
    "deflate": _deflate,
    "zstd": _zstd,
}
