// The dialogs: filter, accept all, apply, keys.

import { bytes, element, get, picture, post } from "./api.js";

const dialog = document.querySelector("#dialog");
const body = document.querySelector("#dialog-body");

function open(title, ...children) {
  document.querySelector("#dialog-title").textContent = title;
  body.replaceChildren(...children);
  if (!dialog.open) dialog.showModal();
}

export const close = () => dialog.close();
export const isOpen = () => dialog.open;

const field = (name, control) => element("label", {}, element("span", {}, name), control);
const choice = (values, chosen) => element("select", {}, ...values.map((v) => element("option", { value: v, selected: v === chosen }, v || "any")));
const text = (value = "") => element("input", { type: "text", value });
const row = (...buttons) => element("div", { class: "row" }, ...buttons);
const cancel = () => element("button", { onclick: close }, "Cancel");

function filterControls(summary, filter) {
  const controls = {
    kind: choice(["", ...Object.keys(summary.kinds)], filter.kind),
    state: choice(["", "open", "accepted", "different", "later"], filter.state),
    format: choice(["", ...Object.keys(summary.formats)], filter.format),
    how: text(filter.how), folder: text(filter.folder), min_bytes: text(filter.min_bytes),
  };
  const read = () => Object.fromEntries(Object.entries(controls).map(([name, c]) => [name, c.value.trim()]).filter(([, v]) => v));
  const rows = [field("kind", controls.kind), field("decision", controls.state), field("format", controls.format),
    field("how contains", controls.how), field("folder contains", controls.folder), field("bytes at least", controls.min_bytes)];
  return { rows, read };
}

export function askFilter(summary, filter, done) {
  const { rows, read } = filterControls(summary, filter);
  open("Filter", ...rows, row(element("button", { onclick: () => { close(); done({}); } }, "Clear"), cancel(),
    element("button", { class: "primary", onclick: () => { close(); done(read()); } }, "Show")));
  rows[0].querySelector("select").focus();
}

export function askAcceptAll(summary, filter, done) {
  const { rows, read } = filterControls(summary, { ...filter, state: "open" });
  const keep = text();
  const found = element("div", {});
  const accept = element("button", { class: "primary", disabled: true, onclick: async () => {
    close();
    done(await post("/api/accept", { ...read(), keep_folder: keep.value.trim() }));
  } }, "Accept");
  const show = async () => {
    const page = await get("/api/groups", { ...read(), state: "open", limit: 12 });
    const samples = page.groups.map((g) => element("img", { src: picture(g.number, 0, 320), alt: g.name, title: g.name }));
    found.replaceChildren(element("p", {}, `${page.total} open groups pass this filter. Examples:`), element("div", { class: "samples" }, ...samples));
    accept.textContent = `Accept ${page.total} groups`;
    accept.disabled = !page.total;
  };
  const fields = rows.filter((r) => !r.textContent.startsWith("decision"));
  for (const one of fields) one.addEventListener("change", show);
  open("Accept all groups that pass a filter", ...fields, field("keep files below", keep), found, row(cancel(), accept));
  show();
}

const table = (head, rows) => element("table", {}, element("tr", {}, ...head.map((h) => element("th", {}, h))),
  ...rows.map((cells) => element("tr", {}, ...cells.map((c) => element("td", {}, String(c))))));

export function askApply(summary, done) {
  const action = choice(["move", "trash", "hardlink", "symlink", "reflink", "delete"], "move");
  const folder = text("duplicates");
  const shown = element("div", { id: "plan" });
  const apply = element("button", { class: "primary", id: "apply-now", disabled: true }, "Apply");
  let key = "";
  const plan = async () => {
    apply.disabled = true;
    try {
      const found = await post("/api/plan", { action: action.value, folder: folder.value });
      key = found.plan;
      shown.replaceChildren(...[
        element("p", {}, `${found.accepted} accepted groups: ${found.photos} photos (${found.files} files, ${bytes(found.bytes)}) would be affected${found.folder ? `, to ${found.folder}` : ""}.`),
        table(["folder", "photos"], found.folders.slice(0, 12)),
        found.left.length ? table(["left alone", "why"], found.left.slice(0, 8)) : null,
        found.staying.length ? table(["stays", "why"], found.staying.slice(0, 8)) : null].filter(Boolean));
      apply.disabled = !found.files;
      if (action.value === "delete") shown.append(element("p", { class: "error" }, "Delete cannot be undone for files whose bytes the keeper does not have."));
    } catch (error) { shown.replaceChildren(element("p", { class: "error" }, error.message)); }
  };
  apply.addEventListener("click", async () => {
    apply.disabled = true;
    try { await post("/api/apply", { plan: key }); await follow(shown, done); } catch (error) {
      shown.replaceChildren(element("p", { class: "error" }, error.message));
    }
  });
  action.addEventListener("change", () => { folder.disabled = action.value !== "move"; plan(); });
  folder.addEventListener("change", plan);
  open("Apply the accepted groups", field("action", action), field("folder", folder), shown,
    row(element("button", { onclick: close }, "Close"), apply));
  plan();
}

async function follow(shown, done) {
  const bar = element("progress", {});
  shown.replaceChildren(bar);
  let state = await get("/api/progress");
  while (state.running) {
    if (state.total) { bar.max = state.total; bar.value = state.done; }
    await new Promise((wake) => setTimeout(wake, 150));
    state = await get("/api/progress");
  }
  if (state.error) { shown.replaceChildren(element("p", { class: "error" }, state.error)); return; }
  const back = element("button", { id: "take-back", onclick: async () => {
    back.disabled = true;
    const undone = await post("/api/take-back");
    shown.append(element("p", { id: "undone" }, `${undone.restored} files are back, ${undone.failed.length} are not.`));
    done();
  } }, "Undo this run");
  shown.replaceChildren(element("p", { id: "applied" }, `${state.applied} files done (run ${state.run}), ${state.left.length} groups left alone, ${state.failed.length} failed.`),
    ...(state.left.length ? [table(["left alone", "why"], state.left.slice(0, 20))] : []),
    ...(state.failed.length ? [table(["failed", "why"], state.failed.slice(0, 20).map((f) => [f.path, f.why]))] : []),
    ...(state.run ? [back] : []));
  done();
}

const KEYS = [["j k, ↓ ↑", "next, previous group"], ["h l, ← →", "previous, next picture of the group"], ["1-9", "make this file the keeper"],
  ["x", "keep or remove the shown file"], ["Enter", "accept and go on"], ["a", "keep all files"], ["n", "not duplicates (never report again)"],
  ["s", "decide later"], ["u, U", "undo, redo"], ["Space", "blink while held"], ["w, o, d", "wipe, opacity, difference"], ["r", "aligned or as is"],
  ["z, 0, + -", "1:1, fit, zoom"], ["i, e", "details, reason"], ["/, g", "filter, go to a group"], ["Esc", "back"]];

export const showKeys = () => open("Keys", table(["key", "what it does"], KEYS), row(element("button", { onclick: close }, "Close")));

export function askNumber(total, done) {
  const number = element("input", { type: "number", min: 1, max: total });
  const go = () => { close(); if (number.value) done(Number(number.value)); };
  number.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); go(); } });
  open("Go to a group", field(`1 to ${total}`, number), row(cancel(), element("button", { class: "primary", onclick: go }, "Go")));
  number.focus();
}
