"""A third-party distribution with plug-ins, as pip would have installed it: a package, and metadata with entry points."""

from collections.abc import Mapping
from pathlib import Path


def install(folder: Path, plugins: Mapping[tuple[str, str], str], name: str = "acme") -> Path:
    """Write a distribution with a module for each (kind, plug-in name). Returns the folder for `sys.path`."""
    package, info = folder / name, folder / f"{name}-1.0.dist-info"
    package.mkdir(parents=True)
    info.mkdir()
    (package / "__init__.py").write_text('"""Plug-ins of another project."""\n')
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "RECORD").write_text("")
    lines = []
    for (kind, plugin), source in plugins.items():
        (package / f"{plugin}.py").write_text(source)
        lines.append(f"[trueup.{kind}]\n{plugin} = {name}.{plugin}\n")
    (info / "entry_points.txt").write_text("\n".join(lines))
    return folder
