"""Session files of coding agents, batches of Anthropic and ShareGPT conversations give the calls that were made."""

import json

from tests.ingest.formats.test_call_cases import read, said


def lines(tmp_path, *rows):
    path = tmp_path / "s.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


USAGE = {"input_tokens": 5, "cache_read_input_tokens": 100, "output_tokens": 7}
USE = {"type": "tool_use", "id": "t1", "name": "Read", "input": {"path": "a"}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "text of a"}


def claude(number, kind, content, above=None, **more):
    role = {"role": kind, "content": content, **more}
    ids = {"uuid": f"u{number}", "parentUuid": above and f"u{above}", "sessionId": "s", "type": kind}
    return {**ids, "timestamp": f"2026-08-01T00:00:0{number}Z", "message": role}


def test_a_claude_code_session_is_a_call_for_each_message_of_the_model(tmp_path):
    """A message on several lines is one; a second branch has its own history."""
    reply = {"id": "msg_1", "model": "claude-x", "usage": USAGE, "stop_reason": "tool_use"}
    path = lines(
        tmp_path,
        {"type": "summary", "summary": "x", "leafUuid": "u5"},
        claude(1, "user", "Read a"),
        claude(2, "assistant", [{"type": "thinking", "thinking": "Hm."}], 1, **reply),
        claude(3, "assistant", [USE], 2, **reply),
        claude(4, "user", [RESULT], 3),
        claude(
            5, "assistant", [{"type": "text", "text": "Done"}], 4, id="msg_2", model="claude-x", stop_reason="end_turn"
        ),
        claude(6, "assistant", [{"type": "text", "text": "Other"}], 1, id="msg_3", model="claude-x"),
    )
    calls, _ = read(path)
    assert [said(call.output) for call in calls] == [
        [("assistant", ("thought", "Hm."), ("t1", "Read", {"path": "a"}))],
        [("assistant", "Other")],
        [("assistant", "Done")],
    ]
    first, other, last = calls
    assert said(first.input) == said(other.input) == [("user", "Read a")]
    assert said(last.input) == [("user", "Read a"), *said(first.output), ("user", ("t1", "text of a"))]
    assert (first.usage.input, first.usage.output, first.session_id) == (105, 7, "s")


def test_a_codex_session_is_a_call_for_each_turn_of_the_model(tmp_path):
    """What the model says between two inputs, with the tokens that were counted after it."""

    def row(kind, **payload):
        return {"timestamp": "2026-08-01T00:00:00Z", "type": kind, "payload": payload}

    asked = row("response_item", type="message", role="user", content=[{"type": "input_text", "text": "Fix it"}])
    call = row("response_item", type="function_call", call_id="c", name="shell", arguments='{"cmd": "ls"}')
    used = {"input_tokens": 20, "cached_input_tokens": 8, "output_tokens": 3, "reasoning_output_tokens": 1}
    path = lines(
        tmp_path,
        row("session_meta", id="s1", instructions="Be brief."),
        row("turn_context", model="gpt-x"),
        asked,
        call,
        row("event_msg", type="token_count", info={"last_token_usage": used}),
        row("response_item", type="function_call_output", call_id="c", output="a.py"),
        row("response_item", type="message", role="assistant", content=[{"type": "output_text", "text": "Done"}]),
    )
    (first, last), _ = read(path)
    assert said(first.input) == [("system", "Be brief."), ("user", "Fix it")]
    assert said(first.output) == [("assistant", ("c", "shell", {"cmd": "ls"}))]
    assert (first.usage.input, first.usage.cache_read, first.model_served) == (20, 8, "gpt-x")
    assert said(last.input)[2:] == [("assistant", ("c", "shell", {"cmd": "ls"})), ("tool", ("c", "a.py"))]
    assert said(last.output) == [("assistant", "Done")]


def test_anthropic_batches_join_requests_and_results(tmp_path):
    """A result without its request is a call without input; an error is one."""
    params = {
        "model": "claude-x",
        "max_tokens": 9,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "Hi"}],
    }
    body = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "stop_reason": "end_turn"}
    body |= {"content": [{"type": "text", "text": "Hello"}], "usage": USAGE}
    failure = {"type": "errored", "error": {"type": "error", "error": {"type": "invalid_request", "message": "no"}}}
    path = lines(
        tmp_path,
        {"requests": [{"custom_id": "a", "params": params}, {"custom_id": "b", "params": params}]},
        {"custom_id": "b", "result": failure},
        {"custom_id": "a", "result": {"type": "succeeded", "message": body}},
    )
    calls, _ = read(path)
    good = next(call for call in calls if call.usable)
    assert (said(good.input), said(good.output)) == (
        [("system", "Be brief."), ("user", "Hi")],
        [("assistant", "Hello")],
    )
    assert (good.usage.input, good.params["max_tokens"]) == (105, 9)
    (bad,) = (call for call in calls if call.error)
    assert (bad.error.type, bad.error.message) == ("invalid_request", "no")


def test_sharegpt_conversations_are_read(tmp_path):
    """Speakers in its own words; the last answer is the output."""
    turns = [
        {"from": "system", "value": "Be brief."},
        {"from": "human", "value": "Hi"},
        {"from": "gpt", "value": "Hello"},
    ]
    (call,), _ = read(lines(tmp_path, {"id": "x", "conversations": turns}))
    assert (said(call.input), said(call.output)) == (
        [("system", "Be brief."), ("user", "Hi")],
        [("assistant", "Hello")],
    )
