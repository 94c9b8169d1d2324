"""What the doctor says of models, servers and recipes before anything is paid for, and that training refuses the same."""

import json
import sys
from pathlib import Path

import pytest
from transformers import T5Config, T5ForConditionalGeneration

from tests.cli.inside import trueup
from tests.cli.test_cli import CONFIG, TRACES, project


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Path:
    """A curated project with a tiny model."""
    folder = project(tmp_path_factory.mktemp("desk") / "p")
    (folder / "traces").symlink_to(TRACES)
    assert trueup("ingest", cwd=folder).returncode == 0 and trueup("curate", cwd=folder).returncode == 0
    return folder


def told(desk: Path, config: str) -> tuple[int, dict[str, dict]]:
    (desk / "trueup.toml").write_text(config)
    done = trueup("doctor", "--json", cwd=desk)
    return done.returncode, json.loads(done.stdout)


def served(options: str, **recipe: str) -> str:
    knobs = "".join(f'{name} = "{value}"\n' for name, value in recipe.items())
    arm = f'[arms.tuned]\nbackend = "vllm"\noptions = {{ {options} }}\n'
    return CONFIG.replace("[arms.tuned]\n", arm).replace("[tune]\n", f"[tune]\n{knobs}")


def test_every_model_that_is_asked_is_named_with_its_arms(desk):
    """One line for each model, not for each arm."""
    code, checks = told(desk, CONFIG)
    assert code == 0 and checks["recipe"]["ok"] and checks["model of base, tuned"]["detail"].startswith("weights ")


def test_the_model_of_any_arm_is_examined(desk, tmp_path):
    """An encoder-decoder as the model of one arm, and a base that is a name on the Hub."""
    T5ForConditionalGeneration(
        T5Config(vocab_size=400, d_model=16, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
    ).save_pretrained(tmp_path / "t5")
    code, checks = told(desk, f'{CONFIG}\n[arms.other]\nmodel = "{tmp_path / "t5"}"\n')
    assert code == 4 and checks["model of base, tuned"]["ok"]
    assert "encoder-decoder" in checks["model of other"]["detail"]
    code, checks = told(desk, CONFIG.replace('base = "model"', 'base = "Qwen/Qwen3-0.6B"'))
    assert code == 4 and "hf download" in checks["recipe"]["detail"]
    assert trueup("tune", "--dry-run", cwd=desk).returncode == 5


def test_a_server_is_looked_for_and_not_started(desk):
    """A command that is not there, a server that does not answer, and a program that could be started."""
    code, checks = told(desk, served('command = ["/nowhere/vllm", "serve"]'))
    assert code == 4 and "no program '/nowhere/vllm'" in checks["model of tuned"]["detail"]
    code, checks = told(desk, served('url = "http://127.0.0.1:9/v1"'))
    assert code == 4 and "does not answer" in checks["model of tuned"]["detail"]
    code, checks = told(desk, served(f'command = ["{sys.executable}", "serve"]'))
    assert code == 0 and "server of an unknown version" in checks["model of tuned"]["detail"]


@pytest.mark.parametrize(
    ("kind", "instead"),
    [
        ("qlora", {"form": "merged"}),
        ("dora", {"form": "merged"}),
        ("prefix", {"adapter": "lora"}),
        ("prompt", {"adapter": "lora"}),
    ],
)
def test_an_adapter_that_no_server_takes_is_refused_before_it_is_trained(desk, kind, instead):
    """By the doctor and by `tune`; what they say to set instead is taken."""
    config = served(f'command = ["{sys.executable}", "serve"]', adapter=kind)
    code, checks = told(desk, config)
    assert code == 4 and kind in checks["recipe"]["detail"]
    assert all(f'{name} = "{value}"' in checks["recipe"]["detail"] for name, value in instead.items())
    done = trueup("tune", cwd=desk)
    assert done.returncode == 2 and "takes no adapter of kind" in done.stderr
    code, checks = told(desk, served(f'command = ["{sys.executable}", "serve"]', **{"adapter": kind, **instead}))
    assert code == 0 and checks["recipe"]["ok"]
