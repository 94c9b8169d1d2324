"""Move an alias and all deploy targets together: both or neither.

    prepare -> put under a name made of the digest -> check and probe -> switch -> record

Until the record nothing counts: an error undoes what was switched, in reverse order, and removes what was put. A journal in
the store says what is under way, so that the next command undoes it after a kill, or finishes it once the alias was moved.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from harness.core import options as option_tables
from harness.core import plugins
from harness.core.protocols import OpenTarget
from harness.errors import DeployError, TrueupError, UsageError
from harness.project import Project
from harness.promote import release as releases
from harness.promote.probe import probe
from harness.sections import Config
from harness.types import Deployment, Json, Noun, Release, Switch

T = TypeVar("T")
FIX = "bring that target back, then run the same command again; or remove its section to go on without it"


class Serving(Noun, frozen=True):
    """What one target serves, for people."""

    target: str
    kind: str
    serves: str = ""
    """Name of a release; empty: none."""
    wanted: str = ""
    """Name of the release that the alias points at."""
    state: str = ""
    """In words: as judged, not what was promoted, or why it cannot be told."""
    is_right: bool = False


class PlacedTarget(NamedTuple):
    kind: str
    options: Any
    given: dict[str, Json]
    target: OpenTarget


def check(config: Config) -> None:
    """Raises UsageError on a [deploy.NAME] without a known kind, or with an option that its kind does not have."""
    for name in config.deploy:
        _options(config, name)


def opened(config: Config) -> dict[str, PlacedTarget]:
    """The targets of trueup.toml, by name. Reaches none of them."""
    return {name: _open(config, *_options(config, name)) for name in config.deploy}


def move(project: Project, what: str, verdict: str, record: Callable[[], T]) -> T:
    """Deploy what a content id stands for (empty: the base model) to every target, then `record` it, or leave all as it was.

    Raises DeployError, or what else went wrong, with what could not be undone.
    """
    targets = opened(project.config)
    if not targets:
        return record()
    release = releases.of(project, what, verdict)
    with project.store.lock(), project.progress.step("deploy"):
        plan = _plan(project, targets, what, release)
        project.store.journal.write(plan)
        try:
            _put(project, targets, plan, release)
            for switch in plan.switches:
                _switch(switch, targets[switch.target].target)
            done = record()
        except (Exception, KeyboardInterrupt) as error:
            raise _undone(project, plan, error) from error
        try:
            _finish(project, plan)
        except TrueupError as error:
            what = f"{plan.alias} was moved and every target switched, but not tidied up: {error.what}"
            raise type(error)(what, where=error.where, next="trueup deploy, which does the rest") from error
    return done


def recover(project: Project) -> str:
    """Finish or undo what a killed command left; says in words what it did, empty where nothing was under way.

    A target whose section was removed from trueup.toml is left as it is. Raises DeployError when another cannot be reached.
    """
    plan = project.store.journal.read()
    if plan is None:
        return ""
    with project.store.lock():
        history = project.store.promotions.history(plan.alias)
        if len(history) > plan.moves and history[-1].adapter == plan.what:
            _finish(project, plan)
            return f"an earlier deployment of {project.served(plan.what)} was finished"
        problems = list(_undo(project, plan))
        if problems:
            raise DeployError("an earlier deployment is not undone: " + "; ".join(problems), where=plan.alias, next=FIX)
        project.store.journal.clear()
    return f"an earlier deployment of {project.served(plan.what)}, which was interrupted, was undone"


def promoted(project: Project) -> tuple[str, str]:
    """Content ids of what the alias points at and of its verdict; both empty where it was never moved."""
    move = project.store.promotions.current(project.config.promote.alias)
    return (move.adapter, move.verdict) if move else ("", "")


def servings(project: Project) -> Iterator[Serving]:
    """What each target serves now, and whether that is what the alias points at and still is what was judged."""
    if not project.config.deploy:
        return
    release = releases.of(project, *promoted(project), write=False)
    for name, each in opened(project.config).items():
        yield _serving(name, each, release)


# ---------------------------------------------------------------- one target


def _options(config: Config, name: str) -> tuple[str, dict[str, Json]]:
    """Kind and options of a section, checked."""
    where, given = f"[deploy.{name}]", dict(config.deploy[name])
    kind = given.pop("kind", None)
    if not isinstance(kind, str) or not kind:
        known = ", ".join(plugins.names("targets"))
        raise UsageError("a deploy target has no kind", where=where, next=f'kind = "folder"; there are {known}')
    option_tables.of_plugin("targets", kind, given, where, config.root)
    return kind, given


def _open(config: Config, kind: str, given: Mapping[str, Json]) -> PlacedTarget:
    plugin: Any = plugins.load("targets", kind)
    struct = option_tables.struct_of(plugin)
    read = option_tables.absolute(option_tables.read(given, struct, f"kind {kind}"), config.root) if struct else None
    return PlacedTarget(kind, read, dict(given), plugin.open(read, config.promote.alias))


def _serving(name: str, each: PlacedTarget, release: Release | None) -> Serving:
    serves = wanted = ""
    try:
        wanted = each.target.name_of(release) if release else ""
        serves = each.target.current()
        if serves != wanted:
            return Serving(name, each.kind, serves, wanted, "not what was promoted")
        state = each.target.check(release) if release else "nothing is promoted"
        return Serving(name, each.kind, serves, wanted, state, is_right=True)
    except TrueupError as error:
        return Serving(name, each.kind, serves, wanted, error.what)


# ---------------------------------------------------------------- forwards


def _plan(project: Project, targets: Mapping[str, PlacedTarget], what: str, release: Release | None) -> Deployment:
    """Ask every target first: one that cannot be reached ends it before anything changed."""
    switches = []
    for name, each in targets.items():
        with _named(name):
            after = each.target.name_of(release) if release else ""
            switches.append(
                Switch(
                    target=name,
                    kind=each.kind,
                    options=each.given,
                    before=each.target.current(),
                    after=after,
                    is_new=bool(after) and not each.target.has(after),
                )
            )
    alias = project.config.promote.alias
    moves = len(project.store.promotions.history(alias))
    return Deployment(alias=alias, what=what, moves=moves, switches=tuple(switches))


def _put(project: Project, targets: Mapping[str, PlacedTarget], plan: Deployment, release: Release | None) -> None:
    for place, switch in enumerate(plan.switches, 1):
        target = targets[switch.target].target
        with _named(switch.target):
            if release:
                target.put(release)
                target.check(release)
                probe(
                    project, release, target.through(release), getattr(targets[switch.target].options, "may_differ", 0)
                )
        project.progress.update(place, len(plan.switches), switch.target)


def _switch(switch: Switch, target: OpenTarget) -> None:
    with _named(switch.target):
        if target.current() != switch.after:
            target.switch(switch.after)


def _finish(project: Project, plan: Deployment) -> None:
    """What is recorded is served: let go of what targets that keep nothing had before, and of the journal."""
    for switch, target in _of(project, plan):
        with _named(switch.target):
            _switch(switch, target)
            kept = plugins.says("targets", switch.kind, "KEEPS", True)
            if switch.before and switch.before != switch.after and not kept:
                target.discard(switch.before)
    project.store.journal.clear()


# ---------------------------------------------------------------- backwards


def _undone(project: Project, plan: Deployment, error: BaseException) -> BaseException:
    """Undo, and say in the error what could not be; the journal stays then, and the next command tries again."""
    problems = list(_undo(project, plan))
    if not problems:
        project.store.journal.clear()
        return error
    left = "; not undone: " + "; ".join(problems)
    if isinstance(error, TrueupError):
        return type(error)(error.what + left, where=error.where, next=FIX)
    return DeployError(f"{error!r}{left}", where=plan.alias, next=FIX)


def _undo(project: Project, plan: Deployment) -> Iterator[str]:
    """Switch back and remove what is new, the last first. Gives in words what could not be undone."""
    for switch, target in reversed(list(_of(project, plan))):
        try:
            now = target.current()
            if now == switch.after != switch.before:
                target.switch(switch.before)
            elif now != switch.before:
                yield f"{switch.target} serves {now}, which somebody else switched it to"
                continue
            if switch.is_new:
                target.discard(switch.after)
        except Exception as error:
            yield f"{switch.target}: {error.what if isinstance(error, TrueupError) else repr(error)}"


def _of(project: Project, plan: Deployment) -> Iterator[tuple[Switch, OpenTarget]]:
    """The switches whose section is still in trueup.toml, with their targets as they were opened then."""
    for switch in plan.switches:
        if switch.target in project.config.deploy:
            yield switch, _open(project.config, switch.kind, switch.options).target


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Adds the target's name to an error of the block."""
    try:
        yield
    except TrueupError as error:
        where = f"[deploy.{name}] {error.where}".strip()
        raise type(error)(error.what, where=where, next=error.next) from error
