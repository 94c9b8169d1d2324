"""Put together what targets are given: adapter or arm, manifest, verdict, report and model card, under one name.

The files of an adapter stay where they are; what is written for a release is stored once, so that the same release has the
same bytes whenever it is deployed again.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from harness import report
from harness.core.adapters import MANIFEST, read_manifest
from harness.core.codec import digest, encode, file_digest, write_atomic
from harness.core.plugins import load
from harness.errors import InputError, InvalidError
from harness.gate import candidate as gate_candidate
from harness.gate import step as gate_step
from harness.project import JUDGED, EvaluationRuns, Project
from harness.promote.card import card
from harness.types import Adapter, Arm, Release, Run, Verdict

KIND = "release"
"""Kind of artifact: the documents of a release."""
CARD, VERDICT, REPORT, ARM = "README.md", "evidence/verdict.json", "evidence/report.html", "evidence/arm.json"
"""Paths in a release. The adapter's files are beside the card, where PEFT and vLLM look for them."""
NONE = "none"


def name_of(what: str, verdict: str) -> str:
    """Name of the release of a promoted id and its verdict; empty for the base model, which needs none."""
    return f"trueup-{what[:16]}-{verdict[:8] or NONE}" if what else ""


def of(project: Project, what: str, ident: str, write: bool = True) -> Release | None:
    """The release of a promoted id; `ident` is its verdict's. None: the base model.

    Without `write` documents that are not stored yet are left out, and nothing is written.

    Raises InvalidError when it was made with calls that were forgotten since, InputError or StorageError when its files are gone
    or were changed.
    """
    if not what:
        return None
    tuned = project.served_adapter(what)
    project.check_not_forgotten("adapter", tuned)
    folder = project.store.artifacts.folder("adapter", tuned, again=True) if tuned else None
    adapter = read_manifest(folder) if folder else None
    verdict, run = verdict_of(project, ident), run_of(project, ident)
    arm = replace(_arm(project, what, adapter, run), adapter=str(folder or ""))
    content = _Content(project.served(what), verdict, run, adapter, arm)
    places = _documents(project, what, ident, content if write else None)
    if folder and adapter:
        places |= {name: str(folder / name) for name in (*sorted(adapter.files), MANIFEST)}
    return Release(
        name=name_of(what, ident),
        what=what,
        verdict=ident,
        words=project.served(what),
        arm=arm,
        places=places,
        digests={path: file_digest(Path(place)) for path, place in places.items()},
        facts=dict(_facts(project, what, verdict, adapter)),
    )


def verdict_of(project: Project, ident: str) -> Verdict | None:
    """The verdict of that id; None where it is not kept."""
    known = bool(ident) and project.store.artifacts.has("verdict", ident)
    return project.store.artifacts.get("verdict", ident, Verdict) if known else None


def run_of(project: Project, ident: str) -> Run | None:
    """The run of what the verdict promoted; None where it is not kept."""
    verdict, known = verdict_of(project, ident), project.recalled(JUDGED, ident, "evaluation") if ident else ""
    if verdict is None or not known:
        return None
    evaluation = project.store.artifacts.get("evaluation", known, EvaluationRuns)
    if not all(project.store.artifacts.has("run", run) for _, run in evaluation.runs):
        return None
    return project.runs(evaluation).get(gate_step.policy_of(project, verdict).candidate)


class _Content(NamedTuple):
    """What the documents of a release are written from."""

    words: str
    verdict: Verdict | None
    run: Run | None
    adapter: Adapter | None
    arm: Arm


def _arm(project: Project, what: str, adapter: Adapter | None, run: Run | None) -> Arm:
    """Who answers: the stored arm; of an adapter the arm that was judged, else the base with the prompt of its training."""
    stored = project.served_arm(what)
    if stored:
        return stored
    if run and adapter and gate_candidate.adapter_of(run, adapter.id) == adapter.id:
        return run.arm
    model = project.config.model
    return Arm(
        name="tuned",
        backend=model.backend,
        model=model.base,
        prompt=adapter.prompt if adapter else Arm(name="").prompt,
        template_options=model.template_options,
    )


def _documents(project: Project, what: str, ident: str, content: _Content | None) -> dict[str, str]:
    """Path in the release of each document to its place in the store; written once, not without content."""
    key = digest([KIND, what, ident])
    if not project.store.artifacts.has(KIND, key):
        if content is None:
            return {}
        folder = project.store.artifacts.scratch(KIND)
        for path, data in _written(project, what, content):
            write_atomic(folder / path, data)
        project.store.artifacts.add_folder(KIND, key, folder)
    place = project.store.artifacts.folder(KIND, key, again=True)
    paths = (path for path in (CARD, VERDICT, REPORT, ARM) if (place / path).exists())
    return {path: str(place / path) for path in paths}


def _written(project: Project, what: str, content: _Content) -> Iterator[tuple[str, bytes]]:
    text = card(project.config.project.name, content.words, content.verdict, content.run, content.adapter)
    yield CARD, text.encode()
    if content.verdict:
        yield VERDICT, encode(content.verdict)
        try:
            story = report.story_of(project, content.verdict)
            yield REPORT, load("reports", "html").render(story)
        except (InvalidError, InputError):  # its runs are not kept any more; what answers is the same
            pass
    if what != project.served_adapter(what):
        yield (
            ARM,
            encode(replace(content.arm, model=Path(content.arm.model).name, adapter=project.served_adapter(what))),
        )


def _facts(project: Project, what: str, verdict: Verdict | None, adapter: Adapter | None) -> Iterator[tuple[str, str]]:
    yield "project", project.config.project.name
    yield "what", what
    if verdict:
        yield from (("verdict", verdict.id), ("outcome", verdict.outcome), ("sentence", verdict.sentence[:400]))
    if adapter:
        yield from (("adapter", adapter.id), ("base", adapter.base), ("dataset", adapter.dataset))
