"""Write prompts that a search found as text to paste into trueup.toml."""

import json
import re

from msgspec import Struct

from harness.types import Prompt, PromptSearch, Run, Story

BARE = re.compile(r"[A-Za-z0-9_-]+")


class FoundPrompt(Struct):
    arm: str
    search: PromptSearch
    text: str
    """Tables of trueup.toml that give the same prompt without a search."""


def found_prompts(story: Story) -> list[FoundPrompt]:
    """One for each arm whose prompt was found by a search, in the story's order."""
    return [
        FoundPrompt(run.arm.name, run.arm.prompt.search, pasted(run.arm.prompt, _shown(run)))
        for run in story.runs
        if run.arm.prompt.search
    ]


def pasted(prompt: Prompt, name: str) -> str:
    """The prompt as `[prompts.NAME]`, with its worked examples."""
    table = f"prompts.{name if BARE.fullmatch(name) else _quoted(name)}"
    system = [message.text for message in prompt.messages if message.role in ("system", "developer")]
    rest = [message for message in prompt.messages if message.role not in ("system", "developer")]
    lines = [f"[{table}]", f"system = {_quoted(chr(10).join(system))}"]
    lines += [f"nearest = {prompt.nearest}"] * bool(prompt.nearest)
    for asked, answer in zip(rest[::2], rest[1::2], strict=False):
        lines += ["", f"[[{table}.examples]]", f"user = {_quoted(asked.text)}", f"assistant = {_quoted(answer.text)}"]
    return "\n".join(lines) + "\n"


def _shown(run: Run) -> str:
    """The name of the pasted prompt: the search's own would be searched again."""
    return f"{run.arm.prompt.name}_found"


def _quoted(text: str) -> str:
    """A basic string of TOML: JSON's escapes, and that of DEL, which JSON does not escape."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
