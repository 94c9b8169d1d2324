"""Editors know what the config reader knows: every key, its meaning, and no other."""

import json
import tomllib

import jsonschema
import msgspec
import pytest

from harness import config, sections
from harness.cli import config_schema
from harness.cli.starter import plain
from harness.core.field_docs import field_docs
from harness.curate.options import CurateOptions, Teacher
from harness.errors import UsageError
from harness.types import Policy, Recipe
from tests.cli.inside import trueup
from tests.docs.test_docs import fences

SCHEMA = json.loads(config_schema.content())
STRUCTS = (*sections.Section.__subclasses__(), CurateOptions, Teacher, Recipe, Policy)


def errors(text: str) -> list[str]:
    return [error.message for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(tomllib.loads(text))]


def test_the_schema_is_one():
    """Of the draft that it names."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_every_key_has_a_meaning(struct):
    """A docstring below the field, which the reference and the schema show."""
    fields = {field.encode_name for field in msgspec.structs.fields(struct)} - {"root"}
    assert fields - field_docs(struct).keys() == set()


def described(node) -> list[dict]:
    """Every key's definition, at any depth."""
    own = list(node["properties"].values()) if isinstance(node, dict) and "properties" in node else []
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return own + [each for value in inner for each in described(value)]


def test_every_key_of_the_schema_is_described():
    """Sections, keys, keys of tables in them, and the options of the gate's rules."""
    found = described(SCHEMA)
    assert len(found) > 140 and all(each.get("description") for each in found)
    assert "train_anyway" in SCHEMA["$defs"]["Policy"]["properties"]["options"]["properties"]
    assert "hf" in SCHEMA["$defs"]["ArmSection"]["properties"]["backend"]["examples"]


@pytest.mark.parametrize(
    "text",
    [
        "[gate]\nmin_case = 5\n",
        "[gate]\nmin_cases = 'five'\n",
        "[gaet]\nmin_cases = 5\n",
        "[arms.base]\nmodle = 'x'\n",
        "[gate.options]\ntrain_anyways = true\n",
        "[curate.teacher]\nbackends = 'x'\n",
        "[ingest.limits]\nrecord = 1\n",
        "[notify.team]\non = ['maybe']\n",
        "root = '/'\n",
    ],
)
def test_what_the_reader_refuses_an_editor_marks(text):
    """A misspelt key or a wrong value, in any table."""
    assert errors(text)


@pytest.mark.parametrize("text,info", fences("toml"))
def test_what_the_docs_show_an_editor_accepts(text, info):
    """Every example of the docs that the reader takes."""
    if "[[waiver]]" in text:
        pytest.skip("waivers.toml")
    try:
        config.section(tomllib.loads(text), config.Config, where="docs")
    except UsageError:
        pytest.skip("a file of another kind")
    assert errors(text) == []


def test_a_new_project_names_its_schema(tmp_path):
    """The first line of trueup.toml, and the file beside it; `init --schema` writes it again after an update."""
    plain.write(tmp_path)
    text = (tmp_path / "trueup.toml").read_text()
    assert text.startswith("#:schema ./trueup.schema.json\n") and errors(text) == []
    file = tmp_path / config_schema.FILE
    assert json.loads(file.read_text()) == SCHEMA
    file.write_text("old")
    assert trueup("init", "--schema", cwd=tmp_path).returncode == 0
    assert json.loads(file.read_text()) == SCHEMA
