// Accept a case with a reason: kept in this page until it is saved as a waiver file for the gate.
const waivers = new Map();

function openAccept(row) {
  const old = document.querySelector(".accept");
  if (old) { old.remove(); return; }
  const suite = index.suites[index.suite[row]], held = waivers.get(`${suite}/${index.id[row]}`);
  const later = new Date(Date.now() + 30 * 86400000).toISOString().slice(0, 10);
  const field = (name, label, type, value, all) => make("label", {class: all && "all"}, label, make("input", {name, type, value, required: true, autocomplete: "off"}));
  const form = make("form", {class: "accept", "aria-label": "Accept this case", onsubmit: (event) => { event.preventDefault(); accept(row, new FormData(form)); }},
    field("reason", "Why is this acceptable?", "text", held?.reason || "", true), field("owner", "Owner", "text", held?.owner || "", false),
    field("expires", "Expires", "date", held?.expires || later, false), make("div", {class: "all"}, make("button", {}, "Accept")));
  document.querySelector(".case-head").after(form);
  form.querySelector("input").focus();
}

function accept(row, form) {
  const suite = index.suites[index.suite[row]];
  waivers.set(`${suite}/${index.id[row]}`, {suite, case_id: index.id[row], reason: form.get("reason"), owner: form.get("owner"), expires: form.get("expires")});
  document.querySelector(".accept").remove();
  $("accept").textContent = "Accepted";
  $("waived").hidden = false;
  $("waived-count").textContent = `${waivers.size} accepted, not yet saved`;
}

// One JSON object a line: harness.types.Waiver.
$("export").addEventListener("click", () => {
  const text = [...waivers.values()].map((waiver) => JSON.stringify(waiver) + "\n").join("");
  const address = URL.createObjectURL(new Blob([text], {type: "application/jsonl"}));
  make("a", {href: address, download: "waivers.jsonl"}).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
  $("waived-count").textContent = `${waivers.size} accepted, saved`;
});
