"""Traffic that real clients sent under real instrumentation is read back as the server heard it, call by call."""

from collections import Counter

import pytest

from harness.ingest.stage import ingest
from tests.ingest.formats import heard

# calls, usable, requests without a call, and calls of which a field is not as the server has it.
# The reasons are the producers' own: what a library does not record, cuts or invents, no reader brings back.
TABLE = {
    # No span for legacy completions; images kept apart; failed requests are not marked as such.
    "braintrust_0.48.1": (40, 36, 1, {"input": 3, "finish": 1, "error": 3}),
    # Records why an answer ended in streams only, or, under LangChain, never; keeps one choice of two there.
    "langfuse-langchain_5.0.4": (17, 16, 0, {"output": 1, "finish": 16}),
    "langfuse-openai_5.0.4": (29, 25, 0, {"input": 2, "output": 1, "finish": 17}),
    "langsmith-langchain_0.15.1": (17, 16, 0, {}),
    # Counts tokens itself where the server gave no usage.
    "litellm_1.110.2": (17, 16, 0, {"usage": 2}),
    # Keeps the message without why it ended, one choice of two, and no tools of the Responses API.
    "logfire_4.14.2": (29, 23, 0, {"output": 1, "finish": 25, "tools": 2, "usage": 1}),
    "logfire_5.4.0": (29, 25, 0, {"input": 1, "output": 1}),
    "mlflow-skinny_2.22.2": (29, 26, 0, {}),
    "mlflow-skinny_2.22.2.frame": (29, 26, 0, {}),
    "mlflow-skinny_3.1.4": (29, 26, 0, {}),
    # Names no tools, as the generator was given them when it was made.
    "openinference-haystack_0.1.46": (4, 4, 0, {"tools": 4}),
    "openinference-langchain_0.1.80": (17, 16, 0, {}),
    "openinference-litellm_0.1.51": (16, 15, 1, {"finish": 1}),
    "openinference-llama-index_4.6.1": (4, 4, 0, {}),
    "openinference-openai-agents_2.6.0": (10, 8, 0, {"input": 1, "finish": 3, "tools": 6}),
    "openinference-openai_0.1.66+anthropic_3.1.0": (41, 37, 0, {}),
    # Does not record why an answer ended.
    "openinference-smolagents_0.1.43": (4, 4, 0, {"finish": 4}),
    # Loses tool calls in a history, images and refusals; joins two choices to one.
    "openlit_1.45.0": (28, 24, 1, {"input": 9, "output": 3, "finish": 2, "tools": 3, "usage": 2}),
    # Puts the text behind the tool calls; writes a refusal as text.
    "otel-genai-openai+anthropic_1.3b0": (40, 36, 1, {"input": 1, "output": 2, "finish": 1}),
    # No asynchronous clients, legacy completions or Responses, no tools.
    "otel-openai-v2_2.0b0": (19, 16, 10, {"input": 1, "output": 1, "tools": 6}),
    "pydantic-ai_1.5.0_v1-attributes": (11, 10, 0, {"input": 1, "usage": 10}),
    "pydantic-ai_1.5.0_v1-logs": (11, 10, 0, {"input": 1, "usage": 10}),
    "pydantic-ai_2.68.0_v5": (11, 10, 0, {"input": 1}),
    # Names no tools.
    "semantic-kernel_1.45.0": (4, 4, 0, {"tools": 2}),
    "traceloop-langchain_0.62.4": (17, 16, 0, {"finish": 2, "usage": 1}),
    # Names a tool call of the Responses API by its item, not by its call; counts a token of a stream twice.
    "traceloop-openai+anthropic_0.47.3": (38, 34, 3, {"input": 3, "output": 2, "finish": 4, "usage": 3}),
    "traceloop-openai+anthropic_0.62.4": (40, 35, 1, {"input": 2, "output": 2, "usage": 3}),
    # The SDK itself failed on one answer, which it does not record.
    "vercel-ai_4.3.19": (11, 9, 0, {"output": 1, "finish": 1, "tools": 1, "usage": 1, "error": 1}),
    "vercel-ai_5.0.277": (12, 11, 0, {}),
    "weave_0.54.0": (28, 25, 1, {}),
}


def read(name):
    files = [str(path) for path in sorted((heard.TRAFFIC / name).iterdir()) if path.name != "ledger.json.gz"]
    batches = list(ingest(files, options={"redact": False}))
    assert not any(batch.quarantined for batch in batches)
    return [call for batch in batches for call in batch.calls]


@pytest.mark.parametrize("name", TABLE)
def test_calls_are_what_the_server_heard_and_said(name):
    """Messages, tool calls, tools, ends, tokens and errors are those of the wire, but for what the library lost."""
    calls = read(name)
    pairs = heard.paired(calls, heard.ledger(name))
    wrong = Counter(
        field for known, call in pairs if call for field in heard.FIELDS if heard.told(call)[field] != known[field]
    )
    missing = sum(call is None for _, call in pairs)
    assert (len(calls), sum(call.usable for call in calls), missing, dict(wrong)) == TABLE[name]


def test_every_recorded_run_is_in_the_table():
    """No folder of recorded traffic lies there unread."""
    assert {path.name for path in heard.TRAFFIC.iterdir() if path.is_dir()} == set(TABLE)


@pytest.mark.parametrize("name", ["openinference-openai_0.1.66+anthropic_3.1.0", "vercel-ai_5.0.277"])
def test_session_and_user_of_the_server_span_reach_every_call(name):
    """The application names session and user once a request; each call below has them."""
    for call in read(name):
        assert call.session_id.removeprefix("s-") == call.user_id.removeprefix("u-") != ""
