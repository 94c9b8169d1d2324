"""What a user types: the loop on a tiny model, and what wrong input gets.

The loop, locks, signals and limits of the system are of whole processes; what a command says is read in this one.
"""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.core.codec import write_lines
from harness.project import Project
from tests.cli.inside import trueup
from tests.tiny import tiny_model

ROOT = Path(__file__).parents[2]
TRACES = ROOT / "examples" / "parcel_desk" / "traces"

CONFIG = """
[project]
name = "tiny"

[model]
base = "model"

[ingest]
paths = ["traces"]

[prompts.short]
system = "Answer in JSON."

[prompts.production]
traces = true

[arms.base]
prompt = "short"

[arms.tuned]
prompt = "short"

[tune]
max_steps = 2
batch_size = 2
learning_rate = 1e-3

[gate]
min_cases = 5

[gate.options]
train_anyway = true
"""

EVAL = """
from harness import cases, score, suite, target

@suite(role=target(min_gain=0.1))
@cases([{"id": f"c{n}", "text": f"case {n}", "expected": "yes"} for n in range(12)])
def eval_tiny(case, model):
    return score.text(model.chat(case.messages, max_tokens=2), case.expected)
"""


def process(*words: str, cwd: Path, **extra) -> subprocess.CompletedProcess:
    """`trueup WORDS` in `cwd`, as a whole process."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "trueup", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=environment, **extra)


def project(folder: Path, config: str = CONFIG, evals: str = EVAL) -> Path:
    (folder / "evals").mkdir(parents=True)
    (folder / "trueup.toml").write_text(config)
    (folder / "evals" / "eval_tiny.py").write_text(evals)
    tiny_model(folder / "model")
    return folder


@pytest.fixture(scope="module")
def walked(tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A project in which `trueup run` was typed once."""
    folder = project(tmp_path_factory.mktemp("walked"))
    (folder / "traces").symlink_to(TRACES)
    return folder, trueup("run", "--json", cwd=folder)


def test_a_model_that_learnt_nothing_is_not_promoted(walked):
    """Two steps on a random model fix nothing, so the loop ends in hold or undecided, and says why."""
    _, done = walked
    assert done.returncode in (1, 3), done.stderr
    answer = json.loads(done.stdout.strip().split("\n")[-1])
    assert answer["verdict"] in ("hold", "undecided")
    assert answer["sentence"]


def test_the_report_is_written_in_every_format(walked):
    """One HTML file, Markdown, JUnit XML and JSON stand in the report folder."""
    folder, _ = walked
    kinds = {path.suffix for path in (folder / "out").iterdir()}
    assert {".html", ".md", ".xml", ".json"} <= kinds


def test_the_index_of_nights_links_to_a_page_for_each(walked):
    """`trueup report --history` writes the index, and the page of every night beside it."""
    folder, done = walked
    ident = json.loads(done.stdout.strip().split("\n")[-1])["id"]
    written = trueup("report", "--history", "--json", cwd=folder)
    assert written.returncode == 0, written.stderr
    assert (folder / "out" / "nights" / f"{ident[:16]}.html").exists()
    assert f"nights/{ident[:16]}.html" in (folder / "out" / "history.html").read_text()


def test_a_second_run_generates_nothing_and_says_the_same(walked):
    """With nothing new, every step is recalled: no training, no generation, the same verdict."""
    folder, first = walked
    before = sorted(path.name for path in (folder / ".trueup" / "artifacts").rglob("*"))
    again = trueup("run", "--json", cwd=folder)
    assert json.loads(again.stdout)["id"] == json.loads(first.stdout)["id"]
    assert again.returncode == first.returncode
    assert sorted(path.name for path in (folder / ".trueup" / "artifacts").rglob("*")) == before


def tuned_since(folder: Path, **recipe) -> str:
    """Id of an adapter that is the latest of the project, as `trueup tune` with another recipe leaves it."""
    work, ident = Project.open(folder), "b" * 64
    made = work.adapter(work.latest("adapter", "trueup tune"))
    copy = work.store.artifacts.scratch("adapter")
    shutil.copytree(work.store.artifacts.folder("adapter", made.id), copy, dirs_exist_ok=True)
    write_lines(copy / "adapter.json", [replace(made, id=ident, recipe=replace(made.recipe, **recipe))])
    work.store.artifacts.add_folder("adapter", ident, copy)
    work.remember("tune", ident, "adapter", ident)
    return ident


def test_the_gate_judges_what_was_evaluated_not_what_was_tuned_since(walked, tmp_path):
    """A newer adapter that no suite has seen can be neither candidate of a verdict nor subject of its report."""
    folder = shutil.copytree(walked[0], tmp_path / "p", symlinks=True)
    judged = json.loads((folder / "out" / "report.json").read_text())
    (folder / "trueup.toml").write_text(CONFIG.replace("max_steps = 2", "max_steps = 3"))
    newer = tuned_since(folder, max_steps=3)
    again = trueup("gate", "--json", cwd=folder)
    assert json.loads(again.stdout)["id"] == json.loads(walked[1].stdout.strip().split("\n")[-1])["id"], again.stderr
    trueup("report", cwd=folder)
    assert newer not in (folder / "out" / "report.json").read_text()
    assert json.loads((folder / "out" / "report.json").read_text())["verdict"] == judged["verdict"]


def test_a_verdict_that_is_not_promote_cannot_be_promoted(walked):
    """`trueup promote` refuses with exit code 4 and moves no alias."""
    folder, _ = walked
    done = trueup("promote", cwd=folder)
    assert done.returncode == 4
    assert "verdict" in done.stderr
    assert "alias" not in trueup("status", cwd=folder).stdout


def test_a_verdict_is_computed_again_from_its_file(walked, tmp_path):
    """The report's verdict file gives the same verdict and exit code; with a changed result in it, exit code 4."""
    folder, first = walked
    file = folder / "out" / "report.verdict.json"
    again = trueup("gate", "--check", str(file), "--json", cwd=folder)
    assert again.returncode == first.returncode, again.stderr
    assert json.loads(again.stdout)["id"] == json.loads(first.stdout.strip().split("\n")[-1])["id"]
    kept = json.loads(file.read_text())
    kept["verdict"]["outcome"] = "promote"
    (tmp_path / "forged.json").write_text(json.dumps(kept))
    forged = trueup("gate", "--check", str(tmp_path / "forged.json"), cwd=folder)
    assert forged.returncode == 4
    assert "it says promote" in forged.stderr


def test_another_policy_judges_and_changes_nothing(walked, tmp_path):
    """`trueup gate --policy FILE` tells its verdict with its exit code; the latest verdict stays the project's own."""
    folder, first = walked
    (tmp_path / "strict.toml").write_text('[gate]\nversion = "strict"\nmin_cases = 500\n')
    other = trueup("gate", "--policy", str(tmp_path / "strict.toml"), "--json", cwd=folder)
    assert other.returncode == 3, other.stderr
    assert "500 are needed" in json.loads(other.stdout)["sentence"]
    (tmp_path / "wrong.toml").write_text("[gate]\nmin_case = 5\n")
    assert "did you mean 'min_cases'" in trueup("gate", "--policy", str(tmp_path / "wrong.toml"), cwd=folder).stderr
    assert json.loads((folder / "out" / "report.json").read_text())["verdict"]["id"] in first.stdout
    assert trueup("status", "--json", cwd=folder).stdout.count('"outcome"') == 1


def test_flaky_cases_need_repeats(walked):
    """With one repeat nothing can be called flaky, and the message says what to write."""
    done = trueup("quarantine", cwd=walked[0])
    assert done.returncode == 2
    assert "repeats=3" in done.stderr


def test_who_is_forgotten_takes_dataset_and_adapter_out_of_use(walked, tmp_path):
    """After `trueup forget` of a trained-on trace: no training on that dataset, no judging, and the report says invalid."""
    folder = shutil.copytree(walked[0], tmp_path / "p", symlinks=True)
    train = next((folder / ".trueup" / "artifacts" / "dataset").glob("*/train.jsonl"))
    trace = json.loads(train.read_text().splitlines()[0])["trace_id"]
    found = json.loads(trueup("forget", "--trace", trace, "--json", cwd=folder).stdout)
    assert (found["datasets"], len(found["adapters"])) == ([train.parent.name], 1)
    for verb in ("tune", "gate", "promote"):
        refused = trueup(verb, cwd=folder)
        assert refused.returncode == 4 and "forgotten" in refused.stderr + refused.stdout, verb
    trueup("report", cwd=folder)
    shown = json.loads((folder / "out" / "report.json").read_text())["verdict"]
    assert shown["outcome"] == "invalid" and "forgotten since" in shown["sentence"]


def test_status_accounts_for_every_record(walked):
    """What was read equals the sum of its fates."""
    folder, _ = walked
    records = json.loads(trueup("status", "--json", cwd=folder).stdout)["records"]
    fates = ("calls", "repeated", "conflicts", "feedback", "feedback_repeated", "quarantined", "quarantined_repeated")
    assert records["read"] == sum(records[fate] for fate in fates) + records["forgotten"]
    assert records["calls"] == records["usable"] + records["incomplete"] > 900


@pytest.mark.parametrize(
    "words",
    [
        ("mine",),
        ("curate",),
        ("eval", "--model", "base"),
        ("compare", "base", "tuned", "--html"),
        ("gate",),
        ("report", "--format", "csv"),
        ("inspect",),
        ("doctor",),
    ],
)
def test_each_verb_is_a_command(walked, words):
    """Every verb works alone on what the ones before it left."""
    folder, _ = walked
    done = trueup(*words, cwd=folder)
    assert done.returncode in (0, 1, 3), done.stderr
    assert done.stdout.strip()
    assert "Traceback" not in done.stderr


def test_a_second_run_at_the_same_time_is_turned_away(walked):
    """While one run holds the lock another ends at once with exit code 75, naming the holder."""
    folder, _ = walked
    code = "from pathlib import Path; from harness.store import Store; import time\nwith Store.open(Path('.trueup')).lock(): print('held', flush=True); time.sleep(600)"
    holder = subprocess.Popen([sys.executable, "-c", code], cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline().strip() == "held"
        done = process("gate", cwd=folder)
        assert done.returncode == 75
        assert str(holder.pid) in done.stderr
    finally:
        holder.kill()
        holder.communicate()


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    """Killed in the middle, the next run reaches the end, and no lock is left behind."""
    folder = project(tmp_path / "p")
    (folder / "traces").symlink_to(TRACES)
    child = subprocess.Popen(
        [sys.executable, "-m", "trueup", "run", "--quiet"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 500
    while not (folder / ".trueup" / "artifacts" / "mined").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    done = trueup("curate", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"]["train"] > 100


SCRIPTED = CONFIG.replace("[arms.base]", '[arms.base]\nbackend = "scripted"')
"""With an arm that needs no model: nothing is left to ask."""
WRONG = {
    "unknown config key": (CONFIG.replace("min_cases", "min_case"), EVAL, "run", 2, "gate.min_cases"),
    "wrong value": (CONFIG.replace("min_cases = 5", 'min_cases = "five"'), EVAL, "run", 2, "gate.min_cases"),
    "not TOML": ("[project\n", EVAL, "run", 2, "trueup.toml"),
    "a prompt that is not there": (
        CONFIG.replace('prompt = "short"', 'prompt = "shirt"'),
        EVAL,
        "run",
        2,
        "prompts.short",
    ),
    "no traces": (CONFIG, EVAL, "run", 5, "traces"),
    "an eval file that raises": (SCRIPTED, "raise RuntimeError('boom')", "eval", 4, "boom"),
    "an eval file that does not parse": (SCRIPTED, "def eval_x(:", "eval", 4, "eval_tiny"),
    "a suite without cases": (SCRIPTED, EVAL.replace("range(12)", "range(0)"), "eval", 4, "no cases"),
    "no eval function": (SCRIPTED, "x = 1", "eval", 4, "no cases"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_gets_a_message_and_an_exit_code(tmp_path, name):
    """Each says what happened, where, and what to type next, with the exit code of its kind."""
    config, evals, command, code, words = WRONG[name]
    folder = project(tmp_path / "p", config, evals)
    done = trueup(command, cwd=folder)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "next:" in done.stderr
    assert "Traceback (most recent call last)" not in done.stderr.split("where:")[0].split("trueup:")[0]


def test_a_model_folder_without_weights_is_named(tmp_path):
    """The folder, and what is missing in it."""
    folder = project(tmp_path / "p")
    (folder / "traces").symlink_to(TRACES)
    for file in (folder / "model").glob("*.safetensors"):
        file.unlink()
    done = trueup("run", cwd=folder)
    assert done.returncode == 5
    assert "weights" in done.stderr
    assert "model" in done.stderr


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"hello\nworld\n", b"{}\n"])
def test_a_file_that_is_no_export_is_named(tmp_path, content):
    """An empty file, a picture, plain text, JSON of nothing: nothing is stored, and the message names the file."""
    folder = project(tmp_path / "p")
    (folder / "odd.jsonl").write_bytes(content)
    done = trueup("ingest", "odd.jsonl", cwd=folder)
    assert "Traceback" not in done.stderr
    assert done.returncode == 5 or "1 in quarantine" in done.stderr or "0 calls" in done.stderr


def test_a_full_disk_loses_nothing(tmp_path):
    """When no file may grow past 20 kB, ingest ends with exit code 6; with room again it ends well."""
    folder = project(tmp_path / "p")
    (folder / "traces").symlink_to(TRACES)

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = process("ingest", cwd=folder, preexec_fn=small_files)
    assert done.returncode == 6, done.stderr
    assert trueup("ingest", cwd=folder).returncode == 0
    assert json.loads(trueup("status", "--json", cwd=folder).stdout)["records"]["calls"] > 900


def test_init_writes_a_project_that_the_doctor_understands(tmp_path):
    """`trueup init` never overwrites, and what it wrote is read back, with the model where the shell had it."""
    tiny_model(tmp_path / "model")
    assert trueup("init", "desk", "--model", "model", cwd=tmp_path).returncode == 0
    assert trueup("doctor", cwd=tmp_path / "desk").returncode == 0
    assert trueup("init", "desk", cwd=tmp_path).returncode == 2


def test_too_few_cases_stop_before_training(tmp_path):
    """Twelve cases cannot show the gain that is asked for: exit code 3, how many are missing, and nothing trained."""
    folder = project(tmp_path / "p", CONFIG.replace("train_anyway = true", ""))
    (folder / "traces").symlink_to(TRACES)
    done = trueup("run", cwd=folder)
    assert done.returncode == 3, done.stderr
    assert "more cases" in done.stderr
    assert not (folder / ".trueup" / "artifacts" / "adapter").exists()
    page, text = (folder / "out" / "plan.html").read_text(), (folder / "out" / "plan.md").read_text()
    assert str(folder / "out" / "plan.html") in done.stderr
    assert "This is no verdict" in page and "trueup run --train-anyway" in page
    assert "add " in text and text.count("\n| ") > 10  # what is missing, and the calls to label
    assert trueup("label", "--list", "--most", "3", cwd=folder).stdout.startswith(
        "the last run stopped before training"
    )


def test_a_misspelt_command_names_the_nearest(tmp_path):
    """`trueup reprot` is answered with `report`."""
    done = process("reprot", cwd=tmp_path)
    assert done.returncode == 2
    assert "report" in done.stderr


def test_outside_a_project_the_way_in_is_named(tmp_path):
    """Without a trueup.toml the message names `trueup init`."""
    done = trueup("run", cwd=tmp_path)
    assert done.returncode == 2
    assert "trueup init" in done.stderr


@pytest.mark.parametrize("char", [*"\u061c\u200b\u200e\u200f\u202a\u202e\u2066\u2069\u00ad\ufeff\u2028", "\U000e0041"])
def test_no_character_turns_the_console_around(char):
    """Bidirectional and other format characters are shown as U+FFFD; joiners that scripts need stay."""
    from harness.cli.console import clean

    assert clean(f"a{char}b") == "a\ufffdb"
    assert clean("می\u200cخواهم 👩\u200d🔬") == "می\u200cخواهم 👩\u200d🔬"
