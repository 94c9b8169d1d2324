"""Define what is mined and curated: failures, clusters, cases, datasets."""

from reprlib import Repr
from typing import Literal

from harness.types.base import Json, Noun
from harness.types.messages import Message, Prompt

_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 60


class Failure(Noun, frozen=True):
    call_id: str
    detector: str
    reason: str
    """One sentence a person can check against the call."""
    environment: bool = False
    """True for timeouts, rate limits, broken tools: not the model's fault, so never trained on."""
    cluster: str = ""
    """Id of its `Cluster`; empty before clustering."""
    norm: Literal["", "praise", "corrections"] = ""
    """The answer only differs from what is usual on its route, and what that was learnt from. Praise outweighs a norm that
    rests on praise; corrections outweigh praise. Empty: it is no norm."""


class Cluster(Noun, frozen=True):
    id: str
    """Stable from night to night."""
    label: str
    """Its distinguishing terms."""
    detector: str
    route: str = ""
    call_ids: tuple[str, ...] = ()
    days: dict[str, int] = {}
    """ISO date (UTC) to the number of failures."""
    lever: str = ""
    """What fits: prompt, retrieval, environment, fine-tune; empty when not judged."""
    evidence: str = ""
    """Why that lever, in one sentence."""
    name: str = ""
    """What fails: the field and the value that most of its corrected answers get wrong; empty where nothing is in common."""

    @property
    def title(self) -> str:
        """What to call it: its name, else its terms."""
        return self.name or self.label


class Share(Noun, frozen=True):
    """How many calls of production are of one kind: a route, and whether a failure was found in them."""

    route: str
    cluster: str = ""
    """Of failed calls: the rarest cluster that a call is in."""
    failed: bool = False
    calls: int = 0
    labelled: int = 0
    """How many of them have a target, so that a case could be made of them."""
    reviewed: int = 0
    """How many of them people judged who check calls drawn at random; see `harness.mine.shares`."""


class SharedTurn(Noun, frozen=True):
    """An earlier answer of a row's conversation that the row teaches too."""

    at: int
    """Its place in the row's messages: those before it are what it answers."""
    case: "Case"
    """The case that it is, without what the row holds already: messages, tools, and the target where that is the message
    at `at`."""


class Case(Noun, frozen=True):
    """One input with what is expected of it: a row to train on, or a case to judge with."""

    id: str
    messages: tuple[Message, ...] = ()
    """The conversation proper: without the prompt (system text and worked examples) that the application put before
    it. An arm's prompt is put in front when the case is rendered."""
    expected: Json = None
    """What a scorer compares with: parsed JSON when the target is JSON, else text."""
    target: Message | None = None
    """The assistant message to learn; None for cases that are only judged."""
    rejected: str | None = None
    """The failing answer, where one was recorded: the other half of a preference pair. Its text or, where it called tools,
    the message in chat form as JSON; see `harness.core.replies.unwritten`."""
    first_wrong: int | None = None
    """Place in `messages` of the first answer of its run that the traces show to be wrong; None where nothing shows one."""
    target_source: str = ""
    """correction, retry, teacher, production, unopposed (production's, which nobody confirmed), file, or own (the base's)."""
    split: str = ""
    """train, held_out, regression, production or replay; empty for cases from an eval file."""
    call_id: str = ""
    trace_id: str = ""
    session_id: str = ""
    user_id: str = ""
    group: str = ""
    """Near-duplicate and session group: all its cases stand in one split, for ever."""
    cluster: str = ""
    route: str = ""
    """Route of the call."""
    failed: bool = False
    """A failure was found in the call."""
    day: str = ""
    """ISO date (UTC) of the call."""
    tools: tuple[Json, ...] = ()
    tags: tuple[str, ...] = ()
    fields: dict[str, Json] = {}
    """Any further columns of the eval file's row; `case["column"]` in an eval function reads them."""
    turns: tuple[SharedTurn, ...] = ()
    """Earlier answers of the same conversation that are learnt in this row, in their order. Only `train.jsonl` has them;
    see `harness.core.conversations`."""

    @property
    def text(self) -> str:
        """Text of the last user message: what the case is about."""
        users = [message for message in self.messages if message.role == "user"]
        return users[-1].text if users else ""

    def __repr__(self) -> str:
        """Short, since tracebacks show it: the id, and the beginning and end of what is asked and expected."""
        parts = {"text": self.text or None, "expected": self.expected}
        return f"Case(id={self.id!r}{''.join(f', {k}={_SHORT.repr(v)}' for k, v in parts.items() if v is not None)})"

    def __getitem__(self, key: str) -> Json:
        if key in self.fields:
            return self.fields[key]
        if key in self.__struct_fields__:
            return getattr(self, key)
        raise KeyError(f"case {self.id} has no column {key!r}; it has {', '.join(sorted(self.fields)) or 'none'}")


class Fate(Noun, frozen=True):
    """Where one call ended in curation. Every call has exactly one."""

    call_id: str
    fate: str
    """train, held_out, regression, production, replay, or a reason for leaving it out, such as `no_target` or `user_cap`."""
    detail: str = ""


class Doubt(Noun, frozen=True):
    """Why a target looks wrong. It says nothing of who is right: a person decides, see `trueup review`."""

    call_id: str
    sign: str
    """Name of the file in `harness/curate/doubts/` that raised it."""
    reason: str
    """One sentence a person can check against the call."""
    score: float
    """How sure the sign is, 0 to 1."""


class Dataset(Noun, frozen=True):
    """Manifest of one curated dataset. The rows stand beside it, one JSON Lines file a split."""

    id: str
    """Content id of all its rows and of what they were made from."""
    name: str = ""
    counts: dict[str, int] = {}
    """Split name to rows."""
    fates: dict[str, int] = {}
    """Fate to calls; the values add up to `calls`."""
    calls: int = 0
    target_sources: dict[str, int] = {}
    clusters: tuple[Cluster, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    """The prompts that production used, commonest first, found as shared prefixes."""
    shares: tuple[Share, ...] = ()
    """What production's calls are like, so that an effect on cases can be read as one on traffic."""
    traces_version: str = ""
    """Version of the trace table it was made from."""
    leak_proof: tuple["Neighbour", ...] = ()
    """The held-out cases nearest to training, nearest first."""
    parents: tuple[str, ...] = ()
    notes: dict[str, Json] = {}


class Neighbour(Noun, frozen=True):
    """Leak proof of one held-out case: the training text nearest to it."""

    case_id: str
    train_id: str
    similarity: float
    """Jaccard of character 5-shingles, 0 to 1."""
    text: str = ""
    train_text: str = ""
