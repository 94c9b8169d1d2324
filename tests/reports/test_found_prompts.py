"""A prompt that a search found is in the report, as text that gives the same prompt."""

import tomllib

import pytest
from msgspec.structs import replace

from harness import config
from harness.core.codec import from_chat
from harness.types import Arm, Prompt, PromptSearch, Run, Story, Verdict
from reports import html
from reports.parts.found_prompts import found_prompts, pasted

SEARCH = PromptSearch(optimiser="demos", cases=60, before=0.1, after=0.7, tried=17, calls=900)
HOSTILE = 'He said "no" \\ \n</pre><script>alert(1)</script> ]] \x7f\x00 é \U0001f600'


def prompt(*texts: str, nearest: int = 0) -> Prompt:
    roles = ("system", *("user", "assistant") * 9)
    messages = tuple(from_chat({"role": role, "content": text}) for role, text in zip(roles, texts, strict=False))
    return Prompt(name="best", messages=messages, nearest=nearest, search=SEARCH)


@pytest.mark.parametrize("name", ["best", "my best", 'q"uote'])
@pytest.mark.parametrize("given", [prompt("Be brief."), prompt(HOSTILE, HOSTILE, "{}", "b", HOSTILE, nearest=3)])
def test_pasted_text_gives_the_same_prompt(given, name, tmp_path):
    """Whatever is in it: quotes, control characters, brackets."""
    (tmp_path / "trueup.toml").write_text(pasted(given, name), encoding="utf-8")
    read = config.prompt(config.load(tmp_path), name)
    assert (read.messages, read.nearest) == (given.messages, given.nearest)
    assert tomllib.loads(pasted(given, name))["prompts"][name]["system"] == given.messages[0].text


def test_the_report_shows_it_as_text_only():
    run = Run(id="r", arm=Arm(name="best", prompt=prompt(HOSTILE)), model_digest="m", suites=(), results=())
    plain = replace(run, id="s", arm=Arm(name="base"))
    story = Story(title="t", verdict=Verdict(outcome="hold", sentence="s"), runs=(plain, run))
    assert [each.arm for each in found_prompts(story)] == ["best"]
    page = html.render(story).decode()
    assert "[prompts.best_found]" in page and "<script>alert(1)" not in page and "on 60 training rows" in page
    assert "found-prompts" not in html.render(replace(story, runs=(plain,))).decode()
