"""`trueup store`, and what other commands say of a store in a bucket."""

import json

import obstore
import pytest

from harness.core.codec import encode
from harness.project import Project
from harness.store.remote import bucket
from harness.types import Adapter, Prompt, Recipe
from tests.cli.inside import trueup
from tests.store.remote import work
from tests.store.remote.conftest import ADDRESS

CONFIG = '[project]\nname = "desk"\n'


@pytest.fixture
def project(tmp_path, memory, monkeypatch):
    """A project whose store is in the bucket, as the environment says."""
    monkeypatch.setenv("TRUEUP_STORE", ADDRESS)
    folder = tmp_path / "project"
    (folder / "evals").mkdir(parents=True)
    (folder / "trueup.toml").write_text(CONFIG)
    work.night(Project.open(folder).store)
    return folder


def test_verify_reads_the_bucket_and_prints_the_id(project, memory):
    """Exit code 6 and the name of the file once an object was changed."""
    told = trueup("store", "verify", "--json", cwd=project)
    assert told.returncode == 0, told.stderr
    ident = json.loads(told.stdout)["id"]
    assert f'id = "{ident}"' in trueup("store", "verify", cwd=project).stdout
    file = next(path for path in obstore.list(memory, "objects").collect())["path"]
    obstore.put(memory, file, b"changed")
    told = trueup("store", "verify", "--json", cwd=project)
    assert told.returncode == 6 and file in json.loads(told.stdout)["damaged"][0]


def test_the_id_in_the_config_refuses_an_emptied_bucket(project, memory, tmp_path):
    ident = Project.open(project).store.origin.id
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    (fresh / "trueup.toml").write_text(f'{CONFIG}[store]\nid = "{ident}"\n')
    assert trueup("status", cwd=fresh).returncode == 0
    obstore.delete(memory, [meta["path"] for meta in obstore.list(memory).collect()])
    for folder in (fresh, project):
        refused = trueup("status", cwd=folder)
        assert refused.returncode == 4 and "lost its memory" in refused.stderr


def test_gc_says_what_it_would_free_and_then_frees_it(project):
    """An adapter that nobody judged."""
    store = Project.open(project).store
    folder = store.artifacts.scratch("adapter")
    made = {"method": "sft", "base": "", "tokenizer": "", "template": "", "recipe": Recipe(), "prompt": Prompt(name="")}
    (folder / "adapter.json").write_bytes(encode(Adapter(id="e" * 64, dataset="", **made)))
    store.artifacts.add_folder("adapter", "e" * 64, folder)
    for words, left in ((["--dry-run"], 2), ([], 1)):
        told = trueup("store", "gc", "--json", *words, cwd=project)
        assert told.returncode == 0, told.stderr
        assert [one["name"] for one in json.loads(told.stdout)["items"] if one["what"] == "adapter"] == ["e" * 64]
        assert len(Project.open(project).store.artifacts.ids("adapter")) == left


def test_a_store_is_moved_by_one_command(tmp_path, memory, monkeypatch):
    """Then the folder wants its address, and gets it from trueup.toml."""
    (tmp_path / "trueup.toml").write_text(CONFIG)
    done = work.night(Project.open(tmp_path).store)
    told = trueup("store", "move", ".trueup", ADDRESS, cwd=tmp_path)
    assert told.returncode == 0 and f'root = "{ADDRESS}"' in told.stdout, told.stderr
    refused = trueup("status", cwd=tmp_path)
    assert refused.returncode == 4 and f"TRUEUP_STORE={ADDRESS}" in refused.stderr
    (tmp_path / "trueup.toml").write_text(f'{CONFIG}[store]\nroot = "{ADDRESS}"\n')
    assert work.held(Project.open(tmp_path).store) == done
    assert trueup("status", "--json", cwd=tmp_path).returncode == 0


def test_a_run_at_work_turns_the_next_one_away(project, tmp_path, monkeypatch):
    """Exit code 75, with the name of the holder; reading goes on."""
    with Project.open(project).store.lock():
        other = tmp_path / "other"
        other.mkdir()
        (other / "trueup.toml").write_text(CONFIG)
        busy = trueup("store", "gc", cwd=other)
        assert busy.returncode == 75 and "another run holds the store: process" in busy.stderr
        assert trueup("status", cwd=other).returncode == 0


def test_the_root_may_be_another_folder(tmp_path):
    """A path under [store] is relative to trueup.toml."""
    (tmp_path / "trueup.toml").write_text(f'{CONFIG}[store]\nroot = "kept/here"\n')
    assert Project.open(tmp_path).store.root == tmp_path / "kept" / "here"


def test_doctor_checks_the_working_copy_and_the_memory(project):
    told = json.loads(trueup("doctor", "--json", cwd=project).stdout)
    assert told["store"]["ok"] and ADDRESS in told["store"]["detail"]
    assert told["memory"]["ok"] and told["references"]["ok"]


@pytest.mark.parametrize("root", ["s3:/nightly/desk", "s3:nightly", "gs:/x/y", "ftp://host/desk", "s3://"])
def test_a_mistyped_address_begins_no_store(tmp_path, root):
    """Taken for a folder it would be a fresh start, and nobody would know."""
    (tmp_path / "trueup.toml").write_text(f'{CONFIG}[store]\nroot = "{root}"\n')
    refused = trueup("status", cwd=tmp_path)
    assert refused.returncode == 2 and f"not the address of a bucket: {root!r}" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["trueup.toml"]


def test_the_store_of_another_project_is_refused(project, memory, tmp_path):
    """Exit code 4, with whose it is; nothing is written to it, and with its own address the same folder works."""
    before = [(meta["path"], meta["e_tag"]) for meta in obstore.list(memory).collect()]
    other = tmp_path / "other"
    (other / "evals").mkdir(parents=True)
    (other / "trueup.toml").write_text('[project]\nname = "other"\n')
    for command in ("status", "ingest", "run"):
        refused = trueup(command, cwd=other)
        assert refused.returncode == 4 and "that of the project 'desk', not of 'other'" in refused.stderr, command
        assert "give each project a folder of its own" in refused.stderr
    assert [(meta["path"], meta["e_tag"]) for meta in obstore.list(memory).collect()] == before


def test_a_corrected_address_works_in_the_same_folder(project, tmp_path, monkeypatch):
    """Whoever named another project's bucket corrects the address, and needs nothing else."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "trueup.toml").write_text('[project]\nname = "other"\n')
    assert trueup("status", cwd=other).returncode == 4
    monkeypatch.setenv("TRUEUP_STORE", "memory://bucket/other")
    elsewhere = obstore.store.MemoryStore()
    monkeypatch.setattr(bucket, "_opened", lambda _: elsewhere)
    told = trueup("status", cwd=other)
    assert told.returncode == 0, told.stderr
