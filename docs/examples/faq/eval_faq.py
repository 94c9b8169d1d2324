"""Text: a fact has to be in the answer, an apology must not open it."""

from trueup import cases, guard, score, suite


@suite(role=guard(margin=0.05), owner="support", tags=["faq"])
@cases("faq.csv")
def eval_faq(case, model):
    reply = model.chat(case.messages, max_tokens=64)
    assert not reply.text.startswith("Sorry")
    return score.text(reply, case.expected, mode="contains", fold=True)
