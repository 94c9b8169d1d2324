"""Tables of options: a key that nothing knows is refused, wherever it is written, before anything else happens."""

import json

import pytest

from harness import loop, sections
from harness.cli.checks import examine
from harness.core import options
from harness.core.options import File
from harness.curate import step as curate_step
from harness.curate.teacher import arm as teacher_arm
from harness.errors import UsageError
from harness.evaluate import arms
from harness.evaluate.backends import scripted
from harness.ingest import dry_run
from harness.ingest.settings import format_options
from harness.mine import step as mine_step
from harness.project import Project
from harness.types import Noun

MISSPELT = {
    "ingest": ('[ingest]\noptions = { correctoins = ["x"] }', "correctoins", "corrections"),
    "a column": ('[ingest]\noptions = { columns = { inptu = "q" } }', "columns.inptu", "columns.input"),
    "mine": ('[mine]\noptions = { suits = ["e.py"] }', "suits", "suites"),
    "an arm": ('[arms.base]\noptions = { dtpye = "float32" }', "dtpye", "dtype"),
    "an arm's backend": ('[arms.base]\nbackend = "scripted"\noptions = { relpies = "x" }', "relpies", "replies"),
    "prices": (
        '[arms.base]\nbackend = "openai_compatible"\noptions = { url = "http://x/v1", prices = { inptu = 1.0 } }',
        "prices.inptu",
        "prices.input",
    ),
    "the tuned arm": ('[arms.tuned]\noptions = { dtyp = "auto" }', "dtyp", "dtype"),
    "a judge": ('[judges.strict]\nbackend = "constant"\noptions = { repyl = "x" }', "repyl", "reply"),
    "the teacher": (
        '[curate.teacher]\nbackend = "openai_compatible"\noptions = { ulr = "x", url = "http://x/v1" }',
        "ulr",
        "url",
    ),
    "no teacher": ('[curate.teacher]\noptions = { url = "x" }', "url", ""),
    "gate": ("[gate.options]\nchampoin_gain = 0.1", "champoin_gain", "champion_gain"),
}


def project(folder, text):
    (folder / "trueup.toml").write_text(text)
    return Project.open(folder)


@pytest.mark.parametrize("where", MISSPELT)
def test_a_misspelt_option_is_refused_before_anything_costs(tmp_path, where):
    """`trueup run` and `trueup doctor` refuse it and name the nearest; nothing was ingested."""
    text, wrong, right = MISSPELT[where]
    work = project(tmp_path, f'{text}\n[project]\nname = "p"\n')
    with pytest.raises(UsageError) as raised:
        loop.run(work)
    assert wrong in raised.value.what and right in (raised.value.next or "")
    found = {name: (well, detail) for name, well, detail in examine(tmp_path)}
    assert not found["options"][0] and wrong in found["options"][1]


@pytest.mark.parametrize(
    "wrong", ['[arms.base]\noptions = { dtype = "float16" }', '[arms.b]\nbackend = "constant"\noptions = { reply = 3 }']
)
def test_a_value_of_a_wrong_type_is_refused(tmp_path, wrong):
    """Types are checked with the keys."""
    with pytest.raises(UsageError, match="wrong value"):
        loop.check(project(tmp_path, wrong).config)


@pytest.mark.parametrize("key", sections.PrivacySection.__struct_fields__)
def test_options_of_ingest_cannot_change_redaction(tmp_path, key):
    """Every key of [privacy] is refused among ingest's options, by a dry run as well, and the message says where to."""
    (tmp_path / "traces").mkdir()
    work = project(tmp_path, f'[ingest]\npaths = ["traces"]\noptions = {{ {key} = false }}')
    with pytest.raises(UsageError, match=r"\[privacy\]"):
        dry_run.read_only(work, ())
    with pytest.raises(UsageError, match=r"\[privacy\]"):
        loop.ingest(work)


def test_right_options_are_read(tmp_path):
    """Each table with keys of several plug-ins is accepted, and files are relative to trueup.toml."""
    work = project(
        tmp_path,
        """
        [ingest]
        options = { corrections = ["app.fixed"], columns = { input = "question" } }
        [mine]
        options = { suites = ["evals/eval_a.py"], low_score = 0.4 }
        [arms.base]
        backend = "recorded"
        options = { replies = "calls.jsonl" }
        [arms.other]
        backend = "scripted"
        options = { replies = { hello = "hi" }, default = "no" }
        [judges.strict]
        backend = "scripted"
        options = { replies = "judge.jsonl" }
        """,
    )
    loop.check(work.config)
    assert format_options(work.config).values["columns"]["input"] == "question"
    assert mine_step.options(work).files == {"suites/0": str(tmp_path / "evals" / "eval_a.py")}
    named = arms.resolve(work.config, (), {})
    assert named["base"].options == {"replies": str(tmp_path / "calls.jsonl")}
    assert named["other"].options == {"replies": {"hello": "hi"}, "default": "no"}
    assert arms.judges(work.config)[0].options == {"replies": str(tmp_path / "judge.jsonl")}


def test_no_path_is_among_the_knobs_of_a_teacher(tmp_path):
    """A teacher's file counts by content: in another folder the same options are the same knobs."""
    text = '[curate.teacher]\nbackend = "scripted"\nmodel = "t.json"\noptions = { replies = "t.json" }'
    knobs = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "t.json").write_text(json.dumps({"a": "b"}))
        found = curate_step.curate_options(project(folder, text))
        assert teacher_arm.files(found.teacher) == {"teacher.options.replies": str(folder / "t.json")}
        knobs.append(teacher_arm.knobs(found))
    assert knobs[0] == knobs[1] and str(tmp_path) not in json.dumps(knobs)


def test_files_are_found_at_any_depth():
    """A file may stand in a union or a tuple; what is given in its place stays a knob."""

    class Inner(Noun, frozen=True):
        script: File | dict[str, str] = ""

    class Outer(Noun, frozen=True):
        lists: tuple[File, ...] = ()
        inner: Inner = Inner()

    outer = options.absolute(Outer(lists=("a",), inner=Inner(script="b")), "/r")
    assert options.files(outer) == {"lists/0": "/r/a", "inner.script": "/r/b"}
    assert options.without_files(outer) == {"inner": {}}
    inline = options.absolute(Outer(inner=Inner(script={"x": "y"})), "/r")
    assert options.without_files(inline) == {"inner": {"script": {"x": "y"}}}
    assert scripted.Options(replies={"a": "b"}).replies == {"a": "b"}
