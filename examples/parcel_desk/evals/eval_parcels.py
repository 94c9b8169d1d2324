"""Does the desk read a customer's message right?"""

from trueup import cases, info, score, suite, target


@suite(role=target(min_gain=0.2), cluster="session_id")
@cases.held_out("parcels")
def eval_mined(case, model):
    """What failed in production, mined and held out."""
    return score.json_fields(model.chat(case.messages, max_tokens=64), case.expected)


@suite(role=info(), cluster="session_id")
@cases.regression("parcels")
def eval_kept(case, model):
    """What production passed: with the failures it tells what traffic will see."""
    return score.json_fields(model.chat(case.messages, max_tokens=64), case.expected)


@suite(role=target(min_gain=0.2))
@cases("messages.jsonl")
def eval_fresh(case, model):
    """Messages that were never in production."""
    return score.json_fields(model.chat(case.messages, max_tokens=64), case.expected)
