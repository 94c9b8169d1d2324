// What differs: by word for texts, by field for JSON objects.

const tokens = (text) => text.match(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) || [];
const LONGEST = 1500; // tokens; longer texts are compared by line, so that opening a case never blocks the page

// Edit script from a to b: [kind, text] with kind "=", "-" or "+". Longest common subsequence over tokens (Hunt and Szymanski 1977 frame it; plain table here).
function textDiff(before, after) {
  let a = tokens(before), b = tokens(after);
  if (a.length > LONGEST || b.length > LONGEST) [a, b] = [before, after].map((text) => text.match(/[^\n]*\n|[^\n]+/g) || []);
  if (a.length > LONGEST || b.length > LONGEST) return [["-", before], ["+", after]];
  return joined(script(a, b));
}

// Edit script from one list to another: what both begin and end with is kept aside, and lists longer than LONGEST between are not aligned.
function script(a, b) {
  let start = 0, end = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const left = a.slice(start, a.length - end), right = b.slice(start, b.length - end);
  const middle = Math.max(left.length, right.length) > LONGEST ? [...left.map((token) => ["-", token]), ...right.map((token) => ["+", token])] : align(left, right);
  return [...a.slice(0, start).map((token) => ["=", token]), ...middle, ...a.slice(a.length - end).map((token) => ["=", token])];
}

function align(a, b) {
  const width = b.length + 1, table = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      table[i * width + j] = a[i] === b[j] ? table[(i + 1) * width + j + 1] + 1 : Math.max(table[(i + 1) * width + j], table[i * width + j + 1]);
  const edits = [];
  let i = 0, j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) { edits.push(["=", a[i++]]); j++; }
    else if (j === b.length || (i < a.length && table[(i + 1) * width + j] >= table[i * width + j + 1])) edits.push(["-", a[i++]]);
    else edits.push(["+", b[j++]]);
  }
  return edits;
}

function joined(edits) {
  const runs = [];
  for (const [kind, text] of edits) {
    if (runs.length && runs.at(-1)[0] === kind) runs.at(-1)[1] += text;
    else runs.push([kind, text]);
  }
  return runs;
}

// Two texts as nodes: what was expected and is not there struck out, what was added underlined.
function diffNodes(before, after) {
  return textDiff(before, after).map(([kind, text]) =>
    kind === "=" ? document.createTextNode(shown(text)) : make(kind === "+" ? "ins" : "del", {}, text));
}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

const DEEPEST = 60; // brackets within brackets; what is deeper is shown as text, as no one reads it and it would end the stack

// The object or list that a text is; null where it is anything else.
function anyJson(text) {
  if (!/^\s*[[{]/.test(text) || depthOf(text) > DEEPEST) return null;
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}

function depthOf(text) {
  let depth = 0, deepest = 0;
  for (const character of text.replace(/"(?:[^"\\]|\\.)*"/g, "")) {
    if (character === "{" || character === "[") deepest = Math.max(deepest, ++depth);
    else if (character === "}" || character === "]") depth--;
  }
  return deepest;
}

function parsed(text) {
  const value = anyJson(text);
  return isObject(value) ? value : null;
}

// {"a": {"b": 1}} -> Map {"a.b" => "1"}: each leaf's path and its JSON text. A list of plain values is one leaf.
function leaves(value, path = "", found = new Map()) {
  if (isObject(value) && Object.keys(value).length) {
    for (const key of Object.keys(value)) leaves(value[key], path ? `${path}.${key}` : key, found);
  } else if (Array.isArray(value) && value.some((item) => item !== null && typeof item === "object")) {
    value.forEach((item, place) => leaves(item, `${path}[${place}]`, found));
  } else found.set(path, JSON.stringify(value));
  return found;
}
