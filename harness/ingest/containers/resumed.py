"""Put the bytes of a stream that were looked at back in front of it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

PIECE = 2**20


class Resumed:
    """A stream with its head in front again; `line` reads up to and with the next newline."""

    def __init__(self, head: bytes, stream: IO[bytes]) -> None:
        self._head, self._stream = head, stream

    def line(self, limit: int) -> bytes:
        """At most `limit` bytes."""
        if not self._head:
            return self._stream.readline(limit)
        first, newline, self._head = self._head.partition(b"\n")
        if newline:
            return first + newline
        return first + self._stream.readline(max(0, limit - len(first)))

    def skip_line(self, most: int) -> int:
        """Read on to the end of a line, or a piece beyond `most` bytes; how many bytes were read."""
        read = 0
        while read <= most and (piece := self.line(PIECE)):
            read += len(piece)
            if piece.endswith(b"\n"):
                break
        return read

    @contextmanager
    def seekable(self) -> Iterator[IO[bytes]]:
        """The whole stream from its start; a compressed one by way of a temporary file."""
        if self._stream.seekable():
            self._stream.seek(0)
            yield self._stream
            return
        with tempfile.TemporaryFile(prefix="trueup-") as copy:
            copy.write(self._head)
            shutil.copyfileobj(self._stream, copy, PIECE)
            copy.seek(0)
            yield copy

    def rest(self, limit: int) -> bytes:
        """The next `limit` bytes, or fewer at the end."""
        data, self._head = self._head[:limit], self._head[limit:]
        return data + (self._stream.read(limit - len(data)) or b"")
