"""Record the demo's traces: three weeks of a parcel help desk, answered for real by SmolLM2-135M-Instruct.

The messages come from the grammar; users, sessions, clock times and latencies are simulated; every answer is the base
model's own under the production prompt with its worked examples. The spans are written by the OpenTelemetry SDK's OTLP
JSON file exporter, one file a day, and feedback with the corrections of a (simulated) member of staff by the plain
`feedback.jsonl` that many applications keep. One thumb in twenty is wrong, as with people. One call in ten, drawn at random,
is checked by the team's lead: most customers never say that an answer was wrong, so complaints do not tell how many are.

    python -m examples.parcel_desk.record models/smollm2

writes `examples/parcel_desk/traces/`, and `evals/messages.jsonl`: messages that were never in production. The seeds are
fixed; on another processor the model may answer a few differently.
"""

import datetime
import gzip
import io
import json
import random
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from opentelemetry.exporter.otlp.json.file import FileSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

from examples.parcel_desk.grammar import Message, messages
from harness.core.codec import from_chat
from harness.evaluate.backends import hf
from harness.types import Arm, Prompt, Reply, Request

HERE = Path(__file__).parent
SYSTEM = (
    "You read messages to a parcel help desk. Reply with one JSON object with the keys category (tracking, late, damaged, "
    "wrong_item, address or other), order_number, days_waiting and wants_refund. Use null for what the message does not say."
)
EXAMPLES = (
    ("Hello, where is my parcel? Order 77120345.", ("tracking", "77120345", None, False)),
    ("The vase is broken and I want my money back", ("damaged", None, None, True)),
    ("Ref KT-20417, waiting four days now, the delivery is late!", ("late", "KT-20417", 4, False)),
    ("Do you deliver on Saturdays?", ("other", None, None, False)),
)
KEYS = ("category", "order_number", "days_waiting", "wants_refund")
FIRST_DAY = datetime.datetime(2026, 10, 26, tzinfo=datetime.UTC)
MESSAGES, FRESH, DAYS, MAX_TOKENS, SEED, REVIEWED = 1000, 120, 21, 64, 20261026, 0.1


@dataclass(frozen=True)
class Turn:
    """One message as it reached the desk."""

    message: Message
    user: str
    session: str
    start_ns: int
    timed_out: bool = False


class SeededIds(IdGenerator):
    """Trace and span ids from a seed, so that recording again gives the same ids."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def generate_trace_id(self) -> int:
        return self.random.getrandbits(128) | 1

    def generate_span_id(self) -> int:
        return self.random.getrandbits(64) | 1


def schedule(rng: random.Random) -> list[Turn]:
    """Sessions of one to four messages over three weeks, by daylight."""
    waiting, turns = messages(SEED, MESSAGES), list[Turn]()
    while waiting:
        day, user = rng.randrange(DAYS), f"customer-{min(int(rng.expovariate(1 / 90)), 399):04d}"
        clock = FIRST_DAY + datetime.timedelta(days=day, seconds=rng.randint(8 * 3600, 20 * 3600))
        session = f"{rng.getrandbits(64):016x}"
        for _ in range(min(len(waiting), rng.choice((1, 1, 1, 2, 2, 3, 4)))):
            clock += datetime.timedelta(seconds=rng.randint(20, 240))
            start = int(clock.timestamp()) * 1_000_000_000
            turns.append(Turn(waiting.pop(), user, session, start, timed_out=rng.random() < 0.012))
    return sorted(turns, key=lambda turn: turn.start_ns)


def conversation(text: str) -> list[dict[str, str]]:
    """The production prompt, worked examples and all, with the customer's message last."""
    chat = [{"role": "system", "content": SYSTEM}]
    for question, answer in EXAMPLES:
        chat.append({"role": "user", "content": question})
        chat.append({"role": "assistant", "content": json.dumps(dict(zip(KEYS, answer, strict=True)))})
    return [*chat, {"role": "user", "content": text}]


def ask(model: str, texts: Iterable[str]) -> dict[str, Reply]:
    """The base model's greedy answer to each text."""
    arm = Arm(name="production", model=model, prompt=Prompt(name="none"))
    texts = list(dict.fromkeys(texts))
    requests = [
        Request(messages=tuple(from_chat(turn) for turn in conversation(text)), max_tokens=MAX_TOKENS) for text in texts
    ]
    backend = hf.open([arm])
    replies = [reply for reply in backend.answer(arm, requests) if isinstance(reply, Reply)]
    return dict(zip(texts, replies, strict=True))


def right(reply: str, answer: dict) -> bool:
    try:
        return json.loads(reply) == answer
    except ValueError:
        return False


def resend(rng: random.Random, turns: list[Turn], replies: dict[str, Reply]) -> list[Turn]:
    """Some customers send the same message again after a wrong answer or a timeout."""
    again = []
    for turn in turns:
        wrong = turn.timed_out or not right(replies[turn.message.text].text, turn.message.answer)
        if wrong and rng.random() < (0.5 if turn.timed_out else 0.07):
            later = turn.start_ns + rng.randint(15, 90) * 1_000_000_000
            again.append(Turn(turn.message, turn.user, turn.session, later))
    return sorted([*turns, *again], key=lambda turn: turn.start_ns)


def record_day(
    path: Path,
    day: list[Turn],
    replies: dict[str, Reply],
    ids: IdGenerator,
    rng: random.Random,
    reviews: random.Random,
) -> list[dict]:
    """Write one day's spans; returns the feedback given on them."""
    stream, given = io.StringIO(), list[dict]()
    resource = Resource({"service.name": "parcel-desk", "service.version": "1.8.0"})
    provider = TracerProvider(resource=resource, id_generator=ids)
    provider.add_span_processor(BatchSpanProcessor(FileSpanExporter(stream=stream)))
    tracer = provider.get_tracer("parcel-desk.llm", "1.8.0")
    for turn in day:
        span_id, trace_id = _record(tracer, turn, replies[turn.message.text], rng)
        place = {"trace_id": f"{trace_id:032x}", "span_id": f"{span_id:016x}"}
        opinions = (
            _feedback(turn, replies[turn.message.text], rng),
            _review(turn, replies[turn.message.text], reviews),
        )
        given += [place | opinion for opinion in opinions if opinion]
    provider.shutdown()
    path.write_bytes(gzip.compress(stream.getvalue().encode(), mtime=0))
    return given


def _record(tracer, turn: Turn, reply: Reply, rng: random.Random) -> tuple[int, int]:
    """A server span and below it the client span of the model call, as GenAI instrumentation writes them."""
    who = {"session.id": turn.session, "user.id": turn.user}
    route = {"http.request.method": "POST", "http.route": "/desk/messages", **who}
    server = tracer.start_span("POST /desk/messages", kind=SpanKind.SERVER, start_time=turn.start_ns, attributes=route)
    chat = conversation(turn.message.text)
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "smollm2-135m-instruct",
        "gen_ai.request.temperature": 0.0,
        "gen_ai.request.max_tokens": MAX_TOKENS,
        "gen_ai.conversation.id": turn.session,
        "user.id": turn.user,
        "gen_ai.system_instructions": json.dumps([{"type": "text", "content": chat[0]["content"]}]),
        "gen_ai.input.messages": json.dumps([_parts(**message) for message in chat[1:]]),
    }
    end = turn.start_ns + rng.randint(300, 2400) * 1_000_000
    client = tracer.start_span(
        "chat smollm2-135m-instruct",
        kind=SpanKind.CLIENT,
        start_time=turn.start_ns + 2_000_000,
        attributes=attributes,
        context=set_span_in_context(server),
    )
    if turn.timed_out:
        end = turn.start_ns + 30_000_000_000
        client.set_attribute("error.type", "timeout")
        client.set_status(Status(StatusCode.ERROR, "the model did not answer within 30 s"))
    else:
        answer = {**_parts("assistant", reply.text), "finish_reason": reply.finish_reason}
        client.set_attributes(
            {
                "gen_ai.response.model": "smollm2-135m-instruct",
                "gen_ai.response.id": f"chatcmpl-{rng.getrandbits(96):024x}",
                "gen_ai.response.finish_reasons": [reply.finish_reason],
                "gen_ai.usage.input_tokens": reply.usage.input or 0,
                "gen_ai.usage.output_tokens": reply.usage.output or 0,
                "gen_ai.output.messages": json.dumps([answer]),
            }
        )
    client.end(end_time=end)
    server.end(end_time=end + 3_000_000)
    return client.get_span_context().span_id, client.get_span_context().trace_id


def _parts(role: str, content: str) -> dict:
    return {"role": role, "parts": [{"type": "text", "content": content}]}


def _feedback(turn: Turn, reply: Reply, rng: random.Random) -> dict | None:
    """A thumb on half of the calls; on most thumbs down, what a member of staff entered instead."""
    if turn.timed_out or rng.random() < 0.42:
        return None
    good = right(reply.text, turn.message.answer) != (rng.random() < 0.05)
    at = datetime.datetime.fromtimestamp(turn.start_ns / 1e9 + rng.randint(60, 4000), tz=datetime.UTC)
    opinion = {"timestamp": at.isoformat(), "user_id": turn.user, "name": "user_feedback", "value": 1 if good else -1}
    if rng.random() < (0.1 if good else 0.92):
        opinion["correction"] = turn.message.answer
    return opinion


def _review(turn: Turn, reply: Reply, rng: random.Random) -> dict | None:
    """What the team's lead says of a call, the day after; most calls are not looked at."""
    if rng.random() >= REVIEWED or turn.timed_out:
        return None
    at = datetime.datetime.fromtimestamp(turn.start_ns / 1e9 + 86_400, tz=datetime.UTC)
    good = right(reply.text, turn.message.answer)
    opinion = {"timestamp": at.isoformat(), "user_id": "lead", "name": "review", "value": 1 if good else -1}
    return opinion if good else opinion | {"correction": turn.message.answer}


def write_fresh(path: Path, known: set[str]) -> None:
    """Eval cases from another seed, none of them word for word in the traces."""
    fresh = [one for one in messages(SEED + 1, 3 * FRESH) if one.text.casefold() not in known][:FRESH]
    rows = ({"id": f"fresh-{number:03d}", "text": one.text, "expected": one.answer} for number, one in enumerate(fresh))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def main() -> None:
    model = sys.argv[1] if len(sys.argv) > 1 else "models/smollm2"
    rng, folder = random.Random(SEED), HERE / "traces"
    turns = schedule(rng)
    replies = ask(model, (turn.message.text for turn in turns))
    turns = resend(rng, turns, replies)
    folder.mkdir(exist_ok=True)
    ids, feedback, reviews = SeededIds(SEED), list[dict](), random.Random(SEED + 2)
    for number in range(DAYS):
        date = (FIRST_DAY + datetime.timedelta(days=number)).date()
        begin = int((FIRST_DAY + datetime.timedelta(days=number)).timestamp()) * 1_000_000_000
        day = [turn for turn in turns if begin <= turn.start_ns < begin + 86_400_000_000_000]
        feedback += record_day(folder / f"calls-{date}.otlp.jsonl.gz", day, replies, ids, rng, reviews)
    lines = "".join(json.dumps(one) + "\n" for one in feedback)
    (folder / "feedback.jsonl").write_text(lines, encoding="utf-8")
    write_fresh(HERE / "evals" / "messages.jsonl", {turn.message.text.casefold() for turn in turns})
    correct = sum(right(replies[turn.message.text].text, turn.message.answer) for turn in turns)
    corrected = sum("correction" in one for one in feedback)
    print(f"{len(turns)} calls, {correct} right, {len(feedback)} feedback records, {corrected} corrections in {folder}")


if __name__ == "__main__":
    main()
