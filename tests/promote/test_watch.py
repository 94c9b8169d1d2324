"""`trueup watch`: what changed by day, what to do, and nothing where nothing changed."""

import json

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from harness.cli.main import cli
from harness.core.ci_job import ci_job
from harness.errors import InputError
from harness.mine.mined import Mined
from harness.mine.traffic import Traffic
from harness.notify.step import tell_watch
from harness.project import Project
from harness.promote import daily, watch_metrics, watch_stage
from harness.promote import watch as watch_step
from harness.promote.daily import Daily, DailyShare
from harness.report import watched_days
from harness.sections import Config, NotifySection
from harness.types import Cluster, Failure
from reports import history
from tests.curate.traces import DAY_NS, START_NS, call, thumb
from tests.reports.story import make_story

DAYS = tuple(f"2026-04-{day:02}" for day in range(1, 21))
FLAT, ROSE = (20,) * 20, (20,) * 12 + (120,) * 8
FELL = tuple(reversed(ROSE))


def share(events=ROSE, kind="clusters", name="format: keys", cluster="c", value="", trials=(400,) * 20):
    return DailyShare(kind=kind, name=name, events=events, trials=trials, cluster=cluster, value=value)


def watched(*shares, lever="", asked=None, targets=(), call_ids=("a", "b")):
    cluster = Cluster(id="c", label="keys", detector="format", lever=lever, evidence="why", call_ids=call_ids)
    return watch_stage.watch(Daily(days=DAYS, calls=8000, shares=shares), [cluster], targets, asked)


@pytest.mark.parametrize(
    "lever,action",
    [
        ("fine-tune", "train"),
        ("", "label"),
        ("prompt", "prompt"),
        ("retrieval", "retrieval"),
        ("environment", "environment"),
    ],
)
def test_the_lever_of_a_cluster_that_grew_says_what_to_do(lever, action):
    """With both shares, the day, and the evidence of the lever."""
    found = watched(share(), lever=lever)
    (alarm,) = found.alarms
    assert found.action == alarm.action == action and alarm.next == found.next != ""
    assert "rose from 5.0% to 30.0%" in alarm.sentence and "2026-04-13 (why)" in alarm.sentence
    assert alarm.since == "2026-04-13" <= alarm.raised <= "2026-04-15"


def test_calls_to_label_are_the_newest_without_a_target():
    """At most fifty."""
    ids = tuple(f"t:{number}" for number in range(100))
    (alarm,) = watched(share(), call_ids=ids, targets={"t:99"}).alarms
    assert alarm.call_ids == tuple(f"t:{number}" for number in range(98, 48, -1))


def test_what_fell_or_did_not_move_is_nothing_to_act_on():
    """A cluster that shrank is named; the word is wait."""
    assert watched(share(FLAT)).alarms == ()
    found = watched(share(FELL))
    assert found.action == "wait" and "fell from" in found.alarms[0].sentence


@pytest.mark.parametrize("asked,action", [(None, "guards"), ({"/other"}, "guards"), ({"/new"}, "wait")])
def test_traffic_that_moved_to_what_no_case_asks_makes_guards_stale(asked, action):
    """A route that the cases come from is covered; where that is not known, it counts as not covered."""
    route = share(kind="inputs", name="route /new", cluster="", value="/new")
    assert watched(route, asked=asked).action == action


def test_answers_and_outcomes_that_moved_are_looked_into():
    """And a broken environment is no reason to train."""
    assert watched(share(kind="answers", name="refusals", cluster="")).action == "look"
    assert watched(share(kind="outcomes", name="failed calls", cluster="")).action == "look"
    broken = share(kind="outcomes", name="calls that the environment broke", cluster="")
    assert watched(broken).action == "environment"


def test_what_helps_most_comes_first():
    """Train before look; both are listed."""
    found = watched(share(kind="outcomes", name="failed calls", cluster=""), share(), lever="fine-tune")
    assert [alarm.action for alarm in found.alarms] == ["train", "look"]


def test_a_week_is_too_short():
    """It says how many days are missing."""
    few = Daily(days=DAYS[:5], calls=9, shares=(share(ROSE[:5], trials=(400,) * 5),))
    found = watch_stage.watch(few, [])
    assert not found.ready and found.action == "wait" and "3 more days" in found.next


# ---------------------------------------------------------------- counting


def made(days, **fields):
    """Ten people a day with a call each; `fields` give what the calls of a day have."""
    for number in range(days):
        for person in range(10):
            given = {name: value(number, person) for name, value in fields.items()}
            at = START_NS + number * DAY_NS + person * 10**9
            yield call(number * 10 + person, "soup please", user_id=f"u{person}", **{"start_ns": at, **given})


def test_a_person_counts_once_a_day():
    """Forty calls of one person are one voice; a share is of the people of that day."""
    calls = list(made(3, route=lambda number, person: "/a" if person < 4 else "/b"))
    loud = [call(900 + n, "x", user_id="u0", route="/a", start_ns=START_NS + n * 10**9) for n in range(40)]
    found = daily.count(Traffic([*calls, *loud]), (), Mined())
    (route,) = [one for one in found.shares if one.value == "/a"]
    assert route.events == (4, 4, 4) and route.trials == (10, 10, 10) and found.calls == 70


def test_what_is_counted():
    """Routes, lengths, served models, JSON, clusters, environment, failed calls, and thumbs of those who rated."""
    calls = list(made(2, model_served=lambda number, person: "old" if number == 0 else "new"))
    ids = [each.id for each in calls]
    failures = (
        Failure(call_id=ids[0], detector="format", reason="r", cluster="c"),
        Failure(call_id=ids[1], detector="error", reason="r", environment=True),
        Failure(call_id=ids[2], detector="hint", reason="r", cluster="h"),
        Failure(call_id=ids[3], detector="refusal", reason="r", cluster="c"),
    )
    clusters = (Cluster(id="c", label="keys", detector="format"), Cluster(id="h", label="x", detector="hint"))
    mined = Mined(failures=failures, clusters=clusters, hints=("hint",))
    said = [thumb(ids[10], -1), thumb(ids[11], 1)]
    found = {each.name: (each.events, each.trials) for each in daily.count(Traffic(calls), said, mined).shares}
    assert found["format: keys"] == ((2, 0), (10, 10))
    assert found["failed calls"] == ((2, 0), (10, 10))
    assert found["calls that the environment broke"] == ((1, 0), (10, 10))
    assert found["thumbs down"] == ((0, 1), (0, 2))
    assert found["refusals"] == ((1, 0), (10, 10))
    assert found["answered by new"] == ((0, 10), (10, 10))
    assert found["answers in JSON"] == ((10, 10), (10, 10))
    assert "hint: x" not in found


def test_days_before_the_start_and_calls_without_a_time_are_left_out():
    """The start is that of the last promotion."""
    calls = [*made(4), call(999, "x", start_ns=0)]
    found = daily.count(Traffic(calls), (), Mined(), start_ns=START_NS + 2 * DAY_NS)
    assert len(found.days) == 2 and found.calls == 20


# ---------------------------------------------------------------- the command


def project_in(folder, calls, said=()):
    (folder / "trueup.toml").write_text("")
    work = Project.open(Config(root=str(folder)))
    work.store.traces.merge(calls, said, ())
    return work


def test_a_route_that_appears_is_found_and_stationary_traffic_is_not(tmp_path):
    """Exit code 1 with what to do, 0 where nothing changed, 3 where there are too few days; JSON for machines."""
    for name, since, days, code in (("moved", 10, 16, 1), ("still", 99, 16, 0), ("short", 99, 3, 3)):
        folder = tmp_path / name
        folder.mkdir()
        moved = made(days, route=lambda number, person, since=since: "/new" if number >= since and person < 8 else "/a")
        project_in(folder, list(moved))
        done = CliRunner().invoke(cli, ["watch", "--json", "--config", str(folder)])
        assert done.exit_code == code, done.output
        found = json.loads(done.stdout)["watching"]
        assert found["action"] == ("guards" if code == 1 else "wait")
    shown = CliRunner().invoke(cli, ["watch", "--quiet", "--config", str(tmp_path / "moved")])
    assert "route /new rose from 0.0%" in " ".join(shown.output.split()) and "next: add cases" in shown.output


def shares_in(file):
    """Gauge name to its points, each with its attributes."""
    (line,) = file.read_text().splitlines()
    (scope,) = json.loads(line)["resourceMetrics"][0]["scopeMetrics"]
    return {
        metric["name"]: [
            (
                {each["key"]: each["value"]["stringValue"] for each in point["attributes"]},
                float(point.get("asDouble", point.get("asInt"))),
            )
            for point in metric["gauge"]["dataPoints"]
        ]
        for metric in scope["metrics"]
    }


def test_gauges_have_every_share_and_the_alarms(tmp_path):
    """Evidence of 1 is the bar; suites come with their means. An address that nobody listens at is named."""
    found = watched(share(), share(FLAT, name="format: other", cluster="o"), lever="fine-tune")
    file = tmp_path / "otel" / "metrics.jsonl"
    watch_metrics.export(found, {("eval_tickets", "tuned"): 0.75}, "desk", str(file))
    gauges = shares_in(file)
    rose = {"kind": "clusters", "name": "format: keys", "cluster": "c"}
    flat = {"kind": "clusters", "name": "format: other", "cluster": "o"}
    assert gauges["trueup.watch.share"] == [(rose, 0.3), (flat, 0.05)]
    assert gauges["trueup.watch.alarm"] == [({**rose, "action": "train"}, 1.0), ({**flat, "action": "none"}, 0.0)]
    evidence = {named["name"]: value for named, value in gauges["trueup.watch.evidence"]}
    assert evidence["format: keys"] > 1 > evidence["format: other"]
    assert gauges["trueup.suite.mean"] == [({"suite": "eval_tickets", "arm": "tuned"}, 0.75)]
    with pytest.raises(InputError, match="cannot be written"):
        watch_metrics.export(found, {}, "desk", str(tmp_path))


class Listening:
    """Stands in for the network of notifications."""

    def __init__(self):
        self.job, self.bodies = ci_job({}), []

    def post(self, url, body, headers=None):
        self.bodies.append(body)


def test_an_alarm_is_told_once_to_those_who_asked(tmp_path):
    """A webhook with `on = ["watch"]`; one that does not choose hears of verdicts only. The second day tells nothing new."""
    hook = NotifySection(kind="webhook", options={"url": "https://hooks.example"}, on=("watch",))
    ways = {"alerts": hook, "verdicts": NotifySection(kind="webhook", options={"url": "https://hooks.example"})}
    work = Project.open(Config(root=str(tmp_path), notify=ways))
    calls = list(made(17, route=lambda number, person: "/new" if number >= 10 and person < 8 else "/a"))
    day = START_NS + 16 * DAY_NS
    work.store.traces.merge([each for each in calls if each.start_ns < day], (), ())
    bodies = []
    for more in ([], [each for each in calls if each.start_ns >= day]):
        work.store.traces.merge(more, (), ())
        found = watch_step.watch(work)
        client = Listening()
        new = [(each.action, each.sentence, each.next) for each in watch_step.fresh(work, found)]
        sent = tell_watch(work, new, client)
        assert [each.name for each in sent] == (["alerts"] if new else [])
        bodies.append(client.bodies)
    ((body,), nothing) = bodies
    assert body["outcome"] == "watch" and body["sentence"].startswith("guards: route /new rose") and nothing == []
    days = watched_days(work)
    assert [(each.action, each.day) for each in days] == [("guards", days[0].day), ("guards", days[1].day)]
    page = history.render(replace(make_story(10), watched=days)).decode()
    listed = page[page.index("Production, watched") :]
    assert listed.index(days[1].day) < listed.index(days[0].day)
