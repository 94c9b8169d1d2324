"""Label the calls that are most worth it: `trueup label`."""

import contextlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import NO_CALLS, command
from harness.cli.commands.review import login
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.curate.label.step import Labelling
    from harness.project import Project

KINDS = ("missing", "variety", "random")
ENOUGH = 30
"""Calls judged at random from which the gate takes the share of failures from them."""


@command(changes=False)
@click.option("--most", default=50, type=click.IntRange(min=1), show_default=True, help="Calls, or cases, to show.")
@click.option(
    "--only", "kinds", multiple=True, type=click.Choice(KINDS), help="Only picks of this kind; may be repeated."
)
@click.option("--list", "list_", is_flag=True, help="Print them and why each was picked; serve no page.")
@click.option("--to", "tool", default="", metavar="TOOL", help="Write them for argilla or label-studio instead.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder that --to or --blind writes to. Default: labels.")
@click.option("--after", default="", metavar="NAME", help="The calls that NAME answered, without the answers.")
@click.option("--agreement", is_flag=True, help="How far people agree on the calls that two of them judged.")
@click.option("--blind", nargs=2, default=("", ""), metavar="ARM ARM", help="Judge two arms' replies without names.")
@click.option("--by", default="", help="Who answers; your login name when it is left out.")
@click.option("--open", "open_", is_flag=True, help="Open the page in a browser.")
def label(project: "Project", as_json: bool, **options: Any) -> dict[str, Any]:
    """Label the calls that are most worth a look.

    Half are failures without a right answer, the others calls that nobody spoke of, as unlike as can be, and a random sample.
    The page is that of trueup review: each answer becomes a target, and a preference pair where production was wrong.

    \b
    Example: trueup label --list
    Example: trueup label --open --by ada
    Example: trueup label --after ada --by bob; trueup label --agreement
    Example: trueup label --blind base tuned
    Example: trueup label --to label-studio --out handover
    """
    chosen = [name for name in ("list_", "tool", "agreement") if options[name]] + ["blind"] * bool(options["blind"][0])
    if len(chosen) > 1:
        raise UsageError("--list, --to, --agreement and --blind exclude one another", next="give one of them")
    if options["agreement"]:
        return _agreement(project, as_json)
    by = options["by"] or login()
    if options["blind"][0]:
        return _blind(project, options["blind"], options["most"], by, options["out"], options["open_"], as_json)
    return _label(project, by, as_json, options)


def _label(project: "Project", by: str, as_json: bool, options: dict[str, Any]) -> dict[str, Any]:
    from harness import planning
    from harness.cli import console
    from harness.curate.label import step
    from harness.mine import step as mine_step

    found = step.labelling(project, options["most"], options["kinds"], options["after"], by)
    if not found.picks:
        nothing = "nothing to label: every call that is worth a look was looked at"
        console.warn(
            nothing if mine_step.latest_clusters(project) or project.store.traces.counts()["calls"] else NO_CALLS
        )
        return {"picks": ()}
    if options["tool"]:
        return _hand_over(found, options["tool"], options["out"] or Path(project.config.root) / "labels", as_json)
    if options["list_"] or as_json:
        if not as_json:
            stopped = planning.latest(project)
            _list(found, stopped.sentence if stopped else "")
        return {"picks": found.picks}
    return _serve(project, found, by, options["open_"])


def _list(found: "Labelling", lacks: str) -> None:
    from harness.cli import console

    if lacks:
        console.say(f"the last run stopped before training: {lacks}\n")

    rows = [
        (number, pick.kind, _start(item.conversation[-1].text if item.conversation else ""), pick.reason)
        for number, (pick, item) in enumerate(zip(found.picks, found.items, strict=True), 1)
    ]
    console.table(("", "kind", "asked", "why"), rows)
    console.say("\nnext: trueup label --open")


def _start(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 50 else f"{line[:49]}…"


def _hand_over(found: "Labelling", tool: str, folder: Path, as_json: bool) -> dict[str, Any]:
    from harness.cli import console
    from harness.core.codec import write_atomic
    from harness.curate.label import handover

    written = handover.files(tool, found.picks, found.items)
    for name, data in written.items():
        write_atomic(folder / name, data)
    if not as_json:
        for name in written:
            console.say(f"wrote {folder / name}")
        console.say(f"next: label them in {tool}, export them as JSON, then: trueup ingest THAT_FILE")
    return {"picks": found.picks, "files": [str(folder / name) for name in written]}


def _serve(project: "Project", found: "Labelling", by: str, open_: bool) -> dict[str, Any]:
    from harness.cli import console
    from harness.curate.label import step
    from harness.curate.review.step import Review

    pick_of = {pick.call_id: pick for pick in found.picks}
    sitting = Review(lambda item, said: step.keep(project, pick_of[item.call_id], item, said, by), found.items, "label")
    _until_finished(sitting, len(found.items), open_)
    kinds = Counter(pick_of[call_id].kind for call_id in sitting.answered)
    console.say(f"{len(sitting.answered):,} answered; next: trueup curate, which uses them")
    if kinds["random"] and not project.config.mine.options.get("random_review"):
        console.say(
            f"{kinds['random']} of them were drawn at random. From {ENOUGH} on they say how many calls fail: set "
            'random_review = "random_review" under [mine.options]'
        )
    return {"picks": found.picks, "answered": dict(sorted(kinds.items()))}


def _until_finished(sitting: Any, count: int, open_: bool) -> None:
    from harness.cli import console

    console.warn(f"{count:,} to look at: {sitting.server.address}")
    if open_:
        click.launch(sitting.server.address)
    with contextlib.suppress(KeyboardInterrupt):  # how a sitting ends: every answer was kept when it was given
        sitting.server.serve()


def _agreement(project: "Project", as_json: bool) -> dict[str, Any]:
    from harness.cli import console
    from harness.curate.label import agreement

    feedback = project.feedback()
    calls = project.store.traces.calls_by_id({item.call_id for item in feedback if item.call_id})
    found = agreement.agreements(feedback, calls)
    if not as_json and not found:
        console.warn("no two people judged the same call\n  next:  trueup label --after NAME --by ANOTHER")
    elif not as_json:
        rows = [(f"{pair.first}, {pair.second}", pair.calls, pair.agreed, _kappa(pair.kappa)) for pair in found]
        console.table(("people", "calls", "agreed", "kappa"), rows)
        for pair in found:
            if pair.differ:
                console.say(f"{pair.first} and {pair.second} differ on: {', '.join(pair.differ[:10])}")
    return {"agreement": found}


def _kappa(value: float | None) -> str:
    return "undefined: all answers are alike" if value is None else f"{value:.2f}"


def _blind(
    project: "Project", arms: tuple[str, str], most: int, by: str, out: Path | None, open_: bool, as_json: bool
) -> dict[str, Any]:
    from harness.cli import console
    from harness.curate.label import blind, blind_page

    duels = blind.duels(blind_page.latest_runs(project, arms), most)
    folder = blind_page.labels_folder(project, out)
    sitting = blind_page.BlindSitting(duels, lambda duel, choice: blind.keep(folder, duel, choice, by))
    _until_finished(sitting, len(duels), open_)
    tally = blind.tally(duels, sitting.answered)
    if not as_json:
        rows = [(arm, tally.passed[arm], tally.better[arm]) for arm in arms]
        console.table(("arm", f"right, of {tally.cases}", "it alone right"), rows)
        console.say(f"labels for judge(calibration=...): {folder / blind.REPLIES}, {folder / blind.PAIRS}")
    return {"tally": tally, "folder": str(folder)}
