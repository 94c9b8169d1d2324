from harness.tune import stage
from harness.types import TuneRequest
from trainers import sft


def test_a_preview_shows_what_is_learnt(request_for):
    """Every token of a row is shown with its kind; what is learnt reads as the answer, and the end of turn as stop."""
    shown = sft.preview(request_for(), 5)
    assert len(shown.rows) == 5 and shown.fates == {"trained": 20}
    for row in shown.rows:
        learnt = "".join(text for text, kind in row.tokens if kind == "supervised")
        assert learnt == f"It is {int(row.id.split('-')[1]) + 1}."
        assert [text for text, kind in row.tokens if kind == "stop"] == ["<|im_end|>"]
        assert row.tokens[0] == ("<|im_start|>", "special")


def test_an_estimate_costs_two_batches_and_writes_nothing(request_for, tmp_path):
    """Steps, tokens, time and memory are given without training, and no folder appears."""
    request: TuneRequest = request_for()
    before = sorted(tmp_path.rglob("*"))
    cost = stage.estimate(request)
    assert cost.steps == 6 and cost.rows == {"trained": 20}
    assert cost.seconds > 0 and cost.peak_bytes > 10**8
    assert 0 < cost.trained_weights < cost.weights
    assert "epochs" in cost.choices
    assert sorted(tmp_path.rglob("*")) == before
