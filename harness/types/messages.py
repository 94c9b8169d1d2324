"""Define messages and their parts, and the prompt that comes before them."""

from harness.types.base import Noun


class TextPart(Noun, tag="text", frozen=True):
    text: str


class ReasoningPart(Noun, tag="reasoning", frozen=True):
    text: str
    signature: str | None = None


class ToolCallPart(Noun, tag="tool_call", frozen=True):
    id: str = ""
    name: str = ""
    arguments: str = ""
    """The raw string as the model wrote it; it may be invalid JSON, and that is evidence."""


class ToolResultPart(Noun, tag="tool_result", frozen=True):
    id: str = ""
    content: str = ""


class MediaPart(Noun, tag="media", frozen=True):
    modality: str = ""
    mime: str = ""
    uri: str | None = None
    """An address or file id as recorded; never fetched. Inline bytes are replaced by their hash."""
    sha256: str | None = None
    bytes: int | None = None


class RefusalPart(Noun, tag="refusal", frozen=True):
    text: str = ""


class OtherPart(Noun, tag="other", frozen=True):
    raw: str
    """JSON text of a part that no convention names."""


Part = TextPart | ReasoningPart | ToolCallPart | ToolResultPart | MediaPart | RefusalPart | OtherPart


class Message(Noun, frozen=True):
    role: str
    """system, developer, user, assistant, tool; any other role is kept as it came."""
    parts: tuple[Part, ...] = ()
    name: str | None = None
    finish_reason: str | None = None
    """Set on a recorded or generated reply only: stop, length, tool_calls, content_filter, ..."""

    @property
    def text(self) -> str:
        """The text parts, joined. Reasoning, tool calls and media are not text."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def reasoning(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, ReasoningPart))

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        return tuple(part for part in self.parts if isinstance(part, ToolCallPart))


class Usage(Noun, frozen=True):
    """Tokens. `input` includes cache reads and writes, `output` includes reasoning (the OpenTelemetry rule)."""

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None


class PromptSearch(Noun, frozen=True):
    """How a prompt was found, and what it is worth on training rows that were set aside."""

    optimiser: str
    """Name of a file in `harness/evaluate/prompting/optimisers/`."""
    cases: int
    """Training rows that judged."""
    before: float
    """Task score on them of the prompt that the search began with, 0 to 1."""
    after: float
    """Task score of the prompt that was found. It was chosen by it, so it flatters."""
    tried: int
    """Prompts that were tried."""
    calls: int
    """Requests to the model that answers."""
    reflections: int = 0
    """Requests to the model that wrote prompts."""
    cost: float | None = None
    """What these cost, in the currency of its `prices`; None: no price is known."""
    shown: tuple[str, ...] = ()
    """Ids of the calls, or cases, that the prompt shows."""


class Prompt(Noun, frozen=True):
    """What an arm puts in front of a case: a system text and worked examples."""

    name: str
    messages: tuple[Message, ...] = ()
    nearest: int = 0
    """Worked examples that are added for each case: the training rows most like it. 0: none."""
    search: PromptSearch | None = None
    """Set when a search found it; see `harness.evaluate.prompting`."""
