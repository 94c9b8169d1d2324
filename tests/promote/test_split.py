"""The split: the same session always, the stated share, and the same in every gateway's language."""

import hashlib
import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core import plugins
from harness.promote.gateways import envoy_ai_gateway, litellm, vllm_router
from harness.promote.split import bucket, is_candidates
from harness.types import TrafficSplit

SPLIT = TrafficSplit(
    alias="production",
    candidate="trueup-aaaaaaaaaaaa",
    control="base",
    share=0.3,
    salt="5a17",
    header="X-Session-Id",
    url="http://127.0.0.1:8000/v1",
)
SESSIONS = [f"session-{number}" for number in range(2_000)]


@given(st.text(min_size=1), st.text(), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=200, deadline=None)
def test_a_session_stays_where_it_is(session, salt, first, second):
    """A larger share keeps every session that a smaller one had; all is all, and nothing is nobody."""
    session, salt = (text.encode("utf-8", "replace").decode() for text in (session, salt))
    small, large = sorted((first, second))
    assert is_candidates(session, salt, small) <= is_candidates(session, salt, large)
    assert (
        0 <= bucket(session, salt) < 1 and is_candidates(session, salt, 1.0) and not is_candidates(session, salt, 0.0)
    )


def test_the_share_is_the_stated_one_and_another_salt_draws_anew():
    """Two canaries do not hit the same people."""
    first = {session for session in SESSIONS if is_candidates(session, "a", 0.3)}
    second = {session for session in SESSIONS if is_candidates(session, "b", 0.3)}
    assert 520 < len(first) < 680 and 120 < len(first & second) < 240
    assert not is_candidates("", "a", 0.9)


def model_for(text):
    space = {}
    exec(compile(text, "model_for.py", "exec"), space)
    return space


def test_the_written_python_splits_as_we_do(monkeypatch):
    """LiteLLM's hook and the module for vLLM's router, run."""
    space = model_for(vllm_router.files(SPLIT)["model_for.py"])
    for session in SESSIONS[:300]:
        wanted = SPLIT.candidate if is_candidates(session, SPLIT.salt, SPLIT.share) else SPLIT.control
        assert space["model_for"](session) == wanted
    assert space["model_for"](None) == space["model_for"]("") == "base"


def test_litellms_hook_changes_only_what_asks_for_the_alias(monkeypatch):
    """By the header, else LiteLLM's own session, else the user."""
    import sys
    from types import ModuleType

    logger = ModuleType("litellm.integrations.custom_logger")
    logger.CustomLogger = object
    for name, module in (
        ("litellm", ModuleType("litellm")),
        ("litellm.integrations", ModuleType("i")),
        (logger.__name__, logger),
    ):
        monkeypatch.setitem(sys.modules, name, module)
    made = litellm.files(SPLIT)
    handler = model_for(made["trueup_split.py"])["handler"]

    def hooked(**data):
        with pytest.raises(StopIteration) as done:  # it awaits nothing
            handler.async_pre_call_hook(None, None, data, "completion").send(None)
        return done.value.value

    def asked(**data):
        return hooked(**data)["model"]

    ours = next(session for session in SESSIONS if is_candidates(session, SPLIT.salt, SPLIT.share))
    headers = {"proxy_server_request": {"headers": {"X-Session-ID": ours}}}
    assert asked(model="production", **headers) == asked(model="production", user=ours) == SPLIT.candidate
    assert asked(model="production", litellm_session_id=ours) == SPLIT.candidate
    assert asked(model="gpt-5", **headers) == "gpt-5" and asked(model="production") == "base"
    assert hooked(model="production", extra_headers={"x-a": "1"}, **headers)["extra_headers"] == {
        "x-a": "1",
        "x-session-id": ours,
    }
    assert "extra_headers" not in hooked(model="production") | hooked(model="gpt-5", **headers)
    known = yaml.safe_load(made["config.yaml"])
    assert {each["model_name"] for each in known["model_list"]} == {"production", "base", SPLIT.candidate}
    assert known["litellm_settings"]["callbacks"][0] == "trueup_split.handler"


def test_envoys_route_has_the_candidates_rule_first():
    """Valid YAML; once finished everybody gets the candidate, whatever the arm."""
    policy, route = yaml.safe_load_all(envoy_ai_gateway.files(SPLIT)["canary.yaml"])
    assert policy["kind"] == "EnvoyExtensionPolicy" and "envoy_on_request" in policy["spec"]["lua"][0]["inline"]
    rules = route["spec"]["rules"]
    assert [header["value"] for header in rules[0]["matches"][0]["headers"]] == ["production", "candidate"]
    assert rules[0]["backendRefs"][0]["modelNameOverride"] == SPLIT.candidate
    assert rules[1]["backendRefs"][0]["modelNameOverride"] == "base"
    text = envoy_ai_gateway.files(SPLIT.__class__(**{**_fields(SPLIT), "share": 1.0}))["canary.yaml"]
    assert (
        list(yaml.safe_load_all(text))[1]["spec"]["rules"][1]["backendRefs"][0]["modelNameOverride"] == SPLIT.candidate
    )


def test_envoys_lua_hashes_as_we_do():
    """SHA-256 in the dialect that Envoy runs, over sizes around a block."""
    lupa = pytest.importorskip("lupa.luajit21")
    lua = lupa.LuaRuntime(encoding="utf-8")
    lua.execute(envoy_ai_gateway.lua(SPLIT).replace("local function place", "function place"))
    place = lua.globals().place
    for session in ("", "a", "é☂", *("x" * size for size in (50, 51, 58, 59, 60, 63, 64, 119, 300))):
        assert place(session) == bucket(session, SPLIT.salt), hashlib.sha256(session.encode()).hexdigest()


@pytest.mark.parametrize("name", plugins.names("gateways"))
def test_no_value_is_taken_for_code(name):
    """A name with quotes and line ends stays a value in every gateway's file."""
    evil = "x\"'\n- kind: Pod\n'''\"\"\"); import os #`$(reboot)`"
    made = plugins.load("gateways", name).files(
        SPLIT.__class__(**{**_fields(SPLIT), "alias": evil, "salt": evil, "header": evil, "url": evil})
    )
    for path, text in made.items():
        if path.endswith(".py"):
            compile(text, path, "exec")
        elif path.endswith(".yaml"):
            assert all(each.get("kind") != "Pod" for each in yaml.safe_load_all(text))
        assert "\n- kind: Pod" not in text or path == "run.sh"


def _fields(split):
    return json.loads(json.dumps({name: getattr(split, name) for name in split.__struct_fields__}))
