"""Configure Envoy AI Gateway: a Lua filter that names each session's arm in a header, and a route that reads it.

Envoy's weights are drawn anew for each request. So an EnvoyExtensionPolicy hashes the session, and an AIGatewayRoute has a rule for
the candidate's arm before the one for everybody else. The Gateway and the AIServiceBackend `trueup-serve` are yours.
"""

import json

from harness.types import TrafficSplit

ARM = "x-trueup-arm"
_SHA256 = """\
local bit = require("bit")
local band, bxor, bnot, ror, rsh = bit.band, bit.bxor, bit.bnot, bit.ror, bit.rshift
local K, START = {}, {}
do
  local found, number = 0, 2
  while found < 64 do
    local prime = true
    for d = 2, math.floor(math.sqrt(number)) do
      if number % d == 0 then prime = false break end
    end
    if prime then
      found = found + 1
      if found <= 8 then START[found] = math.floor(number ^ 0.5 % 1 * 2 ^ 32) end
      local root = number ^ (1 / 3)
      K[found] = math.floor(root % 1 * 2 ^ 32)
    end
    number = number + 1
  end
end

local function sha256(text)
  local size = #text
  text = text .. "\\128" .. string.rep("\\0", (55 - size) % 64)
  local bits = size * 8
  for place = 7, 0, -1 do
    text = text .. string.char(math.floor(bits / 256 ^ place) % 256)
  end
  local h = { unpack(START) }
  for from = 1, #text, 64 do
    local w = {}
    for i = 0, 15 do
      local a, b, c, d = text:byte(from + 4 * i, from + 4 * i + 3)
      w[i + 1] = bit.tobit(a * 2 ^ 24 + b * 2 ^ 16 + c * 2 ^ 8 + d)
    end
    for i = 17, 64 do
      local x, y = w[i - 15], w[i - 2]
      local s0 = bxor(ror(x, 7), ror(x, 18), rsh(x, 3))
      local s1 = bxor(ror(y, 17), ror(y, 19), rsh(y, 10))
      w[i] = bit.tobit(w[i - 16] + s0 + w[i - 7] + s1)
    end
    local a, b, c, d, e, f, g, v = unpack(h)
    for i = 1, 64 do
      local s1 = bxor(ror(e, 6), ror(e, 11), ror(e, 25))
      local t1 = bit.tobit(v + s1 + bxor(band(e, f), band(bnot(e), g)) + K[i] + w[i])
      local s0 = bxor(ror(a, 2), ror(a, 13), ror(a, 22))
      local t2 = bit.tobit(s0 + bxor(band(a, b), band(a, c), band(b, c)))
      v, g, f, e, d, c, b, a = g, f, e, bit.tobit(d + t1), c, b, a, bit.tobit(t1 + t2)
    end
    for i, value in ipairs({ a, b, c, d, e, f, g, v }) do h[i] = bit.tobit(h[i] + value) end
  end
  return h
end
"""
_FILTER = """
local function place(session)
  local h = sha256(SALT .. ":" .. session)
  return (h[1] % 2 ^ 32 * 2 ^ 20 + rsh(h[2], 12)) / 2 ^ 52
end

function envoy_on_request(request)
  local session = request:headers():get(HEADER)
  local arm = "control"
  if session and session ~= "" and place(session) < SHARE then arm = "candidate" end
  request:headers():replace("x-trueup-arm", arm)
  request:clearRouteCache()
end
"""


def files(split: TrafficSplit) -> dict[str, str]:
    """One file for `kubectl apply`."""
    everybody = split.candidate if split.share >= 1 else split.control
    rules = "".join(
        [_rule(split.alias, split.candidate, "candidate"), _rule(split.alias, everybody)]
        + [_rule(name, name) for name in dict.fromkeys((split.candidate, split.control))]
    )
    return {"canary.yaml": _policy(split) + "---\n" + _ROUTE + rules}


def lua(split: TrafficSplit) -> str:
    """The filter. Its values are hexadecimal digits, a number and a header's name, each written as a Lua literal."""
    values = f"local SALT, SHARE, HEADER = {_text(split.salt)}, {split.share!r}, {_text(split.header.lower())}\n"
    return values + _SHA256 + _FILTER


def _text(value: str) -> str:
    """A Lua string: every byte by its number where it is not a plain character."""
    return '"' + "".join(chr(b) if chr(b).isalnum() or b in b"-_" else f"\\{b:03}" for b in value.encode()) + '"'


def _policy(split: TrafficSplit) -> str:
    inline = "".join(f"        {line}\n" if line else "\n" for line in lua(split).splitlines())
    return (
        "# Written by `trueup canary` for Envoy AI Gateway 0.5 and later. kubectl apply -f canary.yaml\n"
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: EnvoyExtensionPolicy\nmetadata:\n  name: trueup-canary\nspec:\n"
        "  targetRefs:\n    - group: gateway.networking.k8s.io\n      kind: Gateway\n      name: trueup\n"
        "  lua:\n    - type: Inline\n      inline: |\n" + inline
    )


_ROUTE = """\
apiVersion: aigateway.envoyproxy.io/v1alpha1
kind: AIGatewayRoute
metadata:
  name: trueup-canary
spec:
  parentRefs:
    - name: trueup
      kind: Gateway
      group: gateway.networking.k8s.io
  rules:
"""


def _rule(asked: str, served: str, arm: str = "") -> str:
    headers = {"x-ai-eg-model": asked} | ({ARM: arm} if arm else {})
    text = "    - matches:\n        - headers:\n"
    for name, value in headers.items():
        text += f"            - type: Exact\n              name: {name}\n              value: {json.dumps(value)}\n"
    return (
        text + f"      backendRefs:\n        - name: trueup-serve\n          modelNameOverride: {json.dumps(served)}\n"
    )
