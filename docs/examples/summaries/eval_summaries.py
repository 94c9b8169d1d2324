"""Likeness: for free text with a reference, where no two good answers are equal."""

from trueup import cases, info, score, suite


@suite(role=info())
@cases("summaries.jsonl")
def eval_summaries(case, model):
    reply = model.chat(case.messages, max_tokens=48)
    return score.similarity(reply, case.expected), score.similarity(reply, case.expected, method="rouge_l")
