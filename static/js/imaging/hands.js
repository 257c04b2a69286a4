// What hands do on the image: wheel, drag, pinch, keys. It says what was meant; the viewer does it.

const STEP = 24;

/** `viewer` has scroll(n), to(n), window(dx, dy), pan(dx, dy), zoom(factor, x, y), mode, and the named actions of KEYS. */
export function listen(stage, viewer) {
  const touches = new Map();
  let drag = null;
  let wheel = 0;

  stage.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const size = event.deltaMode === 1 ? event.deltaY * STEP : event.deltaY;
      if (event.ctrlKey || event.metaKey) {
        viewer.zoom(Math.exp(-size / 300), ...place(stage, event));
        return;
      }
      wheel += size;
      const steps = Math.trunc(wheel / STEP);
      if (steps) {
        wheel -= steps * STEP;
        viewer.scroll(Math.sign(steps) * Math.min(Math.abs(steps), 5));
      }
    },
    { passive: false },
  );

  stage.addEventListener("pointerdown", (event) => {
    stage.focus({ preventScroll: true });
    stage.setPointerCapture(event.pointerId);
    touches.set(event.pointerId, [event.clientX, event.clientY]);
    const other = event.button === 2 || event.button === 1 || event.shiftKey;
    drag = { mode: other ? "pan" : viewer.mode, left: 0 };
    event.preventDefault();
  });
  stage.addEventListener("contextmenu", (event) => event.preventDefault());

  stage.addEventListener("pointermove", (event) => {
    const before = touches.get(event.pointerId);
    if (!before) {
      return;
    }
    const [dx, dy] = [event.clientX - before[0], event.clientY - before[1]];
    if (touches.size === 2) {
      pinch(event, dx, dy);
    } else if (drag?.mode === "window") {
      viewer.window(dx, dy);
    } else if (drag?.mode === "pan") {
      viewer.pan(dx, dy);
    } else if (drag?.mode === "scroll") {
      drag.left += dy;
      const steps = Math.trunc(drag.left / 12);
      drag.left -= steps * 12;
      viewer.scroll(steps);
    }
    touches.set(event.pointerId, [event.clientX, event.clientY]);
  });

  function pinch(event, dx, dy) {
    const still = [...touches].find(([id]) => id !== event.pointerId)[1];
    const old = touches.get(event.pointerId);
    const before = Math.hypot(old[0] - still[0], old[1] - still[1]);
    const after = Math.hypot(event.clientX - still[0], event.clientY - still[1]);
    const box = stage.getBoundingClientRect();
    viewer.pan(dx / 2, dy / 2);
    if (before > 10) {
      viewer.zoom(after / before, (event.clientX + still[0]) / 2 - box.left, (event.clientY + still[1]) / 2 - box.top);
    }
  }

  for (const name of ["pointerup", "pointercancel"]) {
    stage.addEventListener(name, (event) => {
      touches.delete(event.pointerId);
      if (!touches.size) {
        drag = null;
      }
    });
  }
  stage.addEventListener("dblclick", () => viewer.fit());
  stage.addEventListener("keydown", (event) => key(event, viewer));
}

function place(stage, event) {
  const box = stage.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

const KEYS = {
  ArrowUp: (viewer) => viewer.scroll(-1),
  ArrowDown: (viewer) => viewer.scroll(1),
  PageUp: (viewer) => viewer.scroll(-10),
  PageDown: (viewer) => viewer.scroll(10),
  Home: (viewer) => viewer.to(0),
  End: (viewer) => viewer.to(Infinity),
  ArrowLeft: (viewer) => viewer.series(-1),
  ArrowRight: (viewer) => viewer.series(1),
  "+": (viewer) => viewer.zoom(1.25),
  "=": (viewer) => viewer.zoom(1.25),
  "-": (viewer) => viewer.zoom(0.8),
  0: (viewer) => viewer.fit(),
  i: (viewer) => viewer.invert(),
  r: (viewer) => viewer.reset(),
  w: (viewer) => viewer.choose("window"),
  m: (viewer) => viewer.choose("pan"),
  s: (viewer) => viewer.choose("scroll"),
};
const SHIFTED = {
  ArrowUp: (viewer) => viewer.window(0, -8),
  ArrowDown: (viewer) => viewer.window(0, 8),
  ArrowLeft: (viewer) => viewer.window(-8, 0),
  ArrowRight: (viewer) => viewer.window(8, 0),
};

function key(event, viewer) {
  if (event.ctrlKey || event.metaKey || event.altKey) {
    return;
  }
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const preset = /^[1-9]$/.test(name) && (() => viewer.preset(Number(name) - 1));
  const action = preset || (event.shiftKey && SHIFTED[name]) || KEYS[name];
  if (action) {
    event.preventDefault();
    action(viewer);
  }
}
