"""The documented OpenTelemetry Collector configuration: its pipelines are complete, and what its exporter writes is read."""

import json
from pathlib import Path

import pytest
import re2
import yaml

from harness.ingest import stage
from tests.ingest.collector.serving import request, span

RECIPE = Path(__file__).parents[3] / "docs" / "examples" / "otel-collector.yaml"


@pytest.fixture(scope="module")
def recipe():
    return yaml.safe_load(RECIPE.read_text())


def test_every_pipeline_names_only_what_is_configured(recipe):
    """A collector refuses to start on a name that is missing; here each one is there, and redaction comes before writing."""
    for pipeline in recipe["service"]["pipelines"].values():
        for kind in ("receivers", "processors", "exporters"):
            assert set(pipeline[kind]) <= recipe[kind].keys()
        assert "redaction" in pipeline["processors"] and pipeline["exporters"] == ["file"]


def test_its_patterns_mask_what_they_are_for(recipe):
    """The collector's patterns are RE2, as Go's are: they compile, and match a key, a card and a key's name."""
    options = recipe["processors"]["redaction"]
    values = [re2.compile(pattern) for pattern in options["blocked_values"]]
    for text in ("sk-proj-" + "a" * 20, "4111111111111111", "5500000000000004"):
        assert any(pattern.search(text) for pattern in values)
    assert re2.fullmatch(options["blocked_key_patterns"][0], "http.request.header.authorization")


def test_files_of_its_exporter_are_read(recipe, tmp_path):
    """The exporter writes one OTLP request a line, in the file that the recipe names; `trueup ingest` reads every line."""
    assert recipe["exporters"]["file"]["format"] == "json"
    written = tmp_path / Path(recipe["exporters"]["file"]["path"]).name
    written.write_text("".join(json.dumps(request(span(n, f"{n:032x}"))) + "\n" for n in (1, 2, 3)))
    assert sum(len(batch.calls) for batch in stage.ingest([str(tmp_path)])) == 3
