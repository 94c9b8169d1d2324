"""Several turns: what was said before has to be remembered."""

from trueup import cases, guard, score, suite


@suite(role=guard(margin=0.05))
@cases([{"id": "name", "turns": ["My name is Ines.", "I have two cats.", "What is my name?"], "expected": "Ines"}])
def eval_dialogue(case, model):
    chat = model.session(max_tokens=32)
    for turn in case["turns"]:
        reply = chat.say(turn)
    return score.text(reply, case.expected, mode="contains"), score.check("turns", len(chat.messages) == 6)
