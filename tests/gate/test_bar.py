"""The bar: what was asked for before, however slowly it is lowered."""

from msgspec.structs import replace

from harness.gate.bar import GateBar, raised, settings
from harness.types import Arm, ArmSettings, Comparison, Guard, Judgement, Message, Policy, Prompt, Run, Suite, TextPart


def judged(margin=0.03, cases=100, name="arc", before=None, **policy):
    """A judgement of one guard, made by the bar `before`."""
    suite = Suite(name=name, role=Guard(margin=margin), cases=cases, must_pass=("c1",) if margin < 0.05 else ())
    bar = before or GateBar()
    return Judgement(
        comparisons=(Comparison(suite=suite, baseline="base", candidate="tuned", metric="x", pairs=(), binary=True),),
        policy=Policy(**policy),
        candidate="a",
        bar=bar.suites,
        bar_version=bar.version,
        bar_policy=bar.policy,
        bar_arms=dict(bar.arms),
        bar_promoted=bar.promoted,
    )


def test_a_bar_that_is_lowered_a_little_each_night_is_where_it_began():
    """Nine tenths of the cases, and a little more margin, ten times: the first night's are kept."""
    bar = raised(judged(), promoted=True)
    for night in range(1, 11):
        step = judged(margin=0.03 + 0.005 * night, cases=int(100 * 0.92**night), before=bar, alpha=0.05 * 1.1**night)
        bar = raised(step, promoted=True)
    (suite,) = bar.suites
    assert (suite.role.margin, suite.cases, suite.must_pass, bar.policy.alpha) == (0.03, 100, ("c1",), 0.05)


def test_what_was_added_later_is_asked_for_too():
    """A stricter policy, more cases and another suite raise it."""
    bar = raised(judged(), promoted=True)
    bar = raised(judged(margin=0.01, cases=300, before=bar, net_gain=0.01), promoted=True)
    bar = raised(judged(name="piqa", before=bar), promoted=True)
    assert [(suite.name, suite.role.margin, suite.cases) for suite in bar.suites] == [
        ("arc", 0.01, 300),
        ("piqa", 0.03, 100),
    ]
    assert bar.policy.net_gain == 0.01


def test_a_new_version_sets_it_anew():
    """What was asked for under another version is asked for no more, once it was promoted."""
    bar = raised(judged(), promoted=True)
    bar = raised(judged(margin=0.1, cases=50, before=bar, version="2"), promoted=True)
    assert bar.version == "2" and bar.suites[0].role.margin == 0.1 and bar.suites[0].cases == 50


def test_the_first_promotion_does_not_ask_for_what_was_tried_before_it():
    """Suites of the days before, which its sentence named, are not owed by the next."""
    tried = raised(judged(name="piqa"), promoted=False)
    assert [suite.name for suite in raised(judged(before=tried), promoted=False).suites] == ["arc", "piqa"]
    assert [suite.name for suite in raised(judged(before=tried), promoted=True).suites] == ["arc"]


def said(text):
    return Prompt(name=text, messages=(Message(role="system", parts=(TextPart(text=text),)),))


def test_settings_are_told_as_far_as_they_differ_from_the_candidates():
    """A change of both is none; production's own prompt may change with production."""
    tuned = Run(
        id="t",
        arm=Arm(name="tuned", model="/a/models/base", prompt=said("short"), adapter="x"),
        model_digest="d",
        suites=(),
        results=(),
    )

    def of(**fields):
        arm = replace(tuned.arm, name="base", adapter="", **fields)
        return settings({"tuned": tuned, "base": replace(tuned, arm=arm)}, (said("recorded"),))["base"]

    assert of() == ArmSettings()
    assert of(model="/b/models/tiny/").model == "tiny"
    assert of(options={"dtype": "float32"}).options == {"dtype": "float32"}
    assert of(prompt=said("recorded")).prompt == "of the traces"
    assert of(prompt=said("be wrong")).prompt not in ("", "of the traces", of(prompt=said("be right")).prompt)
