// The review: which group is shown, its decision, and the keys.

import { bytes, element, get, picture, post } from "./api.js";
import { showDetails } from "./details.js";
import { askAcceptAll, askApply, askFilter, askNumber, close, isOpen, showKeys } from "./dialogs.js";
import { Stage } from "./stage.js";

const $ = (selector) => document.querySelector(selector);
const AHEAD = [1, 2, -1]; // neighbours of the shown group that are loaded in advance
const CACHED = 60; // groups held

const groups = new Map(); // number -> promise of a group
const matrices = new Map(); // "number/keeper/file" -> promise of a matrix
let summary, numbers = [], filter = {}, at = 0, group, other = 1, writing = Promise.resolve();
const stage = new Stage((file, side) => picture(group.number, file, side));

const say = (words) => { $("#live").textContent = words; };
const fail = (error) => { say(error.message); $("#counts").textContent = error.message; $("#counts").className = "error"; };

function load(number) {
  if (!groups.has(number)) {
    groups.set(number, get(`/api/group/${number}`).catch((error) => { groups.delete(number); throw error; }));
    if (groups.size > CACHED) groups.delete(groups.keys().next().value);
  }
  return groups.get(number);
}

function align(number, keeper, file) {
  const key = `${number}/${keeper}/${file}`;
  if (!matrices.has(key)) {
    if (matrices.size > 4 * CACHED) matrices.clear();
    matrices.set(key, get(`/api/align/${key}`).then((found) => found.matrix, () => null));
  }
  return matrices.get(key);
}

const warm = new Map(); // address -> decoded image
function warmUp(address) {
  if (warm.has(address)) return;
  const image = new Image();
  image.src = address;
  image.decode().catch(() => {});
  warm.set(address, image);
  if (warm.size > 24) warm.delete(warm.keys().next().value);
}

async function prefetch() {
  for (const step of AHEAD) {
    const number = numbers[at + step];
    if (number === undefined) continue;
    const next = await load(number).catch(() => null);
    if (!next) continue;
    const { keeper } = next.decision;
    const first = firstOther(next);
    warmUp(picture(number, keeper, 1600));
    warmUp(picture(number, first, 1600));
    align(number, keeper, first);
  }
}

const firstOther = (g) => (g.decision.keeper === 0 ? 1 : 0);

async function show(position, file = null) {
  if (!numbers.length) { $("#position").textContent = "no group passes the filter"; return; }
  at = Math.min(Math.max(position, 0), numbers.length - 1);
  const number = numbers[at];
  const loaded = await load(number);
  if (numbers[at] !== number) return; // a later key was faster
  group = loaded;
  other = file ?? firstOther(group);
  await paint();
  history.replaceState(null, "", `#${new URLSearchParams({ ...filter, group: number })}`);
  prefetch();
}

async function paint() {
  const { keeper } = group.decision;
  if (other === keeper) other = firstOther(group);
  const [k, o] = [group.files[keeper], group.files[other]];
  paintHead();
  paintFiles();
  showDetails(group, k, o, $("#details"));
  const number = group.number;
  const matrix = align(number, keeper, other);
  const ready = stage.show(number, k, o, null);
  const key = `${number}/${keeper}/${other}`;
  matrix.then((m) => {
    if (key !== `${group.number}/${group.decision.keeper}/${other}`) return;
    stage.setMatrix(m);
    document.body.dataset.aligned = key;
  });
  await ready;
  document.body.dataset.painted = key;
}

function paintHead() {
  $("#position").textContent = `Group ${group.number} · ${at + 1} of ${numbers.length}`;
  const state = $("#state");
  state.textContent = group.decision.state;
  state.className = `badge ${group.decision.state}`;
  const done = summary.groups - (summary.states.open ?? 0);
  $("#counts").className = "";
  $("#counts").textContent = `${done} of ${summary.groups} groups decided · ${summary.duplicates} duplicates, ${bytes(summary.bytes)}` +
    (summary.changed ? " · the report changed on disk: start again" : "") + (summary.read_only ? " · read-only" : "");
}

const role = (file) => (file === group.decision.keeper ? "keeper" : group.decision.removed.includes(file) ? "removed" : "kept");

function paintFiles() {
  $("#files").replaceChildren(...group.files.map((f) => element("button", {
    "aria-pressed": String(f.file === other), title: `${f.folder}/${f.name}`, onclick: () => { other = f.file; paint(); },
  }, element("img", { src: picture(group.number, f.file, 320), alt: "" }),
  element("span", {}, element("span", { class: "name" }, `${f.file + 1} ${f.name}`), element("span", { class: role(f.file) }, `${role(f.file)} · ${bytes(f.bytes)}`)))));
}

// Decisions are written one after another, so that the file has the order of the keys.
function decide(change, next = false) {
  if (summary.read_only) { fail(new Error("this review is read-only")); return; }
  const number = group.number;
  group.decision = { ...group.decision, ...change };
  const body = { groups: [number], ...group.decision };
  writing = writing.then(() => post("/api/decide", body)).then((found) => { summary = found; paintHead(); }, (error) => { groups.delete(number); fail(error); });
  say(`group ${number}: ${group.decision.state}`);
  if (next && at + 1 < numbers.length) show(at + 1);
  else paint();
}

function makeKeeper(file) {
  if (file >= group.files.length || file === group.decision.keeper) return;
  const removed = new Set([...group.decision.removed, group.decision.keeper]);
  removed.delete(file);
  decide({ keeper: file, removed: [...removed] });
}

function toggle() {
  const removed = new Set(group.decision.removed);
  if (!removed.delete(other)) removed.add(other);
  decide({ removed: [...removed] });
}

async function step(path) {
  await writing;
  try {
    const found = await post(path);
    summary = found;
    for (const number of found.touched) groups.delete(number);
    const place = numbers.indexOf(found.touched[0]);
    await show(place < 0 ? at : place);
  } catch (error) { fail(error); }
}

async function refresh(wanted = filter, number = group?.number) {
  filter = wanted;
  [summary, numbers] = await Promise.all([get("/api/summary"), get("/api/numbers", filter).then((found) => found.numbers)]);
  groups.clear();
  await show(Math.max(0, numbers.indexOf(number)));
}

function setView(view) {
  stage.setView(stage.view === view ? "side" : view);
  for (const button of document.querySelectorAll("[data-view]")) button.setAttribute("aria-pressed", String(button.dataset.view === stage.view));
}

function setAligned() {
  stage.setAligned(!stage.aligned);
  $("#align").setAttribute("aria-pressed", String(stage.aligned));
}

const turn = (by) => {
  const files = group.files.map((f) => f.file).filter((f) => f !== group.decision.keeper);
  other = files[(files.indexOf(other) + by + files.length) % files.length];
  paint();
};

const KEYS = {
  j: () => show(at + 1), ArrowDown: () => show(at + 1), k: () => show(at - 1), ArrowUp: () => show(at - 1),
  l: () => turn(1), ArrowRight: () => turn(1), h: () => turn(-1), ArrowLeft: () => turn(-1),
  x: toggle, Enter: () => decide({ state: "accepted" }, true), a: () => decide({ state: "accepted", removed: [] }, true),
  n: () => decide({ state: "different" }, true), s: () => decide({ state: "later" }, true),
  u: () => step("/api/undo"), U: () => step("/api/redo"),
  w: () => setView("wipe"), o: () => setView("opacity"), d: () => setView("difference"), r: setAligned,
  z: () => stage.zoomOne(), 0: () => stage.zoomFit(), "+": () => stage.zoomBy(1.25), "=": () => stage.zoomBy(1.25), "-": () => stage.zoomBy(0.8),
  i: () => $("main").classList.toggle("plain"), e: () => { $("main").classList.remove("plain"); $("#reason").scrollIntoView(); say($("#reason").textContent); },
  "/": () => askFilter(summary, filter, refresh), g: () => askNumber(summary.groups, (n) => { const p = numbers.indexOf(n); if (p >= 0) show(p); }),
  "?": showKeys, Escape: () => { if (stage.view !== "side") setView(stage.view); else stage.zoomFit(); },
};

addEventListener("keydown", (event) => {
  if (isOpen() || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select")) return;
  const onButton = event.target.matches("button") && (event.key === "Enter" || event.key === " ");
  if (onButton) return;
  if (event.key === " ") { event.preventDefault(); if (!event.repeat) stage.blink(true); return; }
  const digit = Number(event.key);
  if (digit >= 1 && digit <= 9) { makeKeeper(digit - 1); return; }
  const act = KEYS[event.key];
  if (act) { event.preventDefault(); Promise.resolve(act()).catch(fail); }
});
addEventListener("keyup", (event) => { if (event.key === " ") stage.blink(false); });

for (const button of document.querySelectorAll("button[data-key]")) {
  button.addEventListener("click", () => { button.blur(); Promise.resolve(KEYS[button.dataset.key]()).catch(fail); });
}
$("[data-view=side]").addEventListener("click", () => setView("side"));
const blink = $("[data-do=blink]");
for (const [event, on] of [["pointerdown", true], ["pointerup", false], ["pointerleave", false]]) blink.addEventListener(event, () => stage.blink(on));
$("[data-do=accept-all]").addEventListener("click", () => askAcceptAll(summary, filter, () => refresh().catch(fail)));
$("[data-do=apply]").addEventListener("click", () => { writing.then(() => askApply(summary, () => refresh().catch(fail))); });
$("#dialog").addEventListener("close", () => document.activeElement?.blur());

const { group: wanted, ...words } = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
refresh(words, Number(wanted)).catch(fail);
