// A conversation as turns: who spoke, what was said, which tools were called with what result.
const view = {raw: false}; // raw: texts as they came, instead of rendered
const ROLES = new Set(["system", "developer", "user", "assistant", "tool"]);
const LONG = 900; // characters of a tool's result up to which it is open

// [role, parts, {name}] -> one block. `calls` maps the id of a tool call to the tool's name, for the results that follow.
function turnNode([role, parts, about], calls = new Map()) {
  for (const part of parts) if (part.call && part.id) calls.set(part.id, part.call);
  return make("div", {class: `said ${ROLES.has(role) ? role : ""}`}, make("b", {}, about?.name ? `${role} · ${about.name}` : role), parts.map((part) => partNode(part, calls)));
}

function partNode(part, calls) {
  if (typeof part === "string") return textNode(part);
  if (part.text !== undefined) return textNode(part.text, part.md);
  if (part.call !== undefined) return callNode(part);
  if (part.result !== undefined) return resultNode(part, calls);
  if (part.reasoning !== undefined) return reasoningNode(part.reasoning);
  if (part.image !== undefined) return picture(part.image, "");
  if (part.media !== undefined) return make("p", {class: "unloaded"}, part.media);
  if (part.refusal !== undefined) return make("p", {class: "text"}, make("small", {}, "refusal: "), part.refusal);
  const value = anyJson(part.other ?? "");
  return value ? jsonTree(value) : make("pre", {class: "text"}, part.other ?? "");
}

const textNode = (text, nodes) => nodes && !view.raw ? rich(nodes) : make("p", {class: "text"}, text);

function reasoningNode(text) {
  return make("details", {class: "reasoning"}, make("summary", {}, `reasoning, ${count(tokens(text).filter((token) => token.trim()).length)} words`), make("p", {class: "text"}, text));
}

function callNode(part) {
  const value = anyJson(part.args || "{}");
  return make("details", {class: "tool", open: true}, make("summary", {}, make("i", {"aria-hidden": "true"}, "→ "), make("code", {}, part.call), value ? "" : make("small", {}, " the arguments are not valid JSON")),
    value && !view.raw ? Object.entries(value).map(([name, item]) => jsonTree(item, name, 1)) : make("pre", {class: "text"}, part.args || ""));
}

function resultNode(part, calls) {
  const value = anyJson(part.result), name = part.id && calls.get(part.id);
  const node = make("details", {class: "tool", open: part.result.length <= LONG},
    make("summary", {}, make("i", {"aria-hidden": "true"}, "← "), name ? make("code", {}, name) : "result", make("small", {}, ` ${count(part.result.length)} characters`)));
  node.append(value && !view.raw ? jsonTree(value, null, part.result.length <= LONG ? 0 : 1) : make("pre", {class: "text"}, part.result || "(empty)"));
  return node;
}

// What a model answered in one turn; `goal` is the expected text that it is compared with, where that helps.
function replyNodes(reply, goal = null) {
  const text = reply.text || "", value = view.raw ? null : anyJson(text), calls = reply.calls || [];
  const body = comparable(goal, text) ? make("pre", {class: "text"}, diffNodes(goal, text))
    : reply.md && !view.raw ? rich(reply.md)
    : value && text.length > LONG ? jsonTree(value)
    : text || !calls.length ? make("pre", {class: "text"}, text || "(empty)") : null;
  return [reply.reasoning ? reasoningNode(reply.reasoning) : null, body, calls.map(callNode),
    reply.finish ? make("small", {}, ` [${reply.finish}]`) : null,
    reply.logprobs ? make("small", {}, ` log-likelihoods ${reply.logprobs.join(", ")}`) : null];
}

const manyTurns = (result) => (result.replies || []).length > 1 || Boolean(result.closing) || (result.replies || []).some((reply) => reply.asked);

// One repeat of several steps: each answer after what was given for it, and what came after the last.
function transcript(result, arm) {
  const replies = result.replies || [], calls = toolNames(replies), asked = stepAsked();
  const draw = (reply, place) => [(reply.asked || []).map((message) => turnNode(message, calls)), answerTurn(reply, place, replies.length, arm)];
  const box = lazily(replies, draw, 20, asked !== null && asked.arm === arm ? asked.place + 1 : 0);
  return [box, (result.closing || []).map((message) => turnNode(message, calls))];
}

const answerTurn = (reply, place, total, arm) => make("div", {class: `said assistant ${isAsked(arm, place) ? "asked-for" : ""}`},
  make("b", {}, "assistant ", stepHead(arm, place, total, reply)), replyNodes(reply));
