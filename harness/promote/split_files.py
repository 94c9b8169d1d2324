"""Write what each gateway is told about the split of the canary, as the record in the store has it.

A folder `canary` below [report] out, with a folder for each gateway, and `split.json`, which your own router may read.
"""

from pathlib import Path

from harness.core import plugins
from harness.core.codec import encode, write_atomic
from harness.project import Project
from harness.promote.served_by import model_name
from harness.types import Canary, TrafficSplit

FOLDER, FILE = "canary", "split.json"


def current(project: Project) -> TrafficSplit | None:
    """The split that is in force; None where there never was one."""
    last = project.store.canaries.last()
    return split_of(project, last.canary, last.kind) if last else None


def split_of(project: Project, canary: Canary, kind: str) -> TrafficSplit:
    """After its end everybody gets the control, or the candidate once it was finished."""
    section = project.config.canary
    share = canary.share if kind == "started" and not canary.shadow else float(kind == "finished")
    return TrafficSplit(
        alias=canary.alias,
        candidate=canary.candidate_name,
        control=canary.control_name,
        share=share,
        salt=canary.salt,
        header=section.header,
        url=section.url,
    )


def files(project: Project, split: TrafficSplit) -> dict[str, bytes]:
    """Path below the folder to its content. Raises UsageError for a gateway that is not known."""
    chosen = project.config.canary.gateways or plugins.names("gateways")
    made = {
        f"{name}/{path}": text.encode()
        for name in chosen
        for path, text in plugins.load("gateways", name).files(split).items()
    }
    return {**made, FILE: encode(split)}


def write(project: Project) -> list[str]:
    """Bring the files in line with the record; gives the paths of those that changed."""
    split = current(project)
    if split is None:
        return []
    folder = place(project)
    changed = []
    for name, data in files(project, split).items():
        path = folder / name
        if not path.exists() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, data)
            changed.append(str(path))
    return changed


def place(project: Project) -> Path:
    return Path(project.config.path(project.config.report.out)) / FOLDER


def names(project: Project) -> dict[str, str]:
    """Model name to content id, of what the alias points at, the canary's arms and the base model."""
    move = project.store.promotions.current(project.config.promote.alias)
    running = project.store.canaries.running()
    known = {move.adapter if move else "", *((running.candidate, running.champion) if running else ()), ""}
    return {model_name(ident): ident for ident in known}
