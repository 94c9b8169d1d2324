"""Hook into pytest for `pytest evals --model NAME`: the thin part, loaded in every pytest run of whoever has trueup.

So it imports nothing heavy and nothing of `harness` before an eval file is met: that is why imports stand inside
functions here. `harness.evaluate.runner.session` does the work.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from trueup import _eval_files

if TYPE_CHECKING:
    from harness.evaluate.runner.session import Evaluation

NAME = "trueup-evaluation"
OPTIONS: dict[str, dict[str, Any]] = {
    "model": {
        "metavar": "NAME",
        "help": "Which model eval files ask: an arm of trueup.toml, a model's folder, NAME@URL of an endpoint, or "
        "scripted:FILE.",
    },
    "repeats": {"type": int, "default": 0, "metavar": "N", "help": "Run each case N times, not as its suite says."},
    "app": {
        "default": "",
        "metavar": "COMMAND",
        "help": "Judge the answers of this program, whose calls of a model go to --model.",
    },
    "otel": {"default": "", "metavar": "FILE|URL", "help": "Write every case of an eval file as a trace."},
}
"""Options under their short names. Each is there as `--trueup-NAME` too, for a project with an option of that name."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("trueup", "trueup: eval suites")
    for name, settings in OPTIONS.items():
        same = f"The same as --{name}, where a conftest.py or another plugin has that."
        group.addoption(f"--trueup-{name}", dest=f"trueup_{name}", **{**settings, "help": same})
    group.addoption("--trueup-request", metavar="FILE", help="Run the evaluation that FILE describes (by the loop).")
    group.addoption("--trueup-events", type=int, metavar="FD", help="Write progress as JSON Lines to this descriptor.")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Iterator[None]:
    """Add the short names after every conftest.py had its turn: an option that is taken stays the user's.

    Their values are no test paths, though pytest took them for such.
    """
    ours = {f"--{prefix}{name}" for name in OPTIONS for prefix in ("", "trueup-")}
    values = {value for option, value in zip(args, args[1:], strict=False) if option in ours}
    paths = [path for path in early_config.known_args_namespace.file_or_dir if path not in values]
    if any((early_config.invocation_params.dir / value).exists() for value in values):
        from trueup import rootdir

        rootdir.reroot(early_config, args, paths)
    early_config.known_args_namespace.file_or_dir = paths
    yield
    group = parser.getgroup("trueup")
    for name, settings in OPTIONS.items():
        try:
            group.addoption(f"--{name}", dest=f"trueup_{name}", **settings)
        except (ValueError, argparse.ArgumentError):
            continue


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A process of pytest-xdist has ended: what its cases scored is shown with that of the others."""
    runs = getattr(node, "workeroutput", {}).get(NAME)
    if runs:
        from harness.evaluate.runner.terminal import Gathered

        Gathered.of(node.config).add(runs)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--trueup-request"):
        from harness.errors import TrueupError

        try:
            _register(config)
        except TrueupError as error:
            raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(tryfirst=True)
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Eval files of a folder; pytest itself collects those that were named, and asks for their module below."""
    if parent.session.isinitpath(file_path) or not _is_eval_file(file_path, parent):
        return None
    return pytest_pycollect_makemodule(file_path, parent)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    if not _is_eval_file(module_path, parent):
        return None
    if _eval_files.harness_is_hidden() or (_no_model(parent.config) and _eval_files.has_own_harness(parent.config)):
        hidden: Hidden = Hidden.from_parent(parent, path=module_path)
        return hidden
    from harness.errors import TrueupError
    from harness.evaluate.runner.collection import EvalModule

    try:
        _register(parent.config)
    except TrueupError as error:  # told without a traceback
        raise parent.CollectError(str(error)) from error
    pytest.register_assert_rewrite(*_eval_files.module_names(module_path))  # as a test file's asserts are
    module: EvalModule = EvalModule.from_parent(parent, path=module_path)
    module.declared_only = not _is_whole(module_path, parent)
    return module


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> pytest.Class | None:
    if not (name.startswith("Eval") and collector.config.pluginmanager.hasplugin(NAME)):
        return None
    from harness.evaluate.runner.collection import eval_class

    return eval_class(collector, name, obj)


class Hidden(pytest.Module):
    """An eval file in a repository whose own package `harness` is in the way of ours."""

    def collect(self) -> NoReturn:
        reason = "a package named `harness` of this repository hides trueup's; run eval files by `trueup eval`"
        if _no_model(self.config):
            pytest.skip(reason, allow_module_level=True)
        raise self.CollectError(reason)


def _no_model(config: pytest.Config) -> bool:
    return not (config.getoption("--trueup-model") or config.option.collectonly)


def _is_eval_file(file: Path, parent: pytest.Collector) -> bool:
    return _eval_files.looks_like_one(file) and (_is_whole(file, parent) or _eval_files.declares(file))


def _is_whole(file: Path, parent: pytest.Collector) -> bool:
    """Whether all `eval_*` functions of the file count. What the loop asks for, it has looked up in trueup.toml."""
    asked = getattr(parent.config.pluginmanager.getplugin(NAME), "recording", False)
    return asked or parent.session.isinitpath(file) or _eval_files.is_below_eval_paths(file)


def _register(config: pytest.Config) -> None:
    from harness.core.quiet import hush

    if not config.pluginmanager.hasplugin(NAME):
        hush()
        config.pluginmanager.register(_evaluation(config), NAME)


def _evaluation(config: pytest.Config) -> "Evaluation":
    file = config.getoption("--trueup-request")
    return _for_loop(Path(file), config) if file else _for_developer(config)


def _for_loop(file: Path, config: pytest.Config) -> "Evaluation":
    from harness.evaluate.runner.worker import recording

    return recording(file, config)


def _for_developer(config: pytest.Config) -> "Evaluation":
    from msgspec.structs import replace

    from harness.evaluate import model_option
    from harness.evaluate.runner.terminal import Developing
    from harness.types import Application

    here = config.invocation_params.dir
    paths = tuple(str(here / arg.split("::")[0]) for arg in config.args)
    request = model_option.request(
        config.getoption("--trueup-model"), config.rootpath, here, paths, config.getoption("--trueup-repeats")
    )
    if command := config.getoption("--trueup-app"):
        request = replace(request, application=Application(command=command, folder=str(here)))
    request = replace(request, otel=config.getoption("--trueup-otel"))
    return Developing(request, model_names=lambda: model_option.arm_names(*map(Path, paths), here, config.rootpath))
