"""Endpoints: what is sent, what comes back, and what happens when the endpoint misbehaves."""

import asyncio
import json
import time

import httpx2
import pytest

from harness.errors import UsageError
from harness.evaluate.backends import openai_compatible
from harness.evaluate.runner.model import Model
from harness.evaluate.serving.calls import GIVE_UP
from harness.types import Arm, Reply, Request

ARM = Arm(name="hosted", backend="openai_compatible", model="m", options={"url": "http://host/v1", "retries": 3})
GOOD = {
    "choices": [{"message": {"role": "assistant", "content": "four"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 5}},
}


def served(handler) -> openai_compatible.Endpoint:
    return openai_compatible.Endpoint(httpx2.MockTransport(handler), first_pause=0.001)


def test_replies_keep_the_order_of_requests(user):
    """Requests run side by side; each gets its own answer, with usage and time."""

    def echo(request: httpx2.Request) -> httpx2.Response:
        said = json.loads(request.content)["messages"][-1]["content"]
        time.sleep(0.01 if said == "0" else 0)
        return httpx2.Response(200, json={**GOOD, "choices": [{"message": {"role": "assistant", "content": said}}]})

    replies = served(echo).answer(ARM, [Request(messages=user(str(number))) for number in range(20)])
    assert [reply.text for reply in replies] == [str(number) for number in range(20)]
    assert replies[0].usage.input == 7 and replies[0].usage.cache_read == 5 and replies[0].seconds > 0


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_go_away_is_tried_again(user, status):
    """Two bad answers, then a good one: a reply."""
    answers = iter([httpx2.Response(status), httpx2.Response(status), httpx2.Response(200, json=GOOD)])
    assert served(lambda request: next(answers)).answer(ARM, [Request(messages=user("a"))])[0].text == "four"


def test_a_stalled_endpoint_is_an_error_after_the_retries(user):
    """A time-out is tried again as often as asked, then it is the case's error."""
    tries = []

    def stall(request: httpx2.Request) -> httpx2.Response:
        tries.append(request)
        raise httpx2.ReadTimeout("too slow")

    failed = served(stall).answer(ARM, [Request(messages=user("a"))])[0]
    assert isinstance(failed, openai_compatible.EndpointError) and "ReadTimeout" in str(failed)
    assert len(tries) == 4


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (httpx2.Response(400, text="bad field"), "HTTP 400: bad field"),
        (httpx2.Response(200, text="<html>"), "not JSON"),
        (httpx2.Response(200, json={"choices": []}), "not a completion"),
        (httpx2.Response(200, json=[1]), "not a completion"),
    ],
)
def test_nonsense_is_an_error_at_once(user, response, message):
    """A wrong request or a broken server is not asked twice, and never becomes an empty reply."""
    tries = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        tries.append(request)
        return response

    failed = served(answer).answer(ARM, [Request(messages=user("a"))])[0]
    assert isinstance(failed, openai_compatible.EndpointError) and message in str(failed)
    assert len(tries) == 1


def test_one_bad_case_leaves_the_others_alone(user):
    """The error stands in its own place."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        bad = "bad" in request.content.decode()
        return httpx2.Response(400) if bad else httpx2.Response(200, json=GOOD)

    asked = [Request(messages=user(text)) for text in ("a", "bad", "b")]
    first, failed, last = served(answer).answer(ARM, asked)
    assert isinstance(first, Reply) and isinstance(failed, openai_compatible.EndpointError) and isinstance(last, Reply)


def test_the_key_comes_from_the_environment_and_is_in_no_digest(user, monkeypatch):
    """The endpoint gets the key as a bearer token; the cache key is the same without it."""
    seen = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers.get("authorization"))
        return httpx2.Response(200, json=GOOD)

    before = openai_compatible.digest(ARM)
    monkeypatch.setenv("OPENAI_API_KEY", "k1")
    served(answer).answer(ARM, [Request(messages=user("a"))])
    assert seen == ["Bearer k1"]
    assert openai_compatible.digest(ARM) == before


def test_requests_keep_to_the_rate():
    """Six requests at 6,000 a minute take at least five gaps of 10 ms."""
    arm = Arm(name="hosted", model="m", options={"url": "http://host/v1", "per_minute": 6000})
    started = time.perf_counter()
    served(lambda request: httpx2.Response(200, json=GOOD)).answer(arm, [Request(kind="chat")] * 6)
    assert time.perf_counter() - started >= 0.05


def test_schema_tools_and_repeat_are_sent(user):
    """What the request asks for stands in the body; two repeats have two seeds."""
    schema = {"type": "object"}
    options = openai_compatible.options_of(ARM)
    path, body = openai_compatible.call_of(
        ARM, options, Request(messages=user("a"), schema=schema, tools=({"type": "function"},))
    )
    assert path == "/chat/completions"
    assert body["response_format"]["json_schema"]["schema"] == schema
    assert body["tools"] == [{"type": "function"}]
    seeds = [openai_compatible.call_of(ARM, options, Request(repeat=repeat))[1]["seed"] for repeat in (1, 2)]
    assert seeds[0] != seeds[1]


def test_what_is_not_set_is_not_sent(user):
    """Endpoints refuse fields that they do not know, so only what an eval function set is sent."""
    options = openai_compatible.options_of(ARM)
    assert set(openai_compatible.call_of(ARM, options, Request(messages=user("a")))[1]) == {"model", "messages"}
    sent: list[Request] = []

    def ask(request):
        sent.append(request)
        return Reply(text="x")

    Model(ARM, ask).chat("a")
    Model(ARM, ask).chat("a", temperature=0, max_tokens=64)
    Model(ARM, ask).chat("a", temperature=0.5)
    bodies = [openai_compatible.call_of(ARM, options, request)[1] for request in sent]
    assert not bodies[0].keys() & {"max_tokens", "temperature", "top_p", "seed"}
    assert (bodies[1]["temperature"], bodies[1]["max_tokens"]) == (0, 64) and "top_p" not in bodies[1]
    assert bodies[2]["temperature"] == 0.5 and bodies[2]["seed"] > 0


def test_the_bound_has_the_name_that_the_endpoint_knows(user):
    """Reasoning models of OpenAI take `max_completion_tokens` and refuse the other."""
    arm = Arm(name="hosted", model="m", options={"url": "http://host/v1", "max_tokens_name": "max_completion_tokens"})
    body = openai_compatible.call_of(arm, openai_compatible.options_of(arm), Request(max_tokens=9))[1]
    assert body["max_completion_tokens"] == 9 and "max_tokens" not in body


@pytest.mark.parametrize(
    ("message", "text", "reasoning", "finish"),
    [
        ({"content": "OK", "reasoning_content": "Hm."}, "OK", "Hm.", "stop"),
        ({"content": "OK", "reasoning": "Hm."}, "OK", "Hm.", "stop"),
        ({"content": "<think>\nHm.\n</think>\n\nOK"}, "OK", "Hm.", "stop"),
        ({"content": "<think>Hm."}, "", "Hm.", "incomplete"),
        ({"content": None, "reasoning_content": "Hm."}, "", "Hm.", "incomplete"),
        ({"content": "OK"}, "OK", "", "stop"),
    ],
)
def test_reasoning_is_kept_apart(message, text, reasoning, finish):
    """Whether the server's parser took it out or left it in the text."""
    reply = openai_compatible.reply_of({"choices": [{"message": {"role": "assistant", **message}}]}, 0.1)
    assert (reply.text, reply.reasoning, reply.finish_reason) == (text, reasoning, finish)


def test_template_options_are_sent(user):
    """Servers of open models take them as `chat_template_kwargs`."""
    request = Request(messages=user("a"), template_options={"enable_thinking": False})
    body = openai_compatible.call_of(ARM, openai_compatible.options_of(ARM), request)[1]
    assert body["chat_template_kwargs"] == {"enable_thinking": False}


def test_an_unknown_option_is_named():
    """A typing error in an arm's options is a usage error, before anything is sent."""
    with pytest.raises(UsageError, match="retrys"):
        openai_compatible.open([Arm(name="hosted", options={"url": "http://host/v1", "retrys": 3})])


@pytest.mark.parametrize(
    "usage", [{"prompt_tokens": "many"}, {"prompt_tokens": [1]}, {"prompt_tokens_details": {"cached_tokens": {}}}]
)
def test_nonsense_about_tokens_never_reaches_the_cache(user, usage):
    """Usage that is no number makes the answer nonsense: a cache could not read it back."""
    answer = {**GOOD, "usage": usage}
    failed = served(lambda request: httpx2.Response(200, json=answer)).answer(ARM, [Request(messages=user("a"))])[0]
    assert isinstance(failed, openai_compatible.EndpointError) and "not a completion" in str(failed)


def test_an_endpoint_that_drips_is_stopped_by_the_clock(user):
    """Bytes that keep coming, each in time, do not keep a try alive beyond its time-out."""

    class Drip(httpx2.AsyncByteStream):
        async def __aiter__(self):
            while True:
                await asyncio.sleep(0.01)
                yield b" "

    arm = Arm(name="hosted", model="m", options={"url": "http://host/v1", "retries": 0, "timeout": 0.1})
    failed = served(lambda request: httpx2.Response(200, stream=Drip())).answer(arm, [Request(messages=user("a"))])[0]
    assert isinstance(failed, openai_compatible.EndpointError) and "none within 0.1 seconds" in str(failed)


def test_a_pause_that_the_endpoint_asks_for_holds_everybody(user):
    """After a 429 with retry-after no request starts before its time, whichever it is."""
    starts = []

    def busy(request: httpx2.Request) -> httpx2.Response:
        starts.append(time.monotonic())
        return (
            httpx2.Response(429, headers={"retry-after": "0.2"})
            if len(starts) == 1
            else httpx2.Response(200, json=GOOD)
        )

    arm = Arm(name="hosted", model="m", options={"url": "http://host/v1", "concurrency": 1})
    replies = served(busy).answer(arm, [Request(messages=user(str(number))) for number in range(3)])
    assert all(isinstance(reply, Reply) for reply in replies)
    assert starts[1] - starts[0] >= 0.19


def test_a_reply_costs_what_the_prices_say(user):
    """7 tokens in, 5 of them cached, 1 out; without prices nothing is said of cost."""
    prices = {"input": 10.0, "cached": 1.0, "output": 100.0}
    arm = Arm(name="hosted", model="m", options={"url": "http://host/v1", "prices": prices})
    backend = served(lambda request: httpx2.Response(200, json=GOOD))
    assert backend.answer(arm, [Request(messages=user("a"))])[0].cost == pytest.approx((2 * 10 + 5 * 1 + 100) / 1e6)
    assert backend.answer(ARM, [Request(messages=user("a"))])[0].cost is None
    assert openai_compatible.digest(arm) == openai_compatible.digest(
        Arm(name="hosted", model="m", options={"url": "http://host/v1"})
    )


def test_a_refusal_is_what_the_model_said(user):
    """What stands in the refusal field is the reply's text: an empty one would hide it from every scorer."""
    said = {"choices": [{"message": {"role": "assistant", "content": None, "refusal": "I cannot."}}]}
    assert (
        served(lambda request: httpx2.Response(200, json=said)).answer(ARM, [Request(messages=user("a"))])[0].text
        == "I cannot."
    )


def test_an_endpoint_that_is_down_is_not_asked_for_every_case(user):
    """After eight requests in a row without an answer the batch ends; the next one tries again, and finds it is back."""
    arm = Arm(name="hosted", model="m", options={"url": "http://host/v1", "concurrency": 1, "retries": 0})
    asked, down = [], True

    def flaky(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(503) if down else httpx2.Response(200, json=GOOD)

    backend = served(flaky)
    requests = [Request(messages=user(str(number))) for number in range(20)]
    assert all(isinstance(reply, openai_compatible.EndpointError) for reply in backend.answer(arm, requests))
    assert len(asked) == GIVE_UP
    backend.answer(arm, requests)
    assert len(asked) == GIVE_UP + 1
    down = False
    assert all(isinstance(reply, Reply) for reply in backend.answer(arm, requests))


def test_a_key_that_is_refused_says_which_variable_to_set(user):
    """401 is not tried again, does not count as an outage, and names the variable."""
    arm = Arm(name="hosted", model="m", options={"url": "http://host/v1", "key_env": "MY_KEY"})
    refused = served(lambda request: httpx2.Response(401)).answer(arm, [Request(messages=user("a"))] * 12)
    assert all("MY_KEY" in reply.next and "401" in reply.what for reply in refused)
