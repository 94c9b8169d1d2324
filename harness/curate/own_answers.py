"""Ask the base model itself general requests: its own answers are replay rows that keep it what it is.

A tune on one task makes a small model answer everything in that task's form. General rows in the mix prevent that, and answers
that the model gives already teach it nothing new (Li and Hoiem 2016, "Learning without Forgetting"). An answer that was cut at the token limit is left out: a row must end where an
answer ends.
"""

from pathlib import Path

from harness.core.codec import digest
from harness.core.digests import model_digests
from harness.evaluate.runner.answering import Answerer
from harness.project import Project
from harness.types import Arm, Case, Message, ReasoningPart, Reply, Request, TextPart

REQUESTS = Path(__file__).with_name("general_requests.txt")
MAX_TOKENS = 160
SPARE = 2.5
"""Requests that are asked for each row that is wanted: many answers of small models do not end in time."""
SOURCE = "own"


def content(project: Project) -> str:
    """Digest of all that these rows depend on; empty where there is no base model here to ask."""
    arm = base(project)
    return digest([model_digests(arm.model), arm.template_options, REQUESTS.read_bytes()]) if arm else ""


def base(project: Project) -> Arm | None:
    """The base model without a prompt; None where it is not a folder on this machine."""
    model = project.config.model
    folder = project.config.model_path(model.base) if model.base else ""
    if model.backend != "hf" or not folder or not (Path(folder) / "config.json").is_file():
        return None
    return Arm(name="base", backend=model.backend, model=folder, template_options=model.template_options)


def rows(project: Project, wanted: int, seed: int) -> list[Case]:
    """At most `wanted` rows, drawn by `seed`; fewer where fewer answers ended by themselves. Replies are kept in the store."""
    arm = base(project)
    if arm is None or wanted < 1:
        return []
    lines = REQUESTS.read_text(encoding="utf-8").splitlines()
    lines = sorted(lines, key=lambda line: digest([seed, line]))[: round(SPARE * wanted)]
    chats = [(Message(role="user", parts=(TextPart(text=line),)),) for line in lines]
    requests = [Request(messages=chat, max_tokens=MAX_TOKENS) for chat in chats]
    with project.progress.step("replay"):
        replies = _answers(project, arm, requests)
        made = [
            _row(chat, reply.text.strip(), reply.reasoning.strip())
            for chat, reply in zip(chats, replies, strict=True)
            if isinstance(reply, Reply) and reply.finish_reason == "stop" and reply.text.strip()
        ]
        project.progress.note(f"{len(made):,} of {len(lines):,} answers of the base model ended by themselves")
    return made[:wanted]


def _answers(project: Project, arm: Arm, requests: list[Request]) -> list[Reply | Exception]:
    answerer = Answerer((arm,), str(project.store.root / "replies"), purse=project.purse)
    try:
        return list(answerer.answer(arm, requests))
    finally:
        answerer.close()


def _row(chat: tuple[Message, ...], answer: str, reasoning: str = "") -> Case:
    thoughts = (ReasoningPart(text=reasoning),) if reasoning else ()
    target = Message(role="assistant", parts=(*thoughts, TextPart(text=answer)))
    return Case(
        id=digest([*chat, target])[:16],
        messages=chat,
        target=target,
        expected=answer,
        target_source=SOURCE,
        split="replay",
        tags=(REQUESTS.stem,),
    )
