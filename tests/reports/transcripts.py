"""A synthetic night of an agent: sessions with tools, reasoning, Markdown, a picture, and one conversation of 200 turns."""

import json

from msgspec.structs import replace

from harness.types import (
    Arm,
    Case,
    Comparison,
    MediaPart,
    Message,
    OtherPart,
    Pair,
    Reply,
    Result,
    Run,
    Score,
    Story,
    Suite,
    Target,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Usage,
    Verdict,
)
from tests.reports.texts import say

SUITE = "desk/eval_agent::eval_agent"
DOT = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNk+M9Qz0AEYBxVSF+FABJADveWkH6oAAAAAElFTkSuQmCC"
"""A dot of ten pixels."""
MARKDOWN = """## What happened

Your parcel **PX-77** waits at the *depot*:

1. it was late
2. it was `returned`

```python
print("hello")
```

| day | place |
|---|---|
| 1 | depot |

See [the page](https://track.example/PX-77), ![map](https://track.example/map.png) and <b>this</b>."""


def call(ident: str, name: str, **arguments: object) -> ToolCallPart:
    return ToolCallPart(id=ident, name=name, arguments=json.dumps(arguments))


def returned(ident: str, value: object) -> Message:
    return Message(role="tool", parts=(ToolResultPart(id=ident, content=json.dumps(value)),))


def make_agent_story(turns: int = 200) -> Story:
    """Four cases under two arms: `tools`, `markdown`, `picture` and `long`, which has so many turns."""
    cases = (
        Case(id="tools", messages=(say("user", "Where is order 7? Refund it if it is late."),), expected="refunded"),
        Case(id="markdown", messages=(say("user", "Tell me **everything** about PX-77."),), expected=None),
        Case(id="picture", messages=(_picture(),), expected=None, trace_id="trace 7/x", fields={"photo": DOT}),
        Case(id="long", messages=(say("user", "Count."),), expected=None),
    )
    suite = Suite(name=SUITE, role=Target(min_gain=0.05), metric="exact", cases=4, file="evals/desk/eval_agent.py")
    runs = tuple(_run(name, suite, cases, turns) for name in ("base", "tuned"))
    passed = {run.arm.name: {one.case_id: one.scores[0].value for one in run.results} for run in runs}
    pairs = tuple(Pair(one.id, passed["base"][one.id], passed["tuned"][one.id], one.id) for one in cases)
    comparison = Comparison(suite=suite, baseline="base", candidate="tuned", metric="exact", pairs=pairs, binary=True)
    verdict = Verdict(outcome="undecided", sentence="Too few cases.", id="aa" * 32, at_ns=1_793_577_600_000_000_000)
    return Story(title="Desk agent", verdict=verdict, runs=runs, comparisons=(comparison,))


def with_replies(story: Story, case_id: str, **replies: tuple[Reply, ...]) -> Story:
    """The story with other replies to a case, by arm."""
    runs = []
    for run in story.runs:
        given = replies[run.arm.name]
        changed = (replace(r, replies=given, asked=()) if r.case_id == case_id else r for r in run.results)
        runs.append(replace(run, results=tuple(changed)))
    return replace(story, runs=tuple(runs))


def _picture() -> Message:
    parts = (
        TextPart(text="What is this?"),
        MediaPart(modality="image", mime="image/png", uri=DOT),
        OtherPart(raw=json.dumps({"type": "image_url", "image_url": {"url": DOT}})),
        MediaPart(modality="image", mime="image/png", uri="https://elsewhere.example/x.png", bytes=12_345),
        MediaPart(modality="image", mime="image/svg+xml", uri="data:image/svg+xml;base64,PHN2Zy8+"),
    )
    return Message(role="user", parts=parts)


def _run(name: str, suite: Suite, cases: tuple[Case, ...], turns: int) -> Run:
    tuned = name == "tuned"
    made = {"tools": _tools(tuned), "markdown": _markdown(tuned), "picture": _plain(tuned), "long": _long(tuned, turns)}
    results = tuple(
        Result(
            suite=SUITE,
            case_id=case.id,
            scores=(Score(name="exact", value=float(tuned and case.id != "long")),),
            replies=made[case.id][0],
            asked=made[case.id][1],
            closing=(returned("c2", {"queue": 3}),) if case.id == "tools" and not tuned else (),
        )
        for case in cases
    )
    return Run(
        id=name, arm=Arm(name=name), model_digest=name * 8, suites=(suite,), results=results, cases={SUITE: cases}
    )


def _tools(tuned: bool) -> tuple[tuple[Reply, ...], tuple[tuple[Message, ...], ...]]:
    first = Reply(
        text="",
        tool_calls=(call("c1", "find_order", id=7, deep={"a": [{"b": 1}]}),),
        reasoning="Look it up first.",
        usage=Usage(input=90, output=20),
        seconds=0.4,
    )
    late = returned("c1", {"order": {"id": 7, "days": 12, "status": "late"}})
    if not tuned:
        wrong = Reply(
            text="", tool_calls=(call("c2", "refund", id=8, days=12),), usage=Usage(input=130, output=12), cost=0.25
        )
        asked = ((), (late,), (returned("c2", {"error": "no such order"}),))
        return (first, wrong, Reply(text="I could not refund the order 8, it is not late.")), asked
    right = Reply(text="", tool_calls=(call("c2", "refund", id=7, days=12),), usage=Usage(input=130, output=12))
    asked = ((), (late,), (returned("c2", {"ok": True}),))
    return (first, right, Reply(text="I refunded the order 7, it is 12 days late.")), asked


def _markdown(tuned: bool) -> tuple[tuple[Reply, ...], tuple[()]]:
    return (Reply(text=MARKDOWN if tuned else MARKDOWN.replace("late", "early"), usage=Usage(input=12, output=90)),), ()


def _plain(tuned: bool) -> tuple[tuple[Reply, ...], tuple[()]]:
    old, new = (
        {"colour": "blue", "size": {"w": 10}, "tags": [{"n": 1}]},
        {"colour": "red", "size": {"w": 10}, "tags": [{"n": 2}]},
    )
    return (Reply(text=json.dumps(new if tuned else old)),), ()


def _long(tuned: bool, turns: int) -> tuple[tuple[Reply, ...], tuple[tuple[Message, ...], ...]]:
    replies = [Reply(text=f"number {place if place != turns - 3 or tuned else 'lost'}") for place in range(turns)]
    asked = [(say("user", f"and after {place}?"),) if place else () for place in range(turns)]
    return tuple(replies), tuple(asked)
