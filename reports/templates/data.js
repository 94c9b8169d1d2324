// The cases as the file carries them: an index of columns, and bodies in compressed blocks that are inflated when opened.
const facts = JSON.parse($("facts").textContent);

function bytes(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

async function inflate(id) {
  const stream = new Blob([bytes($(id).textContent)]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(stream).json();
}

const cache = new Map(); // newest last; a few blocks are kept, so that stepping through cases inflates each block once

async function bodyOf(row) {
  const block = index.block[row];
  if (block < 0) return null;
  if (!cache.has(block)) {
    cache.set(block, inflate(`block-${block}`));
    if (cache.size > 8) cache.delete(cache.keys().next().value);
  }
  return (await cache.get(block))[index.at[row]];
}

let index = null; // columns over all cases, worst first; see reports/_pack.py
let haystack = null; // lower-case text and id of each case, for the search
let places = null; // "suite/id" -> row

async function loadIndex() {
  index = await inflate("index");
  haystack = index.id.map((id, row) => `${index.text[row]}\n${id}`.toLowerCase());
}

function rowOf(suite, id) {
  places ??= new Map(index.id.map((id, row) => [`${index.suites[index.suite[row]]}/${id}`, row]));
  return places.get(`${suite}/${id}`) ?? -1;
}

let lineage = null;
const loadLineage = () => (lineage ??= inflate("lineage"));

const statusOf = (row, against) => index.statuses[index.status[against][row]];
const roleOf = (row) => facts.roles[index.suites[index.suite[row]]] || "info";
const shortName = (suite) => suite.slice(suite.lastIndexOf(":") + 1).replace(/^eval_/, "") || suite;

// Rows that fit the filters, in order; and how many there would be of each status if only the status were not chosen.
function search(filters) {
  const against = Math.max(0, index.baselines.indexOf(filters.against || facts.against));
  const suite = filters.suite ? index.suites.indexOf(filters.suite) : null;
  const cluster = filters.cluster === undefined ? null : index.clusters.findIndex((one) => one.id === filters.cluster);
  const slice = filters.slice ? index.slices.indexOf(filters.slice) : null;
  const wanted = index.statuses.indexOf(filters.status);
  const {words, conditions} = query(filters.q || "", against), texts = filters.deep && deep ? deep : haystack;
  const status = index.status[against] || new Array(index.id.length).fill(index.statuses.indexOf("missing"));
  const tally = new Uint32Array(index.statuses.length), found = [];
  let flaky = 0;
  for (let row = 0; row < status.length; row++) {
    if (suite !== null && index.suite[row] !== suite) continue;
    if (cluster !== null && index.cluster[row] !== cluster) continue;
    if (slice !== null && !index.slice[row].includes(slice)) continue;
    if (words.length && !words.every((word) => texts[row].includes(word))) continue;
    if (conditions.length && !conditions.every((fits) => fits(row))) continue;
    tally[status[row]]++;
    flaky += index.flaky[row];
    if (filters.status === "flaky" ? index.flaky[row] : wanted < 0 || status[row] === wanted) found.push(row);
  }
  const counts = {...Object.fromEntries(index.statuses.map((name, place) => [name, tally[place]])), flaky};
  return {found: filters.sort ? sorted(found, filters.sort, against) : found, counts, against, words};
}
