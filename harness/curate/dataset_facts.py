"""Describe a dataset's rows: languages, lengths, licences, and a hash for each split."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from harness.core.codec import digest
from harness.core.conversations import folded, size
from harness.curate.options import CurateOptions
from harness.curate.rows import spoken
from harness.types import Case, Json

SURE = 0.9
"""Probability from which a language is believed."""
SHORTEST = 6
"""Words below which a language is a guess."""
LONGEST = 300
"""Characters that are looked at."""


def facts(splits: Mapping[str, Sequence[Case]], options: CurateOptions) -> dict[str, Json]:
    """Counts for the manifest, of all rows but replay; the hashes are of every split."""
    mined = [case for split, cases in splits.items() if split != "replay" for case in cases]
    return {
        "languages": dict(Counter(language(spoken(case.messages)) for case in mined).most_common()),
        "tokens": _histogram([tokens(case) for case in mined]),
        "licences": _licences(options),
        "hashes": {split: digest(cases) for split, cases in splits.items()},
    }


def context(train: Sequence[Case], spared: Sequence[Case]) -> dict[str, Json]:
    """What it saves that answers share rows; nothing where none do. `spared`: what the budget of tokens left out."""
    rows = folded(train)
    if len(rows) == len(train) and not spared:
        return {}
    before, after = (sum(map(tokens, cases)) for cases in ((*train, *spared), rows))
    return {"context": {"answers": len(train), "rows": len(rows), "tokens": after, "tokens_before": before}}


def language(text: str) -> str:
    """ISO 639-1 code; `short` for texts too short to tell, `unsure` where the guess is not sure.

    Source: M. Lui and T. Baldwin, "langid.py" (ACL 2012), in the package py3langid.
    """
    if len(text[:LONGEST].split()) < SHORTEST:
        return "short"
    code, probability = _identifier().classify(text[:LONGEST])
    return str(code) if probability >= SURE else "unsure"


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def tokens(case: Case) -> int:
    """Words and punctuation marks of conversation and target."""
    return size([*case.messages, *([case.target] if case.target else [])])


def _histogram(sizes: Sequence[int]) -> dict[str, int]:
    """Upper bound, in doubling steps from 16, to rows; bounds without rows are left out."""
    found: Counter[int] = Counter(max(16, 1 << (size - 1).bit_length()) if size > 1 else 16 for size in sizes)
    return {str(bound): found[bound] for bound in sorted(found)}


def _licences(options: CurateOptions) -> dict[str, str]:
    """Source to licence: of the traffic, and of each replay file."""
    given = [*options.replay_licences, *["unknown"] * len(options.replay_files)]
    files = {Path(path).name: licence for path, licence in zip(options.replay_files, given, strict=False)}
    return {"traffic": options.licence or "not stated", **files}
