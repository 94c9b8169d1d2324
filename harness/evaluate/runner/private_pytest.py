"""Reach what pytest keeps private: the only file that does, beside `trueup/rootdir.py`, which works before anything of
`harness` is imported. So a new version of pytest breaks these two.

The runner holds several tests open at once, which pytest's public API has no hook for. `PRIVATE` lists every name that is
used, `missing` says which of them the installed pytest no longer has; `pyproject.toml` bounds the version.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import pytest
from _pytest.outcomes import TEST_OUTCOME
from _pytest.runner import SetupState, call_and_report, check_interactive_exception, get_reraise_exceptions

from trueup import rootdir

__all__ = ["TEST_OUTCOME", "SetupState", "call_and_report", "check_interactive_exception", "get_reraise_exceptions"]

Definitions = Mapping[str, Sequence[pytest.FixtureDef[Any]]]
"""Name of a fixture to its definitions, the one that counts last."""

PRIVATE = {
    **rootdir.PRIVATE,
    "_pytest.outcomes": ("TEST_OUTCOME",),
    "_pytest.runner": (
        "SetupState.setup",
        "SetupState.teardown_exact",
        "call_and_report",
        "check_interactive_exception",
        "get_reraise_exceptions",
    ),
    "item": (
        "_fixtureinfo.argnames",
        "_fixtureinfo.name2fixturedefs",
        "_initrequest",
        "_report_sections",
        "_request._arg2fixturedefs",
    ),
    "session": ("_fixturemanager.getfixturedefs", "_setupstate.stack"),
    "definition": ("_finalizers", "cached_result"),
    "capturemanager": ("_capture_fixture",),
    "logging-plugin": ("caplog_handler.records", "caplog_handler.stream"),
}
"""Module, object of a running test, or built-in plugin of pytest, to the names in it that this file uses."""


def missing(item: pytest.Function) -> list[str]:
    """Names of `PRIVATE` that the installed pytest lacks, as `owner.name`; `item` is a running test with a fixture."""
    plugin = item.config.pluginmanager.getplugin
    definitions = next(iter(item._fixtureinfo.name2fixturedefs.values()), ()) if hasattr(item, "_fixtureinfo") else ()
    definition = next(iter(definitions), None)
    live: dict[str, Any] = {"item": item, "session": item.session, "config": item.config, "definition": definition}
    owners = {
        name: import_module(name) if name.startswith("_pytest.") else live[name] if name in live else plugin(name)
        for name in PRIVATE
    }
    return [f"{owner}.{name}" for owner, used in PRIVATE.items() for name in used if not _has(owners[owner], name)]


def _has(value: Any, dotted: str) -> bool:
    for name in dotted.split("."):
        if not hasattr(value, name):
            return False
        value = getattr(value, name)
    return True


# ---------------------------------------------------------------- fixtures


def definitions(item: pytest.Function) -> Definitions:
    """The fixtures that a test was collected with."""
    return item._fixtureinfo.name2fixturedefs


def definitions_named(item: pytest.Function, name: str) -> Sequence[pytest.FixtureDef[Any]] | None:
    """The definitions of a fixture that a test sees; None when there is none of that name."""
    return item.session._fixturemanager.getfixturedefs(name, item)


def fixture_names(item: pytest.Function) -> list[str]:
    """The names of the fixtures that a test may ask for: all of them, or those that it does where pytest hides the rest."""
    manager = item.session._fixturemanager
    tables = (getattr(manager, name, None) for name in ("_arg2node2fixturedefs", "_arg2fixturedefs"))
    known = next((table for table in tables if table is not None), definitions(item))
    return [name for name in known if definitions_named(item, name)]


def without_value(definition: pytest.FixtureDef[Any]) -> None:
    """Forget a copied definition's cached value, and the finalizers that it shares with the original."""
    definition.cached_result = None
    definition._finalizers = []  # type: ignore[misc] # final in pytest


def use_definitions(item: pytest.Function, own: dict[str, Any]) -> None:
    """Let a test that is about to be set up take its fixtures from `own`."""
    if not item._request:
        item._initrequest()  # it runs again, for another arm
    item._request._arg2fixturedefs = own  # type: ignore[misc] # final in pytest


def arguments(item: pytest.Function) -> dict[str, Any]:
    """What a test that is set up is called with."""
    return {name: item.funcargs[name] for name in item._fixtureinfo.argnames}


def release(item: pytest.Function) -> None:
    """Let the fixture values of a test that ended be freed, as pytest does."""
    item._request, item.funcargs = False, None  # type: ignore[assignment] # pytest does so too


# ---------------------------------------------------------------- the session, reports, captured output


def use_setup_state(session: pytest.Session, state: SetupState) -> None:
    """Let `state` keep what is set up in this session."""
    session._setupstate = state


def report_sections(item: pytest.Item) -> list[tuple[str, str, str]]:
    """The captured output of a test, to be changed in place: phase, stream, text."""
    return item._report_sections


def swap_capture_fixture(config: pytest.Config, fixture: Any) -> Any:
    """Make `fixture` the active one of `capsys` and its like, and return the one that was active."""
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture is None:
        return None
    active, capture._capture_fixture = capture._capture_fixture, fixture
    return active


def caplog_handler(config: pytest.Config) -> Any:
    """What `caplog` shows: `records` and a text `stream`; None when logging is switched off."""
    logs = config.pluginmanager.getplugin("logging-plugin")
    return None if logs is None else logs.caplog_handler
