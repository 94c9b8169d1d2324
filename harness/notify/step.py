"""Tell of the latest verdict, or of a run that stopped, in each way that trueup.toml names under [notify]."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.core import options, plugins
from harness.errors import TrueupError, UsageError
from harness.notify import notice as notices
from harness.notify import stop
from harness.notify.client import Client, NotifyError
from harness.notify.notice import Notice
from harness.project import Project
from harness.report import story_of
from harness.sections import Config, NotifySection
from harness.types import Noun, Verdict

WATCH = "watch"
"""The outcome under which a change in production is told."""


class Sent(Noun, frozen=True):
    """What became of one notification."""

    name: str
    kind: str
    is_sent: bool
    words: str
    """What was done, or why it was not."""


def check(config: Config) -> None:
    """Read every [notify.NAME]. Raises UsageError on a kind or an option that does not exist."""
    for name, section in config.notify.items():
        _options(name, section)


def tell(project: Project, verdict: Verdict, client: Client | None = None) -> list[Sent]:
    """Send the verdict to every [notify.NAME] that asks for its outcome. Of a notification that fails nothing is raised: its
    `words` say why."""
    stop.clear(Path(project.config.report.out))
    if not project.config.notify:
        return []
    client = client or Client()
    try:
        notice = notices.of_story(story_of(project, verdict), client.job)
    except Exception as error:  # a report that cannot be told of changes no verdict
        return [Sent(name="notify", kind="", is_sent=False, words=words_of(error))]
    return send(project.config.notify, notice, client)


def tell_stop(project: Project, error: TrueupError, client: Client | None = None) -> list[Sent]:
    """Keep that a run stopped, in the folder of [report], and send it to every [notify.NAME] that asks for it."""
    client = client or Client()
    notice = notices.of_error(project.config.project.title or project.config.project.name, error, client.job)
    with suppress(OSError, TrueupError):  # the disk may be what stopped the run
        stop.write(Path(project.config.report.out), error, notice.markdown)
    return send(project.config.notify, notice, client)


def tell_watch(project: Project, alarms: Sequence[tuple[str, str, str]], client: Client | None = None) -> list[Sent]:
    """Send what changed in production to every [notify.NAME] whose `on` has `watch`. Raises nothing."""
    if not alarms or not any(WATCH in each.on for each in project.config.notify.values()):
        return []
    client = client or Client()
    title = project.config.project.title or project.config.project.name
    return send(project.config.notify, notices.of_watch(title, alarms, client.job), client)


def again(project: Project, sections: Mapping[str, NotifySection], url: str = "") -> list[Sent]:
    """Send the latest verdict, or that the latest run stopped, whatever outcomes the sections ask for.

    Raises NotYetError when there is neither, UsageError on a wrong kind or option."""
    for name, section in sections.items():
        _options(name, section)
    client = Client()
    error = stop.latest(Path(project.config.report.out))
    if error:
        title = project.config.project.title or project.config.project.name
        notice = notices.of_error(title, error, client.job, url)
    else:
        notice = notices.of_story(story_of(project, project.latest_verdict()), client.job, url)
    return send({name: NotifySection(kind=s.kind, options=s.options) for name, s in sections.items()}, notice, client)


def send(sections: Mapping[str, NotifySection], notice: Notice, client: Client) -> list[Sent]:
    """Send a notice to each section that asks for its outcome. Raises nothing."""
    return [_send(name, section, notice, client) for name, section in _asking(sections, notice)]


def _asking(sections: Mapping[str, NotifySection], notice: Notice) -> Iterable[tuple[str, NotifySection]]:
    """A verdict goes to each that does not choose; what was watched only to those that ask for it."""
    every = notice.outcome != WATCH
    return ((name, each) for name, each in sections.items() if (not each.on and every) or notice.outcome in each.on)


def _send(name: str, section: NotifySection, notice: Notice, client: Client) -> Sent:
    try:
        words = plugins.load("notifiers", section.kind).send(notice, _options(name, section), client)
        return Sent(name=name, kind=section.kind, is_sent=True, words=words)
    except Exception as error:  # whatever a kind raises, third parties' too
        return Sent(name=name, kind=section.kind, is_sent=False, words=words_of(error))


def _options(name: str, section: NotifySection) -> Any:
    plugin: Any = plugins.load("notifiers", section.kind)
    struct, where = options.struct_of(plugin), f"[notify.{name}.options]"
    if struct is None:
        if section.options:
            raise UsageError(f"{section.kind} takes no options", where=where, next="leave them out")
        return None
    options.check_keys(section.options, [struct], where)
    return options.read(section.options, struct, where)


def words_of(error: Exception) -> str:
    """An error of ours in its own words; of any other only the kind, since its text may hold an address that is secret."""
    known = isinstance(error, (NotifyError, TrueupError))
    return str(error).replace("\n  ", "; ") if known else type(error).__name__
