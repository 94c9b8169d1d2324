"""Deployment: the alias and every target move together, or nothing does."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness import config, loop
from harness.core import codec
from harness.errors import DeployError, InputError, NotYetError, UsageError
from harness.project import Project
from harness.promote import deploy, step
from harness.promote.targets import folder, oci
from harness.types import Arm, Release
from tests.cli import inside
from tests.promote.test_step import CONFIG, SCRIPT, trueup, walked  # noqa: F401

TWO = CONFIG + '[deploy.share]\nkind = "folder"\npath = "share"\n[deploy.image]\nkind = "oci"\npath = "image"\n'


@pytest.fixture
def work(walked, tmp_path):  # noqa: F811
    """A copy of the project that was walked to a promote, with two targets."""
    root = shutil.copytree(walked[0].config.root, tmp_path / "copy")
    return reopened(root, TWO)


def reopened(root, text=TWO):
    (Path(root) / "trueup.toml").write_text(text)
    return Project.open(config.load(Path(root)))


def served(work):
    """What each target serves."""
    return {name: each.target.current() for name, each in deploy.opened(work.config).items()}


def everything(work):
    """Each file below the two targets, by content; links by where they lead to."""
    root = Path(work.config.root)
    files = [path for place in ("share", "image") for path in sorted((root / place).rglob("*"))]
    return {
        str(path.relative_to(root)): str(path.readlink()) if path.is_symlink() else codec.file_digest(path)
        for path in files
        if path.is_symlink() or path.is_file()
    }


def failing(monkeypatch, kind, method, error=None):
    """Let one method of a target's class fail."""
    module = {"folder": folder.FolderTarget, "oci": oci.OciTarget}[kind]

    def fail(self, *_):
        raise error or DeployError("the registry is down", where="registry")

    monkeypatch.setattr(module, method, fail)


def test_promote_moves_the_alias_and_every_target(work):
    """The files are those of the release, the pointers lead to it, and status says so."""
    move = step.promote(work, by="ann")
    names = set(served(work).values())
    assert names == {f"trueup-{move.adapter[:16]}-{move.verdict[:8]}"}
    current = Path(work.config.root) / "share" / "current"
    assert json.loads((current / "evidence/verdict.json").read_text())["id"] == move.verdict
    assert "model-index" in (current / "README.md").read_text()
    assert "<html" in (current / "evidence/report.html").read_text()
    assert json.loads((current / "evidence/arm.json").read_text())["prompt"]["name"] == "v2"
    assert work.store.journal.read() is None
    code, output = trueup(work, "status")
    assert code == 0 and "4 files read back, all as judged" in output


def test_rollback_undoes_every_target(work):
    """Back to the base model nothing is served; forward again it is the same release."""
    step.promote(work)
    before = served(work)
    assert step.rollback(work).adapter == ""
    assert served(work) == {"share": "", "image": ""}
    step.promote(work)
    assert served(work) == before


@pytest.mark.parametrize("method", ["current", "has", "put", "check", "through", "switch"])
@pytest.mark.parametrize("kind", ["folder", "oci"])
def test_a_target_that_fails_leaves_everything_as_it_was(work, monkeypatch, kind, method):
    """Whatever fails and whichever target: no alias moved, no file more or less, the name of the target in the message."""
    before = everything(work)
    with monkeypatch.context() as patched:
        failing(patched, kind, method)
        with pytest.raises(DeployError, match="registry is down") as raised:
            step.promote(work)
    assert f"[deploy.{'share' if kind == 'folder' else 'image'}]" in str(raised.value)
    assert work.store.promotions.current("production") is None
    assert work.store.journal.read() is None
    left = {path for path in everything(work) if "index.json" not in path and "oci-layout" not in path}
    assert left <= set(before) | {f"image/blobs/sha256/{oci.EMPTY['digest'].removeprefix('sha256:')}"}
    assert served(work) == {"share": "", "image": ""}
    assert step.promote(work).adapter


def test_a_rollback_that_fails_keeps_what_was_served(work, monkeypatch):
    """The target that was switched back already is switched forward again."""
    step.promote(work)
    before, history = served(work), work.store.promotions.history("production")
    with monkeypatch.context() as patched:
        failing(patched, "oci", "switch")
        with pytest.raises(DeployError):
            step.rollback(work)
    assert served(work) == before and work.store.promotions.history("production") == history


def test_a_move_of_the_alias_that_fails_undoes_the_targets(work, monkeypatch):
    """The record is part of it."""

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(type(work.store.promotions), "move", full)
        with pytest.raises(OSError):
            step.promote(work)
    assert served(work) == {"share": "", "image": ""}


def test_what_cannot_be_undone_is_named_and_undone_by_the_next_command(work, monkeypatch):
    """The first target was switched and does not come back: the message names it, the journal stays, deploy undoes it."""
    real, calls = folder.FolderTarget.switch, []

    def once(self, name):
        calls.append(name)
        if len(calls) > 1:
            raise DeployError("the disk went away")
        real(self, name)

    with monkeypatch.context() as patched:
        failing(patched, "oci", "switch")
        patched.setattr(folder.FolderTarget, "switch", once)
        with pytest.raises(DeployError, match="not undone: share: the disk went away"):
            step.promote(work)
    assert work.store.journal.read() is not None
    assert "interrupted" in trueup(work, "status")[1]
    assert "undone" in deploy.recover(work)
    assert served(work) == {"share": "", "image": ""} and work.store.journal.read() is None


def test_a_target_that_somebody_else_switched_is_left(work, monkeypatch):
    """Recovery says so instead of overwriting it."""
    step.promote(work)
    mine = served(work)["share"]
    plan = deploy._plan(work, deploy.opened(work.config), "", None)
    work.store.journal.write(replace(plan, what="f" * 64, switches=(replace(plan.switches[0], after="trueup-other"),)))
    (Path(work.config.root) / "share" / "releases" / "by-hand").mkdir()
    deploy.opened(work.config)["share"].target.switch("by-hand")
    with pytest.raises(DeployError, match="somebody else") as raised:
        deploy.recover(work)
    assert "remove its section" in str(raised.value)
    deploy.opened(work.config)["share"].target.switch(mine)
    assert "undone" in deploy.recover(work)


def test_without_its_section_a_target_is_let_go(work, monkeypatch):
    """The way out when a target is gone for good."""
    with monkeypatch.context() as patched:
        failing(patched, "folder", "discard")
        failing(patched, "oci", "switch")
        with pytest.raises(DeployError, match="not undone"):
            step.promote(work)
    work = reopened(work.config.root, TWO.replace('[deploy.share]\nkind = "folder"\npath = "share"\n', ""))
    step.promote(work)
    assert list(served(work)) == ["image"]


KILLER = """
import os, shutil, signal, sys
from pathlib import Path
from harness import config, loop
from harness.project import Project
from harness.promote import deploy

def counted(real):
    def call(*args, **keywords):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **keywords)
    return call

def move(root, what, verdict):
    work = Project.open(config.load(root))
    moves, now = work.store.promotions, deploy.promoted(work)[0]
    for name in ("rename", "replace", "unlink", "symlink"):
        setattr(os, name, counted(getattr(os, name)))
    record = (lambda: moves.move("production", what, verdict, expected=None)) if what else (lambda: moves.rollback("production"))
    deploy.move(work, what, verdict, record)

root, what, verdict, place = Path(sys.argv[1]), sys.argv[2], sys.argv[3], 0
while True:
    place += 1
    left, copy = place, Path(f"{root}-{place}")
    shutil.copytree(root, copy, symlinks=True)
    child = os.fork()
    if child == 0:
        move(copy, what, verdict)
        os._exit(0)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if ended != -9:
        sys.exit(ended)
"""


@pytest.mark.parametrize("command", ["promote", "rollback"])
def test_killed_anywhere_the_next_command_finishes_or_undoes(work, command):
    """SIGKILL before each rename, replacement, link and removal: afterwards alias and targets agree, whichever it is."""
    verdict = work.latest_verdict()
    step.promote(work)
    if command == "promote":  # and back, so that all documents are written
        step.rollback(work)
        shutil.rmtree(Path(work.config.root) / "share")
        shutil.rmtree(Path(work.config.root) / "image")
        shutil.rmtree(work.store.root / "promotions" / "production")
        work.store.promotions.accept()
    old = (served(work), deploy.promoted(work))
    goal = (verdict.candidate, verdict.id) if command == "promote" else ("", "")
    root = work.config.root
    ran = subprocess.run([sys.executable, "-c", KILLER, root, *goal], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    copies = sorted(Path(root).parent.glob(f"{Path(root).name}-*"))
    states = set()
    for copy in copies:
        there = reopened(copy)
        deploy.recover(there)
        now = (served(there), deploy.promoted(there))
        assert set(now[0].values()) == {deploy.releases.name_of(*now[1])}, copy.name
        assert there.store.journal.read() is None and there.store.verify() == []
        states.add(now == old)
    assert states == {True, False} and len(copies) > 10


def test_deploy_repeats_it_for_a_target_that_was_added_later(work):
    """`--dry-run` changes nothing; deploy brings the new one to what was promoted, and then has nothing to do."""
    root = work.config.root
    work = reopened(root, TWO.split("[deploy.image]")[0])
    step.promote(work)
    work = reopened(root)
    code, output = trueup(work, "deploy", "--dry-run")
    assert code == 0 and "not what was promoted" in output and served(work)["image"] == ""
    code, output = trueup(work, "deploy")
    assert code == 0 and "switched: image" in output
    assert len(set(served(work).values())) == 1
    assert "already serves" in trueup(work, "deploy")[1]


def test_a_changed_file_is_noticed_and_repaired(work):
    """Status compares digests, and deploy puts the release anew."""
    step.promote(work)
    card = Path(work.config.root) / "share" / "current" / "README.md"
    card.write_text("edited")
    assert "README.md is changed" in " ".join(trueup(work, "status")[1].split())
    (Path(work.config.root) / "share" / "current" / "extra").write_text("x")
    assert step.deploy(work) == ["share"]
    assert card.read_text() != "edited" and all(each.is_right for each in deploy.servings(work))


def test_a_changed_blob_is_noticed_and_repaired(work):
    """A layer whose bytes are not its digest's."""
    step.promote(work)
    entry = oci.OciTarget(Path(work.config.root) / "image", "production")._entry("production")
    layer = json.loads((Path(work.config.root) / "image/blobs" / entry["digest"].replace(":", "/")).read_text())
    blob = Path(work.config.root) / "image/blobs" / layer["layers"][0]["digest"].replace(":", "/")
    blob.write_text("edited")
    assert [each.is_right for each in deploy.servings(work)] == [True, False]
    assert step.deploy(work) == ["image"]
    assert all(each.is_right for each in deploy.servings(work))


@pytest.mark.parametrize(
    "section,message",
    [
        ('kind = "fodler"\npath = "a"', "no target named 'fodler'"),
        ('kind = "folder"\npaht = "a"', "unknown option 'paht'"),
        ('kind = "folder"', "missing required field `path`"),
        ('path = "a"', "has no kind"),
        ('kind = "folder"\npath = "a"\npointer = "arrow"', "wrong value"),
    ],
)
def test_a_wrong_section_is_refused_before_anything_is_judged(work, section, message):
    """With the nearest known word, and exit code 2; nothing was promoted."""
    work = reopened(work.config.root, f"{CONFIG}[deploy.a]\n{section}\n")
    for act in (loop.run, step.promote):
        with pytest.raises(UsageError, match=message):
            act(work)
    assert work.store.promotions.current("production") is None


def test_deploy_before_a_promotion_and_without_a_target_say_what_to_type(work):
    with pytest.raises(NotYetError, match="nothing is promoted yet"):
        step.deploy(work)
    with pytest.raises(UsageError, match="no deploy target"):
        step.deploy(reopened(work.config.root, CONFIG))


@pytest.mark.parametrize("pointer", ["link", "file"])
def test_what_is_not_ours_is_not_overwritten(work, pointer):
    """A `current` that somebody made, and a tag on another image."""
    root = Path(work.config.root)
    work = reopened(root, TWO.replace('path = "share"', f'path = "share"\npointer = "{pointer}"'))
    (root / "share" / "current").mkdir(parents=True)
    with pytest.raises(DeployError, match="something else"):
        step.promote(work)
    (root / "share" / "current").rmdir()
    index = {
        "schemaVersion": 2,
        "manifests": [{"digest": "sha256:" + "0" * 64, "annotations": {oci.TAG: "production"}}],
    }
    (root / "image").mkdir()
    (root / "image" / "index.json").write_text(json.dumps(index))
    with pytest.raises(DeployError, match="did not put there"):
        step.promote(work)
    assert json.loads((root / "image" / "index.json").read_text()) == index


def test_the_pointer_may_be_a_file(work):
    """For file systems without links."""
    work = reopened(work.config.root, TWO.replace('path = "share"', 'path = "share"\npointer = "file"'))
    step.promote(work)
    current = Path(work.config.root) / "share" / "current"
    assert current.is_file() and (current.parent / "releases" / current.read_text().strip() / "README.md").exists()
    step.rollback(work)
    assert not current.exists()


def release_in(root, **files):
    """A release of these files, for a target alone."""
    root.mkdir()
    for name, text in files.items():
        (root / name).write_text(text)
    places = {name: str(root / name) for name in files}
    digests = {name: codec.file_digest(root / name) for name in files}
    return Release(
        name=f"trueup-{root.name}",
        what="a" * 64,
        verdict="",
        words="",
        arm=Arm(name="a"),
        places=places,
        digests=digests,
    )


def test_the_layout_is_that_of_the_specification(tmp_path):
    """oci-layout, an index with tags, an artefact manifest with the empty config, and blobs under their digests."""
    target = oci.open(oci.Options(path=str(tmp_path / "image")), "production")
    made = release_in(tmp_path / "one", **{"adapter.json": "{}", "weights": "w" * 1000})
    target.put(made)
    target.switch(made.name)
    root = tmp_path / "image"
    assert json.loads((root / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads((root / "index.json").read_text())
    assert {entry["annotations"][oci.TAG] for entry in index["manifests"]} == {made.name, "production"}
    assert len({entry["digest"] for entry in index["manifests"]}) == 1
    entry = index["manifests"][0]
    manifest = json.loads((root / "blobs" / entry["digest"].replace(":", "/")).read_text())
    assert manifest["artifactType"] and manifest["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"
    for descriptor in (entry, manifest["config"], *manifest["layers"]):
        blob = root / "blobs" / descriptor["digest"].replace(":", "/")
        assert codec.file_digest(blob) == blob.name and blob.stat().st_size == descriptor["size"]
    assert {layer["annotations"][oci.TITLE] for layer in manifest["layers"]} == {"adapter.json", "weights"}


def test_discarding_keeps_what_other_tags_need(tmp_path):
    """Shared blobs and images of others stay; what nothing names is removed."""
    target = oci.open(oci.Options(path=str(tmp_path / "image")), "production")
    first = release_in(tmp_path / "one", shared="s", own="1")
    second = release_in(tmp_path / "two", shared="s", own="2")
    for made in (first, second):
        target.put(made)
    target.discard(first.name)
    blobs = {path.name for path in (tmp_path / "image" / "blobs" / "sha256").iterdir()}
    assert first.digests["own"] not in blobs and {second.digests["own"], second.digests["shared"]} <= blobs
    assert not target.has(first.name) and "2 files" in target.check(second)
    target.discard("trueup-unknown")


@pytest.mark.parametrize(
    "text", ["[]", '{"manifests": 3}', '{"manifests": [{}]}', "nothing", '{"manifests": [{"digest": 3}]}']
)
def test_an_index_that_cannot_be_read_is_an_error_with_its_place(tmp_path, text):
    (tmp_path / "index.json").write_text(text)
    target = oci.open(oci.Options(path=str(tmp_path)), "production")
    with pytest.raises(DeployError, match="not an OCI image layout"):
        target.current()


def test_a_digest_that_is_a_path_is_refused(tmp_path):
    """An index that somebody else wrote leads to no file outside of the layout."""
    entry = {
        "digest": "sha256:../../../etc/passwd",
        "mediaType": oci.MANIFEST_TYPE,
        "annotations": {oci.TAG: "trueup-a"},
    }
    (tmp_path / "index.json").write_text(json.dumps({"manifests": [entry]}))
    target = oci.open(oci.Options(path=str(tmp_path)), "production")
    with pytest.raises(DeployError, match="not a digest"):
        target.discard("trueup-a")


def probing(monkeypatch, script):
    """Let the folder answer from a script."""
    arm = Arm(name="next", backend="scripted", options={"replies": script})
    monkeypatch.setattr(folder.FolderTarget, "through", lambda self, release: replace(release.arm, options=arm.options))


def test_a_target_that_answers_as_judged_is_switched(work, monkeypatch):
    """About a dozen of the 210 cases are asked through it, from no cache."""
    probing(monkeypatch, SCRIPT)
    step.promote(work)
    release = deploy.releases.of(work, *deploy.promoted(work))
    words = deploy.probe(work, release, replace(release.arm, options={"replies": SCRIPT}))
    assert words == "12 of 12 judged cases answered as judged"


def test_a_target_that_answers_differently_promotes_nothing(work, monkeypatch):
    """The message has both replies; all targets are as they were."""
    probing(monkeypatch, dict.fromkeys(SCRIPT, "refund"))
    with pytest.raises(DeployError, match="judged cases differently: 'refund', where 'delivery' was judged"):
        step.promote(work)
    assert served(work) == {"share": "", "image": ""} and work.store.promotions.current("production") is None


def test_a_target_that_gives_no_answer_promotes_nothing(work, monkeypatch):
    """An error of the target is no wrong answer, and no right one either."""
    probing(monkeypatch, [{"match": "", "error": "HTTP 503"}])
    with pytest.raises(DeployError, match="no answer.*HTTP 503"):
        step.promote(work)
    assert work.store.promotions.current("production") is None


def test_a_release_of_a_forgotten_adapter_is_gone(work):
    """The files that a release is made of must be there."""
    with pytest.raises(InputError):
        deploy.releases.of(work, "c" * 64, "")


def test_a_target_is_checked_before_what_is_promoted(tmp_path):
    """A misspelt kind says so on the first try; nothing promoted is not yet, and no invalid judgement."""
    config = tmp_path / "trueup.toml"
    for kind, code, words in (("foldr", 2, "no target named 'foldr'"), ("folder", 5, "nothing is promoted yet")):
        config.write_text(f'[project]\nname = "desk"\n[deploy.share]\nkind = "{kind}"\npath = "out"\n')
        refused = inside.trueup("deploy", cwd=tmp_path)
        assert refused.returncode == code and words in refused.stderr
