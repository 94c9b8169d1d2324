"""Hook into pytest for `pytest evals --model NAME`: the thin part, loaded in every pytest run of whoever has trueup.

So it imports nothing heavy, and the rest only when an eval file is met: that is why imports stand inside functions here.
`harness.evaluate.runner.session` does the work.
"""

from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness.evaluate.runner.session import Evaluation

PATTERN = "eval_*.py"
NAME = "trueup-evaluation"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("trueup", "trueup: eval suites")
    group.addoption(
        "--model",
        metavar="NAME",
        help="Which model eval files ask: an arm of trueup.toml, a model's folder, NAME@URL of an endpoint, or scripted:FILE.",
    )
    group.addoption("--repeats", type=int, default=0, metavar="N", help="Run each case N times, not as its suite says.")
    group.addoption("--otel", default="", metavar="FILE|URL", help="Write every case of an eval file as a trace.")
    group.addoption("--trueup-request", metavar="FILE", help="Run the evaluation that FILE describes (by the loop).")
    group.addoption("--trueup-events", type=int, metavar="FD", help="Write progress as JSON Lines to this descriptor.")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("python_files", PATTERN)
    if config.getoption("--trueup-request"):
        from harness.errors import TrueupError

        try:
            _register(config)
        except TrueupError as error:
            raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    if not fnmatch(module_path.name, PATTERN):
        return None
    from harness.errors import TrueupError
    from harness.evaluate.runner.collection import EvalModule

    try:
        _register(parent.config)
    except TrueupError as error:  # told without a traceback
        raise parent.CollectError(str(error)) from error
    module: pytest.Module = EvalModule.from_parent(parent, path=module_path)
    return module


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> pytest.Class | None:
    if not (name.startswith("Eval") and collector.config.pluginmanager.hasplugin(NAME)):
        return None
    from harness.evaluate.runner.collection import eval_class

    return eval_class(collector, name, obj)


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

    here = config.invocation_params.dir
    paths = tuple(str(here / arg.split("::")[0]) for arg in config.args)
    request = model_option.request(
        config.getoption("--model"), config.rootpath, here, paths, repeats=config.getoption("--repeats")
    )
    request = replace(request, otel=config.getoption("--otel"))
    return Developing(
        request, recording=False, model_names=lambda: model_option.arm_names(*map(Path, paths), here, config.rootpath)
    )
