"""The whole loop with its store in a bucket, and on a Ray cluster of two nodes: the ids are those of one machine."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from tests import kills, walk
from tests.core.engines.conftest import cluster  # noqa: F401 (a fixture)
from tests.store.remote.conftest import s3, server  # noqa: F401 (fixtures)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install ray")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The model of all projects, and what one run in a folder leaves."""
    folder = walk.make(tmp_path_factory.mktemp("walk") / "here")
    walk.run(folder)
    return folder / "model", walk.held(folder)


def test_a_second_job_goes_on_from_the_address_alone(s3, here, tmp_path):  # noqa: F811
    """It gives the verdict of the first on a fresh folder, asks no model, trains nothing and looks once at what was held out."""
    model, expected = here
    address = f"s3://nightly/{tmp_path.name}"
    first, second = (walk.make(tmp_path / name, model) for name in ("first", "second"))
    verdict = walk.run(first, {"TRUEUP_STORE": address})
    assert walk.held(first, address) == expected and walk.answers(first) > 0
    assert walk.run(second, {"TRUEUP_STORE": address}) == verdict
    assert walk.answers(second) == walk.answers(first) and not (second / ".trueup" / "work").exists()
    assert walk.held(second, address) == expected


@needs_ray
def test_the_loop_on_two_nodes_gives_the_ids_of_one_machine(cluster, here, tmp_path):  # noqa: F811
    """Dataset, adapter, runs, verdict and calls."""
    model, expected = here
    folder = walk.make(tmp_path / "there", model, kills.on_ray(cluster.address))
    assert walk.run(folder) in expected["verdict"]
    assert walk.held(folder) == expected
