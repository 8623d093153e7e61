// Two pictures on one stage: side by side, wiped, blended or subtracted; zoomed and moved in step.
// World coordinates are pixels of the keeper; `matrix` maps pixels of the other picture to them.

const $ = (selector) => document.querySelector(selector);
const BLINK = 350; // milliseconds for each picture while blinking
const LARGE = 4096; // side of the preview that 1:1 asks for

export class Stage {
  constructor(url) {
    this.url = url; // (file, side) => address of a preview
    this.root = $("#stage");
    this.panes = [$("#left"), $("#right")];
    this.images = { base: $("#base img"), top: $("#top img"), right: $("#right img") };
    this.worlds = document.querySelectorAll("#stage .world");
    this.view = "side";
    this.aligned = true;
    this.blinking = null;
    this.zoom = null; // null: fit
    this.shift = [0, 0];
    this.slider = $("#slider");
    this.slider.addEventListener("input", () => this.#paintTop());
    this.#listen();
    new ResizeObserver(() => this.paint()).observe(this.root);
  }

  async show(number, keeper, other, matrix) {
    this.shown = { number, keeper, other, matrix };
    this.zoom = null;
    this.shift = [0, 0];
    this.side = 1600;
    return this.#load();
  }

  #load() {
    const { keeper, other } = this.shown;
    const set = (image, file) => {
      const address = this.url(file.file, this.side);
      image.style.width = `${file.width}px`;
      image.style.height = `${file.height}px`;
      if (image.getAttribute("src") === address) return image.decode?.().catch(() => {});
      image.src = address;
      image.alt = file.name;
      return image.decode().catch(() => {});
    };
    this.panes[0].querySelector(".label").textContent = `${keeper.name}`;
    this.panes[1].querySelector(".label").textContent = `${other.name}`;
    this.paint();
    return Promise.all([set(this.images.base, keeper), set(this.images.top, other), set(this.images.right, other)]);
  }

  setMatrix(matrix) { this.shown.matrix = matrix; this.paint(); }

  setView(view) { this.view = view; this.paint(); }

  setAligned(aligned) { this.aligned = aligned; this.paint(); }

  blink(on) {
    clearInterval(this.blinking);
    this.blinking = null;
    if (on) {
      this.phase = true;
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      this.blinking = setInterval(() => { if (!still) this.phase = !this.phase; this.#paintTop(); }, BLINK);
    }
    this.paint();
  }

  // The map of the other picture into the world, as nine numbers, and the box that holds both.
  #place() {
    const { keeper, other, matrix } = this.shown;
    let m = this.aligned ? matrix : null;
    if (!m) {
      const k = Math.min(keeper.width / other.width, keeper.height / other.height);
      m = [k, 0, (keeper.width - k * other.width) / 2, 0, k, (keeper.height - k * other.height) / 2, 0, 0, 1];
    }
    const corners = [[0, 0], [other.width, 0], [0, other.height], [other.width, other.height]].map(([x, y]) => {
      const w = m[6] * x + m[7] * y + m[8];
      return [(m[0] * x + m[1] * y + m[2]) / w, (m[3] * x + m[4] * y + m[5]) / w];
    });
    const xs = [0, keeper.width, ...corners.map((c) => c[0])];
    const ys = [0, keeper.height, ...corners.map((c) => c[1])];
    return { m, box: [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)] };
  }

  paint() {
    if (!this.shown) return;
    const single = this.view !== "side" || this.blinking !== null;
    this.root.className = single ? `single ${this.blinking === null ? this.view : ""}` : "";
    const { m, box } = this.#place();
    const pane = this.panes[0].getBoundingClientRect();
    const fit = Math.min(pane.width / (box[2] - box[0]), pane.height / (box[3] - box[1]));
    const scale = this.zoom ?? fit;
    this.fit = fit;
    const x = pane.width / 2 - scale * ((box[0] + box[2]) / 2) + this.shift[0];
    const y = pane.height / 2 - scale * ((box[1] + box[3]) / 2) + this.shift[1];
    for (const world of this.worlds) world.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    const css = `matrix3d(${[m[0], m[3], 0, m[6], m[1], m[4], 0, m[7], 0, 0, 1, 0, m[2], m[5], 0, m[8]].join(",")})`;
    this.images.top.style.transform = css;
    this.images.right.style.transform = css;
    this.#paintTop();
  }

  #paintTop() {
    const top = $("#top");
    const share = this.slider.value / 100;
    top.style.opacity = "1";
    top.style.clipPath = "none";
    if (this.blinking !== null) top.style.opacity = this.phase ? "1" : "0";
    else if (this.view === "wipe") top.style.clipPath = `inset(0 0 0 ${100 * share}%)`;
    else if (this.view === "opacity") top.style.opacity = String(share);
  }

  zoomBy(factor) { this.#zoomTo((this.zoom ?? this.fit) * factor); }

  zoomFit() { this.zoom = null; this.shift = [0, 0]; this.paint(); }

  zoomOne() { this.#zoomTo(1 / devicePixelRatio); }

  #zoomTo(scale) {
    const before = this.zoom ?? this.fit;
    this.zoom = Math.min(40, Math.max(this.fit / 4, scale));
    this.shift = this.shift.map((s) => (s * this.zoom) / before);
    if (this.zoom > 1.5 * this.fit && this.side !== LARGE) { this.side = LARGE; this.#load(); }
    this.paint();
  }

  #listen() {
    let from = null;
    this.root.addEventListener("pointerdown", (event) => {
      if (event.target === this.slider) return;
      from = [event.clientX, event.clientY];
      this.root.setPointerCapture(event.pointerId);
    });
    this.root.addEventListener("pointermove", (event) => {
      if (!from) return;
      this.shift = [this.shift[0] + event.clientX - from[0], this.shift[1] + event.clientY - from[1]];
      from = [event.clientX, event.clientY];
      this.paint();
    });
    for (const end of ["pointerup", "pointercancel"]) this.root.addEventListener(end, () => { from = null; });
    this.root.addEventListener("wheel", (event) => { event.preventDefault(); this.zoomBy(event.deltaY < 0 ? 1.2 : 1 / 1.2); }, { passive: false });
  }
}
