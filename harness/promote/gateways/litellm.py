"""Configure LiteLLM's proxy: both models, and a hook that gives each session its model.

LiteLLM's own weights are drawn anew for each request, so the split is a call hook (`async_pre_call_hook`), which LiteLLM documents for
changing requests. Never run LiteLLM 1.107.0, 1.82.7 or 1.82.8: these releases were compromised.
"""

import json

from harness.promote.gateways import _source
from harness.types import TrafficSplit

_HOOK = """

from litellm.integrations.custom_logger import CustomLogger


class SessionSplit(CustomLogger):
    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):
        if data.get("model") == ALIAS:
            headers = (data.get("proxy_server_request") or {}).get("headers") or {}
            named = {name.lower(): value for name, value in headers.items()}
            data["model"] = model_for(named.get(HEADER) or data.get("litellm_session_id") or data.get("user"))
        return data


handler = SessionSplit()
"""


def files(split: TrafficSplit) -> dict[str, str]:
    """`config.yaml`, and the hook beside it."""
    models = {split.candidate: split.candidate, split.control: split.control, split.alias: split.control}
    text = "# Written by `trueup canary`. Run: litellm --config config.yaml, with TRUEUP_SERVE_TOKEN set to the server's token.\n"
    text += "model_list:\n"
    for name, served in models.items():
        text += f"  - model_name: {json.dumps(name)}\n    litellm_params:\n"
        text += f"      model: {json.dumps(f'openai/{served}')}\n      api_base: {json.dumps(split.url)}\n"
        text += "      api_key: os.environ/TRUEUP_SERVE_TOKEN\n"
    text += 'litellm_settings:\n  callbacks: ["trueup_split.handler", "otel"]\n'
    return {"config.yaml": text, "trueup_split.py": _source.model_for(split) + _HOOK}
