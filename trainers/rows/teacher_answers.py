"""Ask a teacher the training cases, keep its answers for a killed run, and score them by the suite."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from harness.core import plugins
from harness.core.codec import digest, encode, read_lines, sync_folder
from harness.errors import InputError, StorageError, TrueupError
from harness.evaluate.reward_client import Answer, SuiteJudge
from harness.types import Arm, Case, Message, Noun, ReasoningPart, Reply, Request, TextPart

CHUNK = 64
"""Answers that are asked for, and kept, at a time."""
TEACHER = "teacher"
ENDED = ("stop", "tool_calls")
"""How an answer that may be learnt has ended: one that was cut off never is, whatever it scores."""
NOT_ACCEPTED, NOT_ANSWERED = "not_accepted", "not_answered"


class TeacherAnswer(Noun, frozen=True):
    """One answer of the teacher, as it is kept."""

    key: str
    """Digest of teacher, request and sample."""
    reply: Reply


class Lessons(NamedTuple):
    cases: list[Case]
    """Cases with the teacher's accepted answer as their target."""
    fates: dict[str, int]
    """Reason for leaving a case out to number of cases."""
    asked: int
    accepted: int
    """Answers, of those that were asked for."""


def lessons(
    arm: Arm, cases: Sequence[Case], judge: SuiteJudge, samples: int, temperature: float, accept: float, kept: Path
) -> Lessons:
    """Ask the teacher what the suite asks, `samples` times a case, and keep of each case the best accepted answer.

    `kept` is the file of answers that were paid for. Raises what the teacher's backend raises, InputError when it
    answers nothing, StorageError on a full disk.
    """
    requests = judge.requests([case.id for case in cases])
    asked = [_sampled(request, number, temperature) for request in requests for number in range(samples)]
    owners = [case.id for case in cases for _ in range(samples)]
    replies = _answers(arm, asked, kept)
    given = [(owner, reply) for owner, reply in zip(owners, replies, strict=True) if isinstance(reply, Reply)]
    if not given:
        raise _silent(arm, replies)
    judged = judge.judge([Answer(case_id=owner, reply=reply) for owner, reply in given])
    best: dict[str, tuple[float, Reply]] = {}
    accepted = 0
    for (owner, reply), answer in zip(given, judged, strict=True):
        if answer.value is not None and answer.value >= accept and reply.finish_reason in ENDED:
            accepted += 1
            if owner not in best or answer.value > best[owner][0]:
                best[owner] = answer.value, reply
    taught = [replace(case, target=_said(best[case.id][1]), target_source=TEACHER) for case in cases if case.id in best]
    answered = {owner for owner, _ in given}
    fates = Counter(NOT_ACCEPTED if case.id in answered else NOT_ANSWERED for case in cases if case.id not in best)
    return Lessons(taught, dict(fates), len(asked), accepted)


def _sampled(request: Request, number: int, temperature: float) -> Request:
    """The first sample is greedy; those after it are drawn, each with a seed of its own."""
    if number == 0:
        return replace(request, temperature=0.0, seed=0, repeat=0)
    return replace(request, temperature=temperature, seed=number, repeat=number)


def _answers(arm: Arm, requests: Sequence[Request], kept: Path) -> list[Reply | Exception]:
    name = plugins.load("backends", arm.backend).digest(arm)
    keys = [digest([name, request]) for request in requests]
    known = {answer.key: answer.reply for answer in _read(kept)}
    missing = [place for place, key in enumerate(keys) if key not in known]
    failed: dict[str, Exception] = {}
    for places, replies in _ask(arm, requests, missing):
        fresh = dict(zip((keys[place] for place in places), replies, strict=True))
        known |= {key: reply for key, reply in fresh.items() if isinstance(reply, Reply)}
        failed |= {key: reply for key, reply in fresh.items() if isinstance(reply, Exception)}
        _keep(kept, [TeacherAnswer(key, reply) for key, reply in fresh.items() if isinstance(reply, Reply)])
    return [known.get(key) or failed[key] for key in keys]


def _ask(
    arm: Arm, requests: Sequence[Request], places: list[int]
) -> Iterator[tuple[list[int], Sequence[Reply | Exception]]]:
    if not places:
        return
    backend = plugins.load("backends", arm.backend).open([arm])
    try:
        for start in range(0, len(places), CHUNK):
            part = places[start : start + CHUNK]
            yield part, backend.answer(arm, [requests[place] for place in part])
    finally:
        backend.close()


def _read(file: Path) -> list[TeacherAnswer]:
    """What was kept; a last line that a kill cut short is dropped."""
    if not file.exists():
        return []
    data = file.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if whole != data:
        file.write_bytes(whole)
    return list(read_lines(file, TeacherAnswer))


def _keep(file: Path, taught: Sequence[TeacherAnswer]) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab") as out:
            out.write(b"".join(encode(answer) + b"\n" for answer in taught))
        sync_folder(file)
    except OSError as error:
        raise StorageError(f"the teacher's answers cannot be kept: {error}", where=str(file)) from error


def _said(reply: Reply) -> Message:
    thoughts = (ReasoningPart(text=reply.reasoning),) if reply.reasoning else ()
    words = (TextPart(text=reply.text),) if reply.text else ()
    return Message(role="assistant", parts=(*thoughts, *words, *reply.tool_calls))


def _silent(arm: Arm, replies: Sequence[Reply | Exception]) -> Exception:
    first = next((reply for reply in replies if isinstance(reply, Exception)), None)
    if isinstance(first, TrueupError):
        return first
    return InputError(f"the teacher answered nothing: {first}", where=f"arm {arm.name}")
