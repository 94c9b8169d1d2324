// One case: what was asked, what each arm said, why it scored so, and where it comes from.
let drawn = 0; // the newest case asked for; a slower, older one must not overwrite it

async function showCase(row) {
  const turn = ++drawn, [body, origin] = await Promise.all([bodyOf(row), loadLineage()]);
  if (turn !== drawn) return;
  const parts = body === null ? [make("p", {class: "empty"}, "This file was cut to size; the texts of this case are not in it.")] : [
    ...asked(body), ...answered(body, roleOf(row) === "budget"), ...provenance(row, body, origin), ...again(row)];
  $("case").replaceChildren(head(row), ...parts.filter(Boolean));
  if (!showStep()) $("case").scrollTop = 0;
}

function head(row) {
  const suite = index.suites[index.suite[row]];
  return make("div", {class: "case-head"},
    make("button", {type: "button", class: "back", onclick: () => go({case: "", in: ""})}, "‹ Cases"),
    tag(statusOf(row, list.against)), make("h2", {}, index.id[row]), make("small", {title: suite}, shortName(suite)),
    make("div", {class: "tools"},
      make("button", {type: "button", id: "raw", title: "Texts as they came, instead of rendered", "aria-pressed": String(view.raw), onclick: () => { view.raw = !view.raw; showCase(row); }}, "Raw"),
      make("button", {type: "button", onclick: () => step(-1), "aria-label": "Previous case"}, "↑"),
      make("button", {type: "button", onclick: () => step(1), "aria-label": "Next case"}, "↓"),
      waivable(row) ? make("button", {type: "button", id: "accept", onclick: () => openAccept(row)}, heldFor(row) ? "Waived, not yet saved…" : "Waive this case…") : null));
}

const asText = (value) => typeof value === "string" ? value : JSON.stringify(value, null, 1);

function asked(body) {
  const calls = new Map(), turns = body.messages.length ? lazily(body.messages, (message) => turnNode(message, calls), 20) : null;
  const goal = body.expected; // an object is shown field by field beside the answers
  const plain = goal === null || goal === undefined || isObject(goal) ? [] : [make("h3", {}, "Expected"), make("pre", {class: "text said"}, asText(goal))];
  return [turns && make("h3", {}, "Asked"), turns, ...plain];
}

function answered(body, metric) {
  const compared = [index.baselines[list.against], facts.candidate]; // side by side, the other arms after them
  const arms = [...new Set([...compared, ...index.arms])].filter((arm) => body.answers[arm]);
  const table = fieldTable(body.expected, arms, body.answers);
  const against = versus(body, ...compared, Boolean(table)), long = arms.some((arm) => body.answers[arm].some(manyTurns));
  const full = [make("h3", {}, "Answered"), table, make("div", {class: "answers"}, arms.map((arm) => answer(arm, body, metric)))];
  return long ? [...against, ...full] : [...full, ...against];
}

function answer(arm, body, metric) {
  const repeats = body.answers[arm], info = facts.arms[arm];
  return make("section", {class: `answer ${arm === facts.candidate ? "judged" : ""}`, "aria-label": arm},
    make("header", {}, make("strong", {}, arm), make("small", {}, spent(repeats[0].replies || []))),
    repeats.map((result, place) => repeat(result, repeats.length > 1 ? place + 1 : 0, arm, body.expected, metric)),
    make("details", {}, make("summary", {}, `Prompt ${info.prompt}, ${info.digest}`),
      info.messages.map((message) => turnNode(message)),
      facts_list(Object.entries(info.settings).map(([name, value]) => [name, asText(value)]))));
}

// Tokens, time and cost of one repeat: all its steps together.
function spent(replies) {
  const counted = replies.filter((reply) => reply.tokens), sum = (place) => counted.some((reply) => reply.tokens[place] === null) ? "?" : count(counted.reduce((all, reply) => all + reply.tokens[place], 0));
  const [seconds, cost] = ["seconds", "cost"].map((name) => replies.reduce((all, reply) => all + (reply[name] || 0), 0));
  return [replies.length > 1 ? `${count(replies.length)} steps` : "", counted.length ? `${sum(0)} + ${sum(1)} tokens` : "", seconds ? `${+seconds.toFixed(2)} s` : "", cost ? `cost ${+cost.toPrecision(3)}` : ""].filter(Boolean).join(" · ");
}

function repeat(result, number, arm, expected, metric) {
  const goal = expected === null || expected === undefined ? null : typeof expected === "string" ? expected : JSON.stringify(expected);
  return make("div", {class: "repeat"}, number ? make("small", {}, `repeat ${number}`) : null,
    manyTurns(result) ? transcript(result, number > 1 ? `${arm}/${number}` : arm) : (result.replies || []).map((reply) => replyNodes(reply, goal)),
    result.error ? make("p", {}, tag("error"), " ", result.error) : null,
    result.skipped ? make("p", {}, `skipped: ${result.skipped}`) : null,
    make("ul", {}, (result.scores || []).map((score) => make("li", {class: score.why ? "" : "bare"}, make("b", {}, `${score.name} ${percent(score.value, metric)}`), score.label ? ` ${score.label}` : "", score.why ? `: ${score.why}` : ""))));
}

// The text of a message: its text parts, joined.
const textOf = ([, parts]) => parts.map((part) => typeof part === "string" ? part : part.text ?? "").join("");

// A word diff helps where two texts have much in common; a wholly different answer is easier to read as it is.
function comparable(goal, text) {
  if (goal === null || parsed(text)) return false;
  const known = new Set(tokens(goal)), own = tokens(text).filter((token) => token.trim());
  return own.length > 0 && own.filter((token) => known.has(token)).length >= own.length * 0.4;
}

// Where the expected answer is a JSON object: one row a field, one column an arm.
function fieldTable(expected, arms, answers) {
  if (!isObject(expected)) return null;
  const goal = leaves(expected), given = arms.map((arm) => {
    const value = parsed(answers[arm][0].replies?.at(-1)?.text ?? "");
    return value && leaves(value);
  });
  const names = new Set([...goal.keys(), ...given.flatMap((one) => one ? [...one.keys()] : [])]);
  const cell = (one, name) => {
    if (!one) return make("td", {class: "none"}, "no JSON object");
    const same = one.get(name) === goal.get(name);
    return make("td", {class: same ? "same" : "off"}, make("i", {}, same ? "✓" : "✕"), make("span", {class: "unseen"}, same ? "same " : "differs "), one.get(name) ?? "absent");
  };
  return make("div", {class: "scroll", tabindex: "0", role: "group", "aria-label": "Fields"}, make("table", {class: "fields"},
    make("thead", {}, make("tr", {}, ["Field", "expected", ...arms].map((name) => make("th", {scope: "col"}, name)))),
    make("tbody", {}, [...names].map((name) => make("tr", {}, make("th", {scope: "row"}, name || "(whole)"), make("td", {}, goal.get(name) ?? "absent"), given.map((one) => cell(one, name)))))));
}

function facts_list(pairs) {
  const known = pairs.filter(([, value]) => value !== undefined && value !== null && value !== "");
  return make("dl", {class: "facts"}, known.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value instanceof Node ? value : make("span", {class: "text"}, value)))));
}

function provenance(row, body, origin) {
  const cluster = index.clusters[index.cluster[row]], trained = origin.clusters[cluster.id] || [];
  const pairs = [
    ["failure cluster", cluster.id ? make("a", {href: link({cluster: cluster.id})}, cluster.label) : null],
    ["split", body.split], ["slices", index.slice[row].map((slice) => index.slices[slice]).join(", ")], ["day", body.day],
    ["call", body.call_id], ["trace", body.trace_id && traceLink(body.trace_id)], ["session", body.session], ["group", body.group], ["recorded at", body.call?.where],
    ...Object.entries(body.fields || {}).filter(([, value]) => !body.messages.some((message) => textOf(message) === value))
      .map(([name, value]) => [`column ${name}`, column(value)]),
    ["model then", body.call?.model], ["it answered", body.call?.reply ?? body.rejected], ["target from", body.source],
    ...(body.feedback || []).map((one) => [`feedback ${one.name || ""}`, [one.value, one.label, one.reading && `read as ${one.reading}`, one.comment, one.linked && `linked: ${one.linked}`, one.correction && `corrected to ${one.correction}`].filter(Boolean).join(" · ")]),
  ].filter(([, value]) => value);
  if (!pairs.length && !body.nearest) return [];
  return [make("h3", {}, "Where it comes from"), facts_list(pairs), ...nearest(row, body, origin),
    ...(trained.length && cluster.id ? [make("details", {}, make("summary", {}, `${count(trained.length)} training rows of this cluster went into adapter ${facts.adapter}`), trained.slice(0, 50).map((id) => trainingRow(id, origin)))] : [])];
}

// To the team's own tool, as `[report] trace_url` of trueup.toml says; the id of a trace cannot change where that is.
function traceLink(trace) {
  if (!/^https?:\/\//.test(facts.trace_url)) return trace;
  const address = facts.trace_url.replaceAll("{trace_id}", () => encodeURIComponent(trace));
  return make("a", {href: address, target: "_blank", rel: "noopener noreferrer", class: "trace"}, trace);
}

// A column of the case's row: a picture, a tree, or text.
function column(value) {
  if (typeof value === "string" && value.startsWith("data:image/")) return picture(value, "");
  return value !== null && typeof value === "object" && depthOf(JSON.stringify(value)) <= DEEPEST ? jsonTree(value) : asText(value);
}

function nearest(row, body, origin) {
  if (!body.nearest) return [];
  const meter = make("span", {class: "meter"}, make("i"));
  meter.firstChild.style.width = `${body.nearest.similarity * 100}%`;
  const last = body.messages.filter(([role]) => role === "user").at(-1), asked = last ? textOf(last) : "";
  return [make("h3", {}, "Nearest training example"), make("p", {}, meter, `similarity ${body.nearest.similarity.toFixed(2)} · ${body.nearest.id}`),
    make("div", {class: "said"}, make("p", {class: "text"}, diffNodes(asked, body.nearest.text))), trainingRow(body.nearest.id, origin)];
}

// A training row, and the cases it is the nearest one of.
function trainingRow(id, origin) {
  const found = origin.rows[id];
  if (!found) return null;
  const touched = (origin.touched[id] || []).slice(0, 20);
  return make("details", {}, make("summary", {}, `training row ${id}`), make("p", {class: "text said"}, found.text), make("pre", {class: "text said"}, found.target),
    facts_list([["target from", found.source], ["call", found.call_id], ["day", found.day]]),
    touched.length ? make("p", {}, make("small", {}, "nearest to "), touched.map(([suite, name]) => [make("a", {href: link({case: name, in: suite})}, name), " "])) : null);
}

const quoted = (text) => /^[\w./:@+-]+$/.test(text) ? text : `'${String(text).replaceAll("'", "'\\''")}'`;

// What pytest's -k understands of a case: its function and the plain words of its id, before the values of `parametrize`.
function picked(suite, id) {
  const words = id.split("[")[0].split(/[^\w.:+/-]+/).filter((word) => word && !["and", "or", "not"].includes(word));
  return [suite.slice(suite.lastIndexOf(":") + 1).split("[")[0], ...words].join(" and ");
}

function again(row) {
  const suite = index.suites[index.suite[row]], file = facts.files[suite];
  const command = `pytest ${quoted(file || "evals")} -k ${quoted(picked(suite, index.id[row]))} --model ${quoted(facts.candidate)}`;
  const button = make("button", {type: "button", onclick: () => copy(command, button)}, "Copy");
  return [make("h3", {}, "Run it again"), make("div", {class: "command"}, make("pre", {}, command), button)];
}
