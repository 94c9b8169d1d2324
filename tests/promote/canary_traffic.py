"""Made-up traffic of a canary: people with sessions, split as a gateway would."""

from collections.abc import Iterator

import numpy as np

from harness.mine.mined import Mined
from harness.promote.served_by import model_name
from harness.promote.split import is_candidates
from harness.types import SHADOW, Call, Canary, Failure
from tests.curate.traces import DAY_NS, START_NS, call

CANDIDATE, CHAMPION = "c" * 64, "b" * 64
HOUR_NS = DAY_NS // 24


def canary(**fields) -> Canary:
    given = {
        "id": "1" * 64,
        "candidate": CANDIDATE,
        "verdict": "e" * 64,
        "champion": CHAMPION,
        "alias": "production",
        "look": "",
        "share": 0.2,
        "salt": "s",
        "start_ns": START_NS,
        "metrics": ("failures", "errors"),
        "alpha": 0.05,
        "most_harm": 0.05,
        "least_calls": 100,
        "days": 3.0,
        "candidate_name": model_name(CANDIDATE),
        "control_name": model_name(CHAMPION),
        "candidate_ids": (CANDIDATE,),
        "control_ids": (CHAMPION,),
    }
    return Canary(**{**given, **fields})


def traffic(plan: Canary, days: int, people: int = 100, **fields) -> Iterator[Call]:
    """A call a person and day, spread over the day, answered as the split says. Shadow calls come beside the shown ones."""
    number = 0
    for day in range(days):
        for person in range(people):
            number += 1
            session = f"s{day}-{person}"
            at = plan.start_ns + day * DAY_NS + (person + 1) * DAY_NS // (people + 2)
            mine = is_candidates(session, plan.salt, plan.share)
            given = {
                "id": f"t{number}:a",
                "trace_id": f"t{number}",
                "session_id": session,
                "user_id": f"u{person}",
                "start_ns": at,
                "end_ns": at + 10**9,
            }
            side = plan.candidate_name if mine and not plan.shadow else plan.control_name
            yield call(number, "soup", model_served=side, **{**given, **fields})
            if mine and plan.shadow:
                given |= {"id": f"t{number}:b", "start_ns": at + 1, "metadata": {SHADOW: True}}
                yield call(number, "soup", model_served=plan.candidate_name, **{**given, **fields})


def failing(calls: list[Call], plan: Canary, ours: float, theirs: float, seed: int = 0) -> Mined:
    """Failures of either arm at these rates."""
    rng = np.random.default_rng(seed)
    draws = rng.random(len(calls))
    rates = [ours if one.model_served == plan.candidate_name else theirs for one in calls]
    failed = [one for one, draw, rate in zip(calls, draws, rates, strict=True) if draw < rate]
    return Mined(failures=tuple(Failure(call_id=one.id, detector="schema_break", reason="r") for one in failed))
