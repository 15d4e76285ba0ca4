"use strict";
// One page, one tape.  `time` counts steps of both sweeps: 0 is before the first node,
// n after the forward sweep, 2n after the reverse sweep.  `chosen` is the node in the
// panel on the right.  `kept` lists the nodes of the list: all of them, or a group.

const tape = JSON.parse(document.getElementById("data").textContent);
const n = tape.count;
const ROW = 22;
const PLAY_MS = 350;
const $ = (id) => document.getElementById(id);

let time = 2 * n;
let chosen = tape.outputs.length ? tape.outputs[0] : n - 1;
let kept = null;
let keptName = "";
let view = "source";
let sortBy = 1;
let timer = 0;

// Small helpers

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function isBad(value) {
  if (value === null || value === undefined) return false;
  if (typeof value === "string") return value === "nan" || value.endsWith("inf");
  if (value.parts) return value.parts.some(isBad);
  return value.bad > 0;
}

function short(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(+value.toPrecision(6));
  if (typeof value !== "object") return String(value);
  if (value.parts) return "(" + value.parts.map(short).join(", ") + ")";
  const shown = value.first.slice(0, 3).map((x) => short(typeof x === "number" ? +x.toPrecision(4) : x));
  return "[" + shown.join(" ") + (value.size > 3 ? " \u2026" : "") + "]";
}

function largest(value) {
  if (typeof value === "number") return Math.abs(value);
  if (value && value.low !== undefined) return Math.max(Math.abs(value.low), Math.abs(value.high));
  if (value && value.first) return Math.max(0, ...value.first.filter((x) => typeof x === "number").map(Math.abs));
  return 0;
}

function bytes(count) {
  const units = ["B", "kB", "MB", "GB"];
  let k = 0;
  while (count >= 1000 && k < 3) { count /= 1000; k += 1; }
  return (k ? count.toFixed(1) : count) + " " + units[k];
}

const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
const operationName = (k) => tape.operations[tape.operation[k]][0];
const typeOf = (k) => tape.types[tape.type[k]];
const lineOf = (k) => (tape.line[k] < 0 ? null : tape.lines[tape.line[k]]);
const isInput = new Set(tape.inputs);
const isOutput = new Set(tape.outputs);

function lineText(place) {
  if (!place) return "";
  const source = tape.sources[place[0]];
  return `${source.file}:${place[1]}`;
}

function sourceText(place) {
  if (!place) return "";
  const source = tape.sources[place[0]];
  return (source.text[place[1] - source.first] || "").trim();
}

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
  if (current() >= 0 && current() < n) chosen = current();
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

function play(on) {
  clearInterval(timer);
  timer = 0;
  if (on) {
    if (time === 2 * n) time = 0;
    timer = setInterval(() => { if (time >= 2 * n) play(false); else stepBy(1); }, PLAY_MS);
  }
  $("play").textContent = on ? "\u275a\u275a" : "\u25b6\u25b6";
  draw(false);
}

function nextBad() {
  for (let k = 1; k <= n; k++) {
    const index = (chosen + k) % n;
    if (isBad(tape.output[index]) || isBad(tape.gradient[index])) return choose(index);
  }
}

// The strip: the whole tape, kinds of operations above, sizes of gradients below

const HUES = new Map();
function colour(name) {
  if (!HUES.has(name)) {
    let hash = 7;
    for (const letter of name) hash = (hash * 31 + letter.charCodeAt(0)) % 360;
    HUES.set(name, hash);
  }
  return HUES.get(name);
}

let stripImage = null;
function paintStrip() {
  const canvas = $("strip");
  const ratio = window.devicePixelRatio || 1;
  const width = Math.max(1, Math.round(canvas.clientWidth * ratio));
  const height = Math.round(54 * ratio);
  canvas.width = width;
  canvas.height = height;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const dark = document.documentElement.classList.contains("dark");
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
  for (let x = 0; x < width; x++) {
    const from = Math.floor((x * n) / width);
    const to = Math.max(from + 1, Math.floor(((x + 1) * n) / width));
    let size = 0;
    let badOutput = false;
    let badGradient = false;
    for (let k = from; k < to; k++) {
      size = Math.max(size, largest(tape.gradient[k]));
      badOutput = badOutput || isBad(tape.output[k]);
      badGradient = badGradient || isBad(tape.gradient[k]);
    }
    const name = operationName(from);
    const plain = name === "constant" || name === "input";
    pen.fillStyle = `hsl(${colour(name)} ${plain ? 8 : 46}% ${dark ? 42 : 72}%)`;
    pen.fillRect(x, 0, 1, upper);
    if (size > 0) {
      const share = Math.max(0.06, 1 + Math.log10(Math.min(size, most) / most) / (decades * 1.07));
      const tall = share * (height - upper - 4 * ratio);
      pen.fillStyle = dark ? "#f0976c" : "#b3471d";
      pen.fillRect(x, height - tall, 1, tall);
    }
    pen.fillStyle = dark ? "#ff7088" : "#c21f3a";
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
  const style = getComputedStyle(document.documentElement);
  pen.fillStyle = style.getPropertyValue("--paper");
  pen.globalAlpha = 0.72;
  if (time < n) pen.fillRect(at(time), 0, width, canvas.height);
  if (time < 2 * n) {
    const end = time <= n ? n : 2 * n - time;
    pen.fillRect(0, canvas.height * 0.45, at(end), canvas.height);
  }
  pen.globalAlpha = 1;
  pen.strokeStyle = pen.fillStyle = style.getPropertyValue("--accent");
  pen.lineWidth = 2;
  if (width / n > 6) pen.strokeRect(at(chosen) + 1, 1, width / n - 2, canvas.height - 2);
  else pen.fillRect(at(chosen) - 1, 0, 3, canvas.height);
}

// Groups: by line, shape, operation

const groupTables = {};
function groups(by) {
  if (groupTables[by]) return groupTables[by];
  const found = new Map();
  for (let k = 0; k < n; k++) {
    const key = by === "line" ? tape.line[k] : by === "shape" ? typeOf(k)[0] : operationName(k);
    let group = found.get(key);
    if (!group) {
      group = { key, count: 0, bytes: 0, gradient: 0, bad: 0 };
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

function groupName(by, key) {
  if (by === "line") return key < 0 ? "(no line)" : lineText(tape.lines[key]);
  return key || "(several)";
}

function inGroup(by, key) {
  if (by === "line") return (k) => tape.line[k] === key;
  if (by === "shape") return (k) => typeOf(k)[0] === key;
  return (k) => operationName(k) === key;
}

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
  if (sortBy === 0) sorted.sort((a, b) => groupName(by, a.key).localeCompare(groupName(by, b.key), "en", { numeric: true }));
  else sorted.sort((a, b) => value(b) - value(a));
  const rows = table.createTBody();
  for (const group of sorted.slice(0, 2000)) {
    const row = rows.insertRow();
    const inside = inGroup(by, group.key);
    row.className = "live" + (inside(chosen) ? " here" : "");
    const name = make("td", "", groupName(by, group.key));
    if (by === "line") {
      name.title = sourceText(tape.lines[group.key]);
      name.append(make("i", "", `  ${name.title}`));
    }
    row.append(name);
    row.append(make("td", "", group.count.toLocaleString("en")));
    row.append(make("td", "", bytes(group.bytes)));
    row.append(make("td", "", group.gradient ? short(group.gradient) : ""));
    row.append(make("td", group.bad ? "bad" : "", group.bad || ""));
    row.onclick = () => keep(inside, groupName(by, group.key));
  }
  body.append(table);
  body.scrollTop = scroll;
}

// The user's own source

let sourceRows = null;
function drawSource() {
  const body = $("whole-body");
  if (!sourceRows) {
    sourceRows = [];
    body.replaceChildren();
    const stats = new Map(groups("line").map((g) => [g.key, g]));
    const most = Math.max(1, ...[...stats.values()].filter((g) => g.key >= 0).map((g) => g.count));
    const placeOf = new Map(tape.lines.map((place, k) => [place.join(":"), k]));
    if (!tape.sources.length) body.append(make("p", "file", "This tape was built by hand, or loaded: it has no lines of source."));
    tape.sources.forEach((source, s) => {
      body.append(make("div", "file", `${source.file}, ${source.function}`));
      source.text.forEach((text, k) => {
        const number = source.first + k;
        const place = placeOf.get(`${s}:${number}`);
        const group = place === undefined ? null : stats.get(place);
        const row = make("div", "code" + (group ? " live" : "") + (group && group.bad ? " broken" : ""));
        row.append(make("span", "at", number));
        const many = make("span", "many", group ? group.count.toLocaleString("en") : "");
        if (group) {
          const bar = make("i");
          bar.style.width = `${(100 * group.count) / most}%`;
          many.append(bar);
          many.title = `${plural(group.count, "node")}, ${bytes(group.bytes)}`;
          row.onclick = () => keep(inGroup("line", place), groupName("line", place));
        }
        row.append(many, make("span", "text", text || " "));
        body.append(row);
        sourceRows.push([row, place]);
      });
    });
  }
  for (const [row, place] of sourceRows) {
    const here = place !== undefined && place === tape.line[chosen];
    row.classList.toggle("here", here);
    row.classList.toggle("kept", place !== undefined && keptName === groupName("line", place));
    if (here) reveal(body, row);
  }
}

function reveal(box, element) {
  const top = element.offsetTop - box.offsetTop;
  if (top < box.scrollTop || top > box.scrollTop + box.clientHeight - 40) {
    box.scrollTop = top - box.clientHeight / 2;
  }
}

function drawWhole() {
  for (const button of document.querySelectorAll("#whole nav button")) {
    button.classList.toggle("on", button.dataset.view === view);
  }
  if (view !== "source") sourceRows = null;
  if (view === "source") drawSource(); else drawGroups(view);
}

// The list: only the rows in sight exist

function describe(index) {
  const cell = make("span");
  const name = tape.names[index];
  if (name) cell.append(make("span", "name", name), " = ");
  cell.append(operationName(index));
  const settings = tape.settings[index];
  if (settings) cell.append(make("i", "", settings));
  cell.title = `${typeOf(index)[0]}  ${lineText(lineOf(index))}  ${sourceText(lineOf(index))}`;
  return cell;
}

function drawRows(reach) {
  const box = $("rows");
  // A browser's tallest element is about 16 million pixels: 700,000 rows.
  $("spacer").style.height = `${shownCount() * ROW}px`;
  if (reach) {
    const top = rowOf(chosen) * ROW;
    if (top < box.scrollTop || top > box.scrollTop + box.clientHeight - ROW) {
      box.scrollTop = top - box.clientHeight / 2;
    }
  }
  const first = Math.max(0, Math.floor(box.scrollTop / ROW) - 4);
  const last = Math.min(shownCount(), first + Math.ceil(box.clientHeight / ROW) + 9);
  const operands = new Set(tape.operands[chosen]);
  const reads = new Set(readersOf(chosen));
  const rows = [];
  for (let row = first; row < last; row++) {
    const index = shownAt(row);
    const element = make("div", "row");
    element.style.top = `${row * ROW}px`;
    element.dataset.index = index;
    element.classList.toggle("chosen", index === chosen);
    element.classList.toggle("operand", operands.has(index));
    element.classList.toggle("reader", reads.has(index));
    element.classList.toggle("now", time < 2 * n && index === current());
    element.classList.toggle("later", !hasOutput(index));
    element.append(make("span", "", `%${index}`), describe(index));
    element.append(make("span", "", tape.operands[index].map((k) => `%${k}`).join(" ")));
    const out = hasOutput(index) ? tape.output[index] : null;
    const gradient = hasGradient(index) ? tape.gradient[index] : null;
    element.append(make("span", isBad(out) ? "bad" : "", short(out)));
    element.append(make("span", isBad(gradient) ? "bad" : "", short(gradient)));
    element.onclick = () => { choose(index); box.focus(); };
    rows.push(element);
  }
  $("window").replaceChildren(...rows);
  const clear = $("clear");
  clear.hidden = !kept;
  clear.textContent = `${keptName} \u2715`;
  $("shown").textContent = kept ? `${plural(shownCount(), "node")} of ${n.toLocaleString("en")}` : plural(n, "node");
}

// One node

function gridOf(value, shape) {
  shape = value.shape || shape;
  const box = make("div", "grid");
  const table = make("table");
  const columns = Math.max(1, shape && shape.length ? shape[shape.length - 1] : value.first.length);
  const peak = Math.max(1e-300, ...value.first.filter((x) => typeof x === "number").map(Math.abs));
  for (let k = 0; k < value.first.length; k += columns) {
    const row = table.insertRow();
    value.first.slice(k, k + columns).forEach((x) => {
      const cell = make("td", isBad(x) ? "bad" : "", short(typeof x === "number" ? +x.toPrecision(4) : x));
      if (typeof x === "number") {
        const side = x < 0 ? "var(--reverse)" : "var(--accent)";
        cell.style.background = `color-mix(in srgb, ${side} ${Math.round((30 * Math.abs(x)) / peak)}%, transparent)`;
      }
      row.append(cell);
    });
  }
  box.append(table);
  return box;
}

function valueOf(value, shape, missing) {
  if (value === null || value === undefined) return make("div", "none", missing);
  if (typeof value !== "object") return make("div", "value" + (isBad(value) ? " bad" : ""), short(value));
  const box = make("div");
  if (value.parts) {
    value.parts.forEach((part) => box.append(valueOf(part, null, "none")));
    return box;
  }
  box.append(gridOf(value, shape));
  const facts = [];
  if (value.first.length < value.size) facts.push(`the first ${value.first.length} of ${value.size.toLocaleString("en")}`);
  if (value.low !== undefined) facts.push(`between ${short(value.low)} and ${short(value.high)}`);
  if (value.bad) facts.push(`${value.bad} not finite`);
  if (facts.length) box.append(make("p", value.bad ? "bad" : "", facts.join(", ")));
  return box;
}

function link(index) {
  const name = tape.names[index] ? ` ${tape.names[index]}` : "";
  const button = make("button", "link", `%${index}${name}`);
  button.onclick = () => choose(index);
  return button;
}

// Gradient times partial, where both are known number by number.
function product(gradient, partial, shape, other) {
  if (typeof gradient === "number" && typeof partial === "number") return gradient * partial;
  if (!gradient || !gradient.first || gradient.shape || shape.join() !== other.join()) return null;
  const factors = typeof partial === "number" ? gradient.first.map(() => partial) : partial && partial.first;
  if (!factors || factors.length !== gradient.size) return null;
  const all = [...gradient.first, ...factors];
  if (!all.every((x) => typeof x === "number")) return null;
  return { first: gradient.first.map((g, k) => g * factors[k]), size: gradient.size };
}

function operandTable(index) {
  const table = make("table");
  const head = table.createTHead().insertRow();
  for (const text of ["operand", "output", "local partial", "gradient it is given"]) head.append(make("th", "", text));
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
    const given = hasGradient(index) ? product(gradient, partial, ...shapes) : null;
    row.append(first, make("td", isBad(out) ? "bad" : "", short(out)));
    row.append(make("td", isBad(partial) ? "bad" : "", hasOutput(index) ? short(partial) : ""));
    const cell = make("td", "", given === null ? "" : short(given));
    if (given !== null) cell.title = `gradient ${short(gradient)} \u00d7 partial ${short(partial)}`;
    row.append(cell);
  });
  return table;
}

function nodePart(box, title, ...parts) {
  box.append(make("h3", "", title), ...parts);
}

function drawNode() {
  const box = $("node");
  const k = chosen;
  const place = lineOf(k);
  const type = typeOf(k);
  box.replaceChildren();
  const name = tape.names[k] ? `${tape.names[k]} = ` : "";
  box.append(make("h2", "", `%${k}  ${name}${operationName(k)}${tape.settings[k] || ""}`));
  const roles = [isInput.has(k) && "input", isOutput.has(k) && "output"].filter(Boolean);
  const kind = tape.operations[tape.operation[k]][1];
  const stated = tape.operands[k].length ? `${kind} operation` : "";
  box.append(make("p", "", [type[0], bytes(type[2]), ...roles, stated].filter(Boolean).join(" \u00b7 ")));
  if (place) {
    box.append(make("p", "", `${lineText(place)}, in ${tape.sources[place[0]].function}`));
    if (sourceText(place)) box.append(make("pre", "", sourceText(place)));
  }
  nodePart(box, "OUTPUT", valueOf(hasOutput(k) ? tape.output[k] : null, type[1], "not computed yet"));
  const waiting = !hasGradient(k);
  const none = waiting ? "not computed yet" : "none: nothing that is differentiated passes here";
  nodePart(box, "GRADIENT", valueOf(waiting ? null : tape.gradient[k], type[1], none));
  if (tape.operands[k].length) nodePart(box, "OPERANDS", operandTable(k));
  const partials = tape.partial[k];
  if (partials && hasOutput(k)) {
    partials.forEach((partial, j) => {
      if (partial && typeof partial === "object") {
        const operand = typeOf(tape.operands[k][j])[1];
        nodePart(box, `LOCAL PARTIAL BY %${tape.operands[k][j]}`, valueOf(partial, type[1].length ? type[1] : operand, ""));
      }
    });
  }
  const reads = readersOf(k);
  if (reads.length) {
    const list = make("div");
    reads.slice(0, 60).forEach((reader) => list.append(link(reader)));
    if (reads.length > 60) list.append(`and ${reads.length - 60} more`);
    nodePart(box, "READ BY", list);
  }
}

// Everything

function drawClock() {
  const clock = $("clock");
  clock.replaceChildren();
  if (time === 0) clock.textContent = "before the first node";
  else if (time === 2 * n) clock.textContent = "both sweeps are done";
  else {
    const forward = time <= n;
    clock.append(make("b", forward ? "forward" : "reverse", forward ? "forward" : "reverse"));
    clock.append(` ${(forward ? time : time - n).toLocaleString("en")} of ${n.toLocaleString("en")}`);
  }
  $("time").value = time;
}

function draw(reach) {
  drawClock();
  drawStrip();
  drawWhole();
  drawRows(reach);
  drawNode();
  document.body.dataset.time = time;
  document.body.dataset.chosen = chosen;
}

function start() {
  $("title").textContent = tape.title;
  document.title = `${tape.title}: tape of ${plural(n, "node")}`;
  const held = tape.type.reduce((sum, t) => sum + tape.types[t][2], 0);
  $("facts").textContent = [
    plural(n, "node"), plural(tape.inputs.length, "input"), plural(tape.outputs.length, "output"), `${bytes(held)} of outputs`,
  ].join(" \u00b7 ");
  if (matchMedia("(prefers-color-scheme: dark)").matches) document.documentElement.classList.add("dark");
  if (tape.nonfinite) {
    const alarm = $("alarm");
    alarm.hidden = false;
    alarm.textContent = tape.nonfinite.story;
    alarm.onclick = () => choose(tape.nonfinite.node);
    chosen = tape.nonfinite.node;
  }
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
    document.documentElement.classList.toggle("dark");
    paintStrip();
    draw(false);
  };
  for (const button of document.querySelectorAll("#whole nav button")) {
    button.onclick = () => { view = button.dataset.view; drawWhole(); };
  }
  window.onresize = () => { paintStrip(); draw(false); };
  document.addEventListener("keydown", onKey);
  if (!n) return;
  paintStrip();
  draw(true);
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.type === "search" && event.key !== "Escape") return;
  const row = rowOf(chosen);
  const page = Math.floor($("rows").clientHeight / ROW) - 1;
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
