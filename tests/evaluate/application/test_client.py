"""`model.client()`, `model.async_client()` and `model.base_url`: agents in an eval function that ask the arm."""

import json
import urllib.error
import urllib.request
from textwrap import dedent

import pytest

from harness.errors import TrueupError, UsageError
from harness.evaluate.application import client as client_module
from harness.evaluate.runner.model import Model
from harness.evaluate.stage import evaluate
from harness.types import Arm, EvalRequest, Reply, ToolCallPart, Usage

USER = [{"role": "user", "content": "hello"}]
TOOLS = [{"type": "function", "function": {"name": "refund", "parameters": {"type": "object"}}}]


@pytest.fixture
def model():
    """A model that calls a tool where it is offered one, and else repeats the last message."""

    def answer(request):
        if request.tools and len(request.messages) == 1:
            return Reply(text="", tool_calls=(ToolCallPart(id="t1", name="refund", arguments='{"id": 7}'),))
        last = request.messages[-1] if request.messages else None
        if last is not None and last.text == "break":
            raise TrueupError("HTTP 503")
        text = request.text or last.text or "".join(part.content for part in last.parts)
        return Reply(text=f"said {text}", usage=Usage(input=3, output=2))

    return Model(Arm(name="arm", backend="scripted"), answer)


def test_a_client_asks_the_model_and_its_calls_are_recorded(model):
    """Text, usage, sampling and several turns with tools pass through in both directions."""
    client = model.client()
    answer = client.chat.completions.create(model="gpt", messages=USER, max_tokens=7, temperature=0.5, stop=["x"])
    assert answer.choices[0].message.content == "said hello" and answer.usage.total_tokens == 5
    request = model.exchanges[0].request
    assert (request.max_tokens, request.temperature, request.stop) == (7, 0.5, ("x",))
    turn = client.chat.completions.create(model="gpt", messages=USER, tools=TOOLS).choices[0]
    (call,) = turn.message.tool_calls
    assert turn.finish_reason == "tool_calls" and json.loads(call.function.arguments) == {"id": 7}
    result = {"role": "tool", "tool_call_id": call.id, "content": "done"}
    more = [*USER, turn.message.model_dump(exclude_none=True), result]
    assert (
        client.chat.completions.create(model="gpt", messages=more, tools=TOOLS).choices[0].message.content
        == "said done"
    )
    assert [reply.text for reply in model.replies] == ["said hello", "", "said done"]


def test_streams_are_served(model):
    """The pieces of a stream add up to the reply, tool calls included, and usage comes where it is asked for."""
    client = model.client()
    options = {"include_usage": True}
    *pieces, last = client.chat.completions.create(model="m", messages=USER, stream=True, stream_options=options)
    assert (
        "".join(piece.choices[0].delta.content or "" for piece in pieces) == "said hello"
        and last.usage.prompt_tokens == 3
    )
    pieces = list(client.chat.completions.create(model="m", messages=USER, tools=TOOLS, stream=True))
    assert pieces[0].choices[0].delta.tool_calls[0].function.name == "refund"
    assert pieces[-1].choices[0].finish_reason == "tool_calls"


def test_raw_completions_and_the_list_of_models_are_served(model):
    """Older clients complete text, and some look at the models first."""
    client = model.client()
    assert client.completions.create(model="m", prompt="once").choices[0].text == "said once"
    assert [entry.id for entry in client.models.list()] == ["arm"]


def test_a_schema_is_passed_on(model):
    """The response format of the OpenAI API is the request's schema."""
    form = {"type": "json_schema", "json_schema": {"name": "reply", "schema": {"type": "array"}}}
    model.client().chat.completions.create(model="m", messages=USER, response_format=form)
    assert model.exchanges[0].request.schema == {"type": "array"}


@pytest.mark.parametrize(
    ("more", "told"),
    [({"n": 2}, "n=2"), ({"tool_choice": "required"}, "tool_choice"), ({"logprobs": True}, "logprobs")],
)
def test_what_the_model_cannot_do_is_refused(model, more, told):
    """And makes the case an error, even where the agent goes on."""
    openai = pytest.importorskip("openai")
    with pytest.raises(openai.BadRequestError, match=told):
        model.client().chat.completions.create(model="m", messages=USER, **more)
    assert told in str(model.failed()) and not model.exchanges


def test_a_fault_of_the_model_is_not_tried_again(model):
    """The client's own retries would ask a model that failed twice more."""
    openai = pytest.importorskip("openai")
    with pytest.raises(openai.InternalServerError, match="HTTP 503"):
        model.client().chat.completions.create(model="m", messages=[{"role": "user", "content": "break"}])
    assert len(model.exchanges) == 1 and "HTTP 503" in str(model.failed())


def test_the_address_serves_until_the_case_ends(model):
    """Other libraries take a base URL; what comes later is refused, and is no failure of the case."""
    url = f"{model.base_url}/chat/completions"
    request = urllib.request.Request(url, json.dumps({"messages": USER}).encode())
    assert json.load(urllib.request.urlopen(request))["choices"][0]["message"]["content"] == "said hello"
    client = model.client()
    model.close()
    with pytest.raises(urllib.error.HTTPError, match="410"):
        urllib.request.urlopen(request)
    with pytest.raises(Exception, match="has ended"):
        client.chat.completions.create(model="m", messages=USER)
    assert len(model.exchanges) == 1 and model.failed() is None


def test_without_the_package_it_says_what_to_install(model, monkeypatch):
    """A client needs `openai`; the address does not."""

    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(client_module, "import_module", missing)
    with pytest.raises(UsageError, match="pip install 'trueup\\[hosted\\]'"):
        model.client()


def test_agents_of_all_cases_wait_together(tmp_path):
    """Synchronous and asynchronous ones, three steps each: one batch a step, and each agent has its own replies."""
    (tmp_path / "eval_agents.py").write_text(
        dedent(
            """
            import asyncio
            from trueup import cases

            ROWS = [{"id": f"c{n}", "text": f"case {n}"} for n in range(5)]
            MESSAGES = lambda text: [{"role": "user", "content": text}]

            async def agent(client, text, pause):
                for _ in range(3):
                    await asyncio.sleep(pause)
                    answer = await client.chat.completions.create(model="m", messages=MESSAGES(text))
                    text = answer.choices[0].message.content
                return text

            @cases(ROWS)
            def eval_async(case, model):
                assert asyncio.run(agent(model.async_client(), case.text, 0.01)) == case.text

            @cases(ROWS)
            def eval_sync(case, model):
                client = model.client()
                for _ in range(3):
                    answer = client.chat.completions.create(model="m", messages=MESSAGES(case.text))
                    assert answer.choices[0].message.content == case.text
            """
        )
    )
    events = []
    request = EvalRequest(
        arms=(Arm(name="arm", backend="scripted"),), paths=(str(tmp_path),), out=str(tmp_path / "out")
    )
    (run,) = evaluate(request, on_event=events.append)
    assert [result.error for result in run.results] == [""] * 10
    assert all(result.score("passed") == 1.0 for result in run.results)
    assert [event["requests"] for event in events if event["event"] == "asking"] == [
        5,
        5,
        5,
    ]  # equal ones are asked once
