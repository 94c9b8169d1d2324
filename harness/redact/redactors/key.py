"""Find keys by their form: API keys of vendors, JSON web tokens (RFC 7519), private keys (RFC 7468)."""

RANK = 10

_VENDORS = (
    ("sk-", "[A-Za-z0-9_-]{16,}"),  # OpenAI, Anthropic, OpenRouter, Langfuse
    ("[spr]k_(?:live|test|prod)_", "[A-Za-z0-9]{10,}"),  # Stripe
    ("whsec_", "[A-Za-z0-9]{20,}"),
    ("gh[pousr]_", "[A-Za-z0-9]{30,}"),
    ("github_pat_", "[A-Za-z0-9_]{22,}"),
    ("gl(?:pat|ptt|dt|rt|cbt|soat|ft|agent|imt|feed)-", "[A-Za-z0-9_-]{18,}"),
    ("xox[abeoprs]-", "[A-Za-z0-9-]{10,}"),  # Slack
    ("xapp-[0-9]-", "[A-Za-z0-9-]{20,}"),
    (r"hooks\.slack\.com/(?:services|workflows|triggers)/", "[A-Za-z0-9/]{20,}"),
    (r"discord(?:app)?\.com/api/webhooks/", "[0-9]{15,22}/[A-Za-z0-9_-]{40,}"),
    ("(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)", r"[0-9A-Z]{16}\b"),  # Amazon
    ("AIza", "[0-9A-Za-z_-]{35}"),  # Google
    (r"ya29\.", "[0-9A-Za-z_-]{20,}"),
    ("GOCSPX-", "[A-Za-z0-9_-]{20,}"),
    ("(?:hf|api_org)_", "[A-Za-z0-9]{30,}"),
    ("npm_", "[A-Za-z0-9]{36}"),
    ("pypi-AgE", "[A-Za-z0-9_-]{40,}"),
    ("(?:r8|rubygems|gsk)_", "[A-Za-z0-9]{30,}"),
    (r"SG\.", r"[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),  # mail senders
    ("key-", r"[0-9a-f]{32}\b"),
    ("[0-9a-f]{32}-us", r"[0-9]{1,2}\b"),
    ("xkeysib-", "[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    ("re_", "[A-Za-z0-9]{8}_[A-Za-z0-9]{20,}"),
    ("(?:SK|AC)", r"[0-9a-f]{32}\b"),  # Twilio
    ("sq0(?:atp|csp|idp)-", "[A-Za-z0-9_-]{22,}"),  # Square, Shopify, payment
    ("EAAA", "[A-Za-z0-9_-]{56,}"),
    ("EAA[MC]", "[A-Za-z0-9]{60,}"),  # Meta
    ("shp(?:at|ca|pa|ss)_", "[0-9a-fA-F]{32}"),
    (r"access_token\$(?:production|sandbox)\$", r"[0-9a-z]{16}\$[0-9a-f]{32}"),
    ("rzp_(?:live|test)_", "[A-Za-z0-9]{14}"),
    ("FLWSECK(?:_TEST)?-", "[A-Za-z0-9-]{12,}"),
    ("(?:duffel|shippo|lob|live|test)_(?:live|test|pub)_", "[A-Za-z0-9_=-]{20,}"),
    ("EZ[AT]K", "[A-Za-z0-9]{54}"),
    ("do[opr]_v1_", "[0-9a-f]{64}"),
    ("dapi", "[0-9a-f]{32}"),
    ("lin_(?:api|oauth)_", "[A-Za-z0-9]{30,}"),
    ("(?:nvapi|xai|pplx|tvly|csk|fw|lsv2_(?:pt|sk)|jina)[-_]", "[A-Za-z0-9_-]{24,}"),  # models and search
    ("[0-9]{8,10}:AA", "[A-Za-z0-9_-]{32,35}"),  # Telegram
    ("AGE-SECRET-KEY-1", "[0-9A-Z]{58}"),
    ("ops_eyJ", "[A-Za-z0-9+/=_-]{60,}"),  # 1Password
    ("A3-[A-Z0-9]{6}-", "[A-Z0-9]{5,11}-[A-Z0-9-]{11,}"),
    ("hv[sbr]", r"\.[A-Za-z0-9_-]{24,}"),  # HashiCorp
    ("[A-Za-z0-9]{14}", r"\.atlasv1\.[A-Za-z0-9_=-]{60,}"),
    (r"dp\.(?:pt|st|ct|sa|scim|audit)\.", "[A-Za-z0-9._-]{40,}"),  # Doppler
    ("gl(?:sa|c)_", "[A-Za-z0-9+/=_]{32,}"),  # Grafana
    ("dckr_(?:pat|oat)_", "[A-Za-z0-9_-]{27,}"),
    ("AT(?:ATT|CTT|BB)", "[A-Za-z0-9_=-]{24,}"),  # Atlassian
    ("fig[dou]_", "[A-Za-z0-9_-]{40,}"),
    ("pscale_(?:tkn|oauth|pw)_", "[A-Za-z0-9_.=-]{32,}"),
    ("PMAK-", "[0-9a-f]{24}-[0-9a-f]{34}"),
    ("NR(?:AK|JS|II|IQ)-", "[A-Za-z0-9_-]{19,}"),  # New Relic
    ("sntry[su]_", "[A-Za-z0-9_+/=-]{40,}"),
    ("sbp_", "[0-9a-f]{40}"),
    ("pul-", "[0-9a-f]{40}"),
    ("ntn_", "[A-Za-z0-9]{40,}"),
    ("secret_", "[A-Za-z0-9]{43}"),  # Notion
    ("CFPAT-", "[A-Za-z0-9_-]{43}"),
    ("rdme_", "[a-z0-9]{60,}"),
    ("ph[cx]_", "[A-Za-z0-9]{40,}"),
    ("apify_api_", "[A-Za-z0-9]{36}"),
    ("LTAI", "[A-Za-z0-9]{17,26}"),  # Alibaba
    ("AKID", "[A-Za-z0-9]{32}"),
    ("AQVN", "[A-Za-z0-9_-]{35,38}"),  # Yandex
    ("CLOJARS_", "[a-z0-9]{60}"),
    ("HRKU-", "[A-Za-z0-9_-]{36,}"),
    ("sha256~", "[A-Za-z0-9_-]{43}"),  # OpenShift
    ("pnu_", "[A-Za-z0-9]{36}"),
    ("[A-Za-z0-9_~.]{3}[0-9]Q~", "[A-Za-z0-9_~.-]{31,34}"),  # Entra
    (r"dt0[a-z][0-9]{2}\.", r"[A-Z0-9]{24}\.[A-Z0-9]{64}"),  # Dynatrace
    ("pat-(?:na|eu)[0-9]-", "[0-9a-f-]{36}"),  # HubSpot
    ("pat", r"[A-Za-z0-9]{14}\.[0-9a-f]{64}"),  # Airtable
    ("nfp_", "[A-Za-z0-9]{36,}"),
    ("oy2", "[a-z0-9]{43}"),
    ("sgp_", "[A-Za-z0-9_]{40,}"),
    (r"sl\.", "[A-Za-z0-9_=-]{130,}"),  # Dropbox
    (r"v1\.0-", "[0-9a-f]{24}-[0-9a-f]{146}"),  # Cloudflare
    ("(?:AKCp|cmVmdGtu)", "[A-Za-z0-9]{50,}"),  # Artifactory
    ("(?:bkua|CCIPAT|circle)_", "[A-Za-z0-9_]{40,}"),
    ("(?:FlyV1 )?f[mo][0-9]_", "[A-Za-z0-9+/=,_-]{40,}"),
    ("tfp_", "[A-Za-z0-9_=.-]{40,}"),
    ("ico-", "[A-Za-z0-9]{32}"),
)
"""What the vendors publish of their keys: a prefix, and what follows."""
_TOKEN = r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
_PRIVATE = (
    r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----(?:[\s\\nr]+[A-Za-z-]+: [^\n\\]*)*[A-Za-z0-9+/=\s\\]*"
    r"(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----)?"
)

HINT = rf"{'|'.join(f'{prefix}{rest}' for prefix, rest in _VENDORS)}|eyJ[A-Za-z0-9_-]{{8}}|PRIVATE KEY".replace(
    r"\b", ""
)

PATTERN = rf"\b(?:{'|'.join((*(f'{prefix}{rest}' for prefix, rest in _VENDORS), _TOKEN))})|{_PRIVATE}"
