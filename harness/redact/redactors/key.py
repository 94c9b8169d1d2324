"""Find keys by their form: API keys of vendors, JSON web tokens (RFC 7519), private keys (RFC 7468)."""

RANK = 10

_VENDORS = (
    r"sk-[A-Za-z0-9_-]{16,}",  # OpenAI, Anthropic, OpenRouter
    r"[spr]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9]{20,}",  # Stripe
    r"gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,}|gl(?:pat|ptt|dt|rt|cbt)-[A-Za-z0-9_-]{18,}",
    r"xox[abeprs]-[A-Za-z0-9-]{10,}|xapp-[0-9]-[A-Za-z0-9-]{20,}",  # Slack
    r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/]{20,}",
    r"discord(?:app)?\.com/api/webhooks/[0-9]{15,22}/[A-Za-z0-9_-]{40,}",
    r"(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{16}\b",  # Amazon
    r"AIza[0-9A-Za-z_-]{35}|ya29\.[0-9A-Za-z_-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,}",  # Google
    r"hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{36}|pypi-AgE[A-Za-z0-9_-]{40,}|r8_[A-Za-z0-9]{30,}|gsk_[A-Za-z0-9]{40,}",
    r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|key-[0-9a-f]{32}\b|[0-9a-f]{32}-us[0-9]{1,2}\b",  # mail senders
    r"(?:SK|AC)[0-9a-f]{32}\b",  # Twilio
    r"sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|do[op]_v1_[0-9a-f]{64}",
    r"dapi[0-9a-f]{32}|lin_api_[A-Za-z0-9]{30,}|nvapi-[A-Za-z0-9_-]{40,}|xai-[A-Za-z0-9]{40,}|pplx-[A-Za-z0-9]{30,}",
    r"[0-9]{8,10}:AA[A-Za-z0-9_-]{32,35}",  # Telegram
)
_TOKEN = r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
_PRIVATE = (
    r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----(?:[\s\\nr]+[A-Za-z-]+: [^\n\\]*)*[A-Za-z0-9+/=\s\\]*"
    r"(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----)?"
)

HINT = (
    r"sk-[A-Za-z0-9_-]{8}|[spr]k_(?:live|test)_|whsec_|gh[pousr]_|github_pat_|gl(?:pat|ptt|dt|rt|cbt)-|xox[abeprs]-|xapp-"
    r"|hooks\.slack|api/webhooks/|A(?:KIA|SIA|ROA|IDA)[0-9A-Z]|AIza|ya29\.|GOCSPX-|hf_|npm_|pypi-AgE|r8_|gsk_|SG\.|key-[0-9a-f]"
    r"|[0-9a-f]-us[0-9]|(?:SK|AC)[0-9a-f]{8}|sq0|shp(?:at|ca|pa|ss)_|do[op]_v1_|dapi[0-9a-f]|lin_api_|nvapi-|xai-|pplx-|:AA"
    r"|eyJ[A-Za-z0-9_-]{8}|PRIVATE KEY"
)

PATTERN = rf"\b(?:{'|'.join((*_VENDORS, _TOKEN))})|{_PRIVATE}"
