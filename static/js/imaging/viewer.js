// The viewer of images: a stack to scroll through, a window to choose, zoom. Frames come as the scanner measured them and
// become grey here, so that the window follows the hand.

import { Frames, Gone } from "./frames.js";
import { listen } from "./hands.js";
import { paint } from "./window.js";

const AHEAD = 6;

class Viewer {
  constructor(root) {
    this.root = root;
    this.stage = root.querySelector("[data-stage]");
    this.canvas = root.querySelector("canvas");
    this.buffer = document.createElement("canvas");
    this.slider = root.querySelector("[data-slider]");
    this.presets = root.querySelector("[data-presets]");
    this.list = root.querySelector("[data-series]");
    this.status = root.querySelector("[data-status]");
    this.frames = new Frames(root.dataset.viewer);
    this.mode = window.matchMedia("(pointer: coarse)").matches ? "scroll" : "window";
    this.all = [];
    this.turn = 0;
  }

  text(name, values = {}) {
    return Object.entries(values).reduce((text, [key, value]) => text.replace(`{${key}}`, value), this.root.dataset[name]);
  }

  async start() {
    const answer = await fetch(this.root.dataset.viewer, { redirect: "manual" });
    if (!answer.ok) {
      return this.say(answer.status >= 500 || answer.status === 0 ? "textFailed" : "textOver", true);
    }
    const found = await answer.json();
    this.all = found.series.map((series) => ({
      ...series,
      stack: series.images.flatMap((image) => Array.from({ length: image.frames }, (_, frame) => ({ image, frame }))),
      at: 0,
    }));
    if (!this.all.length) {
      return this.say("textEmpty", true);
    }
    this.fillSeries();
    this.bind();
    this.root.dataset.ready = "";
    const wanted = this.all.findIndex((series) => series.images.some((image) => image.id === this.root.dataset.first));
    if (wanted >= 0) {
      this.all[wanted].at = this.all[wanted].stack.findIndex((spot) => spot.image.id === this.root.dataset.first);
    }
    this.open(Math.max(0, wanted));
    return undefined;
  }

  fillSeries() {
    this.list.replaceChildren(
      ...this.all.map((series, index) => {
        const item = document.createElement("li");
        const button = document.createElement("button");
        const title = document.createElement("span");
        const count = document.createElement("span");
        button.type = "button";
        title.className = "viewer-series-title";
        title.textContent = series.number === null ? series.title : `${series.number} · ${series.title}`;
        count.className = "viewer-series-count";
        count.textContent = series.stack.length === 1 ? this.text("textOne") : this.text("textMany", { count: series.stack.length });
        const cover = series.images[Math.floor(series.images.length / 2)];
        const picture = document.createElement("img");
        picture.src = `${this.root.dataset.viewer}${cover.id}/preview/`;
        picture.alt = "";
        picture.loading = "lazy";
        button.append(picture, title, count);
        button.addEventListener("click", () => this.open(index));
        item.append(button);
        return item;
      }),
    );
  }

  bind() {
    listen(this.stage, this);
    this.slider.addEventListener("input", () => this.to(Number(this.slider.value)));
    this.presets.addEventListener("change", () => this.preset(this.presets.selectedIndex));
    for (const button of this.root.querySelectorAll("[data-mode]")) {
      button.addEventListener("click", () => this.choose(button.dataset.mode));
    }
    const actions = { invert: () => this.invert(), reset: () => this.reset(), fit: () => this.fit(), in: () => this.zoom(1.25), out: () => this.zoom(0.8), whole: () => this.whole() };
    for (const button of this.root.querySelectorAll("[data-action]")) {
      button.addEventListener("click", actions[button.dataset.action]);
    }
    document.addEventListener("fullscreenchange", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(this.stage);
    this.choose(this.mode);
  }

  // --- Where we are ---------------------------------------------------------------------------------------------------

  open(index) {
    this.index = index;
    this.current = this.all[index];
    [...this.list.querySelectorAll("button")].forEach((button, place) => {
      button.setAttribute("aria-current", String(place === index));
    });
    this.slider.max = String(this.current.stack.length - 1);
    this.slider.disabled = this.current.stack.length < 2;
    this.fillPresets();
    if (!this.current.view) {
      this.freshView();
    }
    this.to(this.current.at);
  }

  series(step) {
    const next = this.index + step;
    if (next >= 0 && next < this.all.length) {
      this.open(next);
    }
  }

  scroll(steps) {
    this.to(this.current.at + steps);
  }

  to(place) {
    const stack = this.current.stack;
    const at = Math.min(stack.length - 1, Math.max(0, place));
    const back = at < this.current.at;
    this.current.at = at;
    this.slider.value = String(at);
    this.slider.setAttribute("aria-valuetext", this.text("textPlace", { n: at + 1, m: stack.length }));
    const order = Array.from({ length: AHEAD }, (_, step) => [step + 1, -step - 1]).flat();
    const neighbours = order.map((step) => stack[at + (back ? -step : step)]).filter(Boolean);
    const spot = stack[at];
    this.turn += 1;
    const turn = this.turn;
    const shown = this.frames.here(spot);
    if (shown) {
      this.show(spot, shown);
    } else {
      this.label();
    }
    this.frames.want(spot, neighbours).then(
      (frame) => turn === this.turn && !shown && this.show(spot, frame),
      (error) => turn === this.turn && this.say(error instanceof Gone ? "textOver" : "textFailed", true),
    );
  }

  show(spot, frame) {
    this.spot = spot;
    this.frame = frame;
    this.say("", false);
    this.repaint();
  }

  // --- How it looks ---------------------------------------------------------------------------------------------------

  freshView() {
    const display = this.current.images[0].display;
    const first = display.windows?.[0];
    this.current.view = { zoom: 1, x: 0, y: 0, inverted: false, center: first?.center ?? 128, width: first?.width ?? 256, curve: first?.function ?? "LINEAR", table: display.table ?? null };
  }

  get view() {
    return this.current.view;
  }

  fillPresets() {
    const display = this.current.images[0].display;
    const own = (display.windows ?? []).map((one, index) => ({ ...one, curve: one.function, name: one.name || this.text(index ? "textOther" : "textOwn", { n: index + 1 }) }));
    if (display.table && own.length) {
      own[0].table = display.table;
    }
    this.choices = display.colour ? [] : [...own, ...this.current.presets.map((one) => ({ ...one, curve: "LINEAR" }))];
    const custom = document.createElement("option");
    custom.textContent = this.text("textCustom");
    custom.hidden = true;
    this.presets.replaceChildren(
      ...this.choices.map((one, index) => {
        const option = document.createElement("option");
        option.textContent = `${index < 9 ? `${index + 1} · ` : ""}${one.name}`;
        return option;
      }),
      custom,
    );
    this.presets.disabled = !this.choices.length;
  }

  preset(index) {
    const chosen = this.choices[index];
    if (chosen) {
      Object.assign(this.view, { center: chosen.center, width: chosen.width, curve: chosen.curve, table: chosen.table ?? null });
      this.repaint();
      this.announce();
    }
  }

  window(dx, dy) {
    if (!this.choices.length) {
      return;
    }
    const view = this.view;
    const step = Math.max(view.width / 300, Math.abs(this.current.images[0].display.slope) / 4);
    view.table = null;
    view.curve = view.curve === "LINEAR_EXACT" ? "LINEAR_EXACT" : "LINEAR";
    view.width = Math.max(view.curve === "LINEAR" ? 1 : 1e-6, view.width + dx * step);
    view.center += dy * step;
    this.repaint();
    this.announce();
  }

  invert() {
    this.view.inverted = !this.view.inverted;
    this.repaint();
  }

  pan(dx, dy) {
    this.view.x += dx;
    this.view.y += dy;
    this.draw();
  }

  /** About a point of the stage, which stays where it is; else about its middle. */
  zoom(factor, x = this.stage.clientWidth / 2, y = this.stage.clientHeight / 2) {
    const view = this.view;
    const next = Math.min(40, Math.max(0.2, view.zoom * factor));
    const grown = next / view.zoom;
    view.x = (x - this.stage.clientWidth / 2) * (1 - grown) + view.x * grown;
    view.y = (y - this.stage.clientHeight / 2) * (1 - grown) + view.y * grown;
    view.zoom = next;
    this.draw();
    this.announce();
  }

  fit() {
    Object.assign(this.view, { zoom: 1, x: 0, y: 0 });
    this.draw();
  }

  reset() {
    this.freshView();
    this.repaint();
    this.announce();
  }

  whole() {
    if (document.fullscreenElement) {
      document.exitFullscreen();
    } else {
      this.root.requestFullscreen?.();
    }
  }

  choose(mode) {
    this.mode = mode;
    this.stage.dataset.mode = mode;
    for (const button of this.root.querySelectorAll("[data-mode]")) {
      if (button !== this.stage) {
        button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
      }
    }
  }

  // --- Drawing --------------------------------------------------------------------------------------------------------

  repaint() {
    if (this.frame && !this.painting) {
      // Many moves of a hand are one painting.
      this.painting = requestAnimationFrame(() => {
        this.painting = 0;
        const { image } = this.spot;
        if (this.buffer.width !== image.columns || this.buffer.height !== image.rows || !this.pixels) {
          this.buffer.width = image.columns;
          this.buffer.height = image.rows;
          this.pixels = this.buffer.getContext("2d").createImageData(image.columns, image.rows);
        }
        paint(this.pixels, this.frame, image, this.view);
        this.buffer.getContext("2d").putImageData(this.pixels, 0, 0);
        this.draw();
      });
    }
  }

  draw() {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [this.stage.clientWidth, this.stage.clientHeight];
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#000";
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    if (this.spot && this.pixels) {
      const { image } = this.spot;
      const tall = image.spacing ? Math.min(4, Math.max(0.25, image.spacing[0] / image.spacing[1])) : 1;
      const view = this.view;
      const scale = Math.min(width / image.columns, height / (image.rows * tall)) * view.zoom;
      context.setTransform(ratio * scale, 0, 0, ratio * scale * tall, ratio * (width / 2 + view.x), ratio * (height / 2 + view.y));
      context.imageSmoothingEnabled = scale < 4;
      context.imageSmoothingQuality = "high";
      context.drawImage(this.buffer, -image.columns / 2, -image.rows / 2);
    }
    this.label();
  }

  label() {
    const set = (name, text) => {
      this.root.querySelector(`[data-mark="${name}"]`).textContent = text;
    };
    const { stack, at, view, title } = this.current;
    const edges = stack[at].image.edges ?? {};
    for (const side of ["left", "right", "top", "bottom"]) {
      set(side, edges[side] ?? "");
    }
    set("title", title);
    set("place", this.text("textPlace", { n: at + 1, m: stack.length }));
    set("window", this.choices.length ? this.text("textWindow", { c: Math.round(view.center), w: Math.round(view.width) }) : "");
    set("zoom", `${Math.round(view.zoom * 100)} %`);
    const same = this.choices.findIndex((one) => one.center === view.center && one.width === view.width && Boolean(one.table) === Boolean(view.table));
    this.presets.selectedIndex = same < 0 ? this.choices.length : same;
    this.stage.setAttribute("aria-label", `${title}: ${this.text("textPlace", { n: at + 1, m: stack.length })}`);
    this.root.querySelector('[data-action="invert"]').setAttribute("aria-pressed", String(view.inverted));
  }

  announce() {
    window.clearTimeout(this.soon);
    this.soon = window.setTimeout(() => {
      const { view } = this;
      this.status.textContent = `${this.choices.length ? this.text("textWindow", { c: Math.round(view.center), w: Math.round(view.width) }) : ""} ${Math.round(view.zoom * 100)} %`;
    }, 600);
  }

  say(name, failed) {
    const line = this.root.querySelector("[data-message]");
    line.textContent = name ? this.root.dataset[name] : "";
    line.hidden = !failed;
  }
}

for (const root of document.querySelectorAll("[data-viewer]")) {
  const viewer = new Viewer(root);
  viewer.start().catch(() => viewer.say("textFailed", true));
}
