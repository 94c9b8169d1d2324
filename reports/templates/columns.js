// Columns that cases are filtered and sorted by: each arm's score, the change, further scores, tokens, seconds, columns of the rows.
let columns = null; // name -> values by row; "change" is of the arm that is compared with

function loadColumns(against) {
  if (!columns) {
    columns = new Map(index.arms.map((arm, place) => [arm, index.scores[place]]));
    for (const {name, values} of index.columns) if (!columns.has(name)) columns.set(name, values);
  }
  const before = columns.get(index.baselines[against]), after = columns.get(facts.candidate);
  if (before && after) columns.set("change", after.map((value, row) => value === null || before[row] === null ? null : value - before[row]));
  return columns;
}

const unquoted = (text) => text.replaceAll('"', "");

// What was typed -> words to search for, and conditions on columns: late case.channel=mail tuned<0.5 change<0
function query(text, against) {
  const words = [], conditions = [];
  for (const term of text.match(/(?:[^\s"]|"[^"]*"?)+/g) || []) {
    const [, name, sign, value] = term.match(/^(.+?)(<=|>=|!=|=|<|>)(.*)$/) || [];
    const values = name && loadColumns(against).get(unquoted(name));
    if (values) conditions.push(condition(values, sign, unquoted(value)));
    else words.push(unquoted(term).toLowerCase());
  }
  return {words: words.filter(Boolean), conditions};
}

function condition(values, sign, text) {
  const wanted = text.trim() === "" ? NaN : Number(text), low = text.toLowerCase();
  const same = (value) => typeof value === "number" ? Math.abs(value - wanted) < 1e-4 : value !== null && value.toLowerCase() === low;
  const compare = {"=": same, "!=": (value) => value !== null && !same(value), "<": (value) => value < wanted, ">": (value) => value > wanted, "<=": (value) => value <= wanted, ">=": (value) => value >= wanted}[sign];
  const numeric = /[<>]/.test(sign);
  return (row) => numeric ? typeof values[row] === "number" && compare(values[row]) : compare(values[row]);
}

// Rows in order of a column, "-name" from the largest; rows without a value come last.
function sorted(rows, order, against) {
  const down = order.startsWith("-"), values = loadColumns(against).get(down ? order.slice(1) : order);
  if (!values) return rows;
  const sign = down ? -1 : 1;
  return [...rows].sort((one, other) => {
    const [a, b] = [values[one], values[other]];
    if (a === null || b === null) return (a === null) - (b === null);
    return a === b ? 0 : sign * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  });
}

// ---------------------------------------------------------------- search in what was said

let deep = null; // lower-case text of all turns, by row; made when it is first asked for
const UNSEARCHED = new Set(["md", "image", "id", "label", "name", "finish"]);

function said(value, found) {
  if (typeof value === "string") found.push(value);
  else if (value !== null && typeof value === "object") for (const key of Object.keys(value)) if (!UNSEARCHED.has(key)) said(value[key], found);
  return found;
}

// One block after the other, so that the page stays alive while a large file is read.
async function loadDeep(tell) {
  if (deep) return;
  const texts = [...haystack], rows = new Map();
  index.block.forEach((block, row) => { if (block >= 0) rows.set(block, [...(rows.get(block) || []), row]); });
  for (const [block, members] of rows) {
    const bodies = await inflate(`block-${block}`);
    for (const row of members) {
      const {messages, answers, expected} = bodies[index.at[row]];
      texts[row] = `${haystack[row]}\n${said([messages, answers, expected], []).join("\n")}`.toLowerCase();
    }
    tell(block, rows.size);
  }
  deep = texts;
}

// Where a reply has what was searched for and the message does not: the words around it.
function excerpt(row, words) {
  const word = deep && words.find((each) => !haystack[row].includes(each) && deep[row].includes(each));
  if (!word) return "";
  const place = deep[row].indexOf(word, haystack[row].length);
  return place < 0 ? "" : `… ${deep[row].slice(Math.max(0, place - 16), place + 100).replaceAll("\n", " ")} …`;
}
