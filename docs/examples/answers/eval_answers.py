"""A judge of pairs: is the reply better than the answer that staff wrote? Asked in both orders."""

from trueup import cases, info, judge, suite

better = judge(text="The better answer solves more of the customer's problem.", pairwise=True, name="better")


@suite(role=info())
@cases("answers.jsonl")
def eval_answers(case, model):
    return better(model.chat(case.messages, max_tokens=96), case, reference=case.expected)
