"""Choose worked examples for each case: the training rows whose text is most like it.

The cheaper fix than a fine-tune is often to show the model a few solved cases like the one at hand. So that the two can
be compared, the examples come from the same training split that the fine-tune learns from, and from nothing else: what
is held out is never shown. Likeness is the cosine of TF-IDF vectors over words and pairs of words.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from harness.core.codec import file_digest
from harness.core.dataset_files import read_cases
from harness.errors import InvalidError
from harness.types import Case, Message, Prompt

FILE = "train.jsonl"


class Nearest:
    """Fills prompts from the training split of the one dataset there is. It is read when the first prompt asks."""

    def __init__(self, datasets: Mapping[str, str]) -> None:
        self._datasets = datasets
        self._examples: Examples | None = None

    def fill(self, prompt: Prompt, messages: tuple[Message, ...]) -> Prompt:
        """The prompt with `nearest` examples after its own, the most like one last, next to the question."""
        if not prompt.nearest:
            return prompt
        self._examples = self._examples or Examples(list(read_cases(self._file())), str(self._file()))
        return self._examples.fill(prompt, messages)

    def digest(self, prompt: Prompt) -> str:
        """Content id of what a prompt is filled from; empty for one that takes nothing."""
        return file_digest(self._file()) if prompt.nearest else ""

    def _file(self) -> Path:
        if len(self._datasets) != 1:
            raise InvalidError(
                "a prompt with `nearest` needs the training split of one dataset",
                next="trueup curate, then trueup eval",
            )
        return Path(next(iter(self._datasets.values()))) / FILE


class Examples:
    """Training rows with a target, and the vectors of their last user messages."""

    def __init__(self, cases: Sequence[Case], where: str = "") -> None:
        """`where` they are from. Raises InvalidError when none has a target and a text."""
        from sklearn.feature_extraction.text import TfidfVectorizer  # only arms with such a prompt pay for it

        self._cases = [case for case in cases if case.target is not None and case.text.strip()]
        if not self._cases:
            raise InvalidError("the training split has no examples to show", where=where, next="trueup curate")
        self._vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b|[^\w\s]")
        self._rows: Any = self._vectorizer.fit_transform([case.text for case in self._cases])

    def fill(self, prompt: Prompt, messages: tuple[Message, ...]) -> Prompt:
        """The prompt with `nearest` examples after its own, the most like one last, next to the question."""
        if not prompt.nearest:
            return prompt
        shown = [message for case in self.like(_asked(messages), prompt.nearest) for message in solved(case)]
        return replace(prompt, messages=(*prompt.messages, *shown))

    def like(self, text: str, count: int) -> list[Case]:
        """`count` cases, the most like one last; among equals the first in the file is nearest."""
        likeness = (self._rows @ self._vectorizer.transform([text]).T).toarray().ravel()
        order = sorted(range(len(self._cases)), key=lambda place: (-likeness[place], place))
        return [self._cases[place] for place in reversed(order[:count])]


def _asked(messages: tuple[Message, ...]) -> str:
    return next((message.text for message in reversed(messages) if message.role == "user"), "")


def solved(case: Case) -> tuple[Message, ...]:
    """Conversation and answer; without system text, which is the prompt's to give."""
    assert case.target is not None
    said = tuple(message for message in case.messages if message.role not in ("system", "developer"))
    return (*said, case.target)
