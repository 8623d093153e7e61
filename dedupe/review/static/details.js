// The fields in which two files differ, the better value bold, and what would be lost.

import { bytes, element } from "./api.js";

const when = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ");
const more = (a, b) => Math.sign(a - b);
const some = (a, b) => Math.sign(Number(Boolean(a)) - Number(Boolean(b)));

// name, value of a file, words of a value, comparison: > 0 if the first is better
const FIELDS = [
  ["pixels", (f) => f.width * f.height, (v, f) => `${f.width} × ${f.height}`, more],
  ["bytes", (f) => f.bytes, (v) => bytes(v), more],
  ["format", (f) => f.format, String, null],
  ["name", (f) => f.name, String, null],
  ["folder", (f) => f.folder, (v, f) => f.shortFolder, null],
  ["modified", (f) => f.modified, when, null],
  ["captured", (f) => f.facts.date ?? "", String, some],
  ["camera", (f) => f.facts.camera ?? "", String, some],
  ["GPS", (f) => f.facts.position ?? "", String, some],
  ["software", (f) => f.facts.software ?? "", String, null],
  ["profile", (f) => f.facts.profile ?? "", String, some],
  ["on disk", (f) => f.facts.missing ?? "as scanned", String, null],
];
const LOST = ["captured", "camera", "GPS"];

// The longest start of all folders that ends in a slash; empty if it is the root alone.
function commonFolder(folders) {
  const parts = folders.map((folder) => `${folder}/`.split("/"));
  let same = 0;
  while (parts.every((p) => same < p.length - 1 && p[same] === parts[0][same])) same += 1;
  return same > 2 ? `${parts[0].slice(0, same).join("/")}/` : "";
}

export function showDetails(group, keeper, other, root) {
  const body = root.querySelector("tbody");
  const lost = [];
  const start = commonFolder(group.files.map((f) => f.folder));
  for (const file of [keeper, other]) file.shortFolder = start ? `…/${file.folder.slice(start.length)}` : file.folder;
  const rows = FIELDS.map(([name, value, words, better]) => {
    const [a, b] = [value(keeper), value(other)];
    if (a === b && !(name === "on disk" && keeper.facts.missing)) return null;
    const sign = better ? better(a, b) : 0;
    if (sign < 0 && LOST.includes(name)) lost.push(name);
    const cell = (file, v, good) => element("td", good ? { class: "better" } : {}, words(v, file));
    return element("tr", {}, element("th", { scope: "row" }, name), cell(keeper, a, sign > 0), cell(other, b, sign < 0));
  });
  const related = other.file === 0 ? keeper : other;
  const facts = [["kind", related.kind], ["how", related.how], ["distance", related.distance.toFixed(3)]]
    .filter(([, value]) => value)
    .map(([name, value]) => element("tr", {}, element("th", { scope: "row" }, name), element("td", { colSpan: 2 }, value)));
  body.replaceChildren(...facts, ...rows.filter(Boolean));
  root.querySelector("#reason").textContent = group.reason ? `Keeper: ${group.reason}` : "";
  root.querySelector("#lost").textContent = lost.length ? `The keeper lacks: ${lost.join(", ")}` : "";
}
