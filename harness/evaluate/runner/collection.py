"""Collect `eval_*.py` files by pytest, and make the `Suite` of each eval function."""

import inspect
import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from harness.core.codec import digest
from harness.core.dataset_files import read_cases
from harness.core.nearest import did_you_mean
from harness.errors import InputError
from harness.evaluate import helpers
from harness.evaluate.asker import ModelAsker
from harness.evaluate.judging.judge import Judge
from harness.evaluate.runner import can_fail, mistakes
from harness.evaluate.runner.bench import RunBench
from harness.evaluate.runner.cases import load_cases
from harness.evaluate.sessions.simulator import SimulatedTool
from harness.evaluate.sessions.user import SimulatedUser
from harness.evaluate.suites import NOTE, Declaration, MinedSplit, declaration
from harness.types import CORPUS, Calibration, Case, EvalRequest, Suite

SUITE = pytest.StashKey["SuiteCases"]()
FOLDER = "evals"
LONGEST_ABOUT = 400
"""Characters of what a suite says of itself."""


class _Named:
    """Collects what an eval file calls a suite: `eval_*`, and in classes `Eval*`."""

    def funcnamefilter(self, name: str) -> bool:
        return name.startswith("eval_")

    def classnamefilter(self, name: str) -> bool:
        return name.startswith("Eval")


class EvalModule(_Named, pytest.Module):
    """A file `eval_*.py`: its `eval_*` functions are suites.

    `declared_only`: no, only those with `@suite` or `@cases` are, since the file lies outside `[eval] paths`.
    """

    declared_only = False

    def collect(self) -> list[pytest.Item | pytest.Collector]:
        """As pytest does; but two files of one name in different folders, as suites often are, are no error."""
        option = self.config.option
        mode = option.importmode
        if self._name_is_taken():
            option.importmode = "importlib"
        try:
            found = list(super().collect())
        finally:
            option.importmode = mode
        for told in mistakes.of_file(vars(self.obj), self.source, self._is_suite):
            raise InputError(told, where=str(self.path), next="rename it")
        return found

    def _is_suite(self, name: str) -> bool:
        return self.funcnamefilter(name) or self.classnamefilter(name)

    def _name_is_taken(self) -> bool:
        """Whether another file outside of packages has been imported under this one's name."""
        known = getattr(sys.modules.get(self.path.stem), "__file__", None)
        return known is not None and Path(known) != self.path and not (self.path.parent / "__init__.py").exists()

    def istestfunction(self, obj: object, name: str) -> bool:
        return super().istestfunction(obj, name) and (not self.declared_only or hasattr(obj, NOTE))

    @cached_property
    def source(self) -> bytes:
        return self.path.read_bytes()

    @cached_property
    def helpers(self) -> list[str]:
        """Digests of what the suites may lean on; see `harness.evaluate.helpers`."""
        return [digest(path.read_bytes()) for path in helpers.of(self.path, self.config.rootpath)]


class EvalClass(_Named, pytest.Class):
    """A class `Eval*` in an eval file, whose `eval_*` methods are suites."""

    def istestfunction(self, obj: object, name: str) -> bool:
        module = self.getparent(EvalModule)
        only = module is not None and module.declared_only
        return super().istestfunction(obj, name) and (not only or hasattr(obj, NOTE))


def eval_class(collector: pytest.Collector, name: str, value: object) -> EvalClass | None:
    """A class of suites, when `value` of an eval file is one: it holds `eval_*` functions."""
    if not (isinstance(collector, _Named) and inspect.isclass(value) and collector.classnamefilter(name)):
        return None
    if not any(collector.funcnamefilter(inner) for inner in dir(value)):
        return None
    made: EvalClass = EvalClass.from_parent(collector, name=name, obj=value)
    return made


def module_of(node: pytest.Item) -> EvalModule | None:
    """The eval file of a collected function; None when it stands in another file."""
    return node.getparent(EvalModule) if isinstance(node, pytest.Function) else None


class SuiteCases:
    """One eval function with all its cases, before any selection."""

    def __init__(
        self, definition: pytest.Function, cases: tuple[Case, ...], request: EvalRequest, bench: RunBench
    ) -> None:
        module, function = module_of(definition), definition.function
        assert module is not None
        noted = declaration(function)
        self.cases = cases
        around = vars(module.obj)
        can_fail.refuse_dropped(function, [name for name, value in around.items() if isinstance(value, Judge)])
        self.asserts = can_fail.asserts(function, around)
        self.askers = _askers(module, function)
        self.calibrations: dict[str, Calibration] = {}
        """Name of a judge's score to the outcome of its trial, once it was tried."""
        asked = [bench.content(asker, module.path.parent) for asker in self.askers]
        self.suite = _describe(
            module, suite_name(definition, request.paths), noted, cases, request, asked, about(function)
        )


def parametrize(metafunc: pytest.Metafunc, request: EvalRequest, bench: RunBench, lenient: bool = False) -> SuiteCases:
    """Give an eval function its cases and repeats, and return its suite.

    `lenient`: a suite of mined cases, where nothing has been mined yet, is one skipped test and no error.

    Raises what `load_cases` raises; pytest shows it as a collection error of the file.
    """
    noted = declaration(metafunc.function)
    cases: tuple[Case, ...] = ()
    unmined = lenient and isinstance(noted.source, MinedSplit) and not request.datasets
    if request.cases and noted.source is not None:
        cases = tuple(read_cases(Path(request.cases)))
    elif noted.source is not None and not unmined:
        cases = load_cases(
            noted.source,
            id=noted.id,
            split=noted.split,
            schema=noted.schema,
            folder=metafunc.definition.path.parent,
            datasets=request.datasets,
        )
        _check_columns(noted, cases)
    found = SuiteCases(metafunc.definition, cases, request, bench)
    if unmined:
        reason = "there are no mined cases yet: trueup curate"
        metafunc.parametrize("case", [pytest.param(None, id="not-mined", marks=pytest.mark.skip(reason=reason))])
    else:
        _spread(metafunc, noted, cases, found.suite.repeats)
    return found


def _check_columns(noted: Declaration, cases: Sequence[Case]) -> None:
    """A misspelt column would make every case a cluster of its own, or lose its slices. What is mined has its own."""
    if isinstance(noted.source, MinedSplit):
        return
    known = {*Case.__struct_fields__, *(name for case in cases for name in case.fields)}
    for option, names in (("cluster", [noted.cluster]), ("slices", noted.slices)):
        for name in names:
            if name and name not in known and cases:
                raise InputError(
                    f"no case has the column {name!r}, which @suite({option}=...) names",
                    next=did_you_mean(name, known, "columns"),
                )


def _spread(metafunc: pytest.Metafunc, noted: Declaration, cases: Sequence[Case], repeats: int) -> None:
    name = metafunc.function.__name__
    if noted.source is not None and "case" not in metafunc.fixturenames:
        raise InputError(f"{name} has cases, but no argument named `case`", next=f"def {name}(case, model)")
    if noted.source is None and "case" in metafunc.fixturenames:
        raise InputError(f"{name} takes a `case`, but has no @cases(...)", next='@cases("FILE.jsonl") above it')
    if noted.source is not None:
        if not cases:
            raise InputError(f"no cases: {name} has an empty source", next="a suite without cases decides nothing")
        metafunc.parametrize("case", [pytest.param(case, id=case.id, marks=_marks(case)) for case in cases])
    if repeats > 1:
        metafunc.fixturenames.append("trueup_repeat")
        metafunc.parametrize("trueup_repeat", range(repeats), ids=[f"repeat{number}" for number in range(repeats)])


def _marks(case: Case) -> list[Any]:
    """A row may say `"skip": reason` or `"xfail": reason`."""
    named = [(name, case.fields.get(name)) for name in ("skip", "xfail")]
    return [getattr(pytest.mark, name)(reason=str(reason)) for name, reason in named if reason]


def case_of(item: pytest.Function) -> tuple[str, Case, int]:
    """Case id as results name it, the case, and the repeat, of one collected test.

    Further parameters of the function become part of the id; without cases the function itself is the one case.
    """
    params: dict[str, Any] = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    case: Case | None = params.pop("case", None)
    repeat: int = params.pop("trueup_repeat", 0)
    others = ",".join(f"{name}={_short(value)}" for name, value in sorted(params.items()))
    ident = case.id if case is not None else item.originalname or item.name
    ident = f"{ident}[{others}]" if others else ident
    return ident, replace(case or Case(id=ident), id=ident), repeat


def _short(value: Any) -> str:
    return str(value) if isinstance(value, (str, int, float, bool)) else digest(repr(value))[:8]


def _describe(
    module: EvalModule,
    name: str,
    noted: Declaration,
    cases: tuple[Case, ...],
    request: EvalRequest,
    asked: list[Any],
    about: str,
) -> Suite:
    return Suite(
        name=name,
        role=noted.role,
        metric="" if noted.metric in CORPUS else noted.metric,
        corpus=noted.metric if noted.metric in CORPUS else "",
        cluster=noted.cluster,
        repeats=request.repeats or noted.repeats,
        across=noted.across,
        must_pass=noted.must_pass,
        slices=noted.slices,
        prompt=noted.prompt,
        owner=noted.owner,
        tags=noted.tags,
        about=about,
        file=_below(module, request.root),
        digest=digest([digest(module.source), cases, *asked, *module.helpers]),
        cases=len(cases),
        range=noted.range,
        weights=noted.weights,
        cluster_cap=noted.cluster_cap,
        mined=noted.source.split if isinstance(noted.source, MinedSplit) else "",
    )


def _below(module: EvalModule, root: str) -> str:
    """Path of an eval file below the project, wherever that is and whatever pytest takes for its root."""
    if root and module.path.is_relative_to(root):
        return module.path.relative_to(root).as_posix()
    return module.nodeid


def about(function: Any) -> str:
    """The first paragraph of a function's docstring, on one line; empty without a docstring."""
    paragraph = (inspect.getdoc(function) or "").split("\n\n")[0]
    return " ".join(paragraph.split())[:LONGEST_ABOUT]


def suite_name(definition: pytest.Function, paths: Sequence[str]) -> str:
    """See `harness.types.Suite.name`."""
    classes = [node.name for node in definition.listchain() if isinstance(node, EvalClass)]
    return "::".join([_below_root(definition.path, paths), *classes, definition.originalname])


def _below_root(file: Path, paths: Sequence[str]) -> str:
    """The file's path below the eval root, without suffix: the same from whichever folder it was asked for.

    The root is the nearest folder named `evals`; else the given folder that holds the file; else the file's own.
    """
    roots = [folder for folder in file.parents if folder.name == FOLDER]
    roots += [folder for folder in (Path(path).resolve() for path in paths) if folder in file.parents]
    return file.relative_to((roots or [file.parent])[0]).with_suffix("").as_posix()


def _askers(module: EvalModule, function: Any) -> tuple[ModelAsker, ...]:
    """The judges, users and simulators at the top of the file that the function, or one of the file that it calls, names."""
    around = vars(module.obj)
    named: dict[str, None] = {}
    waiting = [inspect.unwrap(function).__code__]
    while waiting:
        code = waiting.pop()
        inner = [constant for constant in code.co_consts if inspect.iscode(constant)]
        fresh = [name for name in code.co_names if name in around and name not in named]
        named.update(dict.fromkeys(fresh))
        waiting += inner + [around[name].__code__ for name in fresh if inspect.isfunction(around[name])]
    return tuple(around[name] for name in named if isinstance(around[name], (Judge, SimulatedUser, SimulatedTool)))
