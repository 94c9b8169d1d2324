"""`trueup monitor` on a store."""

import time

import pytest
from click.testing import CliRunner

from harness.cli.main import cli
from harness.errors import NotYetError, UsageError
from harness.project import Project
from harness.promote.monitor import monitor
from harness.sections import Config
from tests.curate.traces import DAY_NS, call, thumb


@pytest.fixture
def work(tmp_path):
    (tmp_path / "trueup.toml").write_text("")
    return Project.open(Config(root=str(tmp_path)))


def filled(work):
    """A hundred calls before now, 60 of them complained about; a hundred to come, with praise."""
    now = time.time_ns()
    old = [call(n, f"old {n}", start_ns=now - DAY_NS + n * 10**9) for n in range(100)]
    new = [call(n, f"new {n}", start_ns=now + DAY_NS + n * 10**9) for n in range(100, 200)]
    said = [thumb(one.id, -1, at_ns=one.start_ns) for one in old[:60]]
    said += [thumb(one.id, 1, at_ns=one.start_ns) for one in new[:20]]
    work.store.traces.merge([*old, *new], said, ())
    work.store.promotions.move("production", "", "", expected=None)


def test_before_any_promotion_it_names_the_command(work):
    """There is nothing to confirm yet."""
    with pytest.raises(NotYetError, match="nothing was promoted yet"):
        monitor(work)


def test_the_move_of_the_alias_parts_before_and_since(work):
    """Calls are compared around the time of the promotion."""
    filled(work)
    found = monitor(work)
    assert (found.outcome, found.before, found.after) == ("confirmed", 100, 100)


def test_a_deployment_may_be_later(work):
    """With --since the calls until then belong to what served before."""
    filled(work)
    assert monitor(work, since="2100-01-01", days=36500).before == 200
    with pytest.raises(UsageError, match="no date or time"):
        monitor(work, since="yesterday")


def test_the_exit_code_is_for_machines(work, tmp_path):
    """0 confirmed, and the sentence is printed."""
    filled(work)
    done = CliRunner().invoke(cli, ["monitor", "--config", str(tmp_path)])
    assert done.exit_code == 0
    assert "Production confirms it" in done.output
    assert "thumbs down of rated calls" in done.output
