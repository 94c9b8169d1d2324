"""Read and write the objects of one store in a bucket, through obstore: S3 and what is compatible, Google, Azure.

Credentials come from the environment, the way each provider's own tools read them. They are never stored or printed: an
address that holds one is refused. Failed requests are repeated with pauses, then become errors that say what to type.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import MemoryStore, from_url

from harness.errors import StorageError, UsageError

if TYPE_CHECKING:
    from obstore import GetResult, PutResult
    from obstore.store import ObjectStore

NO_BUCKET = re.compile("NoSuchBucket|ContainerNotFound|bucket does not exist")
SCHEMES = ("s3", "gs", "az")
CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role; AWS_ENDPOINT_URL for another server than Amazon's",
    "gs": "GOOGLE_SERVICE_ACCOUNT, the path of a key file, or a role",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or a role",
}
"""What to set in the environment."""
ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT")
BROKEN_OFF = 4
"""How often an answer that breaks off is asked for again."""
TIMEOUT_S = float(os.environ.get("TRUEUP_STORE_TIMEOUT_S", "60"))
"""How long one request may take, and how long failed ones are repeated."""

Version = dict[str, str]
"""What tells one content of an object from every other: an ETag, at Google a generation number."""


T = TypeVar("T")


class Conflict(Exception):
    """The object is not the one that was to be replaced."""


class Gone(Exception):
    """There is no such object."""


class Object(NamedTuple):
    """An object as it was read."""

    data: bytes
    version: Version
    at_s: float
    """When it was written, in Unix seconds by the server's clock."""


class Bucket:
    """The objects below one address, `s3://bucket/folder`. Every error is a StorageError, but where a method says otherwise."""

    def __init__(self, address: str, store: "ObjectStore | None" = None) -> None:
        """Asks for nothing yet. Raises UsageError on an address that is none, or that holds credentials."""
        self.address = checked(address)
        self._store = store or _opened(self.address)

    def get(self, key: str) -> Object:
        """Raises Gone where there is no such object; a missing bucket is a StorageError."""
        try:
            result, data = _whole(lambda: _read(self._store, key))
        except FileNotFoundError as error:
            if NO_BUCKET.search(str(error)):
                raise self._failed(error) from None
            raise Gone(key) from None
        except (BaseError, OSError) as error:
            raise self._failed(error) from None
        return Object(data, _version(result.meta), result.meta["last_modified"].timestamp())

    def download(self, key: str, place: Path) -> None:
        """Write an object to a file, a part after the other. Raises Gone."""
        try:
            _whole(lambda: _save(self._store, key, place))
        except FileNotFoundError as error:
            raise Gone(key) from error
        except BaseError as error:
            raise self._failed(error) from None

    def put(self, key: str, data: bytes | Path) -> None:
        """Write an object; large ones in parts, and the whole becomes visible at once."""
        try:
            obstore.put(self._store, key, data)
        except (BaseError, FileNotFoundError) as error:
            raise self._failed(error) from None

    def swap(self, key: str, data: bytes, before: Version | None) -> Version:
        """Write an object in place of the content `before`, or where there is none (None); all or nothing.

        Raises Conflict where something else is there.
        """
        try:
            mode: Any = before if before else "create"
            return _version(obstore.put(self._store, key, data, mode=mode, use_multipart=False))
        except (PreconditionError, AlreadyExistsError) as error:
            raise Conflict from error
        except (BaseError, FileNotFoundError) as error:
            raise self._failed(error) from None

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; those that are not there are no error."""
        wanted = list(keys)
        try:
            for start in range(0, len(wanted), 1000):
                obstore.delete(self._store, wanted[start : start + 1000])
        except FileNotFoundError:
            pass
        except BaseError as error:
            raise self._failed(error) from None

    def names(self, folder: str) -> Iterator[tuple[str, int]]:
        """Key and size in bytes of each object below a folder."""
        try:
            yield from _whole(
                lambda: [(meta["path"], meta["size"]) for meta in obstore.list(self._store, folder).collect()]
            )
        except (BaseError, FileNotFoundError) as error:
            raise self._failed(error) from None

    def _failed(self, error: Exception) -> StorageError:
        text = str(error)
        missing = NO_BUCKET.search(text)
        refused = isinstance(error, (PermissionDeniedError, UnauthenticatedError)) or re.search(
            "AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|403 Forbidden|401 Unauthorized|169.254.169.254", text
        )
        scheme = urlsplit(self.address).scheme
        if missing:
            return StorageError(
                "there is no such bucket", where=self.address, next="create it, or correct [store] root or TRUEUP_STORE"
            )
        if refused:
            what = "the bucket cannot be used: no credentials in the environment, or they do not allow it"
            return StorageError(what, where=self.address, next=f"set {CREDENTIALS.get(scheme, 'its credentials')}")
        return StorageError(
            f"the bucket does not answer as it should: {_short(text)}",
            where=self.address,
            next="check the network and the address, then run the same command again: it continues where it was",
        )


def checked(address: str) -> str:
    """The address without a slash at its end. Raises UsageError where it is none of a bucket, or holds credentials."""
    parts = urlsplit(address)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError(
            "an address of a store is a bucket and a folder, and no credentials or options",
            where=f"{parts.scheme}://…",
            next=f"set {CREDENTIALS.get(parts.scheme, 'the credentials')} in the environment",
        )
    if parts.scheme not in (*SCHEMES, "memory") or not parts.netloc:
        raise UsageError(
            f"not the address of a bucket: {address!r}",
            next="s3://bucket/folder, gs://bucket/folder or az://container/folder",
        )
    return address.rstrip("/")


def _opened(address: str) -> "ObjectStore":
    if address.startswith("memory:"):
        return MemoryStore()
    limit = timedelta(seconds=TIMEOUT_S)
    _forget_empty()
    plain = any(_endpoint(name).startswith("http://") for name in ENDPOINTS)
    try:
        return from_url(
            address,
            client_options={
                "connect_timeout": timedelta(seconds=5),
                "timeout": limit,
                **({"allow_http": True} if plain else {}),
            },
            retry_config={"max_retries": 8, "retry_timeout": limit},
        )
    except (BaseError, ValueError) as error:
        raise UsageError(
            f"the bucket cannot be opened: {_short(str(error))}",
            where=address,
            next=f"set {CREDENTIALS[urlsplit(address).scheme]}",
        ) from None


def _forget_empty() -> None:
    """Unset the variables that are empty, as CI sets those that it has no secret for: obstore takes them for values."""
    for name, value in list(os.environ.items()):
        if not value and name.startswith(("AWS_", "GOOGLE_", "AZURE_")):
            del os.environ[name]


def _endpoint(name: str) -> str:
    """The address in a variable. Raises UsageError where it is no web address, on which obstore would panic."""
    value = os.environ.get(name, "")
    if value and not urlsplit(value).netloc:
        raise UsageError(f"{name} is no web address: {value!r}", next=f"{name}=https://HOST")
    return value


def _whole(ask: Callable[[], T]) -> T:
    """What a reading request gives, asked again where the answer breaks off: obstore repeats what fails before it begins."""
    for _ in range(BROKEN_OFF):
        try:
            return ask()
        except BaseError as error:
            if "body error" not in str(error):
                raise
    return ask()


def _read(store: "ObjectStore", key: str) -> "tuple[GetResult, bytes]":
    result = obstore.get(store, key)
    return result, bytes(result.bytes())


def _save(store: "ObjectStore", key: str, place: Path) -> None:
    with place.open("wb") as file:
        for part in obstore.get(store, key).stream(min_chunk_size=8 << 20):
            file.write(part)


def _version(meta: "PutResult | Any") -> Version:
    return {name: str(meta[name]) for name in ("e_tag", "version") if meta.get(name)}


def _short(text: str) -> str:
    """The first line, without what a server's answer repeats of the request."""
    line = text.split("\n", 1)[0].partition("<?xml")[0]
    return line.removeprefix("Generic S3 error: ")[:200].rstrip(" :")
