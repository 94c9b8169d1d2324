"""Failures grouped so that trouble can be followed from night to night."""

import numpy as np
import pytest

from harness.errors import UsageError
from harness.mine import embeddings
from harness.mine.clusters import Seen, cluster
from harness.mine.stage import mine
from harness.mine.traffic import day
from harness.types import Failure
from tests.curate.traces import DAY_NS, START_NS, call, thumb

WORDS = ("parking", "parking", "birthday", "birthday", "wheelchair")


def mined(count, offset=0, known=()):
    calls = {f"t:{n}": call(n, "", start_ns=START_NS + n * DAY_NS // 10) for n in range(offset, offset + count)}
    texts = {call_id: f"about {WORDS[int(call_id[2:]) % 5]} {call_id[2:]}" for call_id in calls}
    failures = [Failure(call_id=call_id, detector="thumbs_down", reason="negative") for call_id in calls]
    seen = {one.id: Seen(route=one.route, day=day(one), text=texts[one.id]) for one in calls.values()}
    return cluster(failures, seen, known)


def test_every_failure_is_in_one_cluster_that_counts_it():
    """Clusters cover the failures once, with counts for each day."""
    failures, clusters = mined(40)
    by_id = {item.id: item for item in clusters}
    assert all(failure.call_id in by_id[failure.cluster].call_ids for failure in failures)
    assert sum(len(item.call_ids) for item in clusters) == 40
    assert all(sum(item.days.values()) == len(item.call_ids) for item in clusters)
    assert {"birthday", "parking"} <= {item.label.split(", ")[0] for item in clusters}


def test_ids_are_the_same_on_another_night():
    """Other calls about the same things give the same ids."""
    first, second = mined(40)[1], mined(60, offset=100)[1]
    assert {item.id for item in first} == {item.id for item in second}


def test_few_failures_are_one_cluster():
    """Two failures have nothing to be told apart by."""
    assert [item.label for item in mined(2)[1]] == ["all"]


MEANINGS = {"ride": ("car", "taxi", "vehicle", "driver"), "money": ("invoice", "receipt", "refund", "price")}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model2vec folder whose vectors know which of eight words mean alike."""
    model2vec, tokenizers = pytest.importorskip("model2vec"), pytest.importorskip("tokenizers")
    words = ["[UNK]", *(word for alike in MEANINGS.values() for word in alike)]
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    spread = np.random.default_rng(3).normal(scale=0.05, size=(9, 4))
    centres = np.array([[0, 0, 0, 1], *[[1, 0, 0, 0]] * 4, *[[0, 1, 0, 0]] * 4])
    folder = tmp_path_factory.mktemp("model2vec")
    model2vec.StaticModel((centres + spread).astype(np.float32), tokenizer).save_pretrained(folder)
    return folder


def test_an_embedding_model_brings_together_what_shares_no_word(model):
    """Four words for a ride and four for money: two clusters, each with all four, and other ids on no other night."""
    texts = {f"t:{n}": f"the {MEANINGS[('ride', 'money')[n % 2]][n // 2 % 4]} {n}" for n in range(48)}
    failures = [Failure(call_id=name, detector="thumbs_down", reason="negative") for name in texts]
    seen = {name: Seen(route="", day="", text=text) for name, text in texts.items()}
    encode = embeddings.load(str(model))
    marked, clusters = cluster(failures, seen, encode=encode)
    assert [len(one.call_ids) for one in clusters] == [24, 24]
    kinds = [{int(name[2:]) % 2 for name in one.call_ids} for one in clusters]
    assert sorted(map(tuple, kinds)) == [(0,), (1,)]
    assert [one.cluster for one in marked] == [one.cluster for one in cluster(failures, seen, encode=encode)[0]]


def test_a_folder_without_a_model_is_named(tmp_path):
    """Nothing is downloaded: the folder has to be there."""
    with pytest.raises(UsageError, match="no model2vec model"):
        embeddings.load(str(tmp_path / "minishlab" / "potion"))


def test_a_cluster_is_named_by_what_its_corrected_answers_get_wrong():
    """Mining, inspection and the report call it so; without corrections it has its terms only, and its id is the same."""
    calls = [call(n, f"parcel {n} is still not here", '{"category": "delayed"}') for n in range(8)]
    plain = [thumb(f"t:{n}", -1) for n in range(8)]
    right = [thumb(f"t:{n}", -1, {"category": "late"}) for n in range(8)]
    named = mine(calls, right, detectors=["correction"]).clusters
    assert [item.title for item in named] == ["category: “delayed” instead of “late”"]
    bare = mine(calls, plain, detectors=["thumbs_down"]).clusters
    assert bare and all(item.name == "" and item.title == item.label for item in bare)
