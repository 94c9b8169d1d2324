"""Real exports in other containers and spellings: what other tools make of the same spans. Each keeps every call."""

import base64
import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

EXPORTS = Path(__file__).parents[2] / "fixtures" / "exports"
KINDS = {1: "SPAN_KIND_INTERNAL", 2: "SPAN_KIND_SERVER", 3: "SPAN_KIND_CLIENT"}


def lines(pattern: str) -> list[dict]:
    """The records of all exports that a pattern names."""
    found = []
    for path in sorted(EXPORTS.glob(pattern)):
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        found += [json.loads(line) for line in data.split(b"\n") if line.strip()]
    return found


def spans(record: dict) -> Iterator[tuple[dict, dict, dict]]:
    """Resource, scope and span."""
    for entry in record.get("resourceSpans", ()):
        for scoped in entry["scopeSpans"]:
            for span in scoped["spans"]:
                yield entry.get("resource", {}), scoped.get("scope", {}), span


def base64_ids(record: dict) -> dict:
    """What google.protobuf's MessageToJson writes: ids in base64, enums by name."""
    record = json.loads(json.dumps(record))
    for _, _, span in spans(record):
        for name in ("traceId", "spanId", "parentSpanId"):
            if span.get(name):
                span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
        span["kind"] = KINDS.get(span.get("kind"), "SPAN_KIND_UNSPECIFIED")
        if span.get("status", {}).get("code") == 2:
            span["status"]["code"] = "STATUS_CODE_ERROR"
    return record


def tempo(record: dict) -> dict:
    return {"batches": base64_ids(record)["resourceSpans"]}


def tempo_2(record: dict) -> dict:
    return {"trace": base64_ids(record)}


def old_collector(record: dict) -> dict:
    entries = [
        {
            "resource": entry.get("resource", {}),
            "instrumentationLibrarySpans": [
                {"instrumentationLibrary": scoped.get("scope", {}), "spans": scoped["spans"]}
                for scoped in entry["scopeSpans"]
            ],
        }
        for entry in record["resourceSpans"]
    ]
    return {"resourceSpans": entries}


def any_value(value: object) -> dict:
    if isinstance(value, dict):
        pairs = [{"key": key, "value": any_value(inner)} for key, inner in value.items()]
        return {"kvlistValue": {"values": pairs}}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(inner) for inner in value]}}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": value} if isinstance(value, str) else {}


def structured(record: dict) -> dict:
    """Messages as structured values instead of JSON text."""
    record = json.loads(json.dumps(record))
    for _, _, span in spans(record):
        for item in span.get("attributes", ()):
            if item["key"].endswith(("messages", "instructions", "definitions")):
                item["value"] = any_value(json.loads(item["value"]["stringValue"]))
    return record


def phoenix_page(record: dict) -> dict:
    """Phoenix's `/spans/otlpv1`: flat spans, every arm of a value there and most of them null, times through a float."""

    def value(raw: dict) -> dict:
        spelled = {"stringValue": "string_value", "intValue": "int_value", "doubleValue": "double_value"}
        arms = dict.fromkeys((*spelled.values(), "bool_value", "array_value", "kvlist_value", "bytes_value"))
        for arm, inner in raw.items():
            if arm == "arrayValue":
                arms["array_value"] = {"values": [value(item) for item in inner.get("values", ())]}
            else:
                name = spelled.get(arm, "bool_value")
                arms[name] = int(inner) if arm == "intValue" else inner
        return arms

    def flat(span: dict) -> dict:
        return {
            "trace_id": span["traceId"],
            "span_id": span["spanId"],
            "parent_span_id": span.get("parentSpanId") or None,
            "name": span["name"],
            "kind": KINDS.get(span.get("kind")),
            "start_time_unix_nano": int(float(span["startTimeUnixNano"])),
            "end_time_unix_nano": int(float(span["endTimeUnixNano"])),
            "status": {"code": span.get("status", {}).get("code", 0), "message": ""},
            "attributes": [{"key": a["key"], "value": value(a["value"])} for a in span.get("attributes", ())],
            "events": [
                {
                    "name": event["name"],
                    "time_unix_nano": int(event["timeUnixNano"]),
                    "attributes": [{"key": a["key"], "value": value(a["value"])} for a in event.get("attributes", ())],
                }
                for event in span.get("events", ())
            ],
        }

    return {"data": [flat(span) for _, _, span in spans(record)], "next_cursor": None}


def jaeger(record: dict) -> dict:
    """Jaeger's UI: tags with types, lists as JSON text, leading zeros left out, times in microseconds."""

    def tag(key: str, raw: dict) -> dict:
        ((arm, inner),) = raw.items()
        if arm == "arrayValue":
            inner = json.dumps([next(iter(item.values())) for item in inner.get("values", ())])
        kind = {"intValue": "int64", "doubleValue": "float64", "boolValue": "bool"}.get(arm, "string")
        return {"key": key, "type": kind, "value": int(inner) if arm == "intValue" else inner}

    traces: dict[str, dict] = {}
    for resource, scope, span in spans(record):
        trace = traces.setdefault(
            span["traceId"], {"traceID": span["traceId"].lstrip("0"), "spans": [], "processes": {}}
        )
        held = {item["key"]: item["value"].get("stringValue") for item in resource.get("attributes", ())}
        trace["processes"]["p1"] = {"serviceName": held.get("service.name"), "tags": []}
        tags = [tag(item["key"], item["value"]) for item in span.get("attributes", ())]
        tags.append({"key": "otel.scope.name", "type": "string", "value": scope.get("name", "")})
        if span.get("status", {}).get("code") == 2:
            tags.append({"key": "error", "type": "bool", "value": True})
        kind = {2: "server", 3: "client"}.get(span.get("kind"), "internal")
        tags.append({"key": "span.kind", "type": "string", "value": kind})
        start, end = int(span["startTimeUnixNano"]) // 1000, int(span["endTimeUnixNano"]) // 1000
        events = [
            {
                "timestamp": int(event["timeUnixNano"]) // 1000,
                "fields": [
                    {"key": "event", "type": "string", "value": event["name"]},
                    *(tag(item["key"], item["value"]) for item in event.get("attributes", ())),
                ],
            }
            for event in span.get("events", ())
        ]
        above = [{"refType": "CHILD_OF", "traceID": span["traceId"], "spanID": span.get("parentSpanId")}]
        trace["spans"].append(
            {
                "traceID": span["traceId"].lstrip("0"),
                "spanID": span["spanId"].lstrip("0"),
                "operationName": span["name"],
                "references": above if span.get("parentSpanId") else [],
                "startTime": start,
                "duration": end - start,
                "tags": tags,
                "logs": events,
                "processID": "p1",
            }
        )
    return {"data": list(traces.values()), "total": 0, "errors": None}


def zipped(files: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return held.getvalue()
