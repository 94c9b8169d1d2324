"""Export a dataset in the formats of other tools.

- `chat.jsonl`: {"messages": [...]} with the target as the last message; Axolotl and most trainers read it.
- `openai-sft.jsonl`: the same with tools and answers of one conversation in one row, as OpenAI's supervised fine-tuning takes it.
- `openai-preference.jsonl`: input, preferred_output, non_preferred_output, as OpenAI's preference fine-tuning takes it.
- `trl-sft.jsonl`: prompt and completion, so that TRL's SFTTrainer learns the completion only.
- `trl-preference.jsonl`: prompt, chosen and rejected, as TRL's DPOTrainer takes it.
- `parquet`: one file a split. `hf`: a `datasets.DatasetDict` folder; `push` sends the same to the Hub.

Each row says where it comes from, see `lineage`. OpenAI refuses keys that it does not know, so there it is a file of its own,
`*.lineage.jsonl`, line for line.
Sources: OpenAI's guides to supervised and preference fine-tuning; TRL's page on dataset formats (conversational
prompt-completion and preference).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset as Table
from datasets import DatasetDict
from datasets.utils import disable_progress_bars, enable_progress_bars, is_progress_bar_enabled
from huggingface_hub import DatasetCard
from huggingface_hub.errors import HfHubHTTPError

from harness.core import codec
from harness.core.conversations import folded
from harness.core.rendering import merge_prompt
from harness.core.replies import unwritten
from harness.curate.preference_pairs import pairs
from harness.errors import InputError, UsageError
from harness.types import Case, Prompt

Splits = Mapping[str, Sequence[Case]]
LINEAGE = ("id", "split", "group", "cluster", "route", "call_id", "trace_id", "session_id", "target_source", "day")
"""Fields of a case that every exported row has."""
EMPTY = Prompt(name="none")


def export(splits: Splits, form: str, folder: Path, prompt: Prompt = EMPTY) -> list[Path]:
    """Write `splits` in one form below `folder`; the files or folders written.

    `prompt` goes in front of every case as it does when the model serves: its system text replaces a case's own. Raises UsageError for an unknown form and
    InputError when no row has a target.
    """
    check(form)
    written = FORMS[form](splits, folder, prompt)
    if not written:
        raise InputError("the dataset has no row with a target", where=str(folder), next="trueup curate")
    return written


def check(form: str) -> None:
    """Raises UsageError for a form that is not known."""
    if form not in FORMS:
        raise UsageError(f"there is no export named {form!r}", next=f"known: {', '.join(FORMS)}")


def push(splits: Splits, repository: str, card: str, prompt: Prompt = EMPTY) -> str:
    """Send the dataset and its card to a private repository of the Hugging Face Hub; returns where it is.

    The token is the Hub client's own affair (`hf auth login`). Raises InputError when the Hub cannot be reached or
    refuses, with its words.
    """
    tables = _tables(splits, prompt)
    try:
        tables.push_to_hub(repository, private=True)
        DatasetCard(card).push_to_hub(repository, repo_type="dataset")
    except (HfHubHTTPError, OSError, ValueError, RuntimeError) as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"the Hub did not take it: {why}", where=repository, next="hf auth login, then again"
        ) from error
    return f"datasets/{repository}"


def lineage(case: Case) -> dict[str, str]:
    """Where a row comes from and which rows it must stay with: all rows of a `group` belong on one side of any split."""
    return {name: str(getattr(case, name)) for name in LINEAGE}


def chat_row(case: Case, prompt: Prompt) -> dict[str, Any]:
    """One conversation that ends in the target. Loss belongs on the last message only."""
    assert case.target is not None
    messages = [codec.to_chat(message) for message in (*merge_prompt(prompt, case.messages), case.target)]
    return {"messages": messages, **({"tools": list(case.tools)} if case.tools else {})}


def preference_row(case: Case, prompt: Prompt) -> dict[str, Any]:
    """Input, the target, and the failing answer."""
    assert case.target is not None
    return {
        "input": {"messages": [codec.to_chat(message) for message in merge_prompt(prompt, case.messages)]},
        "preferred_output": [codec.to_chat(case.target)],
        "non_preferred_output": [codec.to_chat(unwritten(case.rejected or ""))],
    }


def trl_row(case: Case, prompt: Prompt) -> dict[str, Any]:
    """Prompt and completion in TRL's conversational form."""
    *asked, answered = chat_row(case, prompt)["messages"]
    return {"prompt": asked, "completion": [answered], **_tools(case)}


def trl_pair(case: Case, prompt: Prompt) -> dict[str, Any]:
    """Prompt, the target as chosen, the failing answer as rejected."""
    *asked, answered = chat_row(case, prompt)["messages"]
    failing = codec.to_chat(unwritten(case.rejected or ""))
    return {"prompt": asked, "chosen": [answered], "rejected": [failing], **_tools(case)}


def _tools(case: Case) -> dict[str, Any]:
    """As JSON text, which TRL reads: schemas differ from row to row, and columns have one type."""
    return {"tools": codec.canonical(case.tools)} if case.tools else {}


def _chat(splits: Splits, folder: Path, prompt: Prompt) -> list[Path]:
    return _lines(splits, folder, "chat", lambda case: {**chat_row(case, prompt), **lineage(case)})


def _trl_sft(splits: Splits, folder: Path, prompt: Prompt) -> list[Path]:
    return _lines(splits, folder, "trl-sft", lambda case: {**trl_row(case, prompt), **lineage(case)})


def _trl_preference(splits: Splits, folder: Path, prompt: Prompt) -> list[Path]:
    usable = {name: pairs(cases).cases for name, cases in splits.items()}
    return _lines(usable, folder, "trl-preference", lambda case: {**trl_pair(case, prompt), **lineage(case)})


def _openai_sft(splits: Splits, folder: Path, prompt: Prompt) -> list[Path]:
    shared = {name: folded(cases) for name, cases in splits.items()}
    rows = _lines(shared, folder, "openai-sft", lambda case: _trained_turns_only(case, chat_row(case, prompt)))
    return [*rows, *_lines(shared, folder, "openai-sft.lineage", _lineage_of_turns)]


def _openai_preference(splits: Splits, folder: Path, prompt: Prompt) -> list[Path]:
    usable = {name: pairs(cases).cases for name, cases in splits.items()}
    rows = _lines(usable, folder, "openai-preference", lambda case: preference_row(case, prompt))
    return [*rows, *_lines(usable, folder, "openai-preference.lineage", lineage)]


def _lineage_of_turns(case: Case) -> dict[str, Any]:
    """That of the row; `turns` are the earlier answers that it teaches too."""
    turns = [{**lineage(turn.case), "at": turn.at} for turn in case.turns]
    return {**lineage(case), **({"turns": turns} if turns else {})}


def _trained_turns_only(case: Case, row: dict[str, Any]) -> dict[str, Any]:
    """Earlier assistant turns get weight 0 but where the row teaches them too."""
    *earlier, last = row["messages"]
    before = len(earlier) - len(case.messages)
    taught = {before + turn.at for turn in case.turns}
    weighed = [
        {**message, "weight": int(at in taught)} if message["role"] == "assistant" else message
        for at, message in enumerate(earlier)
    ]
    return {**row, "messages": [*weighed, last]}


def _lines(splits: Splits, folder: Path, form: str, row: Callable[[Case], Any]) -> list[Path]:
    written = []
    for name, cases in _with_targets(splits):
        path = folder / f"{name}.{form}.jsonl"
        codec.write_lines(path, (row(case) for case in cases))
        written.append(path)
    return written


def _parquet(splits: Splits, folder: Path, prompt: Prompt) -> list[Path]:
    written = []
    for name, cases in _with_targets(splits):
        path = folder / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist([_flat(case, prompt) for case in cases]), path)
        written.append(path)
    return written


def _hf(splits: Splits, folder: Path, prompt: Prompt) -> list[Path]:
    tables = _tables(splits, prompt)
    if not tables:
        return []
    with _without_bars():
        tables.save_to_disk(str(folder / "hf"))
    return [folder / "hf"]


@contextmanager
def _without_bars() -> Iterator[None]:
    """The library draws a bar a split on standard error, whatever --quiet says."""
    shown = is_progress_bar_enabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            enable_progress_bars()


def _tables(splits: Splits, prompt: Prompt) -> DatasetDict:
    rows = {name: [_flat(case, prompt) for case in cases] for name, cases in _with_targets(splits)}
    return DatasetDict({name: Table.from_list(found) for name, found in rows.items()})


def _flat(case: Case, prompt: Prompt) -> dict[str, Any]:
    """Columns of one type each; tools, whose schemas differ from row to row, as JSON text."""
    messages = chat_row(case, prompt)["messages"]
    return {
        **lineage(case),
        "messages": [{"role": message["role"], "content": message.get("content") or ""} for message in messages],
        "json": codec.canonical(messages),
        "rejected": case.rejected or "",
        "tools": codec.canonical(case.tools),
    }


def _with_targets(splits: Splits) -> Iterator[tuple[str, list[Case]]]:
    for name, cases in splits.items():
        usable = [case for case in cases if case.target is not None]
        if usable:
            yield name, usable


FORMS: dict[str, Callable[[Splits, Path, Prompt], list[Path]]] = {
    "chat": _chat,
    "openai-sft": _openai_sft,
    "openai-preference": _openai_preference,
    "trl-sft": _trl_sft,
    "trl-preference": _trl_preference,
    "parquet": _parquet,
    "hf": _hf,
}
