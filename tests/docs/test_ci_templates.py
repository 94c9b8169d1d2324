"""The CI templates are what their hosts can read, and name commands that exist."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from harness.cli.main import all_commands
from harness.core.plugins import names
from harness.errors import Exit
from tests.docs import ci_host

FOLDER = Path(__file__).parents[2] / "docs" / "ci"
FILES = [FOLDER / "github-actions.yml", FOLDER / "gitlab-ci.yml"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_template_remembers_in_a_bucket_and_not_in_a_cache(file):
    """Valid YAML that names the store's address and its keys, caches packages and models only, and keeps the reports."""
    text = file.read_text(encoding="utf-8")
    assert yaml.safe_load(text)
    assert ".trueup" not in text and "out/" in text
    assert all(name in text for name in ("TRUEUP_STORE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
    assert "schedule" in text and ("pull_request" in text or "merge_request" in text)


def test_a_fork_gets_no_store():
    """Its pull request has no secrets, so a store that asks for them would only fail."""
    job = yaml.safe_load(FILES[0].read_text(encoding="utf-8"))["jobs"]["run"]
    for is_fork, store in ((True, ""), (False, "s3://b/desk")):
        event = {"pull_request": {"head": {"repo": {"fork": is_fork}}}}
        contexts = {"github": {"event": event}, "vars": {"TRUEUP_STORE": "s3://b/desk"}}
        assert ci_host.filled(job["env"]["TRUEUP_STORE"], contexts) == store


@pytest.mark.parametrize("codes,ends,waits", [("75 75 0", 0, 2), ("75 1", 1, 1), ("3", 0, 0)])
def test_github_waits_for_another_run(tmp_path, codes, ends, waits):
    """Exit code 75 is waited for; every other one ends the step."""
    steps = yaml.safe_load(FILES[0].read_text(encoding="utf-8"))["jobs"]["run"]["steps"]
    loop = next(step["run"] for step in steps if step.get("id") == "loop")
    (tmp_path / "codes").write_text(codes.replace(" ", "\n") + "\n")
    stubs = {"trueup": 'code=$(head -n1 codes); sed -i 1d codes; exit "$code"', "sleep": 'echo "$1" >> waits'}
    for name, script in stubs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(["bash", "-e", "-c", loop], cwd=tmp_path, env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    waited = (tmp_path / "waits").read_text().split() if waits else []
    assert (done.returncode, waited) == (ends, ["60"] * waits)


def typed(file):
    """Every `trueup VERB WORDS` that a template types."""
    lines = re.findall(r"^\s*(?:- |run: |- run: )?trueup ([^#&|>;\n]+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    return [line.split() for line in lines]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_template_types_commands_that_exist(file):
    """Each command of a template is one that the parser takes, with its options, and each report format is one."""
    commands, lines = all_commands(), typed(file)
    assert ["run"] in lines
    for verb, *words in lines:
        context = commands[verb].make_context(verb, words)
        assert set(context.params.get("formats") or ()) <= set(names("reports"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_template_explains_the_exit_codes_there_are(file):
    """Each code that a template names is that of the harness, under its word."""
    said = dict(re.findall(r"(\d+) (promote|hold|undecided|invalid)", file.read_text(encoding="utf-8")))
    assert said == {str(int(Exit[word.upper()])): word for word in ("promote", "hold", "undecided", "invalid")}


def test_github_keeps_the_report_of_a_hold():
    """A run that ends with another exit code than 0 still leaves its summary, annotations and report."""
    steps = yaml.safe_load((FOLDER / "github-actions.yml").read_text(encoding="utf-8"))["jobs"]["run"]["steps"]
    after = steps[[step.get("id") for step in steps].index("loop") + 1 :]
    assert all(step["if"].startswith("always()") for step in after)
    said = str(after)
    assert all(word in said for word in ("GITHUB_STEP_SUMMARY", "report.github.txt", "upload-artifact"))


@pytest.fixture
def action(tmp_path):
    """Runs the steps of the composite action with a trueup that ends with this code; gives exit code, outputs, log, summary."""
    loop = yaml.safe_load((FOLDER / "action" / "action.yml").read_text(encoding="utf-8"))["runs"]["steps"][1]
    (tmp_path / "out").mkdir()
    stub = tmp_path / "trueup"
    stub.write_text(
        "#!/bin/sh\necho trueup $*\n"
        'case $1 in run) echo "## verdict" > out/report.md; exit $CODE;; report) echo ::notice::x > out/report.github.txt;;'
        " notify) exit $NOTIFY;; esac\n"
    )
    stub.chmod(0o755)

    def run(code, block="false", event="push", notify=0):
        files = {name: str(tmp_path / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        own = {"COMMAND": "run", "BLOCK": block, "GITHUB_EVENT_NAME": event, "CODE": str(code), "NOTIFY": str(notify)}
        assert set(loop["env"]) == {"COMMAND", "BLOCK", "GITHUB_TOKEN", "TRUEUP_STORE"}
        done = subprocess.run(
            ["bash", "-e", "-c", loop["run"]],
            cwd=tmp_path,
            env={**files, **own, "PATH": f"{tmp_path}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
        )
        return done.returncode, (tmp_path / "GITHUB_OUTPUT").read_text().split()[-1], done.stdout

    return run


@pytest.mark.parametrize("code,ends", [(0, 0), (1, 1), (3, 0), (4, 4), (75, 75)])
def test_the_action_ends_as_the_verdict_does(action, code, ends):
    """Undecided is neutral unless the workflow blocks on it; the output is the command's own exit code."""
    assert action(code)[:2] == (ends, f"code={code}")
    assert action(code, block="true")[0] == code


def test_the_action_comments_on_pull_requests_only(action):
    """A comment that cannot be written is a warning; the summary and the annotations are there either way."""
    assert "notify" not in action(0)[2]
    ended, _, log = action(1, event="pull_request", notify=5)
    assert ended == 1 and "trueup notify --kind github_comment" in log and "no comment could be written" in log
    assert "::notice::x" in log


@pytest.mark.parametrize("file", [FOLDER / "release.yml", FOLDER / "action" / "action.yml"], ids=lambda file: file.stem)
def test_no_template_holds_a_token(file):
    """Publishing is trusted by identity; the action's token is the job's own."""
    text = file.read_text(encoding="utf-8")
    assert yaml.safe_load(text) and "secrets." not in text and "password" not in text


def test_the_release_publishes_what_was_built_and_tried():
    """The job that may publish runs no code of the repository; the one that builds may not publish."""
    jobs = yaml.safe_load((FOLDER / "release.yml").read_text(encoding="utf-8"))["jobs"]
    assert jobs["publish"]["needs"] == "build" and jobs["publish"]["permissions"] == {"id-token": "write"}
    assert "permissions" not in jobs["build"] and not any("run" in step for step in jobs["publish"]["steps"])
    tag = next(step["run"] for step in jobs["build"]["steps"] if step.get("name") == "The tag is the version")
    root = FOLDER.parents[1]
    version = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    for name, code in ((f"v{version}", 0), ("v9.9.9", 1)):
        done = subprocess.run(
            ["bash", "-e", "-c", tag.replace("python ", "python3 ")],
            cwd=root,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "GITHUB_REF_NAME": name},
        )
        assert done.returncode == code


def test_the_image_runs_trueup_as_nobody():
    """The sources are mounted, not copied; the entry point is the command that the package declares."""
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    assert (
        'ENTRYPOINT ["trueup"]' in text and "USER 65534" in text and "COPY" not in text and "--mount=type=bind" in text
    )
    scripts = tomllib.loads((FOLDER.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert "trueup" in scripts
