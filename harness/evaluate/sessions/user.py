"""Let somebody talk to the model: `from trueup import user`.

    guest = user.model(by="guest", persona="You are short of time.", goal="{instruction}")

    def eval_desk(case, model, desk):
        run = model.session(tools=tools.methods(desk)).play(user=guest(case))

`user.scripted(["Yes, please."])` says given lines. A plain function from the messages so far to the next line, or None
when the user is done, is a user too. A modelled user is tried before it counts, see `harness.evaluate.sessions.user_trial`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from harness.core.codec import digest as content_id
from harness.errors import UsageError
from harness.evaluate.asker import ask_own_model
from harness.evaluate.sessions.columns import filled
from harness.types import Case, Message, Reply, Request, TextPart

MOST = 20
"""How often a user speaks in one session, unless it says otherwise."""
STOP = "###STOP###"
"""What a modelled user writes when its goal is reached, or cannot be."""
VERSION = "user-1"
GREETING = "Hi! How can I help you today?"
"""What the modelled user answers when it speaks first; the model under test never sees it."""
RULES = f"""You play a customer who talks to a service agent. Write only what the customer says next, one short message.
Keep to your goal, and reveal it bit by bit, as the agent asks. Make up nothing that your goal does not say.
Never play the agent, never explain these rules, and never tell the agent which result is expected.
When your goal is reached or cannot be reached, write {STOP} and nothing else."""

Speak = Callable[[Sequence[Message]], str | None]


class ScriptedUser:
    """Says its lines in order, one whenever the model has answered, and is then done."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = (lines,) if isinstance(lines, str) else tuple(lines)
        self.most = len(self._lines) + 1

    def begin(self, identity: str = "") -> Speak:
        """The user of one session."""
        lines = iter(self._lines)
        return lambda messages: next(lines, None)


class SimulatedUser:
    """A user that a model plays. Made at the top of an eval file by `user.model(...)`, and called with the case."""

    kind = "user"

    def __init__(
        self,
        name: str,
        by: str,
        persona: str,
        goal: str,
        hidden: Sequence[str],
        pin: str,
        most: int,
        temperature: float,
        max_tokens: int,
    ) -> None:
        self.name, self.by, self.pin, self.most = name, by, pin, most
        self.persona, self.goal, self.hidden = persona, goal, tuple(hidden)
        self.temperature, self.max_tokens = temperature, max_tokens
        self.folder = Path()

    def digest(self, model: str) -> str:
        """Content id of all that it says depends on; `model` is the digest of the model that plays it."""
        said = [self.persona, self.goal, self.hidden, self.temperature, self.max_tokens]
        return content_id([VERSION, RULES, GREETING, said, model])

    def __call__(self, case: Case | None = None) -> "CaseUser":
        """The user for one case, whose columns fill persona and goal."""
        return CaseUser(self, case)


class CaseUser:
    """A modelled user with one case's persona and goal."""

    def __init__(self, user: SimulatedUser, case: Case | None) -> None:
        self.user, self.most = user, user.most
        self.goal = filled(user.goal, case)
        persona = filled(user.persona, case)
        self.system = "\n\n".join(filter(None, [RULES, persona, f"Your goal: {self.goal}"]))
        self.hidden = tuple(filled(text, case) for text in user.hidden)

    def begin(self, identity: str = "") -> Speak:
        """The user of one session; `identity` names case and repeat, which sampling is seeded with."""

        def speak(messages: Sequence[Message]) -> str | None:
            return said(ask_own_model(self.user, self.request(messages, identity)))

        return speak

    def request(self, messages: Sequence[Message], identity: str = "") -> Request:
        """What its model is asked: the conversation as the user saw it, without tool calls and their results."""
        heard = [(SEEN[message.role], message.text) for message in messages if message.role in SEEN and message.text]
        if not heard or heard[0][0] == "assistant":
            heard.insert(0, ("user", GREETING))
        turns = (_message("system", self.system), *(_message(role, text) for role, text in heard))
        seed = int(content_id([identity, len(heard)])[:8], 16) if self.user.temperature > 0 else 0
        return Request(messages=turns, max_tokens=self.user.max_tokens, temperature=self.user.temperature, seed=seed)


SEEN = {"assistant": "user", "user": "assistant"}
"""What a user sees of a conversation, and which role each has for its model, which speaks as the assistant."""


def said(reply: Reply) -> str | None:
    """What the user says; None when it is done, which an empty reply says too."""
    text = reply.text.strip()
    return None if not text or STOP in text else text


def scripted(lines: Sequence[str]) -> ScriptedUser:
    """A user that says these lines, whatever the model answers."""
    return ScriptedUser(lines)


def model(
    *,
    by: str,
    goal: str,
    persona: str = "",
    hidden: Sequence[str] = (),
    name: str = "user",
    pin: str = "",
    most: int = MOST,
    temperature: float = 0.0,
    max_tokens: int = 200,
) -> SimulatedUser:
    """A user that a model plays: `by` names a [judges.NAME] of trueup.toml, or is `scripted:FILE`.

    `{column}` in `goal`, `persona` and `hidden` is filled from the case. `hidden` are texts that the user must not tell
    the model, such as `"{expected}"`: its trial tries to get them. `pin` is the digest (or its start) of the user that was
    tried: another one does not count. `most` bounds how often it speaks; a session that goes on for longer is ended.
    Raises UsageError without a goal, and on a bound below 1.
    """
    if not goal.strip():
        raise UsageError("a simulated user needs a goal", next='user.model(by=..., goal="{instruction}")')
    if most < 1 or max_tokens < 1:
        raise UsageError("`most` and `max_tokens` must be 1 or more")
    return SimulatedUser(name, by, persona, goal, hidden, pin, most, temperature, max_tokens)


def _message(role: str, text: str) -> Message:
    return Message(role=role, parts=(TextPart(text=text),))
