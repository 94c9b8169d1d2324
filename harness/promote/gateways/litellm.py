"""Configure LiteLLM's proxy: both models, and a hook that gives each session its model.

LiteLLM's own weights are drawn anew for each request, so the split is a call hook (`async_pre_call_hook`), which LiteLLM documents for
changing requests. It hands the session on as well: to the server as a header, to LiteLLM's traces as `session.id`. Never run LiteLLM
1.107.0, 1.82.7 or 1.82.8: these releases were compromised.
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
            session = named.get(HEADER) or data.get("litellm_session_id") or data.get("user")
            data["model"] = model_for(session)
            if session:  # LiteLLM hands neither the header nor the session on
                data["extra_headers"] = {**(data.get("extra_headers") or {}), HEADER: session}
                span = getattr(user_api_key_dict, "parent_otel_span", None)
                if span is not None:
                    span.set_attribute("session.id", session)
        return data


handler = SessionSplit()
"""

_HEAD = """\
# Written by `trueup canary`. LiteLLM reads it when it starts: start it again after each change.
#     pip install 'litellm[proxy]' opentelemetry-sdk opentelemetry-exporter-otlp-proto-http
#     LITELLM_MASTER_KEY=... TRUEUP_SERVE_TOKEN=... OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf \\
#         OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 litellm --config config.yaml
# The master key is what clients bring (sk-...), the token that of the server behind it; 4318 is `trueup collect`.
"""


def files(split: TrafficSplit) -> dict[str, str]:
    """`config.yaml`, and the hook beside it."""
    models = {split.candidate: split.candidate, split.control: split.control, split.alias: split.control}
    text = _HEAD
    text += "model_list:\n"
    for name, served in models.items():
        text += f"  - model_name: {json.dumps(name)}\n    litellm_params:\n"
        text += f"      model: {json.dumps(f'openai/{served}')}\n      api_base: {json.dumps(split.url)}\n"
        text += "      api_key: os.environ/TRUEUP_SERVE_TOKEN\n"
    text += 'litellm_settings:\n  callbacks: ["trueup_split.handler", "otel"]\n'
    return {"config.yaml": text, "trueup_split.py": _source.model_for(split) + _HOOK}
