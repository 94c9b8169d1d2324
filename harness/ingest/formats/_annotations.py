"""Find feedback that spans carry as attributes: Logfire's annotation spans, and the annotations of OpenInference.

Logfire: `logfire.feedback.name` names the attribute that holds the value; the span above is what it is about. OpenInference:
`annotations.N.annotation.*` (also `evaluations`), with `trace.` or `session.` before it for a wider subject.
"""

from collections.abc import Iterator
from functools import lru_cache

from harness.ingest.formats import _ratings
from harness.ingest.formats._indexed import nested
from harness.ingest.formats._json import Json, listing, mapping, text_of
from harness.ingest.formats._otlp import Attributes, Log, Span

EVALUATION = "gen_ai.evaluation.result"
"""Name of OpenTelemetry's record of feedback."""

NAME, _COMMENT = "logfire.feedback.name", "logfire.feedback.comment"
_FORMS = (("annotations", "annotation"), ("evaluations", "evaluation"))
_SCOPES = ("", "trace.", "session.")
_PREFIXES = tuple(f"{scope}{many}." for scope in _SCOPES for many, _ in _FORMS)
_KINDS = {"HUMAN": "human", "LLM": "judge", "CODE": "code"}


def kept(held: Attributes) -> Attributes:
    """The attributes that tell of feedback."""
    if not _carries(tuple(held)):
        return {}
    if NAME in held:
        names = (NAME, _COMMENT, text_of(held[NAME]))
        return {name: held[name] for name in names if name in held}
    return {name: value for name, value in held.items() if name.startswith(_PREFIXES)}


@lru_cache(maxsize=4096)
def _carries(names: tuple[str, ...]) -> bool:
    return NAME in names or any(name.startswith(_PREFIXES) for name in names)


def logs(span: Span) -> Iterator[Log]:
    """Each piece of feedback as the log record that OpenTelemetry would make of it."""
    held = kept(span.attributes)
    if NAME in held:
        name = text_of(held[NAME])
        yield _log(span, span.parent_id, {"name": name, "score": held.get(name), "explanation": held.get(_COMMENT)})
    elif held:
        for scope in _SCOPES:
            for many, single in _FORMS:
                entries = listing(nested(held, scope + many))
                yield from (_scoped(span, scope, mapping(mapping(entry).get(single))) for entry in entries)


def _scoped(span: Span, scope: str, said: dict[str, Json]) -> Log:
    session = {"session.id": span.attributes.get("session.id")} if scope == "session." else {}
    about = _log(span, "" if scope else span.span_id, said, **session)
    return Log("", "", about.name, about.at_ns, about.attributes) if session else about


def _log(span: Span, span_id: str, said: dict[str, Json], **own: Json) -> Log:
    rated = _ratings.rated(said.get("score"), said.get("label"))
    held = {
        "gen_ai.evaluation.name": said.get("name"),
        "gen_ai.evaluation.score.value": rated.get("value"),
        "gen_ai.evaluation.score.label": rated.get("label"),
        "gen_ai.evaluation.explanation": said.get("explanation"),
        "source_kind": _KINDS.get(text_of(said.get("annotator_kind")).upper()),
        "user.id": said.get("identifier"),
        **own,
    }
    known = {name: value for name, value in held.items() if value not in (None, "")}
    return Log(span.trace_id, span_id, EVALUATION, span.end_ns, known)
