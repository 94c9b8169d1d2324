// One call after the other: accept, edit or reject an answer, all by keyboard.
"use strict";

const SOURCES = {
  "": "no target yet: start from production's answer",
  correction: "a person's correction, which looks wrong",
  teacher: "from a teacher model, accepted by the suites",
  retry: "from a later answer in the same session",
  production: "production's own answer, praised",
};
const DONE = { accept: "accepted", edit: "edited", reject: "rejected" };

function show() {
  const item = place();
  if (!item) return;
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

function edit(on) {
  state.editing = on;
  const field = find("target");
  field.readOnly = !on;
  find("edit-words").textContent = on ? "Save" : "Edit";
  if (on) field.focus();
  else field.blur();
}

function answer(action) {
  const item = state.items[state.at];
  if (!item) return;
  const text = action === "edit" ? find("target").value : "";
  give(item.call_id, { call_id: item.call_id, action, text }, { action, text });
}

const KEYS = { a: () => answer("accept"), e: () => edit(true), r: () => answer("reject") };

document.addEventListener("keydown", (event) => {
  if (state.editing) {
    if (event.key === "Escape") show();
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) answer("edit");
    else return;
  } else if (!typed(event, KEYS)) return;
  event.preventDefault();
});

find("accept").addEventListener("click", () => answer("accept"));
find("reject").addEventListener("click", () => answer("reject"));
find("edit").addEventListener("click", () => (state.editing ? answer("edit") : edit(true)));

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

start();
