"""Reinforcement over sessions: the same eval function, several turns, and no token of the environment learnt."""

import pytest
from msgspec.structs import replace

pytest.importorskip("trl")

from trl import GRPOTrainer

from harness.core.codec import from_chat
from harness.core.rendering import prompt_ids
from harness.errors import UsageError
from harness.evaluate.reward_client import JudgedAnswer, JudgeRequest, SuiteJudge
from harness.evaluate.runner.model import Model
from harness.types import Arm, Recipe, Reply
from tests.trainers.test_steps import TEMPLATE, TOOLS
from trainers import reinforcement
from trainers.publishing import round_trip
from trainers.training import played

SUITE = """
from trueup import cases, suite, target

@cases.held_out("mined")
def eval_talk(case, model):
    talk = model.session(case.messages, max_tokens=5)
    said = [talk.say(word).text for word in ("Go on.", "And more?")]
    text = "".join(said)
    return text.count("e") / max(1, len(text))
"""


class Played:
    """In place of the suite's process: an agent's task with one tool, judged here."""

    def play(self, case_id, answer):
        talk = Model(Arm(name="given"), answer).session("Where is 7?", TOOLS)
        while call := talk.next_call():
            talk.reply(call, "It is LATE")
        return JudgedAnswer(value=float("late" in talk.text))


def writing(renderer, *texts):
    """Writes these texts, one after the other, each with the end of turn."""
    queue = list(texts)
    end = next(iter(renderer.stop))
    return lambda ids, most: [*renderer.tokenizer(queue.pop(0), add_special_tokens=False)["input_ids"], end]


CALL = '<tool_call>\n{"name": "look", "arguments": {"id": 7}}\n</tool_call>'


def test_a_session_is_one_row_in_which_only_the_model_is_learnt(renderer):
    """The row is what serving would send before the last answer, and that answer; tools' tokens are masked."""
    renderer.tokenizer.chat_template = TEMPLATE
    session = played.play(Played(), "c", renderer.tokenizer, renderer.stop, writing(renderer, CALL, "It is late."))
    decode = renderer.tokenizer.decode
    own = [token for token, mine in zip(session.written, session.own, strict=True) if mine]
    others = [token for token, mine in zip(session.written, session.own, strict=True) if not mine]
    assert decode(own) == f"{CALL}<|im_end|>It is late.<|im_end|>" and "It is LATE" in decode(others)
    assert session.judged.value == 1.0 and not session.rewritten
    talk = [
        from_chat({"role": "user", "content": "Where is 7?"}),
        from_chat({"role": "assistant", "tool_calls": [_call()]}),
        from_chat({"role": "tool", "content": "It is LATE", "tool_call_id": "1"}),
    ]
    asked = prompt_ids(renderer.tokenizer, played.NO_PROMPT, tuple(talk), TOOLS)
    assert [*session.prompt, *session.written][: len(asked)] == asked
    rollouts = played.as_rollouts([session])
    assert rollouts["env_mask"] == [[int(mine) for mine in session.own]] and sum(session.own) < len(session.own)


def _call():
    return {"id": "1", "type": "function", "function": {"name": "look", "arguments": '{"id": 7}'}}


def test_a_row_ends_where_the_template_writes_an_answer_otherwise(renderer):
    """A call in other spacing is history in the template's: what follows is played and judged, and not in the row."""
    renderer.tokenizer.chat_template = TEMPLATE
    odd = CALL.replace(": ", ":  ")
    session = played.play(Played(), "c", renderer.tokenizer, renderer.stop, writing(renderer, odd, "It is late."))
    assert session.rewritten and session.judged.value == 1.0 and all(session.own)
    assert renderer.tokenizer.decode(session.written) == f"{odd}<|im_end|>"


@pytest.fixture
def talks(request_for, tmp_path, monkeypatch):
    """Makes a request that learns from sessions; the round trip in a fresh process has tests of its own."""
    monkeypatch.setattr(round_trip, "certify", lambda *given: {})
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "eval_it.py").write_text(SUITE, encoding="utf-8")

    def make(**options):
        options = {"suite": "eval_talk", "generations": 4, "start": "base", "sessions": True, **options}
        recipe = Recipe(
            method="reinforcement",
            learning_rate=1e-3,
            batch_size=8,
            max_steps=2,
            rank=4,
            dtype="float32",
            options=options,
        )
        return request_for(recipe=recipe, evals=(str(tmp_path / "evals"),))

    return make


def test_training_plays_the_suite_and_masks_what_the_model_did_not_write(talks, monkeypatch):
    """Rewards are the suite's; TRL's loss gets a mask in which the words of the user are left out."""
    masks, rolled = [], []
    loss, rollouts = GRPOTrainer._compute_loss, played.as_rollouts
    monkeypatch.setattr(
        GRPOTrainer, "_compute_loss", lambda self, model, inputs: masks.append(inputs) or loss(self, model, inputs)
    )
    monkeypatch.setattr(played, "as_rollouts", lambda sessions: rolled.extend(sessions) or rollouts(sessions))
    adapter = reinforcement.train(talks(), lambda point, steps: None)
    found = adapter.checks["reinforcement"]
    assert found["sessions"] and found["broken"] == 0 and found["answers"] == 2 * 8 + 3 * 3
    assert [point.step for point in adapter.curve] == [0, 1, 2]
    assert all(0 < sum(each.own) < len(each.own) for each in rolled if not each.rewritten)
    learnt = sum(int((each["tool_mask"] * each["completion_mask"]).sum()) for each in masks)
    assert learnt == sum(sum(each.own) for each in rolled) and len(rolled) == 16


def test_a_loss_without_a_mask_refuses_sessions(talks):
    """RLOO in TRL would learn what the user said."""
    with pytest.raises(UsageError, match="rloo cannot leave out"):
        reinforcement.train(talks(loss="rloo"), lambda point, steps: None)


def test_the_suites_process_plays_a_session(talks, tmp_path):
    """Each request comes with the turns before it; single answers are judged by the same process as ever."""
    request = talks()
    heard = []

    def answer(asked):
        heard.append([(one.role, one.text) for one in asked.messages])
        return Reply(text="eee" if len(heard) == 1 else "abc")

    cases = str(tmp_path / "data" / "train.jsonl")
    with SuiteJudge(JudgeRequest("eval_talk", request.evals, cases)) as judge:
        judged = judge.play("case-1", answer)
        assert judged.value == 0.5 and not judged.error and not judged.waits
        assert [turn[0] for turn in heard[1]] == ["user", "user", "assistant", "user"] and heard[1][2][1] == "eee"
        assert "no case of the suite" in judge.play("nobody", answer).error
        assert judge.play("case-2", answer).value == 0.0


@pytest.mark.slow
def test_reward_and_held_out_score_rise_together(talks):
    """Over sessions of two turns: what the suite rewards in training it sees more of in cases that did not train."""
    request = talks(generations=8)
    recipe = replace(request.recipe, max_steps=25, batch_size=32, learning_rate=3e-3)
    adapter = reinforcement.train(replace(request, recipe=recipe), lambda point, steps: None)
    found = adapter.checks["reinforcement"]
    assert found["rose_together"] and found["reward_last"] > 1.25 * found["reward_first"]  # measured: 0.070 to 0.109
