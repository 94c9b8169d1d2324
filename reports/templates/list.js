// The case list: 64 pixels a row, only the rows in sight exist.
const ROW = 64;
const list = {rows: [], words: [], sort: "", against: 0, at: -1, nodes: new Map(), height: $("list")};
const spacer = make("div", {"aria-hidden": "true"});
list.height.append(spacer);

function showList({found, against, words}, sort = "") {
  list.rows = found;
  list.words = words;
  list.sort = sort.replace(/^-/, "");
  list.against = against;
  for (const node of list.nodes.values()) node.remove();
  list.nodes.clear();
  spacer.style.height = `${found.length * ROW}px`;
  drawRows();
}

function drawRows() {
  const box = list.height, first = Math.max(0, Math.floor(box.scrollTop / ROW) - 6);
  const last = Math.min(list.rows.length, Math.ceil((box.scrollTop + box.clientHeight) / ROW) + 6);
  for (const [place, node] of list.nodes) if (place < first || place >= last) { node.remove(); list.nodes.delete(place); }
  for (let place = first; place < last; place++) if (!list.nodes.has(place)) {
    const node = rowNode(place);
    list.nodes.set(place, node);
    box.append(node);
  }
}

function rowNode(place) {
  const row = list.rows[place], judged = index.arms.indexOf(facts.candidate);
  const base = index.arms.indexOf(index.baselines[list.against]);
  const score = (arm) => percent(index.scores[arm][row], roleOf(row) === "budget");
  const scores = judged < 0 ? "" : base < 0 ? score(judged) : `${score(base)} → ${score(judged)}`;
  const by = columns?.get(list.sort)?.[row]; // what the list is in order of, where its row does not show it anyway
  const sortedBy = by === undefined || index.arms.includes(list.sort) ? null : make("span", {}, `${list.sort} ${by === null ? "–" : typeof by === "number" ? +by.toFixed(3) : by}`);
  const node = make("div", {
    class: "row", role: "option", id: `row-${place}`, "aria-selected": String(place === list.at),
    "aria-setsize": String(list.rows.length), "aria-posinset": String(place + 1), onclick: () => choose(place),
  },
  make("p", {}, make("bdi", {}, excerpt(row, list.words) || index.text[row] || index.id[row])),
  make("div", {class: "meta"}, tag(statusOf(row, list.against)), index.flaky[row] ? make("span", {}, "flaky") : null,
    make("span", {}, shortName(index.suites[index.suite[row]])), sortedBy, make("span", {}, scores)));
  node.style.top = `${place * ROW}px`;
  return node;
}

// Mark a place of the list as chosen and bring it into sight.
function mark(place) {
  list.nodes.get(list.at)?.setAttribute("aria-selected", "false");
  list.at = place;
  const box = list.height;
  if (place < 0) { box.removeAttribute("aria-activedescendant"); return; }
  if (place * ROW < box.scrollTop) box.scrollTop = place * ROW;
  if ((place + 1) * ROW > box.scrollTop + box.clientHeight) box.scrollTop = (place + 1) * ROW - box.clientHeight;
  drawRows();
  list.nodes.get(place)?.setAttribute("aria-selected", "true");
  box.setAttribute("aria-activedescendant", `row-${place}`);
}

list.height.addEventListener("scroll", drawRows, {passive: true});
addEventListener("resize", () => index && drawRows());
