"""Tell praise from blame in the labels that feedback uses, and the better end of a scale from its name.

Own lists, from the words that annotation tools, app stores and judges use; a label that is in none of them is unknown,
never guessed. A project's own words are stated in trueup.toml.
"""

import re
import unicodedata
from functools import lru_cache

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_TOKEN = re.compile(r"[^\W_]+")
_NUMBERED = re.compile(r"^\s*\d+\s*[-\u2013\u2014:.)=]\s*(?=[^\W\d]{2})")
"""The place of an answer before it, as in "5 - Excellent"."""
_MODIFIERS = re.compile("[\ufe0e\ufe0f\u200d\U0001f3fb-\U0001f3ff]")


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


PRAISE = _set(
    "thumbsup thumbup thumbs_up up upvote upvoted plus like liked love loved heart good great excellent perfect awesome "
    "amazing superb wonderful outstanding positive correct right accurate exact pass passed passing success successful "
    "succeeded solved resolved helpful useful relevant ontopic factual grounded faithful supported truthful safe harmless "
    "nontoxic unbiased compliant valid complete clear satisfied happy delighted accept accepted approve approved agree "
    "agreed win better best well fine promoter smile clean benign recommended acceptable help helps helped work works worked entailment "
    "fullycorrect lgtm aboveaverage goodjob greatjob nice flawless "
    "gut sehrgut super toll richtig korrekt hilfreich nützlich zufrieden prima daumenhoch perfekt gefälltmir "
    "bon bien trèsbien correcte juste utile satisfait parfait pouceenhaut jaime "
    "bueno buena bien correcto correcta útil satisfecho perfecto megusta excelente "
    "buono bene corretto giusto utile soddisfatto perfetto mipiace ottimo eccellente "
    "bom boa certo satisfeito perfeito gostei ótimo "
    "goed juist correct nuttig tevreden dobry dobrze poprawny pomocne bra rätt "
    "хорошо хороший отлично правильно верно полезно нравится "
    "好 很好 好评 正确 有用 有帮助 满意 赞 喜欢 良い 良かった 正しい 正解 役に立った 満足 いいね 좋음 좋아요 정확 유용 만족 "
    ":+1: 👍 👏 ❤ 💯 ✅ ✔ ☑ 😀 😃 😄 😁 🙂 😊 😍 🥰 🤩 🎉 ⬆ 🔥 🙌 💚 🟢"
)
BLAME = _set(
    "thumbsdown thumbdown thumbs_down down downvote downvoted minus dislike disliked hate hated bad poor terrible awful "
    "horrible worst worse negative incorrect wrong inaccurate false_answer fail failed failing failure "
    "unsolved unresolved unhelpful useless irrelevant unrelated offtopic hallucinated hallucination ungrounded unfaithful "
    "unsupported untruthful unsafe harmful toxic biased offensive noncompliant invalid incomplete unclear confusing "
    "unsatisfied dissatisfied unhappy angry frustrated frown sad reject rejected refused disapprove disapproved disagree "
    "disagreed lose loss lost detractor unacceptable broken nonsense garbage misleading contradiction contradictory "
    "fabricated outdated verypoor unusable belowaverage needswork needsimprovement insufficient disappointing inadequate "
    "ungenügend katastrophal miserabel enttäuschend insuffisant insuffisante nul nulle médiocre décevant decepcionante "
    "deludente onvoldoende teleurstellend ужасно ужасный отвратительно "
    "schlecht falsch unbrauchbar nutzlos nichthilfreich unzufrieden mangelhaft daumenrunter fehlerhaft gefälltmirnicht "
    "mauvais mauvaise faux fausse incorrecte inutile insatisfait pouceenbas jenaimepas "
    "malo mala incorrecto incorrecta inútil insatisfecho nomegusta pésimo equivocado "
    "cattivo male sbagliato scorretto inutile insoddisfatto nonmipiace pessimo "
    "ruim mau errado incorreto insatisfeito nãogostei péssimo "
    "slecht fout onjuist nutteloos ontevreden zły źle błędny niepomocne dålig fel "
    "плохо плохой неправильно неверно бесполезно ненравится "
    "差 差评 很差 不好 错 错误 不正确 没用 没帮助 不满意 踩 悪い 悪かった 間違い 不正解 役に立たない 不満 나쁨 싫어요 틀림 "
    ":-1: 👎 ❌ ✖ ✗ ❎ 🚫 ☹ 🙁 😞 😠 😡 🤬 😢 😭 💩 🤮 ⬇ 💔 😤 🔴"
)
NEUTRAL = _set(
    "neutral ok okay soso average fair meh mixed maybe unsure undecided notsure partial partially partlycorrect mediocre "
    "tie draw passive neither moderate medium unchanged borderline acceptable_with_edits neitheragreenordisagree mittel mäßig teilweise moyen "
    "regular medio нормально 一般 普通 보통 😐 😑 🤷 🟡"
)
YES = _set("yes y true t ja oui si sí sim да 是 はい 예 high strong present detected found severe extreme tak")
NO = _set(
    "no n false f nein non não nee нет 否 いいえ 아니요 low weak absent notdetected notfound minimal none nie nej"
)
"""Answers to the question that the name asks: praise or blame by the better end of the name's scale."""
INTENSIFIERS = _set(
    "very really so extremely totally completely quite absolutely highly strongly too mostly pretty sehr très muy"
)
NO_ANSWER = _set("na nan null nil unknown skip skipped notapplicable notrated unrated undefined noanswer none notset")
"""Labels that rate nothing; "none" is an answer only where less is better."""
COMPARED, SIDES = _set("better worse best worst wins preferred"), _set("a b than model first second left right")
"""Words of a label that says which of two answers is better: production's may be either."""
PARTLY = _set("partially partly somewhat slightly teilweise partiellement parcialmente")
NEGATIONS = _set("not no non never isnt wasnt doesnt didnt dont aint cannot nicht pas kein")
FILLERS = _set("is was are it its the this that at all answer response reply output does did do a an")

GOODS = _set(
    "rating ratings stars star score scores grade quality feedback thumb thumbs thumbsup vote votes upvote like likes "
    "liked helpful helpfulness useful usefulness correct correctness accurate accuracy relevance relevancy relevant "
    "faithful faithfulness grounded groundedness factual factuality truthful truthfulness coherence coherent fluency "
    "complete completeness concise conciseness clarity clear satisfaction satisfied csat nps success successful pass "
    "passed resolved resolution solved completion adherence compliance safe safety polite politeness empathy valid "
    "validity match f1 bleu rouge similarity recall precision win reward preference approval approved accepted "
    "acceptance verdict review evaluation eval annotation recommend recommendation trust engagement coverage reaction "
    "good goodness usability readability consistency fidelity alignment professionalism friendliness happy happiness "
    "harmlessness honesty instruction following judgement judgment assessment opinion sentiment bewertung"
)
"""Words of names whose high end is praise."""
HARMS = _set(
    "toxicity toxic hallucination hallucinations hallucinated hallucinate bias biased harm harmful harmfulness unsafe "
    "error errors wrong incorrect incorrectness failure fail failed failures violation violations offensive offense hate "
    "profanity insult threat jailbreak leak leakage pii refusal refused contradiction contradictions misinformation spam "
    "complaint dislike dislikes disliked hated downvote thumbsdown frustration frustrated annoyance confusion risk severity "
    "unfaithful unfaithfulness irrelevance irrelevant nonsense repetition repetitiveness sexual violence stereotype "
    "poor bad issue issues problem problems concern concerns flaw flaws mistake mistakes complaints "
    "stereotyping inaccuracy inaccurate unhelpful unhelpfulness negative defect bug edits injection misleading "
    "maliciousness malicious criminality controversiality misogyny insensitivity"
)
"""Words of names whose low end is praise."""
FLIPS = _set("no non not without free absence absent anti avoid avoids avoidance lack lacks prevention un reduction")
CLEARED = _set(
    "safe pass passed passes clean resolved fixed solved resistance resilience robustness compliance compliant"
)
"""Words that turn the name of a harm: 1 in `toxicity_passed` is praise."""
UNSETTLED = _set(
    "need needs needed require requires required pending missing request requested difficulty difficult complexity complex "
    "latency cost costs price length verbosity effort uncertainty confidence loss drop dropped gap difference deviation delta "
    "distance drift variance entropy perplexity wer cer rank ranking priority urgency churn fraud attack attacks abuse anomaly low worst time "
    "turns steps attempts retries seconds minutes duration delay redundancy slow slowness rejected rejection declined escalated "
    "escalation abandoned abandonment cancelled refund disputed flagged reported alert warning decrease degradation "
    "regression disagreement over under false fake overturned deflection ces"
)
"""Words that leave open, or turn, which end is praise, whatever measure stands beside them: `difficulty_rating`,
`requires_human_review`, `attack_success`."""
BINARY = _set(
    "thumb thumbs thumbsup vote votes upvote like likes liked helpful useful feedback reaction correct accurate accepted "
    "approved pass passed success successful resolved solved valid match win reward is was has"
)
"""Words of names that are answered with 0 or 1: their 1 is a thumbs-up, not the lowest of five stars."""


def tokens(text: str) -> list[str]:
    """Words of a name or label in lower case: camelCase, snake_case and dashes are taken apart."""
    return _TOKEN.findall(unicodedata.normalize("NFKC", _CAMEL.sub(" ", text)).casefold().replace("'", ""))


def direction(name: str) -> str:
    """`high` or `low`, the end of the name's scale that is praise; empty when its words do not tell."""
    words = tokens(name)
    harm = any(word in HARMS for word in words) or "".join(words) in HARMS
    if harm:
        return "low" if FLIPS.isdisjoint(words) and CLEARED.isdisjoint(words) else "high"
    if not UNSETTLED.isdisjoint(words):
        return ""
    good = not words or any(word in GOODS for word in words)
    return ("low" if any(word in FLIPS for word in words) else "high") if good else ""


def is_binary(name: str) -> bool:
    """Whether a name is one that is answered with 0 or 1; harms are, and feedback without a name is."""
    words = tokens(name)
    return not words or any(word in BINARY for word in words) or direction(name) == "low"


@lru_cache(maxsize=4096)
def reading(label: str, better: str) -> str:
    """praise, blame or neutral; empty for a label that none of the lists knows.

    `better` is the end of its name's scale that is praise: "yes" to "hallucination?" is blame.
    """
    label = _NUMBERED.sub("", label)
    signs = _MODIFIERS.sub("", unicodedata.normalize("NFKC", label)).strip()
    if signs in PRAISE or signs in BLAME or signs in NEUTRAL:
        return "praise" if signs in PRAISE else "blame" if signs in BLAME else "neutral"
    words = tokens(label.strip(" :"))
    if _rates_nothing(words, better):
        return ""
    return _whole("".join(words), better) or _phrase([word for word in words if word not in FILLERS], better)


def _rates_nothing(words: list[str], better: str) -> bool:
    if not COMPARED.isdisjoint(words) and not SIDES.isdisjoint(words):
        return True
    whole = "".join(words)
    return whole in NO_ANSWER and not (whole == "none" and better == "low")


def _whole(word: str, better: str) -> str:
    if word in YES | NO:
        return "" if not better else "praise" if (word in YES) == (better == "high") else "blame"
    return "praise" if word in PRAISE else "blame" if word in BLAME else "neutral" if word in NEUTRAL else ""


def _phrase(words: list[str], better: str) -> str:
    """A known word, with "very", "partly" or "not" before it."""
    if len(words) < 2:
        return _whole("".join(words), better)
    first, rest = words[0], words[1:]
    inner = _whole("".join(rest), better) or _phrase(rest, better)
    if first in INTENSIFIERS or not inner:
        return inner if first in INTENSIFIERS else ""
    if first in PARTLY:
        return "neutral"
    if first in NEGATIONS and rest[0] in NEGATIONS:  # "No, not solved" says it twice
        return inner
    if first in NEGATIONS:
        return {"praise": "blame", "blame": "praise"}.get(inner, inner)
    return ""
