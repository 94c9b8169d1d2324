"""What is usual on a route is learnt from its good answers."""

from harness.mine.norms import learn
from tests.curate.traces import call, say, thumb


def learnt(answers, texts, **kinds):
    calls = [call(n, text, "oops") for n, text in enumerate(texts)]
    feedback = {f"t:{n}": (thumb(f"t:{n}", -1, answer),) for n, answer in enumerate(answers)}
    return learn(calls, feedback, lambda item: (say("user", item.input[-1].text),))["POST /orders"]


def test_form_and_copied_fields_come_from_corrections():
    """Keys that nearly all have, and fields whose values stand in their message."""
    answers = [{"dish": f"soup{n}", "mood": "calm"} for n in range(20)]
    norms = learnt(answers, [f"I want soup{n}" for n in range(20)])
    assert (norms.good, norms.json_share, norms.forms["object"].required) == (20, 1.0, {"dish", "mood"})
    assert norms.copied == {"dish"}


def test_prose_corrections_set_no_form():
    """A route that is corrected in prose has no JSON to break."""
    norms = learnt(["Sorry, we are closed."] * 20, ["open?"] * 20)
    assert norms.json_share == 0.0
    assert list(norms.forms) == ["text"]
