"""What a night writes to a store, in small: calls, a dataset, a split, a look, a verdict, a promotion, answers."""

from pathlib import Path

from harness.core.codec import digest, encode
from harness.store import Store
from harness.store.looks import Sight
from harness.types import Adapter, Call, Message, Prompt, Recipe, Reply, Source, TextPart, Verdict

ADAPTER, MODEL = "a" * 64, "d" * 64


def call(number: int, user: str = "") -> Call:
    """A whole call, always the same for a number."""
    trace = f"{number:032x}"
    return Call(
        id=f"{trace}:{number:016x}",
        trace_id=trace,
        span_id=f"{number:016x}",
        start_ns=number,
        user_id=user,
        input=(Message(role="user", parts=(TextPart(text=f"question {number}"),)),),
        output=(Message(role="assistant", parts=(TextPart(text="yes"),)),),
        source=Source(format="otlp", file="a.jsonl", line=number),
    )


def night(store: Store) -> dict[str, object]:
    """Do what is not done yet, each step once, as the loop does; returns what the store then holds."""
    with store.lock():
        if not store.traces.seen("f" * 64):
            store.traces.merge([call(1), call(2, user="ada")], [], [], files={"f" * 64: "a.jsonl"})
        if not store.memo.recall("tune", "key"):
            _adapter(store)
        if "case" not in store.ledger.splits():
            store.ledger.add({"case": "held_out"})
        if not store.memo.recall("gate", "key"):
            _verdict(store)
        if not store.promotions.current("production"):
            store.promotions.move("production", ADAPTER, store.memo.recall("gate", "key") or "", expected=None)
    return held(store)


def _adapter(store: Store) -> None:
    folder = store.artifacts.scratch("adapter")
    made = {"base": "", "tokenizer": "", "template": "", "recipe": Recipe(), "prompt": Prompt(name="")}
    (folder / "adapter.json").write_bytes(encode(Adapter(id=ADAPTER, method="sft", dataset="", **made)))
    (folder / "weights").write_text("of an adapter")
    store.artifacts.add_folder("adapter", ADAPTER, folder)
    store.memo.remember("tune", "key", ADAPTER)


def _verdict(store: Store) -> None:
    store.replies(MODEL).add({"asked": Reply(text="yes")})
    numbers, look = store.ledger.looks.count({"suite": Sight(judged="b" * 64, cases=("case",))})
    verdict = Verdict(outcome="promote", sentence="better", looks=numbers, look=look)
    store.memo.remember("gate", "key", store.artifacts.put("verdict", verdict))


def held(store: Store) -> dict[str, object]:
    """The ids of what a store holds, without any time."""
    verdicts = [store.artifacts.get("verdict", ident, Verdict) for ident in store.artifacts.ids("verdict")]
    promoted = store.promotions.history("production")
    return {
        "traces": store.traces.version(),
        "splits": store.ledger.splits(),
        "looks": len(store.ledger.looks.all()),
        "verdicts": [digest(verdict) for verdict in verdicts],
        "adapters": store.artifacts.ids("adapter"),
        "weights": (store.artifacts.folder("adapter", ADAPTER) / "weights").read_text(),
        "moves": [(move.adapter, move.verdict) for move in promoted],
    }


def held_here(folder: Path) -> dict[str, object]:
    """What the same night leaves in a folder, to compare with."""
    return night(Store.open(folder))
