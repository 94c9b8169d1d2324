"""A Ray cluster of two nodes on this machine, each with one core."""

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

STORE = 80 * 2**20
"""Bytes of a node's object store; Ray takes no less."""


ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _jobs_are_found(monkeypatch):
    """Tasks import the jobs of these tests from the root of the project."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install ray")
    made = two_nodes()
    yield made
    made.shutdown()


def two_nodes() -> Any:
    """A head, and one more node that can be removed."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": STORE})
    made.add_node(num_cpus=1, object_store_memory=STORE)
    made.wait_for_nodes()
    return made
