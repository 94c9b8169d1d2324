"""Parse session files of Codex (`sessions/.../rollout-*.jsonl`): lines of `{timestamp, type, payload}`, one file a session.

A request is what the model said between two inputs. The lines carry no id of their session, so a session is told by its
file, and all sessions of one export are held in memory together.
"""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from harness.ingest.formats._bodies import tokens
from harness.ingest.formats._clock import nanoseconds
from harness.ingest.formats._draft import Draft
from harness.ingest.formats._fates import aside
from harness.ingest.formats._history import LONGEST
from harness.ingest.formats._json import Json, mapping, text_of
from harness.ingest.formats._messages import joined, messages
from harness.types import Call, Source

RANK = 45

_TYPES = ("session_meta", "response_item", "event_msg", "turn_context", "compacted")
_GIVEN = ("_output", "_result")
Line = tuple[dict[str, Json], Source]


def claims(record: dict[str, Json]) -> bool:
    return {"timestamp", "payload"} <= record.keys() and record.get("type") in _TYPES


def pieces(record: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    yield "sessions", record


def join(found: list[Line], options: Mapping[str, Any]) -> Iterator[Call | tuple[str, int]]:
    ordered = sorted(found, key=lambda line: (line[1].file, line[1].line))
    count = 0
    for _, lines in groupby(ordered, key=lambda line: line[1].file):
        for call in _Session(list(lines)).calls():
            count += 1
            yield call
    yield aside("message of a session"), len(found) - count


class _Session:
    """One session while it is read: what was said so far, and what the model is saying."""

    def __init__(self, lines: list[Line]) -> None:
        self._lines = lines
        self._before: list[Json] = []
        self._saying: list[tuple[Json, dict[str, Json], Source]] = []
        self._id = self._model = ""
        self._usage: dict[str, int] = {}
        self._number = 0

    def calls(self) -> Iterator[Call]:
        for row, source in self._lines:
            payload = mapping(row["payload"])
            if row["type"] == "response_item" and not _by_model(payload):
                yield from self._end()
                self._before.append(payload)
            elif row["type"] == "response_item":
                self._saying.append((payload, row, source))
            else:
                yield from self._told(text_of(row["type"]), payload)
        yield from self._end()

    def _told(self, kind: str, payload: dict[str, Json]) -> Iterator[Call]:
        """Facts beside the conversation."""
        if kind == "session_meta":
            self._id = text_of(payload.get("id"))
            lead = payload.get("instructions") or mapping(payload.get("base_instructions")).get("text")
            self._before += [{"role": "system", "content": lead}] if lead else []
        elif kind == "turn_context":
            self._model = text_of(payload.get("model")) or self._model
        elif kind == "compacted":
            yield from self._end()
            kept = payload.get("replacement_history")
            self._before = kept if isinstance(kept, list) else [{"role": "user", "content": payload.get("message")}]
        elif payload.get("type") == "token_count":
            used = mapping(mapping(payload.get("info")).get("last_token_usage"))
            cached = {
                "cached_tokens": used.get("cached_input_tokens"),
                "reasoning_tokens": used.get("reasoning_output_tokens"),
            }
            self._usage = tokens({**used, **cached})
            yield from self._end()

    def _end(self) -> Iterator[Call]:
        """The call that what was said so far makes."""
        if not self._saying:
            return
        said = [payload for payload, _, _ in self._saying]
        (_, first, source), (_, last, _) = self._saying[0], self._saying[-1]
        draft = Draft(
            trace_id=self._id,
            session_id=self._id,
            provider="openai",
            model_served=self._model,
            start_ns=nanoseconds(first["timestamp"]),
            end_ns=nanoseconds(last["timestamp"]),
            input=messages(self._before[-LONGEST:]),
            output=joined(messages(said, "assistant")),
            usage=self._usage,
            flags={"truncated"} if len(self._before) > LONGEST else set(),
        )
        self._number += 1
        self._before += said
        self._saying, self._usage = [], {}
        yield draft.call(f"{self._id or source.file}:{self._number:05d}", source)


def _by_model(payload: dict[str, Json]) -> bool:
    kind = text_of(payload.get("type"))
    return payload.get("role") == "assistant" or (kind != "message" and not kind.endswith(_GIVEN))
