"""Define the options of curation: the `[curate]` section of trueup.toml."""

from typing import Literal

from harness.core.options import File
from harness.types import Json, Noun
from harness.types.bounds import CountOr0, From0, ZeroToOne


class Teacher(Noun, frozen=True):
    """Who is asked for a target where nobody gave one: the `[curate.teacher]` section."""

    backend: str = ""
    """Name of a file in `harness/evaluate/backends/`; empty: nobody is asked."""
    model: str = ""
    """Folder of the teacher, or the name that its endpoint knows."""
    options: dict[str, Json] = {}
    """What the backend takes beside, such as `url`."""
    suites: tuple[File, ...] = ()
    """Eval files whose functions must accept an answer; those that need gold say nothing."""
    samples: int = 4
    """Answers asked for each call; the commonest of the accepted ones is taken."""
    temperature: float = 0.8
    """Used when more than one answer is asked for."""
    max_tokens: int = 512
    """Longest answer that is asked for."""
    most: CountOr0 = 500
    """Calls asked a night, largest failure cluster first."""


class CurateOptions(Noun, frozen=True):
    name: str = "mined"
    """Name of the dataset; `trueup curate` takes that of [project]."""
    held_out_share: ZeroToOne = 0.3
    """Share of the groups with failures that is held out, 0 to 1."""
    held_out_by: Literal["hash", "time"] = "hash"
    """`time`: the newest groups are held out, so that the set looks like tomorrow."""
    regression_share: ZeroToOne = 0.7
    """Share of the groups with passing calls only that becomes the regression set."""
    regression_from: Literal["praised", "passed"] = "praised"
    """`passed`: drawn at random among all calls without a failure, praised or not; see `harness.curate.passing`."""
    production_share: ZeroToOne = 0.0
    """Share of all calls with a target that is put aside, failed or passed alike, as the sample of production."""
    most_production: CountOr0 = 1000
    """Rows of that sample above this are left out, drawn at random."""
    seed: int = 17
    """Seeds every draw: the same seed and traces give the same dataset."""
    min_failures: CountOr0 = 20
    """Corrected failures below which nothing is trained: the run ends undecided. 0: a dataset for its own sake, which need
    not hold a failure."""
    near_duplicate: ZeroToOne = 0.8
    """Jaccard index of character 5-shingles from which two texts count as the same."""
    group_by_user: bool = False
    """True: all rows of a user land on the same side of the split, not only those of a session."""
    user_share_cap: ZeroToOne = 0.1
    """Largest share of the training rows that one user may have."""
    session_share_cap: ZeroToOne = 1.0
    """Largest share of the training rows that one session may have."""
    cluster_share_cap: ZeroToOne = 1.0
    """Largest share of the training rows that one failure cluster may have."""
    day_share_cap: ZeroToOne = 1.0
    """Largest share of the training rows that one day may have."""
    group_share_cap: ZeroToOne = 1.0
    """Of one near-duplicate and session group."""
    context_budget: From0 = 4.0
    """Tokens that the training rows of one conversation may have together, as a multiple of all that was said in it. What
    they share counts once where a row teaches several answers. 0: no budget."""
    quarantine_days: From0 = 0.0
    """A user's rows wait until the user was first seen this long before the newest call."""
    allow_phrases: tuple[str, ...] = ()
    """Phrases that a person has looked at: a sudden burst of them is no trigger."""
    conflicts: Literal["latest", "drop"] = "latest"
    """One input with different targets: the best source and then the latest wins, or none is used."""
    replay_share: ZeroToOne = 0.1
    """Share of replay rows in the final training mix, 0 to 1."""
    replay: Literal["files", "own"] = "files"
    """`own`: where `replay_files` are too few, the base model's own answers to general requests; see
    `harness.curate.own_answers`."""
    replay_files: tuple[File, ...] = ()
    """JSON Lines with `messages`, `instruction` and `output`, or `prompt` and `answer`."""
    most_rows: CountOr0 = 5000
    """Training rows above this are chosen: failures first, from each cluster in proportion to its size."""
    most_regression: CountOr0 = 500
    """Regression rows above this are left out: each is judged every night."""
    augment_share: From0 = 0.0
    """Slot-swapped rows to add, as a share of the training rows."""
    paraphrase_share: From0 = 0.0
    """Rows that the teacher words otherwise, to add, as a share of the training rows."""
    teacher: Teacher = Teacher()
    """Who is asked for a target where nobody gave one: [curate.teacher]."""
    contamination: tuple[str, ...] = ()
    """Texts of the eval files' cases; nothing near one of them trains."""
    embeddings: File = ""
    """Folder of a local embedding model (model2vec): nothing trains that means what an eval case means."""
    contamination_files: tuple[File, ...] = ()
    """Files of benchmarks that nothing near may train either: JSON Lines, JSON, CSV, TSV, Parquet or text."""
    licence: str = ""
    """Of the traffic, for the dataset card: an SPDX identifier, or `other`."""
    replay_licences: tuple[str, ...] = ()
    """Of `replay_files`, in their order."""
    traces_version: str = ""
    """Set by `trueup curate`: the version of the trace table."""
    parents: tuple[str, ...] = ()
    """Set by `trueup curate`: the datasets that this one follows."""
