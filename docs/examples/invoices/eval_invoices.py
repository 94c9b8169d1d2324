"""JSON fields, each with a comparator of its own: what was extracted, and how much of it is right."""

from trueup import cases, score, suite, target

COMPARE = {"total": score.number(abs=0.01), "date": score.date(), "vendor": score.text(fold=True)}


@suite(role=target(min_gain=0.03), metric="f1", cluster="vendor")
@cases("invoices.jsonl", id="document")
def eval_invoices(case, model):
    return score.json_fields(model.chat(case.messages, max_tokens=96), case.expected, compare=COMPARE)
