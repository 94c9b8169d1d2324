// One item after the other, all by keyboard. Whatever came from a trace is put in as text, never as markup.
"use strict";

const find = (id) => document.getElementById(id);
const state = { items: [], answered: {}, at: 0, editing: false, busy: false };

const SOURCES = {
  "": "no target yet: start from production's answer",
  teacher: "from a teacher model, accepted by the suites",
  retry: "from a later answer in the same session",
  production: "production's own answer, praised",
};
const DONE = { accept: "accepted", edit: "edited", reject: "rejected" };

function element(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function show() {
  const item = state.items[state.at];
  const count = Object.keys(state.answered).length;
  find("progress").textContent = item
    ? `${state.at + 1} of ${state.items.length} · ${count} answered`
    : `${count} of ${state.items.length} answered`;
  document.querySelector("main").hidden = !item;
  find("end").hidden = Boolean(item);
  find("message").textContent = "";
  if (!item) {
    find("summary").textContent = `${count} of ${state.items.length} answered; each is kept already.`;
    return;
  }
  const title = find("title");
  title.textContent = item.cluster ? `Failure cluster: ${item.cluster}` : title.dataset.heading;
  find("reasons").replaceChildren(...(item.reasons || []).map((reason) => element("li", reason)));
  find("conversation").replaceChildren(...item.conversation.map(turn));
  find("answer").textContent = item.answer || "(nothing)";
  find("source").textContent = `· ${SOURCES[item.source || ""]}`;
  find("accept-words").textContent = item.target ? "Accept" : "It was right";
  const done = state.answered[item.call_id];
  find("changed").textContent = done ? `You ${DONE[done.action]} this one; answer again to change it.` : "";
  find("target").value = (done && done.text) || item.target || item.answer;
  edit(false);
}

function turn(said) {
  const line = element("li", "", said.role === "user" ? "user" : "");
  line.append(element("b", said.role), document.createTextNode(said.text));
  return line;
}

function edit(on) {
  state.editing = on;
  const field = find("target");
  field.readOnly = !on;
  find("edit-words").textContent = on ? "Save" : "Edit";
  if (on) field.focus();
  else field.blur();
}

async function ask(path, options) {
  try {
    return await fetch(path, options);
  } catch {
    throw new Error("trueup review has ended: start it again. What was answered is kept.");
  }
}

async function send(path, body) {
  const reply = await ask(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const said = await reply.json();
  if (!reply.ok) throw new Error(said.error || "it was not kept");
  return said;
}

async function answer(action) {
  const item = state.items[state.at];
  if (!item || state.busy) return;
  state.busy = true;
  try {
    const text = action === "edit" ? find("target").value : "";
    await send("answer", { call_id: item.call_id, action, text });
    state.answered[item.call_id] = { action, text };
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
  a: () => answer("accept"),
  e: () => edit(true),
  r: () => answer("reject"),
  j: () => move(1),
  k: () => move(-1),
  ArrowRight: () => move(1),
  ArrowLeft: () => move(-1),
};

document.addEventListener("keydown", (event) => {
  if (state.editing) {
    if (event.key === "Escape") show();
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) answer("edit");
    else return;
  } else if (KEYS[event.key] && !event.ctrlKey && !event.metaKey && !event.altKey) KEYS[event.key]();
  else return;
  event.preventDefault();
});

find("accept").addEventListener("click", () => answer("accept"));
find("reject").addEventListener("click", () => answer("reject"));
find("edit").addEventListener("click", () => (state.editing ? answer("edit") : edit(true)));
find("skip").addEventListener("click", () => move(1));
find("back").addEventListener("click", () => move(-1));
find("finish").addEventListener("click", finish);

// Another tab may have answered meanwhile.
window.addEventListener("focus", async () => {
  if (state.editing || state.busy || !state.items.length) return;
  try {
    const given = await (await ask("answered")).json();
    if (state.editing || state.busy) return;
    state.answered = given.answered;
    show();
  } catch (error) {
    find("message").textContent = error.message;
  }
});

fetch("items")
  .then((reply) => reply.json())
  .then((given) => {
    state.items = given.items;
    state.answered = given.answered;
    show();
  })
  .catch(() => {
    find("progress").textContent = "The items could not be read; start trueup review again.";
  });
