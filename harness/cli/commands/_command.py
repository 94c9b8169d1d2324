"""Share what commands need: the project, its store and its lock, and the exit code of a verdict."""

import functools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from harness.errors import Exit

if TYPE_CHECKING:
    from harness.core.progress import Progress
    from harness.project import Project
    from harness.types import Verdict

NO_CALLS = "no calls are stored yet\n  next:  trueup ingest PATH, with the path of a trace export"
VERDICT_EXIT = {"promote": Exit.PROMOTE, "hold": Exit.HOLD, "undecided": Exit.UNDECIDED, "invalid": Exit.INVALID}

SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""How each command shows its help, whichever way it is reached."""


class Renamed(click.Option):
    """An option whose `old` names keep working and are not shown any more."""

    def __init__(self, *names: Any, old: tuple[str, ...], **settings: Any) -> None:
        super().__init__(*names, **settings)
        self.old = old

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        known, self.opts = self.opts, [name for name in self.opts if name not in self.old]
        try:
            return super().get_help_record(ctx)
        finally:
            self.opts = known


def command(
    changes: bool = True, alone: str = "", **extra: Any
) -> Callable[[Callable[..., dict[str, Any]]], click.Command]:
    """A command that works on the project of the nearest trueup.toml. `alone`: name of a flag under which it needs none.

    Adds --config, --json, --quiet and the log; opens the store; with `changes` holds its lock, so that two runs never mix.
    The function receives `project` first and returns what --json prints; an `exit_code` in it is the command's.
    """

    def wrap(function: Callable[..., dict[str, Any]]) -> click.Command:
        @click.command(name=function.__name__.rstrip("_"), context_settings=SETTINGS, **extra)
        @click.option("--config", "-c", type=click.Path(path_type=Path), help="trueup.toml, or its folder.")
        @click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
        @click.option("--quiet", "-q", is_flag=True, help="No progress.")
        @click.option(
            "--log-level",
            default="",
            envvar="TRUEUP_LOG_LEVEL",
            type=click.Choice(("", "debug", "info", "warning", "error")),
            metavar="LEVEL",
            help="Log from this level on: debug, info, warning or error. To standard error without --log-file.",
        )
        @click.option(
            "--log-file", type=click.Path(path_type=Path), envvar="TRUEUP_LOG_FILE", help="Append the log to it."
        )
        @functools.wraps(function)
        def run(
            config: Path | None, as_json: bool, quiet: bool, log_level: str, log_file: Path | None, **options: Any
        ) -> NoReturn:
            from harness.cli.logs import logging_to

            with logging_to(log_level, log_file):
                work(config, as_json, quiet or bool(log_level and not log_file), options)

        def work(config: Path | None, as_json: bool, quiet: bool, options: dict[str, Any]) -> NoReturn:
            from harness.cli.console import ConsoleProgress, machine
            from harness.core.quiet import hush
            from harness.project import Project

            hush()
            progress = ConsoleProgress(quiet or as_json)
            bare = bool(alone and options[alone]) and config is None
            opened = _without_toml(progress) if bare else nullcontext(Project.open(config, progress))
            with opened as project, project.store.lock() if changes else nullcontext():
                result = function(project, as_json=as_json, **options)
            if as_json:
                machine(result)
            raise SystemExit(result.get("exit_code", 0))

        command: click.Command = run
        return command

    return wrap


@contextmanager
def _without_toml(progress: "Progress") -> Iterator["Project"]:
    """The project of the nearest trueup.toml; where there is none, one with nothing set, whose store is thrown away."""
    from harness.config import find
    from harness.errors import UsageError
    from harness.project import Project
    from harness.sections import Config
    from harness.store import Store

    try:
        file = find(Path.cwd())
    except UsageError:
        with tempfile.TemporaryDirectory(prefix="trueup-") as folder:
            yield Project(Config(root=str(Path.cwd())), Store.open(Path(folder) / "store"), progress)
        return
    yield Project.open(file, progress)


def conclude(verdict: "Verdict", as_json: bool, where: str = "") -> dict[str, Any]:
    """Say the verdict; the exit code is what CI reads."""
    from harness.cli import console

    if not as_json:
        console.say(f"\n{verdict.sentence}", style="bold")
        if where:
            console.say(f"report: {where}/report.html")
    code = int(VERDICT_EXIT[verdict.outcome])
    return {"verdict": verdict.outcome, "sentence": verdict.sentence, "id": verdict.id, "exit_code": code}
