"""Read what trace exports come in: a path of any kind becomes a stream of located records, in bounded memory."""

from harness.ingest.containers.reading import Record, records
from harness.ingest.containers.sources import File, find

__all__ = ["File", "Record", "find", "records"]
