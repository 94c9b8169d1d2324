// What pages of one item after the other share. Whatever came from a trace is put in as text, never as markup.
"use strict";

const find = (id) => document.getElementById(id);
const state = { items: [], answered: {}, at: 0, editing: false, busy: false };

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

// Show where we are; returns the item, or nothing after the last one.
function place() {
  const item = state.items[state.at];
  const count = Object.keys(state.answered).length;
  find("progress").textContent = item
    ? `${state.at + 1} of ${state.items.length} · ${count} answered`
    : `${count} of ${state.items.length} answered`;
  document.querySelector("main").hidden = !item;
  find("end").hidden = Boolean(item);
  find("message").textContent = "";
  find("summary").textContent = item ? "" : `${count} of ${state.items.length} answered; each is kept already.`;
  return item;
}

async function ask(path, options) {
  try {
    return await fetch(path, options);
  } catch {
    throw new Error("trueup has ended: start the command again. What was answered is kept.");
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

// Send the answer to the item that is shown, remember it under the item's id, and go to the next one.
async function give(id, body, remembered) {
  if (state.busy) return;
  state.busy = true;
  try {
    await send("answer", body);
    state.answered[id] = remembered;
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

const MOVES = { j: () => move(1), k: () => move(-1), ArrowRight: () => move(1), ArrowLeft: () => move(-1) };

// Do what a key stands for; returns whether it stands for anything.
function typed(event, keys) {
  const act = keys[event.key] || MOVES[event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return false;
  act();
  return true;
}

async function start() {
  find("skip").addEventListener("click", () => move(1));
  find("back").addEventListener("click", () => move(-1));
  find("finish").addEventListener("click", finish);
  try {
    const given = await (await fetch("items")).json();
    state.items = given.items;
    state.answered = given.answered;
    show();
  } catch {
    find("progress").textContent = "The items could not be read; start the command again.";
  }
}
