"""List the files that an eval file may lean on: what it imports from its own folder, and the fixtures of conftest.py."""

import os
from collections.abc import Mapping
from pathlib import Path


def of(file: Path, root: Path) -> list[Path]:
    """Python files beside `file` that are no eval files, and each conftest.py above it, up to the folder `root`."""
    beside = {path for path in file.parent.glob("*.py") if not path.name.startswith("eval_")}
    above = {folder / "conftest.py" for folder in file.parents if folder.is_relative_to(root)}
    return sorted(beside | {path for path in above if path.is_file()})


def named(files: Mapping[str, str], root: Path) -> dict[str, str]:
    """`files` (name to path) and the helpers of the Python files among them, each named by its way from that file.

    `suites/0` has the helpers `suites/0: conftest.py` and `suites/0: ../conftest.py`.
    """
    found = dict(files)
    for name, path in files.items():
        if path.endswith(".py"):
            for helper in of(Path(path), root):
                found[f"{name}: {os.path.relpath(helper, Path(path).parent)}"] = str(helper)
    return found
