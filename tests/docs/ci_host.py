"""A stand-in for GitHub Actions and GitLab CI: reads a template and runs its steps, as they are written, in bash.

Of GitHub's expressions it knows what a template needs: contexts, strings, `&&`, `||`, `!`, `==`, `!=`, status functions and
`hashFiles` of one file.
Actions are replaced by what they do to the files; anything else that a template uses is an error.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

TOKEN = re.compile(r"'(?:[^']|'')*'|&&|\|\||==|!=|[!()]|[\w.-]+")
WORDS = {"&&": "and", "||": "or", "!": "not", "(": "(", ")": ")", "==": "==", "!=": "!="}
INSIDE = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)


@dataclass
class Host:
    """What outlives a job: the repository, caches and artifacts, and where Python's packages are."""

    repository: Path
    folder: Path
    packages: Path
    """Site-packages without trueup, so that pip finds every dependency and downloads none."""
    caches: dict[str, Path] = field(default_factory=dict)
    artifacts: dict[str, Path] = field(default_factory=dict)
    jobs: int = 0

    def environment(self) -> Path:
        """A new Python environment that has the dependencies and not trueup."""
        place = self.folder / f"python-{self.jobs}"
        venv.create(place, symlinks=True, with_pip=False)
        (site,) = place.glob("lib/python*/site-packages")
        (site / "dependencies.pth").write_text(f"{self.packages}\n")
        (place / "bin" / "pip").write_text(f'#!/bin/sh\nexec "{place}/bin/python" -m pip "$@"\n')
        (place / "bin" / "pip").chmod(0o755)
        return place / "bin"

    def kept(self, kind: str, key: str, workspace: Path, path: str) -> None:
        """Keep a folder of the workspace as a cache or an artifact."""
        self.jobs += 1
        store = self.caches if kind == "cache" else self.artifacts
        if (workspace / path).exists():
            place = self.folder / f"{kind}-{self.jobs}"
            shutil.copytree(workspace / path, place, symlinks=True)
            store[key] = place


@dataclass
class Job:
    """How a job ended."""

    workspace: Path
    code: int = 0
    log: str = ""
    summary: str = ""
    ran: list[str] = field(default_factory=list)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    caching: list[dict[str, str]] = field(default_factory=list)
    """What actions/cache is to keep when the job ends."""


def dependencies(place: Path) -> Path:
    """Links to everything in this environment's site-packages but trueup."""
    (source,) = (Path(path) for path in sys.path if path.endswith("site-packages"))
    place.mkdir()
    for entry in source.iterdir():
        if "trueup" not in entry.name.lower() and entry.suffix != ".pth":
            (place / entry.name).symlink_to(entry)
    return place


def bash(job: Job, script: str, environment: Mapping[str, str]) -> int:
    """Run a step's script as GitHub does by default; what it prints is in the log."""
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=job.workspace,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    job.log += done.stdout
    return done.returncode


# ---------------------------------------------------------------- GitHub


def github(template: Path, host: Host, contexts: dict[str, Any], environment: Mapping[str, str]) -> Job:
    """Run the only job of a workflow. `contexts` are `github`, `vars` and `secrets`; `environment` what the runner sets."""
    (job_of,) = yaml.safe_load(template.read_text(encoding="utf-8"))["jobs"].values()
    host.jobs += 1
    job = Job(host.folder / f"workspace-{host.jobs}")
    files = {name: host.folder / f"{name}-{host.jobs}" for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    bare = {"HOME": str(host.folder), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", **environment}
    bare |= {name: str(path) for name, path in files.items()} | {"GITHUB_WORKSPACE": str(job.workspace)}
    for step in job_of["steps"]:
        known = {**contexts, "steps": {name: {"outputs": values} for name, values in job.outputs.items()}}
        condition = str(step.get("if", "success()"))
        if not evaluated(condition if "(" in condition else f"success() && ({condition})", known, job.code == 0):
            continue
        name = step.get("uses") or step.get("name") or step["run"]
        job.ran.append(name.split("@")[0])
        for path in files.values():
            path.touch()
        if "uses" in step:
            words = {
                key: filled(hashed(str(value), job.workspace), known) for key, value in step.get("with", {}).items()
            }
            bare["PATH"] = ACTIONS[step["uses"].split("@")[0]](host, job, words, bare["PATH"])
            continue
        own = {key: filled(value, known) for key, value in {**job_of.get("env", {}), **step.get("env", {})}.items()}
        code = bash(job, filled(step["run"], known), {**bare, **own})
        job.code = job.code or code
        lines = files["GITHUB_OUTPUT"].read_text().splitlines()
        job.outputs[step.get("id", "")] = dict(line.split("=", 1) for line in lines)
        files["GITHUB_OUTPUT"].unlink()
    for words in job.caching:
        host.kept("cache", words["key"], job.workspace, words["path"])
    job.summary = files["GITHUB_STEP_SUMMARY"].read_text()
    return job


def checkout(host: Host, job: Job, words: dict[str, str], path: str) -> str:
    shutil.copytree(host.repository, job.workspace)
    return path


def setup_python(host: Host, job: Job, words: dict[str, str], path: str) -> str:
    assert words["python-version"] == "3.11"
    return f"{host.environment()}:{path}"


def cache(host: Host, job: Job, words: dict[str, str], path: str) -> str:
    if kept := host.caches.get(words["key"]):
        shutil.copytree(kept, job.workspace / words["path"], symlinks=True)
    else:
        job.caching.append(words)
    return path


def upload(host: Host, job: Job, words: dict[str, str], path: str) -> str:
    host.kept("artifact", words["name"], job.workspace, words["path"])
    return path


ACTIONS: dict[str, Callable[[Host, Job, dict[str, str], str], str]] = {
    "actions/checkout": checkout,
    "actions/setup-python": setup_python,
    "actions/cache": cache,
    "actions/upload-artifact": upload,
}
"""What each action does to the files; they return the PATH of the steps after them."""


def filled(text: str, contexts: Mapping[str, Any]) -> str:
    """Text with each `${{ }}` replaced by its value."""
    return INSIDE.sub(lambda match: str(evaluated(match[1], contexts, True) or ""), text)


def hashed(text: str, workspace: Path) -> str:
    """Text with each `hashFiles('path')` as the string that it gives."""

    def digest(match: re.Match[str]) -> str:
        return f"'{hashlib.sha256((workspace / match[1]).read_bytes()).hexdigest()}'"

    return re.sub(r"hashFiles\('([^']*)'\)", digest, text)


def evaluated(expression: str, contexts: Mapping[str, Any], is_fine: bool) -> Any:
    """Value of an expression. Raises KeyError on a name or a function that is not known."""
    functions = {"always": True, "success": is_fine, "failure": not is_fine}
    words, names = [], []
    for token in TOKEN.findall(expression.replace("()", "")):
        if token in WORDS:
            words.append(WORDS[token])
        elif token.startswith("'"):
            words.append(repr(token[1:-1].replace("''", "'")))
        else:
            names.append(functions[token] if token in functions else looked_up(token, contexts))
            words.append(f"names[{len(names) - 1}]")
    return eval(" ".join(words), {"names": names})


def looked_up(name: str, contexts: Mapping[str, Any]) -> Any:
    """`github.event_name`; as on GitHub, a known context's unknown key is empty."""
    first, *rest = name.split(".")
    value: Any = contexts[first]
    for part in rest:
        value = value.get(part, "") if isinstance(value, Mapping) else ""
    return value


# ---------------------------------------------------------------- GitLab


def gitlab(template: Path, host: Host, environment: Mapping[str, str]) -> Job:
    """Run the only job: `script` in one shell, `after_script` in another, whatever became of the first."""
    (job_of,) = yaml.safe_load(template.read_text(encoding="utf-8")).values()
    host.jobs += 1
    job = Job(host.folder / f"workspace-{host.jobs}")
    shutil.copytree(host.repository, job.workspace)
    key = job_of["cache"]["key"]
    for path in job_of["cache"]["paths"]:
        if f"{key}/{path}" in host.caches:
            shutil.copytree(host.caches[f"{key}/{path}"], job.workspace / path, symlinks=True)
    bare = {"HOME": str(host.folder), "PATH": f"{host.environment()}:/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    bare |= {**environment, "CI_PROJECT_DIR": str(job.workspace)}
    bare |= {
        name: os.path.expandvars(value.replace("$CI_PROJECT_DIR", str(job.workspace)))
        for name, value in job_of["variables"].items()
    }
    job.code = bash(job, "set -o pipefail\n" + "\n".join(job_of["script"]), bare)
    bash(job, "\n".join(job_of["after_script"]), bare)
    for path in job_of["cache"]["paths"]:
        host.kept("cache", f"{key}/{path}", job.workspace, path)
    for path in job_of["artifacts"]["paths"]:
        host.kept("artifact", path, job.workspace, path)
    job.ran = ["green" if not job.code else "warning" if job.code in job_of["allow_failure"]["exit_codes"] else "red"]
    return job
