"""Log a night to each tracker that trueup.toml names under [track]. What a tracker answers changes no verdict."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.core import options as option_tables
from harness.core import plugins
from harness.errors import UsageError
from harness.notify.step import Sent, words_of
from harness.notify.tracked import of_story
from harness.project import Project
from harness.report import SHORT, story_of
from harness.sections import Config
from harness.types import Json, Verdict


def check(config: Config) -> None:
    """Raises UsageError on a tracker or an option that does not exist, or whose package is not installed."""
    for name, given in config.track.items():
        _options(name, given, config.root)


def track(project: Project, verdict: Verdict) -> list[Sent]:
    """Log the verdict and its reports to each tracker. Raises nothing: the words say why one was not reached."""
    if not project.config.track:
        return []
    try:
        night = of_story(story_of(project, verdict), tuple(map(str, _reports(project))))
    except Exception as error:  # a report that cannot be logged changes no verdict
        return [Sent(name="track", kind="", is_sent=False, words=words_of(error))]
    return [_track(project, name, given, night) for name, given in project.config.track.items()]


def _track(project: Project, name: str, given: Json, night: Any) -> Sent:
    try:
        words = plugins.load("trackers", name).log(night, _options(name, given, project.config.root))
        return Sent(name="track", kind=name, is_sent=True, words=words)
    except Exception as error:  # whatever a tracker raises, third parties' too
        return Sent(name="track", kind=name, is_sent=False, words=words_of(error))


def _reports(project: Project) -> list[Path]:
    """The files of [report]."""
    names = (SHORT.get(name, name) for name in project.config.report.formats)
    return [Path(project.config.report.out, f"report{plugins.load('reports', name).SUFFIX}") for name in names]


def _options(name: str, given: Json, root: str) -> Any:
    """Of `[track] NAME = "ADDRESS"`, or of a table with further options."""
    table: Json = {"url": given} if isinstance(given, str) else given
    if not isinstance(table, Mapping):
        raise UsageError("a tracker is an address or a table", where=f"[track] {name}", next=f'{name} = "https://..."')
    plugin: Any = plugins.load("trackers", name)
    option_tables.of_plugin("trackers", name, dict(table), f"[track.{name}]", root)
    struct = option_tables.struct_of(plugin)
    return option_tables.read(dict(table), struct, f"[track.{name}]") if struct else None
