// A run step by step: a step is one answer of the model with what it was given before it. Steps have an address, a cost, and
// a partner in another run of the same case.

// [step of the old, step of the new]; null where a run has no such step. Equal steps are paired first, whatever a run does in
// between; then steps that call the same tools; what is left is paired in its order.
function pairSteps(old, now, keys = [signature, manner]) {
  if (!keys.length || !old.length || !now.length) return Array.from({length: Math.max(old.length, now.length)}, (_, place) => [old[place] ?? null, now[place] ?? null]);
  const [key, ...rest] = keys, pairs = [];
  let gap = [[], []], i = 0, j = 0;
  const close = () => { pairs.push(...pairSteps(...gap, rest)); gap = [[], []]; };
  for (const [kind] of script(old.map(key), now.map(key))) {
    if (kind === "=") { close(); pairs.push([old[i++], now[j++]]); }
    else if (kind === "-") gap[0].push(old[i++]);
    else gap[1].push(now[j++]);
  }
  close();
  return pairs;
}

const stepsOf = (replies) => replies.map((reply, place) => ({place, reply}));
const called = (reply) => JSON.stringify((reply.calls || []).map(({call, args}) => [call, args]));
const signature = ({reply}) => `${called(reply)} ${reply.text || ""}`;
const manner = ({reply}) => JSON.stringify((reply.calls || []).map(({call}) => call));

// Id of each call => name of the tool, for the results that follow.
const toolNames = (replies) => new Map(replies.flatMap(({calls = []}) => calls.filter(({id}) => id).map(({id, call}) => [id, call])));

// ---------------------------------------------------------------- addresses

// "tuned:7" in the address is the seventh step of tuned. The name of an arm may hold a colon.
function stepAsked() {
  const asked = address().filters.step || "", at = asked.lastIndexOf(":"), number = Number(asked.slice(at + 1));
  return at > 0 && Number.isInteger(number) && number > 0 ? {arm: asked.slice(0, at), place: number - 1} : null;
}

const isAsked = (arm, place) => { const asked = stepAsked(); return asked !== null && asked.arm === arm && asked.place === place; };

// "step 3 of 12" as a link to itself, then tokens, seconds and cost.
function stepHead(arm, place, total, reply) {
  const name = total ? `step ${place + 1} of ${count(total)}` : `step ${place + 1}`;
  return [make("a", {class: "step", href: link({...address().filters, step: `${arm}:${place + 1}`})}, name), make("small", {}, ` ${stepCost(reply)}`)];
}

function stepCost({tokens: [taken, given] = [null, null], seconds, cost, cached}) {
  const size = (value) => value === null ? "?" : count(value);
  return [given === null ? "" : `${size(taken)} + ${size(given)} tokens`, seconds ? `${+seconds.toFixed(2)} s` : "", cost ? `cost ${+cost.toPrecision(3)}` : "", cached ? "cached" : ""].filter(Boolean).join(" · ");
}

// Brings the step of the address into sight, in the transcript of its arm.
function showStep() {
  const node = $("case").querySelector(".asked-for");
  if (node) node.scrollIntoView({block: "center"});
  return Boolean(node);
}
