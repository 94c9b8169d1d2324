"""Compare the files that a target has with those of a release, by digest."""

from collections.abc import Mapping

from harness.errors import DeployError


def compare(wanted: Mapping[str, str], there: Mapping[str, str], where: str) -> str:
    """In words that all files are as they were. Both map a path to its sha256. Raises DeployError naming the first difference."""
    for path in sorted(wanted.keys() | there.keys()):
        if wanted.get(path) != there.get(path):
            state = "missing" if path not in there else "no file of this release" if path not in wanted else "changed"
            raise DeployError(
                f"what is deployed is not what was judged: {path} is {state}",
                where=where,
                next="remove it there, then trueup deploy",
            )
    return f"{len(wanted)} files read back, all as judged"
