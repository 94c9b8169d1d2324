"""Agent runs in the Agent Trajectory Interchange Format, by made-up runs in its shape."""

import json

from harness.core.codec import to_chat
from harness.ingest.stage import ingest

TOOL = {"type": "function", "function": {"name": "look_up", "description": "", "parameters": {"type": "object"}}}
STEPS = [
    {"step_id": 1, "timestamp": "2026-03-01T10:00:00Z", "source": "system", "message": "Be brief."},
    {"step_id": 2, "timestamp": "2026-03-01T10:00:01Z", "source": "user", "message": "What is the price of GLX?"},
    {
        "step_id": 3,
        "timestamp": "2026-03-01T10:00:03Z",
        "source": "agent",
        "model_name": "gemini-2.5-flash",
        "message": "",
        "reasoning_content": "I have to look it up.",
        "tool_calls": [{"tool_call_id": "c1", "function_name": "look_up", "arguments": {"ticker": "GLX"}}],
        "observation": {"results": [{"source_call_id": "c1", "content": "185.35"}]},
        "metrics": {"prompt_tokens": 520, "completion_tokens": 80, "cached_tokens": 200, "cost_usd": 0.01},
    },
    {"step_id": 4, "timestamp": "2026-03-01T10:00:05Z", "source": "agent", "message": "It is 185.35."},
]


def run(steps=STEPS, **more):
    agent = {"name": "helper", "version": "1.0", "model_name": "gemini-2.5-pro", "tool_definitions": [TOOL]}
    return {"schema_version": "ATIF-v1.4", "session_id": "run-1", "agent": agent, "steps": steps, **more}


def read(tmp_path, *runs):
    path = tmp_path / "trajectory.json"
    path.write_text(json.dumps(runs[0] if len(runs) == 1 else runs))
    batches = list(ingest([str(path)], options={"redact": False}))
    counts = {}
    for batch in batches:
        for name, count in batch.counts.items():
            counts[name] = counts.get(name, 0) + count
    return sorted((call for batch in batches for call in batch.calls), key=lambda call: call.id), counts


def test_a_step_of_the_agent_is_a_call_that_was_asked_all_before_it(tmp_path):
    """Messages, tool calls, results, tokens, tools, models and times are those of the steps."""
    (first, second), counts = read(tmp_path, run())
    assert [message.role for message in first.input] == ["system", "user"]
    assert first.output[0].reasoning == "I have to look it up."
    (call,) = first.output[0].tool_calls
    assert (call.id, call.name, json.loads(call.arguments)) == ("c1", "look_up", {"ticker": "GLX"})
    assert (first.usage.input, first.usage.output, first.usage.cache_read) == (520, 80, 200)
    assert (first.model_served, second.model_served) == ("gemini-2.5-flash", "gemini-2.5-pro")
    assert first.tools == (TOOL,) and first.seconds == 2.0
    assert to_chat(second.input[-1]) == {"role": "tool", "tool_call_id": "c1", "content": "185.35"}
    assert second.reply == "It is 185.35." and {first.session_id, second.session_id} == {"run-1"}
    assert (first.usable, second.usable, first.flags, second.flags) == (True, True, (), ())
    assert (counts["read"], counts["other:step of a trajectory"]) == (4, 2)


def test_what_a_longer_file_of_the_same_run_repeats_is_no_new_call(tmp_path):
    calls, counts = read(tmp_path, run(STEPS[:3]), run())
    assert [call.id for call in calls] == ["run-1:00003", "run-1:00004"]
    assert (counts["read"], counts["repeated_calls"], counts["other:step of a trajectory"]) == (7, 1, 4)


def test_copied_steps_are_history_and_other_events_come_from_the_user(tmp_path):
    """A step of an earlier run was its call; an observation that answers no tool call was still told to the model."""
    copied = {**STEPS[2], "is_copied_context": True}
    told = {**STEPS[3], "message": "Trying.", "observation": {"results": [{"content": "The shell was restarted."}]}}
    last = {"step_id": 5, "source": "agent", "message": "Done."}
    calls, _ = read(tmp_path, run([*STEPS[:2], copied, told, last]))
    assert [call.reply for call in calls] == ["Trying.", "Done."]
    assert (calls[1].input[-1].role, calls[1].input[-1].text) == ("user", "The shell was restarted.")


def test_a_run_without_an_answer_is_counted(tmp_path):
    calls, counts = read(tmp_path, run(STEPS[:2]))
    assert not calls and (counts["read"], counts["other:step of a trajectory"]) == (2, 2)
