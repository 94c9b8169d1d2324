"""Dates and times, however the model writes them."""

from trueup import cases, guard, score, suite


@suite(role=guard(margin=0.03))
@cases("appointments.jsonl")
def eval_appointments(case, model):
    question = f"{case.text}\nWhen is it? Answer with the date and the time only."
    return score.date(model.chat(question, max_tokens=24), case.expected)
