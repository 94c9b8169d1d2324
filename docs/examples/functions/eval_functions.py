"""Code that is run: in a confined child, and only where TRUEUP_RUN_CODE=1 is set."""

from trueup import cases, guard, score, suite


@suite(role=guard(margin=0.05))
@cases("functions.jsonl")
def eval_functions(case, model):
    return score.code(model.chat(case.messages, max_tokens=128), case["tests"], seconds=2)
