"""A budget: the mean of the output tokens has to stay below the limit. It needs no expected answers."""

from trueup import budget, cases, score, suite


@suite(role=budget(limit=40))
@cases([{"id": "hello", "text": "Hello, who are you?"}, {"id": "thanks", "text": "Thanks, that was all."}])
def eval_lengths(case, model):
    return score.budget(model.chat(case.messages, max_tokens=80), measure="output_tokens")
