"""`trueup view`: the page of runs that no gate judged."""

import json

import pytest

from tests.cli.inside import trueup

CONFIG = """
[project]
name = "solo"

[report]
trace_url = "https://traces.example/{trace_id}"

[arms.echo]
backend = "scripted"
"""
EVAL = '''
from harness import cases, score, suite

@suite(owner="ann", tags=["money"])
@cases([{"id": "a", "text": "late"}, {"id": "b", "text": "lost"}])
def eval_talk(case, model):
    """Says the word again."""
    talk = model.session(case.messages)
    talk.next_call()
    return score.text(talk.say("Once more, please"), "late")
'''


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("solo")
    (folder / "evals").mkdir()
    (folder / "trueup.toml").write_text(CONFIG)
    (folder / "evals" / "eval_talk.py").write_text(EVAL)
    return folder


def test_a_run_without_a_gate_has_its_page(project):
    """Before an evaluation it says what to type; then an arm and an id give the page of that run, no name that of all arms."""
    nothing = trueup("view", cwd=project)
    assert nothing.returncode == 2 and "trueup eval" in nothing.stderr
    done = trueup("eval", "--json", cwd=project)
    ident = json.loads(done.stdout)["runs"]["echo"]
    pages = []
    for name in ((), ("echo",), (ident[:10],)):
        shown = trueup("view", "--json", *name, cwd=project)
        assert shown.returncode == 0, shown.stderr
        pages.append(project / json.loads(shown.stdout)["file"])
    assert pages[1].read_bytes() == pages[2].read_bytes()
    every, text = pages[0].read_text(), pages[1].read_text()
    arms = json.loads(done.stdout)["runs"]
    assert all(f"<b>{arm}</b>" in every for arm in arms)
    assert "<b>echo</b>" in text and not any(f"<b>{arm}</b>" in text for arm in arms if arm != "echo")
    assert "One run, compared with none" in text and "owner ann · money" in text
    assert "https://traces.example/{trace_id}" in text
    wrong = trueup("view", "nobody", cwd=project)
    assert wrong.returncode == 2 and "echo" in wrong.stderr


@pytest.mark.parametrize(
    "address", ["javascript:alert({trace_id})", "https://x.example/", "https:{trace_id}", "{trace_id}"]
)
def test_a_trace_url_is_a_web_address_with_a_place_for_the_id(project, tmp_path, address):
    """Anything else is refused when the config is read."""
    (tmp_path / "trueup.toml").write_text(f'[report]\ntrace_url = "{address}"\n')
    refused = trueup("status", cwd=tmp_path)
    assert refused.returncode == 2 and "trace_url" in refused.stderr
