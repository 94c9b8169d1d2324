"""A small project with calls to label."""

import pytest

from harness.project import Project
from harness.sections import Config, ProjectSection
from tests.curate.traces import restaurant


@pytest.fixture
def work(tmp_path):
    """Sixty calls of the bad waiter: a sixth failed without a target, a third was never spoken of."""
    opened = Project.open(Config(project=ProjectSection(name="waiter"), root=str(tmp_path)))
    opened.store.traces.merge(*restaurant(60), ())
    return opened
