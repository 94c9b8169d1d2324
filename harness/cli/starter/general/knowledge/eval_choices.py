"""Does the model still know what it knew? Plain facts, sums, opposites, spelling and grammar, by log-likelihood."""

from trueup import cases, guard, score, suite


@suite(role=guard(margin=0.04), slices=["kind"], tags=["knowledge"])
@cases("choices.jsonl")
def eval_choices(case, model):
    return score.text(model.choose(case["text"], case["options"], raw=True), case.expected, name="right")
