"""What became of a failure cluster."""

from harness.mine.cluster_ids import follow
from harness.mine.cluster_states import JudgedCluster, lives
from harness.types import Case, Cluster
from tests.mine.test_clusters import mined

DAYS = {"2026-11-01": 5, "2026-11-09": 2}
ONE = Cluster(id="c1", label="parking", detector="thumbs_down", days=DAYS, call_ids=tuple("abcdefghijk"))
ROWS = {"train": [Case(id="1", call_id="k")], "held_out": [Case(id="2", call_id="a", cluster="another")]}


def judged(right, promoted=""):
    return JudgedCluster(right={call: at < right for at, call in enumerate("abcdefghij")}, promoted=promoted)


def state(outcome=None, rows=ROWS, clusters=(ONE,)):
    found = lives(clusters, rows, outcome)[0]
    return found.state, found.evidence


def test_each_state_rests_on_a_count():
    """Mined, curated, trained, fixed and broken again, with the numbers that say so."""
    assert state(rows={"train": []}) == ("mined", "no row has a target")
    assert state() == ("curated", "1 train, 1 held out")
    assert state(judged(3)) == ("trained", "3 of 10 held-out cases pass")
    assert state(judged(9)) == ("fixed", "9 of 10 held-out cases pass, not promoted")
    assert state(judged(9, "2026-11-09"))[0] == "fixed"
    again = state(judged(10, "2026-11-08"))
    assert again == ("broken again", "2 failed after 2026-11-08, when its fix was promoted")


def test_trouble_of_the_newest_day_is_new():
    """A cluster without an earlier day has just begun."""
    fresh = Cluster(id="c2", label="x", detector="loop", days={"2026-11-09": 1})
    assert state(rows={}, clusters=(fresh, ONE))[0] == "new"


def test_the_trend_ends_on_the_newest_day():
    """Fourteen days, oldest first."""
    assert lives((ONE,), {}, None)[0].trend == (0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 2)


def test_a_cluster_keeps_its_id_when_its_term_changes():
    """Tonight's cluster holds most of last night's calls under another term: it is the same trouble."""
    tonight = [
        Cluster(id="new", label="", detector="d", call_ids=("a", "b", "c", "x")),
        Cluster(id="old", label="", detector="d", call_ids=("y",)),
    ]
    known = [Cluster(id="old", label="", detector="d", call_ids=("a", "b", "c", "y"))]
    kept = follow(tonight, known)
    assert kept["new"] == "old"
    assert len(set(kept.values())) == 2
    assert follow(tonight, [Cluster(id="old", label="", detector="e", call_ids=("a", "b", "c"))])["new"] == "new"


def test_failures_carry_the_kept_id():
    """The next night's failures point to last night's cluster."""
    _, first = mined(40)
    renamed = [
        Cluster(**{**{name: getattr(one, name) for name in one.__struct_fields__}, "id": f"kept{n}"})
        for n, one in enumerate(first)
    ]
    failures, clusters = mined(40, known=renamed)
    assert {one.id for one in clusters} == {one.id for one in renamed} == {one.cluster for one in failures}
