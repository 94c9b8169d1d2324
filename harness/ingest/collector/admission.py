"""Admit or refuse what a sender posts by its head, before its body is read: path, method, media type and size.

The media type must be one that no form of a web page can send.
"""

from collections.abc import Mapping

from harness.core.admission import Admission, Refused
from harness.ingest.collector.bodies import LARGEST
from harness.ingest.collector.signals import JSON, PATHS, PROTOBUF


class Door(Admission):
    """What is let in."""

    def media(self, method: str, target: str, headers: Mapping[str, list[str]]) -> str:
        """The media type of a request that may post. Raises Refused."""
        self.check(headers)
        if target not in PATHS:
            raise Refused(404, f"post to {' or '.join(PATHS)}")
        if method != "POST":
            raise Refused(405, "only POST")
        return _media(headers)


def _media(headers: Mapping[str, list[str]]) -> str:
    given = headers.get("content-type", [])
    name, _, parameter = (given[0] if len(given) == 1 else "").lower().partition(";")
    if name.strip() not in (JSON, PROTOBUF) or parameter.strip() not in ("", "charset=utf-8"):
        raise Refused(415, f"the content type must be {JSON} or {PROTOBUF}")
    if len(headers.get("content-encoding", [])) > 1:
        raise Refused(415, "one content encoding")
    length = headers.get("content-length", ["0"])[0]
    if length.isdigit() and int(length) > LARGEST:
        raise Refused(413, f"more than {LARGEST} bytes")
    return name.strip()
