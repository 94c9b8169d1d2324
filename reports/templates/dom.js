// Elements are built from text nodes and properties only. No string is ever parsed as markup.
const $ = (id) => document.getElementById(id);

// Controls and direction overrides become visible instead of acting.
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const shown = (text) => String(text).replace(CONTROLS, "\ufffd");

// make("p", {class: "x", onclick: f}, "text", child, null) -> an element; null and false children are skipped.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : shown(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : shown(child));
  }
  return element;
}

const words = (name) => name.replaceAll("_", " ");
const count = (value) => value.toLocaleString("en");
const MARKS = {fixed: "✓", better: "↑", broken: "✕", worse: "↓", both_pass: "=", both_fail: "–", error: "!", missing: "?", failed: "✕", passed: "✓"};
const tag = (status) => make("span", {class: `tag ${status}`}, make("i", {"aria-hidden": "true"}, MARKS[status]), words(status));
// A score as its suite counts it: a share in percent, anything else as a number. `metric` is of a budget: seconds or tokens.
const percent = (value, metric = false) => value === null ? "–" : !metric && value >= 0 && value <= 1 ? `${+(value * 100).toFixed(1)}%` : `${+value.toFixed(3)}`;

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Select and copy";
  }
}
