"""A judge with a scale: held against people's labels and attacked before any of its grades counts."""

from trueup import cases, guard, judge, suite

tone = judge("tone.md", scale=(1, 5), calibration="labels.jsonl", min_kappa=0.6, most_bias=0.05)


@suite(role=guard(margin=0.1), cluster="session_id")
@cases("tone.jsonl")
def eval_tone(case, model):
    return tone(model.chat(case.messages, max_tokens=96), case)
