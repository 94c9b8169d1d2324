"""Unpack files that hold several others: zip archives, and bodies of the type multipart/form-data."""

import email.parser
import email.policy
import io
import zipfile
from collections.abc import Iterator
from typing import IO, Any, BinaryIO

from harness.ingest.containers.sources import UnpackGuard
from harness.ingest.formats._json import loads
from harness.sections import IngestLimits

ZIP = b"PK\x03\x04"
MOST_MEMBERS = 10_000
_POLICY = email.policy.HTTP.clone(max_line_length=None)


def members(stream: BinaryIO, limits: IngestLimits) -> Iterator[IO[bytes]]:
    """The members of a zip archive, one after the other; nothing is unpacked to a path. Raises OSError when damaged."""
    try:
        with zipfile.ZipFile(stream) as archive:
            names = [info for info in archive.infolist() if not info.is_dir()]
            if len(names) > MOST_MEMBERS:
                raise OSError(f"a zip archive of more than {MOST_MEMBERS:,} files")
            spent = 0
            for info in names:
                with archive.open(info) as member:
                    guard = UnpackGuard(member, stream, limits, spent)
                    yield io.BufferedReader(guard, 2**18)
                    spent = guard.out
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, ValueError) as error:
        raise OSError(f"a zip archive that cannot be read: {error}") from error


def form(data: bytes) -> dict[str, Any]:
    """The parts of a multipart body as `{"multipart": [[name, value], ...]}`, JSON decoded, other content left out.

    Raises ValueError when it is none.
    """
    boundary = data[: data.find(b"\n")].strip()[2:]
    if not boundary or len(boundary) > 70:
        raise ValueError("not a multipart body")
    head = b'Content-Type: multipart/form-data; boundary="' + boundary + b'"\r\n\r\n'
    message = email.parser.BytesParser(policy=_POLICY).parsebytes(head + data)
    if not message.is_multipart() or message.defects:
        raise ValueError(f"not a whole multipart body: {message.defects or 'no parts'}")
    return {"multipart": [[_name(part), _value(part)] for part in message.iter_parts() if _name(part)]}


def _name(part: Any) -> str:
    return str(part.get_param("name", "", header="content-disposition") or "")


def _value(part: Any) -> Any:
    body = part.get_payload(decode=True) or b""
    if part.get_content_type() not in ("application/json", "text/plain"):
        return None
    try:
        return loads(body)
    except ValueError:
        if body[:1] in (b"{", b"["):
            raise
        return body.decode("utf-8", "replace")
