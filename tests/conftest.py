"""What all tests share: properties that no busy machine breaks, little garbage to look through, and one real Chromium for
the whole process, since Playwright allows only one at a time."""

import gc
import os
import shutil
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from harness.core import worker
from tests.forks import Children

# How long an example takes says how busy the machine is. Folders that several examples share are made by the tests.
settings.register_profile(
    "trueup", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("trueup")

gc.disable()  # until all is imported


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end, so that nobody looks through it again: torch's trainers collect
    garbage in every run, which takes seconds with thousands of tests in memory."""
    gc.freeze()
    gc.enable()


def _has_pidfd() -> bool:
    """Whether processes can be waited for by descriptor: Linux can, unless its container forbids it."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


@pytest.fixture(scope="session", autouse=True)
def children() -> Iterator[Children]:
    """Children are forks of a process that has imported what they need, where the system can wait for them."""
    made = Children()
    with pytest.MonkeyPatch.context() as patch:
        if _has_pidfd():
            patch.setattr(worker, "start", made.start)
        yield made
    made.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator:
    """A running Chromium; skips where the browser or Playwright is not installed."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not path:
        pytest.skip("no chromium on PATH (apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
