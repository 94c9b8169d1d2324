// One case after the other, all by keyboard. Replies are put in as text, never as markup.
"use strict";

const find = (id) => document.getElementById(id);
const state = { items: [], answered: {}, at: 0, busy: false };
const WORDS = { first: "only A is right", second: "only B is right", both: "both are right", neither: "neither is right" };

function element(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function turn(said) {
  const line = element("li", "", said.role === "user" ? "user" : "");
  line.append(element("b", said.role), document.createTextNode(said.text));
  return line;
}

function show() {
  const item = state.items[state.at];
  const count = Object.keys(state.answered).length;
  find("progress").textContent = `${Math.min(state.at + 1, state.items.length)} of ${state.items.length} · ${count} answered`;
  document.querySelector("main").hidden = !item;
  find("end").hidden = Boolean(item);
  find("message").textContent = "";
  if (!item) {
    find("summary").textContent = `${count} of ${state.items.length} answered; each is kept already.`;
    return;
  }
  find("conversation").replaceChildren(...item.conversation.map(turn));
  find("first").textContent = item.first || "(nothing)";
  find("second").textContent = item.second || "(nothing)";
  find("known").hidden = !item.expected;
  find("known").open = false;
  find("expected").textContent = item.expected;
  const done = state.answered[item.id];
  find("changed").textContent = done ? `You said: ${WORDS[done]}. Answer again to change it.` : "";
}

async function send(path, body) {
  let reply;
  try {
    reply = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Error("trueup label has ended: start it again. What was answered is kept.");
  }
  const said = await reply.json();
  if (!reply.ok) throw new Error(said.error || "it was not kept");
  return said;
}

async function choose(choice) {
  const item = state.items[state.at];
  if (!item || state.busy) return;
  state.busy = true;
  try {
    await send("answer", { id: item.id, choice });
    state.answered[item.id] = choice;
    move(1);
  } catch (error) {
    find("message").textContent = error.message;
  } finally {
    state.busy = false;
  }
}

function move(by) {
  state.at = Math.min(Math.max(state.at + by, 0), state.items.length);
  show();
}

async function finish() {
  try {
    const said = await send("finish", {});
    document.body.replaceChildren(element("main", `${said.answered} answered and kept. You can close this page.`));
  } catch (error) {
    find("progress").textContent = error.message;
  }
}

const KEYS = {
  a: () => choose("first"),
  b: () => choose("second"),
  y: () => choose("both"),
  n: () => choose("neither"),
  j: () => move(1),
  k: () => move(-1),
  ArrowRight: () => move(1),
  ArrowLeft: () => move(-1),
};

document.addEventListener("keydown", (event) => {
  if (!KEYS[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
  KEYS[event.key]();
  event.preventDefault();
});

for (const choice of Object.keys(WORDS)) find(`choose-${choice}`).addEventListener("click", () => choose(choice));
find("skip").addEventListener("click", () => move(1));
find("back").addEventListener("click", () => move(-1));
find("finish").addEventListener("click", finish);

fetch("items")
  .then((reply) => reply.json())
  .then((given) => {
    state.items = given.items;
    state.answered = given.answered;
    show();
  })
  .catch(() => {
    find("progress").textContent = "The items could not be read; start trueup label again.";
  });
