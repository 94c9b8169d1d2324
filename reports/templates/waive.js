// Accept a case with a reason: kept by the browser until it is saved as the waiver file that the gate reads.
const STORED = `trueup waivers ${facts.verdict}`;
const waivers = new Map(stored().map((waiver) => [`${waiver.suite}/${waiver.case_id}`, waiver]));
const day = (later) => new Date(Date.now() + later * 86400000).toISOString().slice(0, 10);

// A browser may refuse to keep anything of a file: then waivers last as long as the page.
function stored() {
  try {
    const value = JSON.parse(localStorage.getItem(STORED) || "[]");
    return Array.isArray(value) ? value.filter((waiver) => isObject(waiver) && waiver.case_id && facts.roles[waiver.suite]) : [];
  } catch {
    return [];
  }
}

function keep() {
  try { localStorage.setItem(STORED, JSON.stringify([...waivers.values()])); } catch { /* as above */ }
}

const nameOf = (row) => `${index.suites[index.suite[row]]}/${index.id[row]}`;
const heldFor = (row) => waivers.get(nameOf(row));

// As the gate has it: a failing case of a guard or a contract. What is fixed or passes needs no waiver, and a target takes none.
const waivable = (row) => facts.waivable && ["guard", "contract"].includes(roleOf(row)) && ["broken", "worse", "both_fail", "error", "missing"].includes(statusOf(row, list.against));

function openAccept(row) {
  const old = document.querySelector(".accept");
  if (old) { old.remove(); return; }
  const held = heldFor(row), longest = day(facts.waivable);
  const field = (name, label, type, value, more = {}, all = false) => make("label", {class: all && "all"}, label, make("input", {name, type, value, required: true, autocomplete: "off", ...more}));
  const form = make("form", {class: "accept", "aria-label": "Waive this case", onsubmit: (event) => { event.preventDefault(); accept(row, new FormData(form)); }},
    field("reason", "Why is this acceptable?", "text", held?.reason || "", {}, true), field("owner", "Owner", "text", held?.owner || "", {}),
    field("expires", "Expires", "date", held?.expires || [day(30), longest].sort()[0], {min: day(0), max: longest}),
    make("div", {class: "all"}, make("button", {}, "Waive"), held ? make("button", {type: "button", onclick: () => { waivers.delete(nameOf(row)); done(row); }}, "Take it back") : null));
  document.querySelector(".case-head").after(form);
  form.querySelector("input").focus();
}

function accept(row, form) {
  waivers.set(nameOf(row), {suite: index.suites[index.suite[row]], case_id: index.id[row], reason: form.get("reason"), owner: form.get("owner"), expires: form.get("expires")});
  done(row);
}

function done(row) {
  keep();
  document.querySelector(".accept").remove();
  $("accept").textContent = heldFor(row) ? "Waived, not yet saved…" : "Waive this case…";
  $("accept").focus();
  showWaived();
}

function showWaived(text = "not yet saved") {
  $("waived").hidden = !waivers.size;
  $("waived-count").textContent = `${count(waivers.size)} waived, ${text}`;
}

// The whole file, so that it can take the place of the one beside trueup.toml: its lines, then the new ones, one JSON object a
// line (harness.types.Waiver). A case that is waived again has its new line only.
$("export").addEventListener("click", () => {
  const before = facts.waivers.filter((waiver) => !waivers.has(`${waiver.suite}/${waiver.case_id}`));
  const text = [...before, ...waivers.values()].map((waiver) => JSON.stringify(waiver) + "\n").join("");
  const address = URL.createObjectURL(new Blob([text], {type: "application/jsonl"}));
  make("a", {href: address, download: "waivers.jsonl"}).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
  showWaived(`saved with ${count(before.length)} known: put waivers.jsonl beside trueup.toml`);
});
showWaived();
