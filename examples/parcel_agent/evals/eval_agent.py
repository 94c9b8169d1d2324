"""Does the agent do what the customer asked for? The state of the desk afterwards decides, not the words on the way."""

import json

from trueup import cases, guard, info, score, suite, target

MOST_CALLS = 4


@suite(role=target(min_gain=0.2))
@cases("tasks.jsonl")
def eval_tasks(case, model, desk, tools):
    """Whole tasks with live tools: the orders afterwards, and the answer, are as they should be."""
    chat = model.session(case.messages, tools=tools, max_tokens=48)
    while call := chat.next_call(limit=MOST_CALLS):
        chat.reply(call, json.dumps(desk.call(call.name, call.args)))  # written as production's tools write it
    done = desk.orders == case.expected["orders"]
    told = case.expected["says"].lower() in chat.text.lower()
    return (
        score.check("done", done and told, f"orders {'as wanted' if done else desk.orders}; it said: {chat.text[:80]}"),
        score.check("state", done),
    )


@suite(role=info(), cluster="session_id")
@cases.held_out("parcel-agent")
def eval_steps(case, model, tools):
    """The steps that went wrong in production, mined and held out: is the right tool called with the right arguments?"""
    reply = model.chat(case.messages, tools=tools, max_tokens=48)
    return score.calls(reply, case.expected)


@suite(role=guard(margin=0.2), cluster="session_id")
@cases.regression("parcel-agent")
def eval_passed(case, model, tools):
    """Steps that were right in production: a call where it called, and words where it spoke."""
    reply = model.chat(case.messages, tools=tools, max_tokens=48)
    return score.calls(reply, case.expected)
