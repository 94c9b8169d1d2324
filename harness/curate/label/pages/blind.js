// One case after the other: which of two replies is right, all by keyboard.
"use strict";

const WORDS = { first: "only A is right", second: "only B is right", both: "both are right", neither: "neither is right" };

function show() {
  const item = place();
  if (!item) return;
  find("conversation").replaceChildren(...item.conversation.map(turn));
  find("first").textContent = item.first || "(nothing)";
  find("second").textContent = item.second || "(nothing)";
  find("known").hidden = !item.expected;
  find("known").open = false;
  find("expected").textContent = item.expected;
  const done = state.answered[item.id];
  find("changed").textContent = done ? `You said: ${WORDS[done]}. Answer again to change it.` : "";
}

function choose(choice) {
  const item = state.items[state.at];
  if (item) give(item.id, { id: item.id, choice }, choice);
}

const KEYS = {
  a: () => choose("first"),
  b: () => choose("second"),
  y: () => choose("both"),
  n: () => choose("neither"),
};

document.addEventListener("keydown", (event) => {
  if (typed(event, KEYS)) event.preventDefault();
});

for (const choice of Object.keys(WORDS)) find(`choose-${choice}`).addEventListener("click", () => choose(choice));

start();
