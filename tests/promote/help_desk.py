"""A help desk for two weeks: people, the endpoint that answers them, and the traces that its days leave behind.

The endpoint is the stand-in of a provider with a fine-tuning API. Its models are tables from a topic to a queue; a tuned model is the base's
table with what the uploaded rows teach. So a training really learns from its rows, and takes no time.
"""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from harness.core.codec import write_atomic
from tests.curate.traces import DAY_NS
from tests.trainers.provider_server import Provider

START_NS = 1_788_220_800 * 10**9
"""2026-09-01, midnight UTC: the first day of the fortnight."""
NIGHT_NS = DAY_NS // 12
"""Nobody writes in the first two hours of a day, when the nightly job runs."""
TOPICS = {
    "refund": "payments",
    "parcel": "delivery",
    "password": "accounts",
    "locker": "pickup",
    "customs": "abroad",
}
"""Word of a message to the queue that it belongs to."""
NEW = ("locker", "customs")
"""Topics that the base model does not know."""
UNKNOWN = "delivery"
"""Where the base model sends what it does not know."""
REFUSAL = "I'm sorry, I can't help with that."
CALM = {"refund": 0.38, "parcel": 0.38, "password": 0.2, "locker": 0.02, "customs": 0.02}
DRIFTED = {"refund": 0.25, "parcel": 0.25, "password": 0.2, "locker": 0.15, "customs": 0.15}
UNPRAISED = "password"
"""Topic that nobody says thanks for, so that its passing calls do not get into the regression set."""
PEOPLE = 200
"""Who write in a day, once each."""
OPENINGS = ("hello there", "good morning", "hi team", "dear desk", "excuse me", "once more", "thanks ahead")
DETAILS = (
    "since last {day} nothing moved at {place}",
    "my {thing} from {place} worries me",
    "{name} told me on {day} to write to you",
    "it concerns the {thing} that {name} ordered",
    "we wait for it at {place} until {day}",
)
WORDS = {
    "day": ("monday", "tuesday", "friday", "sunday", "easter", "christmas"),
    "place": ("lisbon", "the harbour", "kiel", "our shop", "graz", "the old mill", "office nine", "porto"),
    "thing": ("kettle", "violin", "tent", "lamp", "jacket", "printer", "sofa", "globe", "saddle", "drill"),
    "name": ("ada", "boris", "carla", "deniz", "emil", "farah", "gita", "henrik"),
}


def message(draw: random.Random, topic: str) -> str:
    """A message about one topic; no two are alike."""
    words = {kind: draw.choice(choices) for kind, choices in WORDS.items()}
    first, second = draw.sample(DETAILS, 2)
    code = "".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=9))
    return f"{draw.choice(OPENINGS)}, {first.format(**words)}, {code}: {topic}; {second.format(**words)}"


def answer(queue: str) -> str:
    return json.dumps({"queue": queue})


def topic_of(text: str) -> str:
    return next(topic for topic in TOPICS if topic in text)


class Desk(Provider):
    """The endpoint. `fault`: topic that the next training spoils: its model refuses it from then on."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.fault = fault
        base = {topic: queue for topic, queue in TOPICS.items() if topic not in NEW}
        self.models: dict[str, dict[str, str]] = {"desk-1": {topic: answer(queue) for topic, queue in base.items()}}

    def look(self, ident: str) -> dict:
        job = super().look(ident)
        if job["status"] == "succeeded" and job["fine_tuned_model"] not in self.models:
            learnt = {**self.models[job["model"]], **_taught(self.files[job["training_file"]])}
            if self.fault:
                learnt[self.fault], self.fault = REFUSAL, ""
            self.models[job["fine_tuned_model"]] = learnt
        return job

    def reply(self, body: dict) -> str:
        return self.says(body["model"], body["messages"][-1]["content"])

    def says(self, model: str, text: str) -> str:
        return self.models[model].get(topic_of(text), answer(UNKNOWN))


def _taught(upload: bytes) -> dict[str, str]:
    """Topic to the commonest answer among the uploaded rows."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for line in upload.split(b"\n"):
        if line.startswith(b'{"messages"'):
            *_, asked, right = json.loads(line)["messages"]
            seen[topic_of(asked["content"])][right["content"]] += 1
    return {topic: answers.most_common(1)[0][0] for topic, answers in seen.items()}


class Production:
    """The application: who writes, which model answers, and the export of each day.

    `names`: the model names that a gateway may ask for, to the endpoint's own.
    """

    def __init__(self, root: Path, desk: Desk) -> None:
        self.root, self.desk = root, desk
        self.names = {"base": "desk-1"}

    def day(self, number: int, mix: dict[str, float]) -> None:
        """One day of traffic; -1 is the day before the fortnight. A wrong answer is corrected by two in three, a right one is praised
        now and then."""
        draw = random.Random(number)
        rows = [json.dumps(row) for row in self._calls(number, mix, draw)]
        write_atomic(self.root / "exports" / f"day{number:+03}.jsonl", "\n".join(rows).encode())

    def _calls(self, number: int, mix: dict[str, float], draw: random.Random) -> Iterator[dict]:
        model_for = self._route()
        for person in range(PEOPLE):
            topic = draw.choices(list(mix), list(mix.values()))[0]
            session, text = f"s{number}-{person}", message(draw, topic)
            name = model_for(session)
            reply, right = self.desk.says(self.names[name], text), answer(TOPICS[topic])
            row = {
                "id": f"c{number}-{person}",
                "session_id": session,
                "user_id": f"u{draw.randrange(10**6)}",
                "route": "POST /ask",
                "time": START_NS + number * DAY_NS + NIGHT_NS + person * (DAY_NS - NIGHT_NS) // PEOPLE,
                "seconds": 0.5,
                "model": name,
                "input": text,
                "output": reply,
            }
            if reply != right and draw.random() < 2 / 3:
                row |= {"value": -1, "correction": right}
            elif reply == right and topic != UNPRAISED and draw.random() < 0.15:
                row |= {"value": 1}
            yield row

    def _route(self):
        """Which model answers a session: by the file that `trueup canary` wrote, once there is one; else the base model."""
        path = self.root / "out" / "canary" / "vllm_router" / "model_for.py"
        if not path.exists():
            return lambda session: "base"
        scope: dict = {}
        exec(compile(path.read_text(), str(path), "exec"), scope)
        return scope["model_for"]


def hosted_in(folder: Path) -> str:
    """The endpoint's name of a tuned model, as a deployed release says it."""
    return json.loads((folder / "hosted.json").read_text())["model"]


def evals(root: Path) -> None:
    """An eval file: what was mined, what was praised, and two topics of old. Nobody thought of passwords."""
    draw = random.Random("evals")
    rows = [
        {"id": f"g{n}", "text": message(draw, topic), "expected": {"queue": TOPICS[topic]}}
        for n, topic in enumerate(("refund", "parcel") * 120)
    ]
    (root / "evals").mkdir()
    (root / "evals" / "known.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (root / "evals" / "eval_desk.py").write_text(EVALS)


EVALS = """
from trueup import cases, guard, score, suite, target

@suite(role=target(min_gain=0.2))
@cases.held_out("desk")
def eval_mined(case, model):
    return score.json_fields(model.chat(case.messages), case.expected)

@suite(role=guard(margin=0.1))
@cases.regression("desk")
def eval_kept(case, model):
    return score.json_fields(model.chat(case.messages), case.expected)

@suite(role=guard(margin=0.1))
@cases("known.jsonl")
def eval_known(case, model):
    return score.json_fields(model.chat(case.messages), case.expected)
"""
