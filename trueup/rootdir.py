"""Find pytest's root again, without the values of our options.

It reaches what pytest keeps private, as `harness.evaluate.runner.private_pytest` does, whose check of the installed version
covers these names too.
"""

import sys
from copy import copy

import pytest
from _pytest.config.findpaths import determine_setup

PRIVATE = {
    "_pytest.config.findpaths": ("determine_setup",),
    "config": (
        "_ignored_config_files",
        "_inicache",
        "_inicfg",
        "_inipath",
        "_parser.extra_info",
        "_parser.parse_known_args",
        "_rootpath",
    ),
}
"""As in `harness.evaluate.runner.private_pytest`."""


def reroot(config: pytest.Config, args: list[str], paths: list[str]) -> None:
    """Find the root and its settings again as if only `paths` had been given. `args` is changed in place.

    pytest looks for them before it loads plug-ins, when it takes the value of an option that it does not know yet for a
    test path: in `pytest evals --model /data/small` cases would be called `../../data/...`, under the settings of `/data`.
    """
    known = config.known_args_namespace
    found = determine_setup(
        inifile=known.inifilename,
        override_ini=known.override_ini,
        args=paths,
        rootdir_cmd_arg=known.rootdir or None,
        invocation_dir=config.invocation_params.dir,
    )
    if found[:2] == (config._rootpath, config._inipath):
        return
    added, on_path = len(config.getini("addopts")), {str(path) for path in config.getini("pythonpath")}
    by_default = known.confcutdir == _conftest_root(config)
    config._rootpath, config._inipath, config._inicfg, config._ignored_config_files = found
    config._inicache.clear()
    config._parser.extra_info.update(rootdir=str(config.rootpath), inifile=str(config.inipath))
    args[:] = [*config.getini("addopts"), *args[added:]]
    sys.path[:] = [*map(str, config.getini("pythonpath")), *(path for path in sys.path if path not in on_path)]
    config.known_args_namespace = config._parser.parse_known_args(args, namespace=copy(config.option))
    config.known_args_namespace.confcutdir = _conftest_root(config) if by_default else known.confcutdir


def _conftest_root(config: pytest.Config) -> str:
    """The folder above which pytest looks for no conftest.py."""
    return str(config.inipath.parent if config.inipath else config.rootpath)
