"""Labels by log-likelihood: no text to parse. Macro-F1 decides, so that rare labels count as much as common ones."""

from trueup import cases, guard, score, suite

LABELS = ["cancel", "change", "track"]


@suite(role=guard(margin=0.02), metric="macro_f1", slices=["channel"])
@cases("intents.jsonl")
def eval_intents(case, model):
    reply = model.choose(case.messages, LABELS, normalize=True)
    return score.label(reply, case.expected, among=LABELS)
