"""Price a night before it runs: what would be asked and trained, and what that costs.

What a call takes is what it took in the latest evaluation; without one, tokens are guessed from the texts and are an upper
bound. Nothing is asked and nothing is changed.
"""

from collections.abc import Iterator, Sequence
from statistics import fmean

from msgspec.structs import replace

from harness.core.adapters import HOSTED
from harness.errors import TrueupError, UsageError
from harness.evaluate import arms as evaluate_arms
from harness.evaluate import step as evaluate_step
from harness.evaluate.prices import Prices, prices_of
from harness.evaluate.runner.survey import Survey
from harness.gate import candidate as gate_candidate
from harness.project import LATEST, EvaluationRuns, Project
from harness.sections import Config
from harness.tune import candidates, dry_run, tournament
from harness.tune import step as tune_step
from harness.types import Adapter, Arm, Dataset, Noun, Result, Run, Suite

BYTES_A_TOKEN = 3.0
"""Of text, where nothing was counted yet: English has about four, other languages fewer."""
OUTPUT = 256
"""Tokens of an answer where nothing was counted yet: the default bound of a request."""
MEASURED, GUESSED = "as in the latest evaluation", "guessed from the texts, at most"


class PricedStep(Noun, frozen=True):
    """One line of the price."""

    name: str
    calls: int = 0
    """Cases and repeats that have to be asked."""
    known: int = 0
    """Those that are in the store already: free."""
    input: float | None = None
    """Tokens of all calls."""
    output: float | None = None
    seconds: float | None = None
    cost: float | None = 0.0
    """None: not known."""
    basis: str = ""
    """How it is known, or why not."""


class NightPrice(Noun, frozen=True):
    steps: tuple[PricedStep, ...]
    cost: float
    """Of all steps whose cost is known."""
    is_whole: bool
    """Whether that is every step."""
    most: float
    """The cap; 0: none."""
    sentence: str

    @property
    def fits(self) -> bool:
        return not self.most or self.cost <= self.most


class _Pace(Noun, frozen=True):
    """What one case of a suite takes."""

    input: float | None = None
    output: float | None = None
    seconds: float | None = None
    cost: float | None = None
    basis: str = MEASURED


def check(config: Config) -> None:
    """Raises UsageError on a negative amount, and where a cap is set that cannot be kept: something asked has no price."""
    cost = config.cost
    if min(cost.most, cost.machine_hour, cost.calls_a_day) < 0:
        raise UsageError("an amount is negative", where="[cost]", next="write 0 or more")
    if not cost.most or cost.machine_hour:
        return
    unpriced = [
        f"[arms.{name}.options]"
        for name, arm in evaluate_arms.sections(config).items()
        if not arm.options.get("prices")
    ]
    unpriced += [f"[judges.{name}.options]" for name, judge in config.judges.items() if not judge.options.get("prices")]
    if unpriced:
        raise UsageError(
            "a cap is set, but not what everything costs",
            where=f"[cost] most; no prices in {', '.join(unpriced)}",
            next="set prices there, or [cost] machine_hour for what this machine answers",
        )


def price(project: Project) -> NightPrice:
    """What `trueup run` would cost now, from the calls and the dataset that are stored."""
    check(project.config)
    steps = [*_training(project), *_answers(project), *_judges(project)]
    known = [step.cost for step in steps if step.cost is not None]
    total, whole = sum(known), len(known) == len(steps)
    most, words = project.config.cost.most, project.config.cost.words
    sentence = f"{'about' if whole else 'at least'} {words(total)} for {sum(step.calls for step in steps):,} calls"
    if most:
        sentence += f", {'within' if total <= most else 'more than'} the cap of {words(most)}"
    return NightPrice(steps=tuple(steps), cost=total, is_whole=whole, most=most, sentence=f"{sentence}.")


# ---------------------------------------------------------------- training


def _training(project: Project) -> Iterator[PricedStep]:
    if not gate_candidate.is_tuned(project.config, project.config.gate):
        return
    dataset, adapter = project.latest_or_none()
    if dataset is None:
        yield PricedStep(name="training", cost=None, basis="no dataset yet: trueup curate")
    elif project.config.candidates:
        for each in candidates.entries(project, dataset)[0]:
            step = _one_training(each.project, each.dataset, adapter, f"training {each.name}")
            yield replace(step, basis=f"{step.basis}; whole, less where it ends early")
    else:
        yield _one_training(project, dataset, adapter, "training")


def _one_training(project: Project, dataset: Dataset, adapter: Adapter | None, name: str) -> PricedStep:
    if tune_step.known(project, dataset):
        return PricedStep(name=name, basis="done before")
    if project.config.tune.method == HOSTED:
        return PricedStep(name=name, cost=None, basis="the provider's price is not known here")
    seconds, basis = _seconds(project, dataset, adapter)
    cost = project.config.cost
    money = cost.of_machine(seconds) if cost.machine_hour and seconds else None
    unknown = basis if money is not None else f"{basis}; set [cost] machine_hour for its price"
    return PricedStep(name=name, seconds=seconds, cost=money, basis=unknown)


def _seconds(project: Project, dataset: Dataset, adapter: Adapter | None) -> tuple[float | None, str]:
    """How long a training takes: as long a row as the latest one by the same recipe, else by trial steps."""
    if adapter and adapter.recipe == project.config.tune and adapter.rows.get("trained") and adapter.seconds:
        rows = adapter.seconds / adapter.rows["trained"]
        return rows * dataset.counts.get("train", 0), "as long a row as the latest training"
    try:
        whole = project.latest_dataset().counts.get("train", 0) or 1
        share = dataset.counts.get("train", 0) / whole
        return share * dry_run.estimate(project).seconds or None, "from trial steps on this machine"
    except TrueupError as error:
        return None, error.what


# ---------------------------------------------------------------- answers


def _answers(project: Project) -> Iterator[PricedStep]:
    """One line an arm: all its suites."""
    dataset, adapter = project.latest_or_none()
    survey = evaluate_step.survey(project, dataset=dataset)
    past = _past(project)
    for arm in _arms(project, dataset, adapter):
        prices = prices_of(arm.options)
        suites = [
            _asked(project, arm, suite, len(survey.cases.get(suite.name, ())), past, survey, prices)
            for suite in survey.suites
        ]
        line = PricedStep(
            name=arm.name,
            calls=sum(each.calls for each in suites),
            known=sum(each.known for each in suites),
            input=_sum([each.input for each in suites]),
            output=_sum([each.output for each in suites]),
            seconds=_sum([each.seconds for each in suites]),
            cost=_sum([each.cost for each in suites]),
            basis=next((each.basis for each in suites if each.calls), "all answered before"),
        )
        yield line
        if arm.name == evaluate_arms.TUNED:
            finalists = min(tournament.FINALISTS, len(project.config.candidates))
            yield from (replace(line, name=f"{arm.name}, finalist {number}") for number in range(2, finalists + 1))


def _arms(project: Project, dataset: Dataset | None, adapter: Adapter | None) -> list[Arm]:
    """Those that would be asked, the one that is trained first included."""
    known = evaluate_step.arms(project, dataset, adapter)
    prompts = dataset.prompts if dataset else ()
    later = evaluate_arms.resolve(project.config, prompts, {evaluate_arms.TUNED: "tonight"})
    found = {**later, **known} if adapter and dataset and tune_step.known(project, dataset) else {**known, **later}
    return [arm for arm in found.values() if arm.name not in evaluate_arms.FIXED]


def _past(project: Project) -> dict[str, Run]:
    known = project.recalled(LATEST, "evaluation", "evaluation")
    return project.runs(project.store.artifacts.get("evaluation", known, EvaluationRuns)) if known else {}


def _asked(
    project: Project, arm: Arm, suite: Suite, cases: int, past: dict[str, Run], survey: Survey, prices: Prices | None
) -> PricedStep:
    """What one suite costs under one arm."""
    repeats = project.config.eval.repeats or suite.repeats
    run = past.get(arm.name)
    answered = 0
    if run and run.arm == arm:
        ids = set(survey.cases.get(suite.name, ()))
        answered = sum(
            result.suite == suite.name and result.case_id in ids and not result.error for result in run.results
        )
    calls = max(0, cases * repeats - answered)
    pace = _pace(arm, suite, past, survey, prices)
    cost = pace.cost
    if cost is None and not prices and project.config.cost.machine_hour and pace.seconds is not None:
        cost = project.config.cost.of_machine(pace.seconds)
    return PricedStep(
        name=suite.name,
        calls=calls,
        known=cases * repeats - calls,
        input=_times(pace.input, calls),
        output=_times(pace.output, calls),
        seconds=_times(pace.seconds, calls),
        cost=_times(cost, calls),
        basis=pace.basis,
    )


def _pace(arm: Arm, suite: Suite, past: dict[str, Run], survey: Survey, prices: Prices | None) -> _Pace:
    """What a case takes: of this arm and suite, of this arm, or of any arm that was asked; else guessed."""
    runs = [past[arm.name]] if arm.name in past else list(past.values())
    results = [result for run in runs for result in run.results if result.replies]
    for chosen in ([result for result in results if result.suite == suite.name], results):
        if chosen:
            return _measured(chosen, prices)
    prompt = sum(len(message.text.encode()) for message in arm.prompt.messages) if suite.prompt else 0
    texts = fmean(len(text.encode()) for text in survey.texts) if survey.texts else 0.0
    given = (prompt + texts) / BYTES_A_TOKEN
    cost = (given * prices.input + OUTPUT * prices.output) / 1e6 if prices else None
    return _Pace(input=given, output=float(OUTPUT), cost=cost, basis=GUESSED)


def _measured(results: Sequence[Result], prices: Prices | None) -> _Pace:
    replies = [reply for result in results for reply in result.replies]
    count = len(results)
    given = _sum([reply.usage.input for reply in replies])
    output = _sum([reply.usage.output for reply in replies])
    costs = [prices.of(reply.usage) for reply in replies] if prices else [reply.cost for reply in replies]
    return _Pace(
        input=_times(given, 1 / count),
        output=_times(output, 1 / count),
        seconds=sum(reply.seconds for reply in replies) / count,
        cost=_times(_sum(costs), 1 / count),
    )


def _judges(project: Project) -> Iterator[PricedStep]:
    """What the judges took in the latest evaluation, which a new adapter's answers will take again."""
    spent: dict[str, list[float | None]] = {}
    calls: dict[str, int] = {}
    for run in _past(project).values():
        for part in run.judged:
            spent.setdefault(part.name, []).append(part.cost)
            calls[part.name] = calls.get(part.name, 0) + part.calls
    for name, costs in spent.items():
        yield PricedStep(name=name, calls=calls[name], cost=_sum(costs), basis=MEASURED)
    if project.config.judges and not spent:
        yield PricedStep(name="judges", cost=None, basis="not asked yet")


def _sum(values: Sequence[float | None]) -> float | None:
    """None where one of them is not known."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _times(value: float | None, factor: float) -> float | None:
    if factor == 0:
        return 0.0
    return None if value is None else value * factor
