"use strict";
const tools = document.querySelector("#tools");
const main = document.querySelector("main");
const groups = [...document.querySelectorAll(".group")];
const text = (group) => (group.words ??= [...group.querySelectorAll(".name, .folder")].map((e) => e.textContent).join("\n"));
const keeper = (group) => group.querySelector(".folder").textContent + "/" + group.querySelector(".name").textContent;
const orders = {
  bytes: (a, b) => b.dataset.bytes - a.dataset.bytes,
  count: (a, b) => b.dataset.count - a.dataset.count,
  path: (a, b) => (keeper(a) < keeper(b) ? -1 : 1),
};
let sorted = "";
function show() {
  const wanted = Object.fromEntries(new FormData(tools));
  if (wanted.sort !== sorted) {
    sorted = wanted.sort;
    main.append(...(orders[sorted] ? [...groups].sort(orders[sorted]) : groups));
  }
  let shown = 0;
  for (const group of groups) {
    const { kind, how, bytes } = group.dataset;
    const fits = (!wanted.kind || kind.split(" ").includes(wanted.kind)) && how.includes(wanted.how) &&
      Number(bytes) >= Number(wanted.bytes) && text(group).includes(wanted.path);
    group.hidden = !fits;
    shown += fits;
  }
  document.querySelector("#shown").value = `${shown} of ${groups.length} groups`;
}
tools.addEventListener("input", show);
tools.addEventListener("submit", (event) => event.preventDefault());
show();

const dialog = document.querySelector("#compare");
const stage = dialog.querySelector(".stage");
const [base, top_] = stage.querySelectorAll("img");
const layer = stage.querySelector(".top");
const slider = dialog.querySelector("input");
let view = "wipe", timer = 0, on = true;
function paint() {
  stage.classList.toggle("difference", view === "difference");
  layer.style.clipPath = view === "wipe" ? `inset(0 0 0 ${slider.value}%)` : "none";
  layer.style.opacity = view === "blink" && !on ? "0" : "1";
  slider.hidden = view !== "wipe";
}
function open(button) {
  const first = button.closest(".files").querySelector("img");
  const image = button.querySelector("img");
  const [w, h] = [Number(first.dataset.w), Number(first.dataset.h)];
  const scale = Math.min((innerWidth - 80) / w, (innerHeight - 160) / h, 2);
  const [width, height] = [w * scale, h * scale];
  stage.style.width = `${width}px`;
  stage.style.height = `${height}px`;
  const grow = `scale(${width / 100}, ${height / 100})`;
  base.src = first.src;
  top_.src = image.src;
  base.style.transform = grow;
  let matrix = button.dataset.matrix;
  if (!matrix) {
    const k = Math.min(w / image.dataset.w, h / image.dataset.h);
    const [x, y] = [(k * image.dataset.w) / w, (k * image.dataset.h) / h];
    matrix = `translate(${50 * (1 - x)}px, ${50 * (1 - y)}px) scale(${x}, ${y})`;
  }
  top_.style.transform = `${grow} ${matrix}`;
  paint();
  dialog.showModal();
}
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.matches(".picture")) open(button);
  else if (button.dataset.view === "close") dialog.close();
  else if (button.dataset.view) { view = button.dataset.view; paint(); }
});
slider.addEventListener("input", paint);
dialog.addEventListener("close", () => { clearInterval(timer); timer = 0; });
setInterval(() => { if (dialog.open && view === "blink" && !matchMedia("(prefers-reduced-motion: reduce)").matches) { on = !on; paint(); } }, 400);
