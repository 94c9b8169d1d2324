// The address is the state: #cases?status=broken&suite=…&q=…&case=…&in=… . Every control writes it, one function reads it.
const NAMES = ["status", "suite", "cluster", "slice", "q", "deep", "sort", "against", "case", "in", "step"];

function address() {
  const [view, query = ""] = location.hash.slice(1).split("?");
  const given = new URLSearchParams(query), filters = {};
  for (const name of NAMES) if (given.has(name)) filters[name] = given.get(name);
  return {view, filters};
}

function link(filters) {
  const query = new URLSearchParams();
  for (const name of NAMES) if (filters[name]) query.set(name, filters[name]);
  return `#cases?${query}`;
}

const go = (change) => location.replace(link({...address().filters, step: "", ...change})); // a step is of one case

let ready = null, last = "";

async function route() {
  const asked = location.hash, {view, filters} = address(), open = view === "cases";
  if ($("report").hidden !== open) scrollTo(0, 0); // another page: the place on the one before means nothing there
  $("report").hidden = open;
  $("cases").hidden = !open;
  for (const anchor of document.querySelectorAll("nav a")) {
    if (anchor.hash === `#${view || "verdict"}`) anchor.setAttribute("aria-current", "page");
    else anchor.removeAttribute("aria-current");
  }
  if (!open) {
    document.getElementById(view)?.scrollIntoView();
    return;
  }
  await (ready ??= loadIndex().then(fillControls));
  showFilters(filters);
  const rest = link({...filters, case: "", in: "", step: ""});
  if (rest !== last) {
    if (filters.deep && filters.q && !deep) await loadDeep((block, all) => { $("found").textContent = `reading replies, ${Math.round(100 * (block + 1) / all)} %`; });
    if (location.hash !== asked) return; // another address was asked for meanwhile
    const result = search(filters);
    if (last) list.height.scrollTop = 0;
    list.at = -1;
    showList(result, filters.sort);
    showCounts(result, filters);
    last = rest;
  }
  await openCase(filters);
}

async function openCase(filters) {
  const row = filters.case ? rowOf(filters.in, filters.case) : -1;
  $("cases").classList.toggle("open", row >= 0);
  mark(list.rows.indexOf(row));
  if (row >= 0) await showCase(row);
  else $("case").replaceChildren(make("p", {class: "empty"}, list.rows.length ? "Choose a case, or press j." : "No case fits these filters."));
}

function choose(place) {
  const row = list.rows[place];
  if (row !== undefined) go({case: index.id[row], in: index.suites[index.suite[row]]});
}

function step(by) {
  choose(list.at < 0 ? (by > 0 ? 0 : list.rows.length - 1) : Math.min(list.rows.length - 1, Math.max(0, list.at + by)));
}

// ---------------------------------------------------------------- controls

function fillControls() {
  const options = (id, all, pairs) => {
    $(id).append(make("option", {value: ""}, all), ...pairs.map(([value, label]) => make("option", {value}, label)));
    $(id).hidden = pairs.length < (id === "suite" ? 2 : 1);
    $(id).addEventListener("change", () => go({[id]: $(id).value, case: "", in: ""}));
  };
  options("suite", "All suites", index.suites.map((suite) => [suite, shortName(suite)]));
  options("cluster", "All clusters", index.clusters.filter((one) => one.id).map((one) => [one.id, one.label]));
  options("slice", "All slices", index.slices.map((slice) => [slice, slice]));
  options("against", `Against ${facts.against}`, index.baselines.filter((arm) => arm !== facts.against).map((arm) => [arm, `Against ${arm}`]));
  const names = [...loadColumns(Math.max(0, index.baselines.indexOf(facts.against))).keys()];
  $("sort").append(make("option", {value: ""}, "Worst first"), ...names.map((name) => make("option", {value: name}, `By ${name}`)));
  $("sort").addEventListener("change", () => go({sort: $("sort").value, case: "", in: ""}));
  $("turn").addEventListener("click", () => { const {sort = ""} = address().filters; if (sort) go({sort: sort.startsWith("-") ? sort.slice(1) : `-${sort}`, case: "", in: ""}); });
  $("column").append(make("option", {value: ""}, "Filter by…"), ...names.map((name) => make("option", {value: name}, name)));
  $("column").addEventListener("change", () => {
    const name = $("column").value, last = $("q").value.trimEnd();
    $("column").value = "";
    if (name) { $("q").value = `${last}${last && " "}${/\s/.test(name) ? `"${name}"` : name}=`; $("q").focus(); }
  });
  $("deep").addEventListener("change", () => go({deep: $("deep").checked ? "1" : "", case: "", in: ""}));
  let waiting;
  $("q").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(() => go({q: $("q").value, case: "", in: ""}), 60); });
  $("clear").addEventListener("click", () => location.replace("#cases"));
  $("filters").addEventListener("submit", (event) => event.preventDefault());
}

function showFilters(filters) {
  for (const id of ["suite", "cluster", "slice", "against"]) $(id).value = filters[id] || "";
  $("sort").value = (filters.sort || "").replace(/^-/, "");
  $("turn").hidden = !filters.sort;
  $("turn").textContent = filters.sort?.startsWith("-") ? "↓" : "↑";
  $("deep").checked = Boolean(filters.deep);
  if ($("q").value !== (filters.q || "") && document.activeElement !== $("q")) $("q").value = filters.q || "";
}

function showCounts({found, counts}, filters) {
  const total = index.id.length;
  $("found").textContent = found.length === total ? `${count(total)} cases` : `${count(found.length)} of ${count(total)} cases`;
  const names = Object.keys(counts).filter((name) => counts[name] || name === filters.status);
  $("statuses").replaceChildren(...names.map((name) => make("button", {
    type: "button", class: name, "aria-pressed": String(filters.status === name),
    onclick: () => go({status: filters.status === name ? "" : name, case: "", in: ""}),
  }, MARKS[name] ? make("i", {"aria-hidden": "true"}, MARKS[name]) : null, words(name), make("b", {}, count(counts[name])))));
}

// ---------------------------------------------------------------- keyboard and theme

addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, select, textarea");
  if (event.ctrlKey || event.metaKey || event.altKey || $("cases").hidden) return;
  if (event.key === "Escape") { typing ? event.target.blur() : go({case: "", in: ""}); return; }
  if (typing) return;
  const inList = document.activeElement === list.height;
  const act = {j: () => step(1), k: () => step(-1), "/": () => $("q").focus(), a: () => $("accept")?.click(), r: () => $("raw")?.click(),
    ...(inList ? {ArrowDown: () => step(1), ArrowUp: () => step(-1), Home: () => choose(0), End: () => choose(list.rows.length - 1)} : {})}[event.key];
  if (act) { event.preventDefault(); act(); }
});

const dark = () => document.documentElement.dataset.theme
  ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

function showTheme() {
  $("theme").textContent = dark() ? "Light" : "Dark";
}

// On paper nothing can be opened: what is folded or not made yet is, and folds again afterwards.
let folded = [];
addEventListener("beforeprint", () => {
  const shownCase = $("cases").hidden ? $("report") : $("case");
  unfoldAll(shownCase);
  folded = [...shownCase.querySelectorAll("details:not([open])")];
  for (const node of folded) node.open = true;
});
addEventListener("afterprint", () => { for (const node of folded) node.open = false; });

$("theme").hidden = false;
$("theme").addEventListener("click", () => { document.documentElement.dataset.theme = dark() ? "light" : "dark"; showTheme(); });
showTheme();
addEventListener("hashchange", route);
route();
