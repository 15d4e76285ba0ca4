"use strict";
// One element, one tape.  `time` counts steps of both sweeps: 0 is before the first node,
// n after the forward sweep, 2n after the reverse sweep.  `chosen` is the node in the
// panel on the right.  `kept` lists the nodes of the list: all of them, or a group.
// Everything lies in a shadow tree: no style and no name of the page around it is met.

function microscope(host) {
const tape = JSON.parse(host.querySelector("script").textContent);
const root = host.attachShadow({ mode: "open" });
root.append(host.querySelector("template").content);
const n = tape.count;
const $ = (id) => root.getElementById(id);

let time = 0;
let chosen = 0;
let kept = null;
let keptName = "";
let view = "source";
let sortBy = 1;
let timer = 0;

// Speeds: milliseconds a step, and the longest that both sweeps may take in all.
const SPEEDS = [
  ["slow", 2500, Infinity],
  ["readable", 1200, Infinity],
  ["fast", 250, Infinity],
  ["one minute", 250, 60000],
];

// Small helpers

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

// A complex number is a pair, an array has `first`, several results have `parts`.
const isNothing = (value) => value === null || value === undefined;
const isPair = Array.isArray;

function isBad(value) {
  if (isNothing(value)) return false;
  if (typeof value === "string") return value === "nan" || value.endsWith("inf");
  if (isPair(value)) return value.some(isBad);
  if (value.parts) return value.parts.some(isBad);
  return value.bad > 0;
}

function short(value, digits = 6) {
  if (isNothing(value)) return "";
  if (typeof value === "number") return numberText(value, digits);
  if (isPair(value)) return complexText(value, Math.min(digits, 4));
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return String(value);
  if (value.text !== undefined) return `'${value.text}'`;
  if (value.parts) return "(" + value.parts.map((part) => short(part, digits)).join(", ") + ")";
  const shown = value.first.slice(0, 3).map((x) => short(x, 4));
  return "[" + shown.join(" ") + (value.size > 3 ? " \u2026" : "") + "]";
}

function numberText(x, digits) {
  const rounded = +x.toPrecision(digits);
  return x !== 0 && Math.abs(x) < 1e-4 ? rounded.toExponential() : String(rounded);
}

function complexText([real, imag], digits) {
  const tail = short(imag, digits);
  return short(real, digits) + (tail.startsWith("-") ? "" : "+") + tail + "j";
}

// The size of one number of a value: what a strip shows.
function sizeOf(x) {
  if (typeof x === "number") return x;
  if (typeof x === "boolean") return x ? 1 : 0;
  if (isPair(x) && x.every((part) => typeof part === "number")) return Math.hypot(...x);
  return null;
}

function largest(value) {
  const one = sizeOf(value);
  if (one !== null) return Math.abs(one);
  if (value && typeof value.low === "number") return Math.max(Math.abs(value.low), Math.abs(value.high));
  if (value && value.parts) return Math.max(0, ...value.parts.map(largest));
  if (value && value.first) return Math.max(0, ...value.first.map((x) => Math.abs(sizeOf(x) || 0)));
  return 0;
}

function bytes(count) {
  const units = ["B", "kB", "MB", "GB"];
  let k = 0;
  while (count >= 1000 && k < 3) { count /= 1000; k += 1; }
  return (k ? count.toFixed(1) : count) + " " + units[k];
}

const counted = (count) => count.toLocaleString("en");
const plural = (count, word) => `${counted(count)} ${word}${count === 1 ? "" : "s"}`;
const operationName = (k) => tape.operations[tape.operation[k]][0];
const typeOf = (k) => tape.types[tape.type[k]];
const placeOf = (k) => (tape.line[k] < 0 ? null : tape.lines[tape.line[k]]);
const lineOf = (k) => lineKeys[tape.line[k]];
const lineKeys = tape.lines.map((place) => `${place[0]}:${place[1]}`);
const isInput = new Set(tape.inputs);
const isOutput = new Set(tape.outputs);
const nameOf = (k) => tape.names[k] || `%${k}`;

const KINDS = {
  input: "input", constant: "constant", elementwise: "element by element",
  linear: "linear, or a product", general: "other operation",
  flat: "without derivative", guard: "a question (guard)",
};
function kindOf(k) {
  const [name, kind] = tape.operations[tape.operation[k]];
  if (name === "input" || name === "constant" || name === "guard") return name;
  if (kind === "constant") return "flat";
  if (kind === "multilinear") return "linear";
  return KINDS[kind] ? kind : "general";
}

function lineText(place) {
  if (!place) return "";
  return `${tape.sources[place[0]].file}:${place[1]}`;
}

function sourceLine(place) {
  const source = tape.sources[place[0]];
  return source.text[place[1] - source.first] || "";
}
const sourceText = (place) => (place ? sourceLine(place).trim() : "");

// Who reads a node: built once, when first asked for

let readers = null;
function readersOf(index) {
  if (!readers) {
    readers = new Map();
    for (let k = 0; k < n; k++) {
      for (const operand of new Set(tape.operands[k])) {
        const list = readers.get(operand);
        if (list) list.push(k); else readers.set(operand, [k]);
      }
    }
  }
  return readers.get(index) || [];
}

// What has been computed at a time

const hasOutput = (k) => k < Math.min(time, n);
const hasGradient = (k) => time > n && k >= 2 * n - time;
const current = () => (time === 0 ? -1 : time <= n ? time - 1 : 2 * n - time);

// The nodes in the list

const shownCount = () => (kept ? kept.length : n);
const shownAt = (row) => (kept ? kept[row] : row);
function rowOf(index) {
  if (!kept) return index;
  let low = 0;
  let high = kept.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (kept[middle] < index) low = middle + 1; else high = middle;
  }
  return low;
}

function keep(test, name) {
  const found = [];
  for (let k = 0; k < n; k++) if (test(k)) found.push(k);
  kept = found;
  keptName = name;
  if (found.length && !test(chosen)) chosen = found[0];
  draw(true);
}

function keepAll() {
  kept = null;
  keptName = "";
  $("search").value = "";
  draw(true);
}

function search(text) {
  text = text.trim().toLowerCase();
  if (!text) return keepAll();
  if (/^%\d+$/.test(text)) {
    const index = Math.min(+text.slice(1), n - 1);
    kept = null;
    keptName = "";
    return choose(index);
  }
  keep((k) => (
    operationName(k).includes(text) ||
    (tape.names[k] || "").toLowerCase().includes(text) ||
    typeOf(k)[0].includes(text)
  ), `\u201c${text}\u201d`);
}

// Moving

function choose(index) {
  chosen = Math.max(0, Math.min(n - 1, index));
  draw(true);
}

function moveTo(step) {
  time = Math.max(0, Math.min(2 * n, step));
  chosen = Math.max(0, Math.min(n - 1, current()));
  draw(true);
}

// One step: to the next node of the list, in the direction of the sweep.
function stepBy(direction) {
  if (!kept) return moveTo(time + direction);
  let next = time + direction;
  const inside = new Set(kept);
  while (next > 0 && next < 2 * n) {
    const node = next <= n ? next - 1 : 2 * n - next;
    if (inside.has(node)) break;
    next += direction;
  }
  moveTo(next);
}

// A step takes its time; where both sweeps would take longer than the longest, several
// nodes go by at once.
function play(on) {
  clearInterval(timer);
  timer = 0;
  if (on) {
    if (time === 2 * n) moveTo(0);
    const [, pause, longest] = SPEEDS[$("speed").selectedIndex];
    const stride = kept ? 1 : Math.max(1, Math.ceil((2 * n * pause) / longest));
    timer = setInterval(() => {
      stepBy(stride);
      if (time >= 2 * n) play(false);
    }, pause);
  }
  const path = on ? "M3 3h4v10H3zM9 3h4v10H9z" : "M4 2v12l10-6z";
  $("play").innerHTML = `<svg viewBox="0 0 16 16"><path d="${path}"/></svg> ${on ? "Pause" : "Play"}`;
  $("play").setAttribute("aria-pressed", on);
}

function nextBad() {
  for (let k = 1; k <= n; k++) {
    const index = (chosen + k) % n;
    if (isBad(tape.output[index]) || isBad(tape.gradient[index])) return choose(index);
  }
}

// The step at which the first number that is not finite appears.
function stepOf(bad) {
  return bad.sweep === "forward" ? bad.node + 1 : 2 * n - bad.receiver;
}

// The story: what the present step does, in words

function tellStory() {
  const box = $("story");
  const said = make("p");
  if (time === 0) begin(said);
  else if (time <= n) tellForward(said, current());
  else tellReverse(said, current());
  box.replaceChildren(said);
  if (time === n) box.append(make("p", "", "The forward sweep is done. Next the gradient of the output is set to 1, and the tape is read backwards."));
  if (time === 2 * n) box.append(finish());
}

function chip(sweep, text) {
  return make("span", `sweep ${sweep}`, text);
}

const codeText = (text, className) => make("code", className || "", text);

function begin(said) {
  said.append(chip("", "ready"), `${plural(n, "node")} wait in the order in which `, codeText(tape.title), " made them. ",
    "Each step forward computes one output; then each step in reverse finds one gradient. The first step computes ",
    codeText(tape.operands[0].length ? statement(0) : nameOf(0)), ".");
}

// Operations that Python writes with a sign, and the way it writes the others.

const SIGNS = {
  add: "+", subtract: "-", multiply: "*", divide: "/", power: "**", matmul: "@",
  remainder: "%", floor_divide: "//", less: "<", less_equal: "<=", greater: ">",
  greater_equal: ">=", equal: "==", not_equal: "!=",
};
const keyText = (k) => ((tape.settings[k] || "").match(/^\(key=(\[.*\])\)$/) || ["", ""])[1];

function expression(k, parts) {
  const name = operationName(k);
  const key = keyText(k);
  if (SIGNS[name] && parts.length === 2) return `${parts[0]} ${SIGNS[name]} ${parts[1]}`;
  if (name === "negative") return `-${parts[0]}`;
  if (name === "getitem" && key && parts.length === 1) return parts[0] + key;
  if (name === "store" && key && parts.length === 2) return `${parts[0]} with ${key} = ${parts[1]}`;
  return `${name}(${parts.join(", ")})`;
}

const isNumber = (k) => sizeOf(tape.output[k]) !== null;
const isLiteral = (k) => kindOf(k) === "constant" && isNumber(k);
const operandText = (k) => (isLiteral(k) && !tape.names[k] ? short(tape.output[k]) : nameOf(k));

// ``z = x * y``, and with the numbers of its operands ``2 * 3``; "" where they are not
// all numbers.
const statement = (k) => `${nameOf(k)} = ${expression(k, tape.operands[k].map(operandText))}`;
function inNumbers(k) {
  const operands = tape.operands[k];
  if (!operands.length || !operands.every(isNumber) || operands.every(isLiteral)) return "";
  const text = (operand) => (tape.output[operand] < 0 ? `(${short(tape.output[operand])})` : short(tape.output[operand]));
  return expression(k, operands.map(text));
}

function valueText(value) {
  if (value && value.first) return `${plural(value.size, "number")} ${short(value)}`;
  return short(value);
}

function tellForward(said, k) {
  said.append(chip("forward", `forward ${counted(time)} of ${counted(n)}`));
  const value = codeText(valueText(tape.output[k]), "forward");
  const kind = kindOf(k);
  if (kind === "guard") {
    const guard = tape.guards[k];
    said.append(guard.question, " ", codeText(guard.answer, "forward"), `. ${guard.change}`);
    const near = (guard.moves || []).find((move) => !move.why);
    if (near) said.append(" To first order: ", codeText(near.words), ".");
  } else if (kind === "input") said.append("The input ", codeText(nameOf(k)), " is ", value, ".");
  else if (kind === "constant") said.append("The constant ", codeText(nameOf(k)), " is ", value, ".");
  else {
    const numbers = inNumbers(k);
    if (numbers) said.append(codeText(`${statement(k)} = ${numbers} = `), value);
    else said.append(codeText(statement(k)), " gives ", value, ".");
  }
}

function tellReverse(said, k) {
  said.append(chip("reverse", `reverse ${counted(time - n)} of ${counted(n)}`));
  const gradient = tape.gradient[k];
  const name = codeText(nameOf(k));
  if (isNothing(gradient)) {
    said.append(name, " has no gradient: no derivative of the output passes through it.");
    return;
  }
  const value = codeText(valueText(gradient), "reverse");
  if (isOutput.has(k) && !readersOf(k).length) said.append("The output ", name, " starts with the gradient ", value, ".");
  else if (isInput.has(k)) said.append("The gradient of the input ", name, " is complete: ", value, ".");
  else said.append(name, " has been given ", value, ` in all.`);
  const given = tape.operands[k].map((operand, j) => givenTo(k, j)).filter(Boolean);
  if (given.length) said.append(" It gives ", ...joined(given), ".");
}

// What the node passes on to one operand, as words.
function givenTo(k, j) {
  const operand = tape.operands[k][j];
  if (isNothing(tape.gradient[operand])) return null;
  const part = make("span", "", "");
  part.append(codeText(nameOf(operand)));
  const partial = tape.partial[k] ? tape.partial[k][j] : null;
  const product = productOf(tape.gradient[k], partial, typeOf(k)[1], typeOf(operand)[1]);
  if (typeof product === "number") {
    part.append(" ", codeText(`${short(tape.gradient[k])} \u00d7 ${short(partial)} = ${short(product)}`, "reverse"));
  } else part.append(" its share");
  return part;
}

function joined(parts) {
  return parts.flatMap((part, k) => (k === 0 ? [part] : [k === parts.length - 1 ? " and " : ", ", part]));
}

function finish() {
  const said = make("p", "", "Both sweeps are done");
  const known = tape.inputs.filter((k) => !isNothing(tape.gradient[k])).slice(0, 3);
  known.forEach((k, j) => said.append(j ? ", " : ": ", "the gradient by ", codeText(nameOf(k)), " is ", codeText(valueText(tape.gradient[k]), "reverse")));
  said.append(tape.inputs.length > known.length && known.length === 3 ? ", and so on." : ".");
  return said;
}

// Colours that a canvas needs as numbers

const inks = new Map();
function ink(name) {
  if (!inks.has(name)) {
    $("probe").style.color = `var(--${name})`;
    inks.set(name, getComputedStyle($("probe")).color);
  }
  return inks.get(name);
}

// A page of its own is as wide as its window, whether or not that shows a scroll bar.
function arrange() {
  const width = host.dataset.page === undefined ? host.clientWidth : innerWidth;
  $("scope").classList.toggle("stacked", width < 1000);
  $("scope").classList.toggle("narrow", width < 600);
}

function repaint() {
  arrange();
  inks.clear();
  if (!n) return;
  paintStrip();
  draw(false);
}

// The strip: the whole tape, kinds of operations above, sizes of gradients below

let stripImage = null;
function paintStrip() {
  const canvas = $("strip");
  const ratio = window.devicePixelRatio || 1;
  const width = Math.max(1, Math.round(canvas.clientWidth * ratio));
  const height = Math.round(54 * ratio);
  canvas.width = width;
  canvas.height = height;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const upper = Math.round(height * 0.45);
  let most = 1e-300;
  let least = 1e300;
  for (let k = 0; k < n; k++) {
    const g = largest(tape.gradient[k]);
    if (g > most && g < 1e300) most = g;
    if (g > 0 && g < least) least = g;
  }
  // The range of gradients fills the height: at least one decade, at most sixteen.
  const decades = Math.min(16, Math.max(1, Math.log10(most / least)));
  const gap = width / n > 12 * ratio ? ratio : 0;
  for (let x = 0; x < width; x++) {
    const from = Math.floor((x * n) / width);
    const to = Math.max(from + 1, Math.floor(((x + 1) * n) / width));
    if (gap && Math.floor(((x + gap) * n) / width) > from) continue;
    let size = 0;
    let badOutput = false;
    let badGradient = false;
    for (let k = from; k < to; k++) {
      size = Math.max(size, largest(tape.gradient[k]));
      badOutput = badOutput || isBad(tape.output[k]);
      badGradient = badGradient || isBad(tape.gradient[k]);
    }
    pen.fillStyle = ink(kindOf(from));
    pen.fillRect(x, 0, 1, upper);
    if (size > 0) {
      const share = Math.max(0.06, 1 + Math.log10(Math.min(size, most) / most) / (decades * 1.07));
      const tall = share * (height - upper - 4 * ratio);
      pen.fillStyle = ink("reverse");
      pen.fillRect(x, height - tall, 1, tall);
    }
    pen.fillStyle = ink("bad");
    if (badOutput) pen.fillRect(x, 0, Math.max(1, ratio), 5 * ratio);
    if (badGradient) pen.fillRect(x, height - 5 * ratio, Math.max(1, ratio), 5 * ratio);
  }
  stripImage = pen.getImageData(0, 0, width, height);
}

function drawStrip() {
  const canvas = $("strip");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.putImageData(stripImage, 0, 0);
  const width = canvas.width;
  const at = (k) => (k * width) / n;
  pen.fillStyle = ink("panel");
  pen.globalAlpha = 0.78;
  const upper = canvas.height * 0.45;
  if (time < n) pen.fillRect(at(time), 0, width, upper);
  const end = time <= n ? n : 2 * n - time;
  pen.globalAlpha = 0.88;
  pen.fillRect(0, upper, at(end), canvas.height);
  pen.globalAlpha = 1;
  pen.strokeStyle = pen.fillStyle = ink("accent");
  pen.lineWidth = 2;
  if (width / n > 6) pen.strokeRect(at(chosen) + 1, 1, width / n - 2, canvas.height - 2);
  else pen.fillRect(at(chosen) - 1, 0, 3, canvas.height);
}

// The legend: only the colours that this tape shows

function drawLegend() {
  const legend = $("legend");
  const entry = (text, style, className) => {
    const item = make("span");
    const swatch = make("i", className);
    swatch.style.background = style;
    item.append(swatch, text);
    legend.append(item);
  };
  const kinds = new Set(tape.operation.map((_, k) => kindOf(k)));
  for (const [kind, words] of Object.entries(KINDS)) if (kinds.has(kind)) entry(words, `var(--${kind})`);
  entry("size of the gradient, in decades", "var(--reverse)");
  entry("the node looked at", "var(--chosen)");
  entry("it reads these", "var(--forward)", "bar");
  entry("these read it", "var(--reverse)", "bar");
  entry("its line", "var(--mark)");
  entry("its expression", "var(--exact)");
  if (tape.output.some((value) => value && value.first)) {
    entry("negative numbers", "var(--reverse)");
    entry("positive numbers", "var(--accent)");
  }
  if (tape.nonfinite) entry("not finite", "var(--bad)");
}

// Groups: by line, shape, operation

const groupTables = {};
function keyOf(by, k) {
  if (by === "line") return tape.line[k] < 0 ? "" : lineOf(k);
  return by === "shape" ? typeOf(k)[0] : operationName(k);
}

function groups(by) {
  if (groupTables[by]) return groupTables[by];
  const found = new Map();
  for (let k = 0; k < n; k++) {
    const key = keyOf(by, k);
    let group = found.get(key);
    if (!group) {
      group = { key, place: placeOf(k), count: 0, bytes: 0, gradient: 0, bad: 0 };
      found.set(key, group);
    }
    group.count += 1;
    group.bytes += typeOf(k)[2];
    group.gradient = Math.max(group.gradient, largest(tape.gradient[k]));
    group.bad += isBad(tape.output[k]) || isBad(tape.gradient[k]) ? 1 : 0;
  }
  groupTables[by] = [...found.values()];
  return groupTables[by];
}

function groupName(by, group) {
  if (by === "line") return group.key ? lineText(group.place) : "(no line)";
  return group.key || "(several)";
}

const inGroup = (by, key) => (k) => keyOf(by, k) === key;

function drawGroups(by) {
  const body = $("whole-body");
  const scroll = body.scrollTop;
  body.replaceChildren();
  const table = make("table");
  const head = table.createTHead().insertRow();
  [by, "nodes", "bytes", "largest |gradient|", "not finite"].forEach((text, column) => {
    const cell = make("th", column === sortBy ? "by" : "", text);
    cell.onclick = () => { sortBy = column; drawWhole(); };
    head.append(cell);
  });
  const value = (g) => [0, g.count, g.bytes, g.gradient, g.bad][sortBy];
  const sorted = [...groups(by)];
  if (sortBy === 0) sorted.sort((a, b) => groupName(by, a).localeCompare(groupName(by, b), "en", { numeric: true }));
  else sorted.sort((a, b) => value(b) - value(a));
  const rows = table.createTBody();
  for (const group of sorted.slice(0, 2000)) {
    const row = rows.insertRow();
    const inside = inGroup(by, group.key);
    row.className = "live" + (inside(chosen) ? " here" : "");
    const name = make("td", "", groupName(by, group));
    if (by === "line") {
      name.title = sourceText(group.place);
      name.append(make("i", "", `  ${name.title}`));
    }
    row.append(name);
    row.append(make("td", "", counted(group.count)));
    row.append(make("td", "", bytes(group.bytes)));
    row.append(make("td", "", group.gradient ? short(group.gradient) : ""));
    row.append(make("td", group.bad ? "bad" : "", group.bad || ""));
    row.onclick = () => keep(inside, groupName(by, group));
  }
  body.append(table);
  body.scrollTop = scroll;
}

// The user's own source

let sourceRows = null;
function drawSource() {
  const body = $("whole-body");
  if (!sourceRows) writeSource(body);
  const place = placeOf(chosen);
  const key = lineOf(chosen);
  for (const row of sourceRows) {
    const here = row.key === key;
    row.element.classList.toggle("here", here);
    row.element.classList.toggle("kept", Boolean(row.group) && keptName === groupName("line", row.group));
    const from = here && place ? place[2] : -1;
    if (row.from !== from || row.to !== (place && place[3])) {
      row.from = from;
      row.to = place && place[3];
      row.words.replaceChildren(...(from < 0 ? [row.text || " "] : [
        row.text.slice(0, from), make("mark", "", row.text.slice(from, row.to)), row.text.slice(row.to),
      ]));
    }
    if (here) reveal(body, row.element);
  }
}

function writeSource(body) {
  sourceRows = [];
  body.replaceChildren();
  const stats = new Map(groups("line").map((g) => [g.key, g]));
  const most = Math.max(1, ...[...stats.values()].filter((g) => g.key).map((g) => g.count));
  if (!tape.sources.length) body.append(make("p", "file", "No node of this tape has a line of source."));
  // The function that was asked for first, then those that it calls.
  const order = tape.sources.map((_, s) => s).sort((a, b) => isAsked(b) - isAsked(a));
  for (const s of order) {
    const source = tape.sources[s];
    body.append(make("div", "file", placeName(source.file, ", ", source)));
    if (!source.text.length) body.append(make("p", "file", "The text of this file is not at hand."));
    source.text.forEach((text, k) => {
      const key = `${s}:${source.first + k}`;
      body.append(sourceRow(source.first + k, text, key, stats.get(key), most));
    });
  }
}

const placeName = (place, word, source) => (source.function ? place + word + source.function : place);
const isAsked = (s) => Number(tape.sources[s].function === tape.title);

function sourceRow(number, text, key, group, most) {
  const element = make("div", "code" + (group ? " live" : "") + (group && group.bad ? " broken" : ""));
  element.append(make("span", "at", number));
  const many = make("span", "many", group ? counted(group.count) : "");
  if (group) {
    const bar = make("i");
    bar.style.width = `${(100 * group.count) / most}%`;
    many.append(bar);
    many.title = `${plural(group.count, "node")}, ${bytes(group.bytes)}`;
    element.onclick = () => keep(inGroup("line", key), groupName("line", group));
  }
  const words = make("span", "text", text || " ");
  // A line that wraps goes on under its first word.
  const indent = text.length - text.trimStart().length + 4;
  words.style.cssText = `padding-left:${indent}ch;text-indent:-${indent}ch`;
  element.append(many, words);
  sourceRows.push({ element, words, text, key, group, from: -1, to: null });
  return element;
}

function reveal(box, element) {
  const top = element.offsetTop - box.offsetTop;
  if (top < box.scrollTop || top > box.scrollTop + box.clientHeight - 40) {
    box.scrollTop = top - box.clientHeight / 2;
  }
}

function drawWhole() {
  for (const button of root.querySelectorAll("#whole nav button")) {
    button.classList.toggle("on", button.dataset.view === view);
  }
  if (view !== "source") sourceRows = null;
  if (view === "source") drawSource(); else drawGroups(view);
}

// The list: only the rows in sight exist

const rowHeight = () => ($("scope").classList.contains("narrow") ? 44 : 25);

function describe(index) {
  const cell = make("span");
  const dot = make("span", "dot");
  dot.style.background = `var(--${kindOf(index)})`;
  cell.append(dot);
  const name = tape.names[index];
  if (name) cell.append(make("span", "name", name), " = ");
  cell.append(kindOf(index) === "guard" ? tape.guards[index].short : operationName(index));
  const settings = keyText(index) || tape.settings[index];
  if (settings && kindOf(index) !== "guard") cell.append(make("i", "", settings));
  cell.title = [typeOf(index)[0], lineText(placeOf(index)), sourceText(placeOf(index))].join("  ");
  return cell;
}

// A cell of a number; of an array with its elements as a line of colours below.
function cellOf(value, isFresh, waits) {
  if (waits) return make("span", "later", "\u00b7");
  const cell = make("span", isBad(value) ? "bad" : "", short(value));
  if (isFresh) cell.classList.add("fresh");
  if (value && value.first && value.first.length > 1) {
    cell.classList.add("heat");
    const numbers = spread(value.first, 16);
    const shades = shadesOf(numbers);
    const stops = shades.map((shade, k) => `${shade} ${(100 * k) / shades.length}% ${(100 * (k + 1)) / shades.length}%`);
    cell.style.backgroundImage = `linear-gradient(to right, ${stops.join(", ")})`;
  }
  return cell;
}

function spread(list, most) {
  if (list.length <= most) return list;
  return Array.from({ length: most }, (_, k) => list[Math.floor((k * list.length) / most)]);
}

// Colours of numbers: positive and negative, the stronger the larger.
function shadesOf(numbers) {
  const sizes = numbers.map(sizeOf);
  const peak = Math.max(1e-300, ...sizes.map((x) => Math.abs(x || 0)));
  return sizes.map((x) => {
    if (x === null) return "var(--bad)";
    const side = x < 0 ? "var(--reverse)" : "var(--accent)";
    return `color-mix(in srgb, ${side} ${Math.round(6 + (84 * Math.abs(x)) / peak)}%, var(--panel))`;
  });
}

// A band beside the nodes of a nest: its edges where it begins and ends.
const nestsOf = new Map();
tape.nests.forEach((nest, number) => nest.nodes.forEach((k) => {
  if (!nestsOf.has(k)) nestsOf.set(k, []);
  nestsOf.get(k).push(number);
}));
const firstNest = (k) => (nestsOf.get(k) || [-1])[0];

function drawBand(element, index) {
  const number = firstNest(index);
  if (number < 0) return;
  const nest = tape.nests[number];
  element.classList.add("banded");
  element.classList.toggle("odd", number % 2 === 1);
  element.classList.toggle("in-nest", (nestsOf.get(chosen) || []).includes(number));
  element.dataset.nest = number;
  element.title = `native nest ${number + 1}: ${nest.what}`;
}

function drawRows(reach) {
  const box = $("rows");
  const tall = rowHeight();
  // A browser's tallest element is about 16 million pixels: 600,000 rows.
  $("spacer").style.height = `${shownCount() * tall}px`;
  $("scope").style.setProperty("--nodes", Math.max(Math.min(n, 4), shownCount()));
  if (reach) {
    const top = rowOf(chosen) * tall;
    if (top < box.scrollTop || top > box.scrollTop + box.clientHeight - tall) {
      box.scrollTop = top - box.clientHeight / 2;
    }
  }
  const first = Math.max(0, Math.floor(box.scrollTop / tall) - 4);
  const last = Math.min(shownCount(), first + Math.ceil(box.clientHeight / tall) + 9);
  const operands = new Set(tape.operands[chosen]);
  const reads = new Set(readersOf(chosen));
  const rows = [];
  for (let row = first; row < last; row++) {
    const index = shownAt(row);
    const element = make("div", "row");
    element.style.top = `${row * tall}px`;
    element.dataset.index = index;
    element.classList.toggle("chosen", index === chosen);
    element.classList.toggle("operand", operands.has(index));
    element.classList.toggle("reader", reads.has(index));
    element.classList.toggle("now", time < 2 * n && index === Math.max(0, current()));
    drawBand(element, index);
    element.append(make("span", "", `%${index}`), describe(index));
    element.append(make("span", "", tape.operands[index].map((k) => `%${k}`).join(" ")));
    const isNow = index === current();
    element.append(cellOf(tape.output[index], isNow && time <= n, !hasOutput(index)));
    element.append(cellOf(tape.gradient[index], isNow && time > n, !hasGradient(index)));
    element.onclick = () => { choose(index); box.focus({ preventScroll: true }); };
    rows.push(element);
  }
  $("window").replaceChildren(...rows);
  const clear = $("clear");
  clear.hidden = !kept;
  clear.textContent = `${keptName} \u2715`;
  $("shown").textContent = kept ? `${plural(shownCount(), "node")} of ${counted(n)}` : plural(n, "node");
}

// One node

const MOST_ROWS = 8;
const MOST_COLUMNS = 5;

// The first elements, as a table with the array's own rows.
function gridOf(value, shape) {
  const box = make("div", "grid");
  const table = make("table");
  const columns = Math.max(1, shape.length ? shape[shape.length - 1] : value.first.length);
  const shades = shadesOf(value.first);
  const isLong = shape.length < 2;
  const most = value.complex ? 2 : MOST_COLUMNS;
  const wrap = isLong ? most : columns;
  let rows = 0;
  for (let k = 0; k < value.first.length && rows < MOST_ROWS; k += wrap, rows += 1) {
    const row = table.insertRow();
    value.first.slice(k, k + Math.min(wrap, most)).forEach((x, j) => {
      const cell = make("td", isBad(x) ? "bad" : "", short(x, 4));
      if (!isBad(x)) cell.style.background = `color-mix(in srgb, ${shades[k + j]} 45%, transparent)`;
      row.append(cell);
    });
    if (!isLong && columns > most) row.append(make("td", "", "\u2026"));
  }
  const shown = rows * Math.min(wrap, most);
  if (shown < value.size) table.insertRow().append(make("td", "", "\u2026"));
  box.append(table);
  return box;
}

// The whole array as colours: a pixel an element, or a sample of them.
function stripOf(value, shape) {
  const heat = value.heat || { rows: 1, columns: value.first.length, numbers: value.first };
  let { rows, columns } = heat;
  if (!value.heat && shape.length > 1 && shape[shape.length - 1]) {
    columns = shape[shape.length - 1];
    rows = Math.ceil(value.first.length / columns);
  }
  const canvas = make("canvas", "strip");
  canvas.width = columns;
  canvas.height = rows;
  canvas.style.height = `${Math.max(14, Math.min(110, rows * 9))}px`;
  canvas.title = value.heat ? "a sample of the elements" : "every element";
  const pen = canvas.getContext("2d");
  const sizes = heat.numbers.map(sizeOf);
  const peak = Math.max(1e-300, ...sizes.map((x) => Math.abs(x || 0)));
  sizes.forEach((x, k) => {
    pen.globalAlpha = x === null ? 1 : 0.06 + (0.9 * Math.abs(x)) / peak;
    pen.fillStyle = ink(x === null ? "bad" : x < 0 ? "reverse" : "accent");
    pen.fillRect(k % columns, Math.floor(k / columns), 1, 1);
  });
  return canvas;
}

function statisticsOf(value) {
  const list = make("dl", "facts");
  const add = (term, text, className) => {
    const pair = make("div", className || "");
    pair.append(make("dt", "", term), make("dd", "", text));
    list.append(pair);
  };
  const modulus = value.complex ? "|smallest|" : "min";
  if (value.low !== undefined) add(modulus, short(value.low, 5));
  if (value.mean !== undefined) add("mean", short(value.mean, 5));
  if (value.high !== undefined) add(value.complex ? "|largest|" : "max", short(value.high, 5));
  if (value.deviation !== undefined) add("standard deviation", short(value.deviation, 5));
  if (value.true !== undefined) add("True", `${counted(value.true)} of ${counted(value.size)}`);
  if (value.zeros) add("zeros", counted(value.zeros));
  if (value.bad) add("not finite", counted(value.bad), "bad");
  return list;
}

function valueOf(value, shape, missing) {
  if (isNothing(value)) return make("div", "none", missing);
  if (isPair(value)) return complexOf(value);
  if (typeof value !== "object" || value.text !== undefined) {
    return make("div", "value" + (isBad(value) ? " bad" : ""), short(value));
  }
  const box = make("div");
  if (value.parts) {
    value.parts.forEach((part) => box.append(valueOf(part, part && part.shape ? part.shape : [], "none")));
    return box;
  }
  if (!value.size) return make("div", "none", "no elements");
  shape = value.shape || shape;
  box.append(stripOf(value, shape), statisticsOf(value), gridOf(value, shape));
  return box;
}

function complexOf(value) {
  const box = make("div");
  box.append(make("div", "value" + (isBad(value) ? " bad" : ""), short(value)));
  if (isBad(value)) return box;
  const angle = Math.atan2(value[1], value[0]);
  const list = make("dl", "facts");
  for (const [term, text] of [["modulus", short(Math.hypot(...value), 5)], ["angle", `${short(angle, 5)} rad`]]) {
    const pair = make("div");
    pair.append(make("dt", "", term), make("dd", "", text));
    list.append(pair);
  }
  box.append(list);
  return box;
}

function link(index) {
  const name = tape.names[index] ? ` ${tape.names[index]}` : "";
  const button = make("button", "link", `%${index}${name}`);
  button.onclick = () => choose(index);
  return button;
}

// Gradient times partial, where both are known number by number.
function productOf(gradient, partial, shape, other) {
  if (typeof gradient === "number" && typeof partial === "number") return gradient * partial;
  if (!gradient || !gradient.first || gradient.heat || shape.join() !== other.join()) return null;
  const factors = typeof partial === "number" ? gradient.first.map(() => partial) : partial && partial.first;
  if (!factors || factors.length !== gradient.size) return null;
  const all = [...gradient.first, ...factors];
  if (!all.every((x) => typeof x === "number")) return null;
  return { first: gradient.first.map((g, k) => g * factors[k]), size: gradient.size };
}

function operandTable(index, headings) {
  const box = make("div", "wide");
  const table = make("table");
  const head = table.createTHead().insertRow();
  for (const text of headings) head.append(make("th", "", text));
  const rows = table.createTBody();
  const partials = tape.partial[index];
  const gradient = tape.gradient[index];
  tape.operands[index].forEach((operand, k) => {
    const row = rows.insertRow();
    const first = make("td");
    first.append(link(operand));
    const out = hasOutput(operand) ? tape.output[operand] : null;
    const partial = partials ? partials[k] : null;
    const shapes = [typeOf(index)[1], typeOf(operand)[1]];
    const given = hasGradient(index) ? productOf(gradient, partial, ...shapes) : null;
    row.append(first, wordsCell(out));
    if (headings.length === 2) return;
    row.append(wordsCell(hasOutput(index) ? partial : null));
    const cell = make("td", "", given === null ? "" : short(given));
    if (given !== null) cell.title = `gradient ${short(gradient)} \u00d7 partial ${short(partial)}`;
    row.append(cell);
  });
  box.append(table);
  return box;
}

function wordsCell(value) {
  const cell = make("td", isBad(value) ? "bad" : "", short(value));
  cell.title = short(value, 7);
  return cell;
}

function nodePart(box, title, ...parts) {
  box.append(make("h3", "", title), ...parts);
}

function drawNode() {
  const box = $("node");
  const k = chosen;
  const place = placeOf(k);
  const type = typeOf(k);
  box.replaceChildren();
  const name = tape.names[k] ? `${tape.names[k]} = ` : "";
  const isGuard = kindOf(k) === "guard";
  box.append(make("h2", "", `%${k}  ${name}${operationName(k)}${isGuard ? "" : tape.settings[k] || ""}`));
  const roles = [isInput.has(k) && "input", isOutput.has(k) && "output"].filter(Boolean);
  const stated = tape.operands[k].length && !isGuard ? KINDS[kindOf(k)] : "";
  box.append(make("p", "", [type[0], bytes(type[2]), ...roles, stated].filter(Boolean).join(" \u00b7 ")));
  if (place) {
    box.append(make("p", "", placeName(lineText(place), ", in ", tape.sources[place[0]])));
    if (sourceText(place)) box.append(make("pre", "", sourceText(place)));
  }
  if (isGuard) {
    const guard = tape.guards[k];
    nodePart(box, "Question", make("p", "say", guard.question), make("p", "say", `Recorded answer: ${guard.answer}`));
    nodePart(box, "What would change it", make("p", "say", guard.change));
    drawMoves(box, guard.moves);
    nodePart(box, "Then", make("p", "say", "another call would take another path: grad records it afresh, jit keeps a path for each answer, and a recorded tape raises GuardError."));
  } else {
    nodePart(box, "Output", valueOf(hasOutput(k) ? tape.output[k] : null, type[1], "not computed yet"));
    const waiting = !hasGradient(k);
    const none = waiting ? "not computed yet" : "none: nothing that is differentiated passes here";
    nodePart(box, "Gradient", valueOf(waiting ? null : tape.gradient[k], type[1], none));
  }
  const headings = ["operand", "output", "partial", "is given"];
  if (isGuard) nodePart(box, "Asked of", operandTable(k, headings.slice(0, 2)));
  else if (tape.operands[k].length) nodePart(box, "Operands", operandTable(k, headings));
  drawPartials(box, k, type[1]);
  drawNests(box, k);
  const reads = readersOf(k);
  if (reads.length) {
    const list = make("div");
    reads.slice(0, 60).forEach((reader) => list.append(link(reader)));
    if (reads.length > 60) list.append(`and ${reads.length - 60} more`);
    nodePart(box, "Read by", list);
  }
}

// The nests of native code that a node is a part of, with their text.
function drawNests(box, k) {
  const list = make("div");
  for (const number of nestsOf.get(k) || []) {
    const nest = tape.nests[number];
    const details = make("details", "nest");
    const name = `nest ${number + 1}: ${nest.what}`;
    const among = make("a", "link among", plural(nest.nodes.length, "node"));
    const nodes = new Set(nest.nodes);
    among.onclick = () => keep((index) => nodes.has(index), name);
    details.append(make("summary", "", name), among, make("pre", "", nest.text));
    list.append(details);
  }
  if (list.childNodes.length) nodePart(box, "Native code", list);
}

// How far each input alone would have to move for another answer.
function drawMoves(box, moves) {
  const title = "How far, to first order";
  if (!moves) nodePart(box, title, make("p", "say", "Not told: this tape has too many guards. Its guards() tells it of every one."));
  if (!moves || !moves.length) return;
  const table = make("table");
  const head = table.createTHead().insertRow();
  for (const text of ["input alone", "moves by", "to"]) head.append(make("th", "", text));
  const rows = table.createTBody();
  for (const move of moves) {
    const row = rows.insertRow();
    const isFar = !move.why && move.by !== 0;
    const by = move.why || (isFar ? (move.by > 0 ? "+" : "") + short(move.by) : "the least");
    row.title = move.words;
    row.append(make("td", "", move.input), make("td", move.why ? "none" : "", by), make("td", "", isFar ? short(move.to) : ""));
  }
  const wide = make("div", "wide");
  wide.append(table);
  nodePart(box, title, wide);
}

function drawPartials(box, k, shape) {
  const partials = tape.partial[k];
  if (!partials || !hasOutput(k)) return;
  partials.forEach((partial, j) => {
    if (!partial || typeof partial !== "object" || isPair(partial)) return;
    const operand = typeOf(tape.operands[k][j])[1];
    nodePart(box, `Local partial by %${tape.operands[k][j]}`, valueOf(partial, shape.length ? shape : operand, ""));
  });
}

// Everything

function drawClock() {
  const clock = $("clock");
  clock.replaceChildren();
  if (time === 0) clock.textContent = "before the first node";
  else if (time === 2 * n) clock.textContent = "both sweeps are done";
  else {
    const sweep = time <= n ? "forward" : "reverse";
    clock.append(make("b", sweep, sweep), ` ${counted(time <= n ? time : time - n)} of ${counted(n)}`);
  }
  $("time").value = time;
  $("transport").classList.toggle("ready", time === 0);
}

function draw(reach) {
  tellStory();
  drawClock();
  drawStrip();
  drawWhole();
  drawRows(reach);
  drawNode();
  host.dataset.time = time;
  host.dataset.chosen = chosen;
}

function start() {
  $("title").textContent = tape.title;
  const held = tape.type.reduce((sum, t) => sum + tape.types[t][2], 0);
  $("facts").textContent = [
    plural(n, "node"), plural(tape.inputs.length, "input"), plural(tape.outputs.length, "output"), `${bytes(held)} of outputs`,
  ].join(" \u00b7 ");
  $("scope").style.setProperty("--digits", String(n).length);
  $("scope").style.setProperty("--tall", `${Math.max(300, Math.min(460, 25 * n + 100))}px`);
  if (tape.nonfinite) {
    $("alarm").hidden = false;
    $("alarm").textContent = tape.nonfinite.story;
    $("alarm").onclick = () => { moveTo(stepOf(tape.nonfinite)); choose(tape.nonfinite.node); };
  }
  for (const [name] of SPEEDS) $("speed").append(make("option", "", name));
  $("speed").selectedIndex = n <= 30 ? 1 : n <= 120 ? 2 : 3;
  $("speed").onchange = () => play(Boolean(timer));
  $("time").max = 2 * n;
  $("time").oninput = () => moveTo(+$("time").value);
  $("to-start").onclick = () => moveTo(0);
  $("to-end").onclick = () => moveTo(2 * n);
  $("step").onclick = () => stepBy(1);
  $("step-back").onclick = () => stepBy(-1);
  $("play").onclick = () => play(!timer);
  $("clear").onclick = keepAll;
  $("search").oninput = () => search($("search").value);
  $("rows").onscroll = () => drawRows(false);
  $("strip").onclick = (event) => choose(Math.floor((event.offsetX / $("strip").clientWidth) * n));
  $("theme").onclick = () => {
    const isDark = getComputedStyle(host).colorScheme === "dark" || (getComputedStyle(host).colorScheme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
    host.style.colorScheme = isDark ? "light" : "dark";
    repaint();
  };
  for (const button of root.querySelectorAll("#whole nav button")) {
    button.onclick = () => { view = button.dataset.view; drawWhole(); };
  }
  play(false);
  if (!n) return;
  drawLegend();
  // Drawn anew when it is given another width, and when the page changes its colours.
  let width = 0;
  new ResizeObserver(() => {
    if (host.clientWidth !== width) repaint();
    width = host.clientWidth;
  }).observe(host);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  new MutationObserver(repaint).observe(document.documentElement, { attributes: true });
  new MutationObserver(repaint).observe(document.body, { attributes: true });
  (host.dataset.page === undefined ? root : document).addEventListener("keydown", onKey);
  repaint();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.composedPath()[0];
  if (target.type === "search" && event.key !== "Escape") return;
  if (["SELECT", "BUTTON"].includes(target.tagName) && [" ", "ArrowUp", "ArrowDown"].includes(event.key)) return;
  const row = rowOf(chosen);
  const page = Math.floor($("rows").clientHeight / rowHeight()) - 1;
  const pick = (wanted) => choose(shownAt(Math.max(0, Math.min(shownCount() - 1, wanted))));
  const actions = {
    ArrowRight: () => stepBy(1),
    ArrowLeft: () => stepBy(-1),
    ArrowDown: () => pick(row + 1),
    ArrowUp: () => pick(row - 1),
    PageDown: () => pick(row + page),
    PageUp: () => pick(row - page),
    Home: () => moveTo(0),
    End: () => moveTo(2 * n),
    " ": () => play(!timer),
    n: nextBad,
    "/": () => $("search").focus(),
    Escape: () => { $("search").blur(); keepAll(); },
  };
  if (!actions[event.key]) return;
  event.preventDefault();
  actions[event.key]();
}

start();
}
