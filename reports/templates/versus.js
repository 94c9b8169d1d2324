// Two arms against each other, step beside step: JSON field by field, text word by word, tool calls by name and argument.

// The first repeats of both arms; nothing where one is missing, or where the table of fields shows the difference already.
function versus(body, before, after, tabled) {
  const [old, now] = [body.answers[before]?.[0]?.replies || [], body.answers[after]?.[0]?.replies || []];
  if (before === after || !old.length || !now.length || (tabled && old.length === 1 && now.length === 1)) return [];
  const pairs = pairSteps(stepsOf(old), stepsOf(now)), many = pairs.length > 1;
  const differ = pairs.filter((pair) => !alike(pair)), first = differ[0];
  const summary = many ? make("small", {}, ` ${count(differ.length)} of ${count(pairs.length)} steps differ`) : null;
  const draw = (stretch) => stretch.same ? equalSteps(pairs.slice(stretch.from, stretch.to + 1), before, after, now.length) : differingStep(pairs[stretch.from], {before, after, many, totals: [old.length, now.length], names: [toolNames(old), toolNames(now)], first: many && pairs[stretch.from] === first});
  return [make("h3", {}, `${before} against ${after}`, summary),
    differ.length ? make("div", {class: "versus"}, lazily(stretches(pairs), draw, 20)) : make("p", {class: "soft"}, "Both answered the same.")];
}

const context = (step) => JSON.stringify(step?.reply.asked || []);
const alike = ([one, other]) => Boolean(one && other) && signature(one) === signature(other);

// [first, last] places: each pair that differs alone, equal ones next to each other together.
function stretches(pairs) {
  const found = [];
  pairs.forEach((pair, place) => {
    const same = alike(pair), last = found.at(-1);
    if (same && last?.same) last.to = place;
    else found.push({from: place, to: place, same});
  });
  return found;
}

const spanName = (first, last) => first === last ? `step ${first}` : `steps ${first} to ${last}`;

// Steps that both runs took: one line, and the steps of the judged run when it is opened.
function equalSteps(pairs, before, after, total) {
  const names = [0, 1].map((side) => spanName(pairs[0][side].place + 1, pairs.at(-1)[side].place + 1));
  const other = names[0] === names[1] ? "" : ` (${names[0]} of ${before})`;
  const node = make("details", {class: "turn equal"}, make("summary", {}, `${names[1]}: the same${other}`)), calls = toolNames(pairs.map(([, step]) => step.reply));
  node.unfold = () => { if (node.children.length === 1) node.append(lazily(pairs, ([, {place, reply}]) => [(reply.asked || []).map((message) => turnNode(message, calls)), answerTurn(reply, place, total, after)], 20)); };
  node.addEventListener("toggle", () => node.open && node.unfold?.());
  return node;
}

function differingStep([one, other], {before, after, many, totals, names, first}) {
  const head = (step, arm, total) => make("b", {class: "head"}, arm, many ? [" ", step ? stepHead(arm, step.place, total, step.reply) : make("small", {}, "takes no such step")] : null);
  const given = [one, other].filter(Boolean).some((step) => step.reply.asked) && (one?.place || other?.place);
  return make("div", {class: `turn ${first ? "first-difference" : ""}`}, first ? make("p", {class: "mark"}, "First step that differs") : null,
    make("div", {class: "two heads"}, head(one, before, totals[0]), head(other, after, totals[1])),
    given && context(one) !== context(other) ? make("div", {class: "two given"}, [one, other].map((step, side) => make("div", {}, (step?.reply.asked || []).map((message) => turnNode(message, names[side]))))) : null,
    one && other ? contrast(one.reply, other.reply, before, after) : make("div", {class: "two"}, [one, other].map((step) => make("div", {}, step ? replyNodes(step.reply) : null))));
}

function contrast(one, other, before, after) {
  const [left, right] = [one.text || "", other.text || ""], values = [anyJson(left), anyJson(right)];
  return [
    values[0] && values[1] ? leafTable(leaves(values[0]), leaves(values[1]), before, after) : left || right ? make("div", {class: "two"}, sides(left, right)) : null,
    called(one) === called(other) ? null : leafTable(callLeaves(one), callLeaves(other), before, after)];
}

// Word by word, each side with its own marks: what only the left has is struck out there, what only the right has underlined here.
function sides(left, right) {
  const script = comparable(left, right) ? textDiff(left, right) : [["-", left], ["+", right]], whole = script.every(([kind]) => kind !== "=");
  const side = (kind, name) => make("pre", {class: "text"}, script.filter(([own]) => own === "=" || own === kind)
    .map(([own, text]) => own === "=" || whole ? document.createTextNode(shown(text)) : make(name, {}, text)));
  return [side("-", "del"), side("+", "ins")];
}

// Paths of all arguments of all calls: "1 find.order" => "7".
function callLeaves(reply) {
  const found = new Map();
  (reply.calls || []).forEach((call, place) => {
    const value = anyJson(call.args || "{}"), path = `→ ${place + 1} ${call.call}`;
    if (value === null) found.set(path, call.args || "");
    else leaves(value, path, found);
  });
  return found;
}

function leafTable(old, now, before, after) {
  const names = [...new Set([...old.keys(), ...now.keys()])], differ = names.filter((name) => old.get(name) !== now.get(name));
  return make("div", {class: "scroll", tabindex: "0", role: "group", "aria-label": "Fields that differ"}, make("table", {class: "fields"},
    make("thead", {}, make("tr", {}, ["Field", before, after].map((name) => make("th", {scope: "col"}, name)))),
    make("tbody", {}, differ.map((name) => make("tr", {}, make("th", {scope: "row"}, name || "(whole)"),
      make("td", {class: old.has(name) ? "" : "none"}, old.has(name) ? make("del", {}, old.get(name)) : "absent"),
      make("td", {class: now.has(name) ? "" : "none"}, now.has(name) ? make("ins", {}, now.get(name)) : "absent")))),
    ), make("p", {class: "more"}, differ.length === names.length ? "" : `${count(names.length - differ.length)} more ${names.length - differ.length === 1 ? "field is" : "fields are"} the same.`));
}
