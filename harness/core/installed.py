"""Name the installed versions of libraries. An extra that is not installed is left out: nothing depends on it then."""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version


def versions(names: Iterable[str]) -> dict[str, str]:
    """Distribution name to version, in the order given, of those that are installed."""
    known: dict[str, str] = {}
    for name in names:
        try:
            known[name] = version(name)
        except PackageNotFoundError:
            continue
    return known
