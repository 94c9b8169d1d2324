// Two arms against each other, turn beside turn: JSON field by field, text word by word, tool calls by name and argument.

// The first repeats of both arms; nothing where one is missing, or where the table of fields shows the difference already.
function versus(body, before, after, tabled) {
  const [old, now] = [body.answers[before]?.[0]?.replies || [], body.answers[after]?.[0]?.replies || []];
  if (before === after || !old.length || !now.length || (tabled && old.length === 1 && now.length === 1)) return [];
  const turns = Array.from({length: Math.max(old.length, now.length)}, (_, place) => [old[place], now[place]]);
  const differ = turns.filter(([one, other]) => !alike(one, other)).length, many = turns.length > 1;
  return [make("h3", {}, `${before} against ${after}`, many ? make("small", {}, ` ${count(differ)} of ${count(turns.length)} turns differ`) : null),
    differ ? make("div", {class: "versus"}, lazily(stretches(turns), (stretch) => versusTurn(turns, stretch, many, before, after), 20))
      : make("p", {class: "soft"}, "Both answered the same.")];
}

const pairHead = (before, after) => [make("b", {class: "head"}, before), make("b", {class: "head"}, after)];
const context = (reply) => JSON.stringify(reply?.asked || []);
const called = (reply) => JSON.stringify((reply?.calls || []).map(({call, args}) => [call, args]));
const alike = (one, other) => Boolean(one) === Boolean(other) && (one?.text || "") === (other?.text || "") && called(one) === called(other);

// [first, last] places: each turn that differs alone, equal ones next to each other together.
function stretches(turns) {
  const found = [];
  turns.forEach(([one, other], place) => {
    const same = alike(one, other), last = found.at(-1);
    if (same && last?.same) last.to = place;
    else found.push({from: place, to: place, same});
  });
  return found;
}

function versusTurn(turns, {from, to, same}, many, before, after) {
  const [one, other] = turns[from];
  if (same) return make("p", {class: "soft turn"}, from === to ? `turn ${from + 1}: the same` : `turns ${from + 1} to ${to + 1}: the same`);
  return make("div", {class: "turn"}, many ? [make("b", {class: "head"}, `turn ${from + 1}`), from && context(one) !== context(other) ? make("small", {}, " after different questions or results") : null] : null,
    one && other ? contrast(one, other, before, after) : make("div", {class: "two"}, pairHead(before, after), [one, other].map((reply) => make("div", {}, reply ? replyNodes(reply) : make("p", {class: "soft"}, "no such turn")))));
}

function contrast(one, other, before, after) {
  const [left, right] = [one.text || "", other.text || ""], values = [anyJson(left), anyJson(right)];
  return [
    values[0] && values[1] ? leafTable(leaves(values[0]), leaves(values[1]), before, after) : left || right ? make("div", {class: "two"}, pairHead(before, after), sides(left, right)) : null,
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
