"""A shadow at `trueup serve`: its candidate is asked the same, shown to nobody, within a day's budget that outlives a restart."""

import shutil
from pathlib import Path

import pytest

from harness import config, report
from harness.core import plugins
from harness.evaluate.prices import Prices
from harness.project import Project
from harness.promote import canary, serve, shadow_budget
from harness.promote.served_by import Arms
from harness.promote.shadow_budget import BudgetSpentError, ShadowBudget, Took
from harness.types import SHADOW, ShadowDay
from tests.promote.serving.test_serve import ingested, serving
from tests.promote.test_step import CONFIG, trueup, walked  # noqa: F401

DAY = "2027-03-01"


@pytest.fixture
def shadowed(walked, tmp_path):  # noqa: F811
    """Gives a copy of the walked project with these lines under [canary] and a shadow that mirrors everything."""

    def made(rules: str, more: str = ""):
        root = shutil.copytree(walked[0].config.root, tmp_path / "copy")
        (root / "trueup.toml").write_text(f"{CONFIG}\n[canary]\n{rules}\n{more}")
        work = Project.open(config.load(root))
        return work, canary.start(work, share=1.0, shadow=True)

    return made


def ask(client, count, start=0):
    for number in range(start, start + count):
        assert client.says("production", f"late {number}", **{"x-session-id": f"s{number}"}) == "refund"


def test_the_candidate_is_asked_the_same_and_nobody_sees_it(shadowed):
    """Each shown answer is the control's; its mirrored one is in the same trace and is marked."""
    work, plan = shadowed("")
    with serving(work) as client:
        ask(client, 5)
        client.says("production", "late 9")  # without a session nothing is mirrored
        client.says("base", "late 9", **{"x-session-id": "s1"})  # nor what names its model
    arms, sides = Arms(plan), {}
    for call in ingested(work):
        sides.setdefault(call.trace_id, []).append((arms.side(call), bool(call.metadata.get(SHADOW)), call.reply))
    both = [sorted(pair) for pair in sides.values() if len(pair) == 2]
    assert both == [[("candidate", True, "delivery"), ("control", False, "refund")]] * 5 and len(sides) == 7


def test_nothing_more_is_asked_once_the_days_tokens_are_spent(shadowed, monkeypatch):
    """Not by a server that was started again either; the next day begins anew. People are answered all the same."""
    monkeypatch.setattr(shadow_budget, "_today", lambda: DAY)
    work, _ = shadowed("shadow_tokens = 130")
    with serving(work) as client:
        ask(client, 6)
    spent = work.store.shadow_days.of(DAY)
    assert spent.tokens <= 130 and spent.closed == "130 tokens" and spent.asked + spent.refused == 6 and spent.asked
    with serving(work) as client:
        ask(client, 2, start=6)
        status, said = client.chat("base", "late 1", **{"x-trueup-shadow": "true"})
        assert status == 429 and f"the shadow's 130 tokens of {DAY} are spent" in said["error"]["message"]
    again = work.store.shadow_days.of(DAY)
    assert (again.asked, again.tokens, again.refused) == (spent.asked, spent.tokens, spent.refused + 3)
    assert sum(bool(call.metadata.get(SHADOW)) for call in ingested(work)) == spent.asked
    monkeypatch.setattr(shadow_budget, "_today", lambda: "2027-03-02")
    with serving(work) as client:
        ask(client, 1)
    assert work.store.shadow_days.of("2027-03-02").asked == 1


def test_nothing_more_is_asked_once_the_days_money_is_spent(shadowed, monkeypatch):
    """Here what the machine costs; it may pass the bound by the one request that spends the rest, whose time nobody knew."""
    monkeypatch.setattr(shadow_budget, "_today", lambda: DAY)
    work, _ = shadowed("shadow_cost = 0.000001", "[cost]\nmachine_hour = 3600.0\n")
    with serving(work) as client:
        ask(client, 4)
    spent = work.store.shadow_days.of(DAY)
    assert (spent.asked, spent.refused, spent.closed) == (1, 3, "1e-06") and spent.cost > 1e-6


def test_with_prices_the_money_never_passes_its_bound(shadowed, monkeypatch):
    """A request is counted as a token a byte before it is asked, and as what it took after it."""
    monkeypatch.setattr(shadow_budget, "_today", lambda: DAY)
    monkeypatch.setattr(serve, "prices_of", lambda options: Prices(input=1.0, output=1.0))
    work, _ = shadowed("shadow_cost = 0.00013\nshadow_tokens = 0")
    with serving(work) as client:
        ask(client, 8)
    spent = work.store.shadow_days.of(DAY)
    assert spent.asked >= 1 and spent.refused >= 1 and spent.asked + spent.refused == 8
    assert spent.cost == pytest.approx(spent.tokens / 1e6) and spent.cost < 0.00013 and spent.closed == "0.00013"


def test_a_bound_that_does_not_fit_is_not_asked_and_one_that_was_killed_counts(shadowed):
    """In money with prices the bound is never passed; what was being asked when the server died is counted in full."""
    work, _ = shadowed("shadow_cost = 1.0\nshadow_tokens = 0")
    with ShadowBudget(work).asking(Took(500, 0.6)) as took:
        took.append(Took(100, 0.2))
    with pytest.raises(KeyboardInterrupt), ShadowBudget(work).asking(Took(500, 0.6)):
        raise KeyboardInterrupt
    with pytest.raises(BudgetSpentError), ShadowBudget(work).asking(Took(500, 0.6)):
        pytest.fail("it was asked")
    with pytest.raises(BudgetSpentError), ShadowBudget(work).asking(Took(0, 0.0)):
        pytest.fail("the day is closed")
    (day,) = work.store.shadow_days.all()
    assert (day.asked, day.tokens, round(day.cost, 6), day.refused) == (2, 600, 0.8, 2)


def test_status_and_the_nights_page_say_that_it_is_spent(shadowed):
    """How much was taken, and how many requests were not asked."""
    work, _ = shadowed("shadow_tokens = 130")
    with serving(work) as client:
        ask(client, 6)
    ingested(work)
    spent = work.store.shadow_days.all()[-1]
    said = f"then its budget (130 tokens) was spent, and {spent.refused} mirrored requests were not asked"
    _, shown = trueup(work, "canary", "status")
    assert said in " ".join(shown.split())
    story = report.story_of(work, work.latest_verdict())
    assert said in story.canaries[-1].days[-1].notes[-1]
    assert said in plugins.load("reports", "html").render(story).decode()


def test_a_record_that_cannot_be_read_stops_the_mirroring_alone(shadowed):
    """People are answered; the message names the file."""
    work, _ = shadowed("")
    Path(work.store.root, "shadow.json").write_text("{")
    with serving(work) as client:
        ask(client, 2)
        status, said = client.chat("base", "late 1", **{"x-trueup-shadow": "true"})
    assert status == 500 and "what the shadow spent cannot be read" in said["error"]["message"]
    assert not any(call.metadata.get(SHADOW) for call in ingested(work))


def test_days_are_kept_for_a_month(shadowed):
    """The oldest go first."""
    work, _ = shadowed("")
    for number in range(40):
        work.store.shadow_days.put(ShadowDay(day=f"2027-{number // 28 + 1:02}-{number % 28 + 1:02}", asked=number))
    assert [day.asked for day in work.store.shadow_days.all()] == list(range(9, 40))
