"""Score by a rubric that a model applies: `judge("tone.md", scale=(1, 5))`, called like any scorer.

    tone = judge("tone.md", scale=(1, 5), calibration="tone_labels.jsonl")

    @suite(role=guard(margin=0.1))
    @cases("tone.jsonl")
    def eval_tone(case, model):
        return tone(model.chat(case.messages), case)

The verdict is JSON that a schema allows, where the backend can hold a model to one; else the grade that the model finds
likeliest, whose form no text can forge. A verdict that cannot be read and a model that does not answer are errors, never 0.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from harness.core.codec import canonical, digest
from harness.errors import InputError, TrueupError, UsageError
from harness.evaluate.asker import bench_of
from harness.evaluate.judging import prompt, scale
from harness.evaluate.judging.scale import Scale
from harness.types import Case, Reply, Request, Score

REASON_TOKENS = 400
"""New tokens that a verdict with its reason may take."""


class VerdictError(TrueupError):
    """The judge's answer is no verdict."""


class Judge:
    """One rubric with its grades. Made at the top of an eval file by `judge(...)`."""

    kind = "judge"

    def __init__(
        self,
        name: str,
        rubric: str,
        file: str,
        grades: Scale,
        by: str,
        calibration: str,
        min_kappa: float,
        pin: str,
        most_bias: float | None = None,
    ) -> None:
        self.name, self.grades, self.by, self.min_kappa, self.pin = name, grades, by, min_kappa, pin
        self.calibration, self.most_bias = calibration, most_bias
        self._rubric, self._file = rubric, file
        self.folder = Path()
        """Folder of the eval file; set when the file is collected."""

    @property
    def pairwise(self) -> bool:
        return self.grades is scale.PAIRWISE

    @property
    def rubric(self) -> str:
        """Text of the rubric. Raises InputError when its file cannot be read or is empty."""
        path = self.folder / self._file
        try:
            text = self._rubric or path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"the rubric cannot be read: {error}", where=str(path), next="fix judge(...)") from error
        if not text.strip():
            raise InputError("the rubric is empty", where=str(path), next="say what a good answer is")
        return text

    def digest(self, model: str) -> str:
        """Content id of all that its verdicts depend on; `model` is the digest of the model that it asks."""
        return digest([prompt.VERSION, self.rubric, self.grades, model])

    def __call__(self, reply: Any, case: Case, *, reference: Any = None) -> Score:
        """The judge's score of a reply: 0 for the worst grade, 1 for the best, in equal steps.

        `reference` is a known good answer, shown beside the reply; a pairwise judge compares the two. Raises
        VerdictError when the judge gives no verdict, InvalidError when it has not stood its trial.
        """
        bench = bench_of(self)
        requests = self.requests(case, _text(reply), _text(reference), bench.bare(self))
        return self.score([bench.ask(self, request) for request in requests])[0]

    def requests(self, case: Case, answer: str, reference: str, bare: bool) -> list[Request]:
        """What is asked about one answer: one question, or two with the order swapped. `bare` asks for likelihoods."""
        asked = "\n".join(f"{message.role}: {message.text}" for message in case.messages)
        if not self.pairwise:
            known = [("a good answer, to compare with", reference)] if reference else []
            return [self._request([("the request", asked), *known, ("the answer to judge", answer)], bare)]
        if not reference:
            raise UsageError(f"the pairwise judge {self.name!r} needs a reference", next="reference=case.expected")
        return [
            self._request([("the request", asked), ("the first answer", one), ("the second answer", two)], bare)
            for one, two in ((answer, reference), (reference, answer))
        ]

    def score(self, replies: Sequence[Reply]) -> tuple[Score, bool]:
        """The score that the verdicts on one answer give, and whether the order of a pair decided it."""
        verdicts = [_read(reply, self._words()) for reply in replies]
        reasons = " / ".join(dict.fromkeys(reason for _, reason in verdicts if reason))
        grade, swayed = (verdicts[0][0], False) if not self.pairwise else scale.outcome([said for said, _ in verdicts])
        if swayed:
            reasons = f"the verdict changed with the order of the answers, so it counts as a tie: {reasons}"
        return Score(name=self.name, value=self.grades.value(grade), label=grade, explanation=reasons), swayed

    def _words(self) -> tuple[str, ...]:
        return (scale.FIRST, scale.SECOND, scale.TIE) if self.pairwise else self.grades.grades

    def _request(self, material: Sequence[tuple[str, str]], bare: bool) -> Request:
        words = self._words()
        said = prompt.messages(self.rubric, material, words, bare)
        if bare:
            return Request(kind="loglikelihood", messages=said, options=words)
        return Request(messages=said, schema=prompt.schema(words), max_tokens=REASON_TOKENS)


def judge(
    rubric: str = "",
    *,
    text: str = "",
    scale: tuple[int, int] | None = None,
    pairwise: bool = False,
    pass_at: int | None = None,
    by: str = "judge",
    name: str = "",
    calibration: str = "",
    min_kappa: float = 0.6,
    pin: str = "",
    most_bias: float | None = None,
) -> Judge:
    """A judge by the rubric in the file `rubric` (beside the eval file), or by `text`.

    It gives pass or fail; with `scale=(low, high)` a grade, of which `pass_at` (or else the upper half) passes; with
    `pairwise` a comparison with a reference, asked in both orders. `by` names a [judges.NAME] of trueup.toml, or is
    `scripted:FILE`. `calibration` is a file of cases with a `reply`, a person's `label` and the `arm` that gave the reply:
    below the kappa `min_kappa` the judge does not count, and labels of both arms correct what it gets wrong on each.
    Without arms `most_bias` must say how much laxer it may be on one arm, as a share of answers. `pin` is the digest (or its start) of the judge that was calibrated: another one does not
    count either. Raises UsageError on what makes no judge.
    """
    if bool(rubric) == bool(text):
        raise UsageError("a judge has one rubric", next='judge("rubric.md") or judge(text="...")')
    if most_bias is not None and not 0.0 <= most_bias < 1.0:
        raise UsageError(f"most_bias is a share of answers, not {most_bias}", next="judge(..., most_bias=0.05)")
    if pairwise and scale is not None:
        raise UsageError("a judge compares or grades, not both", next="leave out `scale` or `pairwise`")
    return Judge(
        name or (Path(rubric).stem if rubric else "judge"),
        text,
        rubric,
        _grades(scale, pairwise, pass_at),
        by,
        calibration,
        min_kappa,
        pin,
        most_bias,
    )


def _grades(between: tuple[int, int] | None, pairwise: bool, pass_at: int | None) -> Scale:
    if pairwise:
        return scale.PAIRWISE
    return scale.BINARY if between is None else scale.between(*between, pass_at)


class _Verdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: str
    grade: str | int


def _read(reply: Reply, words: Sequence[str]) -> tuple[str, str]:
    """Grade and reason. Raises VerdictError unless the whole reply is a verdict with one of the grades."""
    if reply.logprobs:
        return _likeliest(reply.logprobs, words)
    try:
        verdict = msgspec.json.decode(reply.text.strip(), type=_Verdict)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise VerdictError(f"the judge gave no verdict ({error}): {reply.text[:200]!r}") from error
    if str(verdict.grade) not in words:
        raise VerdictError(f"the judge gave a grade that there is not: {str(verdict.grade)[:40]!r}")
    return str(verdict.grade), verdict.reason


def _likeliest(logprobs: Sequence[float], words: Sequence[str]) -> tuple[str, str]:
    if len(logprobs) != len(words) or not all(map(math.isfinite, logprobs)):
        raise VerdictError(f"the judge gave no likelihoods for {', '.join(words)}")
    best = max(logprobs)
    weights = [math.exp(one - best) for one in logprobs]
    shares = ", ".join(f"{word} {weight / sum(weights):.0%}" for word, weight in zip(words, weights, strict=True))
    return words[list(logprobs).index(best)], f"by likelihood: {shares}"


def _text(value: Any) -> str:
    """A reply or a reference as the judge reads it: its text, and the tools that it calls; other JSON as JSON."""
    if isinstance(value, Reply):
        calls = [f"[calls {call.name}({call.arguments})]" for call in value.tool_calls]
        return "\n".join([value.text, *calls] if value.text else calls)
    return "" if value is None else value if isinstance(value, str) else canonical(value)
