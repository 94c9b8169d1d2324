"""The price of a night before it runs, and the cap that stops it."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness import config, cost, loop
from harness.cli.main import cli
from harness.errors import CapError, UsageError
from harness.project import Project
from harness.sections import Config
from tests.promote.test_step import CONFIG, written

PRICES = "prices = { input = 1e6 }"
PRICED = CONFIG.replace('options = { default = "refund" }', f'options = {{ default = "refund", {PRICES} }}').replace(
    'model = "script.json"', f'model = "script.json"\noptions = {{ {PRICES} }}'
)
CALL = 2.0
"""What each case costs: two words of the question; the prompt is not counted by the script."""
CASES = 210


def capped(most):
    return f'{PRICED}\n[cost]\nmost = {most}\ncurrency = "EUR"\n'


def opened(folder, text):
    (folder / "trueup.toml").write_text(text)
    return Project.open(config.load(folder))


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A project whose run was stopped by a cap of what 100 calls cost."""
    work = written(tmp_path_factory.mktemp("capped"), capped(100 * CALL))
    with pytest.raises(CapError) as raised:
        loop.run(work)
    return work, raised.value


def test_a_run_stops_before_the_cap_and_goes_on_from_there(stopped, tmp_path):
    """Nothing is spent beyond it, what was answered is kept, and under a higher cap only the rest is paid."""
    work, error = stopped
    assert "cap of 200.00 EUR" in error.what and error.exit == 3
    assert 60 * CALL < work.purse.spent <= 100 * CALL
    assert not work.store.artifacts.ids("verdict")
    root = shutil.copytree(work.config.root, tmp_path / "copy")
    more = opened(root, capped(2 * CASES * CALL))
    assert loop.run(more).outcome == "promote"
    assert work.purse.spent + more.purse.spent == pytest.approx(2 * CASES * CALL)
    again = opened(root, capped(CALL))
    assert loop.run(again).outcome == "promote" and again.purse.spent == 0.0, "all answers are stored: free"


def test_the_command_ends_with_3_and_says_what_to_do(stopped, tmp_path):
    """Undecided: a run without all answers judges nothing."""
    root = shutil.copytree(stopped[0].config.root, tmp_path / "copy")
    opened(root, capped(CALL * 0.5))
    done = CliRunner().invoke(cli, ["run", "--quiet", "--config", str(root)])
    assert isinstance(done.exception, CapError) and done.exception.exit == 3
    assert (root / "out" / "stopped.json").exists()


def test_a_night_has_its_price_before_it_runs(stopped, tmp_path):
    """Guessed from the texts at first, as an upper bound; measured afterwards, and free where all is stored."""
    fresh = cost.price(written(tmp_path, PRICED))
    assert [step.name for step in fresh.steps] == ["base", "next"]
    assert sum(step.calls for step in fresh.steps) == 2 * CASES and fresh.cost >= 2 * CASES * CALL and fresh.is_whole
    root = shutil.copytree(stopped[0].config.root, tmp_path / "copy")
    work = opened(root, PRICED)
    loop.run(work)
    assert cost.price(opened(root, PRICED)).cost == 0.0
    other = opened(root, PRICED.replace("refund or delivery", "delivery or refund"))
    measured = {step.name: step for step in cost.price(other).steps}
    assert measured["base"].known == CASES and measured["next"].cost == pytest.approx(CASES * CALL)


def test_dry_run_prints_it_and_ends_with_3_above_the_cap(tmp_path):
    """In JSON, too; nothing is asked."""
    written(tmp_path, capped(1.0))
    done = CliRunner().invoke(cli, ["run", "--dry-run", "--json", "--config", str(tmp_path)])
    answer = json.loads(done.stdout)
    assert done.exit_code == 3 and "more than the cap of 1.00 EUR" in answer["price"]["sentence"]
    assert not list((tmp_path / ".trueup" / "replies").glob("*"))
    shown = CliRunner().invoke(cli, ["run", "--dry-run", "--config", str(tmp_path)])
    assert "guessed" in shown.output and "not known" not in shown.output


@pytest.mark.parametrize(
    "table,what",
    [
        ("[cost]\nmost = 5\n", "not what everything costs"),
        ("[cost]\nmachine_hour = -1\n", "an amount is negative"),
    ],
)
def test_a_cap_that_cannot_be_kept_is_refused(tmp_path, table, what):
    """Arms without prices are named; with the price of the machine they are counted by their time."""
    (tmp_path / "trueup.toml").write_text(CONFIG + table)
    with pytest.raises(UsageError, match=what) as raised:
        cost.check(config.load(tmp_path))
    assert "prices" in str(raised.value) or "write 0" in str(raised.value)
    (tmp_path / "trueup.toml").write_text(f"{CONFIG}[cost]\nmost = 5\nmachine_hour = 2\n")
    cost.check(config.load(tmp_path))


def test_a_machine_without_prices_costs_its_time(tmp_path):
    """A cap below what one batch takes ends the run after it, and the next arm is not asked."""
    work = written(tmp_path, f"{CONFIG}[cost]\nmost = 1e-9\nmachine_hour = 3600\n")
    with pytest.raises(CapError):
        loop.run(work)
    assert work.purse.spent > 1e-9 and not list(Path(tmp_path, "out").glob("report*"))
    assert Config().cost.of_machine(100) == 0
