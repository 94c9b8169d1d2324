// Text of a conversation: Markdown as elements of an allow-list, pictures that the file carries, JSON as trees. Nothing is
// parsed as markup here: Python parsed the Markdown, and each node of it is made by `make`.
const RICH = new Set("p ul ol li blockquote pre code em strong s hr br table thead tbody tr th td".split(" "));
const PICTURE = /^data:image\/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}$/;

const rich = (nodes) => make("div", {class: "rich"}, nodes.map(richNode));

function richNode(node) {
  if (!Array.isArray(node)) return document.createTextNode(shown(node));
  const [name, second, ...rest] = node, given = isObject(second) ? second : {};
  const children = () => (isObject(second) || second === undefined ? rest : [second, ...rest]).map(richNode);
  if (name === "img") return picture(given.src || "", given.alt || "");
  if (name === "a") return [make("span", {class: "address"}, children()), addressOf(node, given.href || "")];
  if (/^h[1-6]$/.test(name)) return make("p", {class: `heading ${name}`}, children());
  if (!RICH.has(name)) return make("span", {}, children());
  if (name === "table") return make("div", {class: "scroll", tabindex: "0", role: "group", "aria-label": "Table"}, make("table", {}, children()));
  if (name === "pre") return make("pre", {class: "code", tabindex: "0", title: given.language || null}, children());
  return make(name, name === "ol" && /^\d{1,9}$/.test(given.start || "") ? {start: given.start} : {}, children());
}

// Where a link leads is said, and not followed: an address in a trace may be anything.
function addressOf(node, href) {
  return node.at(-1) === href ? null : make("small", {}, ` (${href})`);
}

function picture(address, alt) {
  if (PICTURE.test(address)) return make("img", {class: "picture", src: address, alt: alt || "picture in the conversation"});
  return make("span", {class: "unloaded"}, `picture${alt ? ` “${alt}”` : ""}, not loaded: ${address.length > 200 ? `${address.slice(0, 60)}… (${count(address.length)} characters)` : address}`);
}

// ---------------------------------------------------------------- JSON

const sizeOf = (value) => Array.isArray(value) ? `[${count(value.length)}]` : `{${count(Object.keys(value).length)}}`;

// A value as a tree: objects and lists fold, and what is folded is made when it is opened.
function jsonTree(value, name = null, depth = 0) {
  const label = name === null ? [] : [make("span", {class: "member"}, name), ": "];
  if (value === null || typeof value !== "object") return make("div", {class: "leaf"}, label, make("span", {class: `json-${value === null ? "null" : typeof value}`}, JSON.stringify(value)));
  const entries = Array.isArray(value) ? value.map((item, place) => [String(place), item]) : Object.entries(value);
  const node = make("details", {class: "tree"}, make("summary", {}, label, sizeOf(value)));
  const fill = () => { if (node.children.length === 1) node.append(lazily(entries, ([key, item]) => jsonTree(item, key, depth + 1), 100)); };
  node.addEventListener("toggle", () => node.open && fill());
  node.unfold = fill;
  if (depth < 2 && entries.length <= 24) { node.open = true; fill(); }
  return node;
}

// ---------------------------------------------------------------- long lists

// The first items now (`least` of them at least), the others when their end comes into sight or the button is pressed: 200
// turns cost what a few do.
function lazily(items, draw, size, least = 0) {
  const box = make("div", {class: "lazy"});
  let next = 0;
  const more = make("button", {type: "button", class: "next", onclick: () => grow(size)});
  function grow(by) {
    const stop = Math.min(items.length, next + by), made = [];
    for (; next < stop; next++) made.push(draw(items[next], next));
    more.remove();
    box.append(...made.flat(Infinity).filter(Boolean));
    if (next === items.length) { seen.disconnect(); return; }
    more.textContent = `Show ${count(Math.min(size, items.length - next))} more of ${count(items.length - next)}`;
    box.append(more);
    seen.unobserve(more);
    seen.observe(more);
  }
  const seen = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && grow(size));
  box.unfold = () => grow(items.length);
  grow(Math.max(size, least));
  return box;
}

// Everything that is folded or not made yet, for paper and for the search of the browser.
function unfoldAll(root) {
  for (let left = true; left;) {
    left = false;
    for (const node of root.querySelectorAll(".lazy, .tree, .equal")) if (node.unfold) { node.unfold(); node.unfold = null; left = true; }
  }
}
