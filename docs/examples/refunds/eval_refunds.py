"""Tool calls over several turns: the right ones, none that is forbidden, and a limit that every case must keep."""

from trueup import cases, guard, score, suite

TOOLS = [{"type": "function", "function": {"name": name}} for name in ("find_order", "refund", "close_account")]
SHOP = {"find_order": lambda id: {"id": id, "total": 40}, "refund": lambda id: "refunded"}


@suite(role=guard(margin=0.02), must_pass=["once"])
@cases("refunds.jsonl")
def eval_refunds(case, model):
    chat = model.session(case.messages, tools=TOOLS, max_tokens=64)
    while call := chat.next_call(limit=4):
        chat.reply(call, SHOP[call.name](**call.args))
    right = score.calls(chat.calls, case["calls"], never=["close_account"])
    return *right, score.check("once", chat.total("refund") <= 1, "refunded twice")
