// Day and week of the agenda: arrows between visits and free times, the line of the present moment, and the first look at
// the right hour.
// Everything works without this file; it only makes it quicker.

const area = document.querySelector("[data-refresh]");

// What the arrows go through: the button of the column's head, its visits, its free times.
const STOPS = "[data-book], [data-visit], [data-free]";

function place(link) {
  return link.closest(".grid-visit, .grid-free") ?? link;
}

function middle(link) {
  const box = place(link).getBoundingClientRect();
  return { x: box.left + box.width / 2, y: box.top + box.height / 2 };
}

function focus(link) {
  link.focus({ preventScroll: true });
  place(link).scrollIntoView({ block: "nearest", inline: "nearest" });
}

/** The stop above or below in the same column. */
function along(current, step) {
  const column = [...current.closest("[data-column]").querySelectorAll(STOPS)].sort(
    (one, other) => middle(one).y - middle(other).y || middle(one).x - middle(other).x,
  );
  return column[column.indexOf(current) + step];
}

/** The stop nearest in time, in the next column that has one. */
function across(current, step) {
  const columns = [...area.querySelectorAll("[data-column]")];
  const y = middle(current).y;
  for (let at = columns.indexOf(current.closest("[data-column]")) + step; columns[at]; at += step) {
    const found = [...columns[at].querySelectorAll(STOPS)];
    if (found.length > 0) {
      return found.reduce((best, link) => (Math.abs(middle(link).y - y) < Math.abs(middle(best).y - y) ? link : best));
    }
  }
  return undefined;
}

const MOVES = {
  ArrowUp: (link) => along(link, -1),
  ArrowDown: (link) => along(link, 1),
  ArrowLeft: (link) => across(link, -1),
  ArrowRight: (link) => across(link, 1),
};

function onKey(event) {
  const link = event.target.closest?.(".grid-visit")?.querySelector("[data-visit]") ?? event.target.closest?.(STOPS);
  if (!link || event.ctrlKey || event.metaKey || event.altKey) {
    return;
  }
  if (event.key in MOVES) {
    // Kept from the page too, for which the arrows mean another day.
    event.preventDefault();
    const next = MOVES[event.key](link);
    if (next) {
      focus(next);
    }
  }
}

function moveNow() {
  const parts = new Intl.DateTimeFormat("en-GB", { timeZone: area.dataset.zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).formatToParts(new Date());
  const [hour, minute] = ["hour", "minute"].map((type) => Number(parts.find((part) => part.type === type).value));
  const grid = area.querySelector(".grid");
  const from = Number(grid?.dataset.from);
  for (const line of area.querySelectorAll("[data-now]")) {
    line.dataset.h = hour;
    line.dataset.m = Math.floor(minute / 5);
    line.hidden = hour < from || hour >= from + Number(grid.dataset.hours);
  }
}

function lookAtNow() {
  const box = area.querySelector("[data-grid]");
  const line = area.querySelector("[data-now]:not([hidden])");
  if (box && line && !window.location.hash) {
    box.scrollTop = line.offsetTop - box.clientHeight / 3;
  }
}

if (area) {
  area.addEventListener("keydown", onKey);
  area.addEventListener("refreshed", moveNow);
  moveNow();
  lookAtNow();
  window.setInterval(moveNow, 30_000);
  // After a step the page comes back to its visit: so does the focus, once the browser has looked for the address's
  // fragment itself, which takes the focus away.
  const id = window.location.hash.startsWith("#visit-") ? window.location.hash.slice(1) : "";
  window.addEventListener("load", () =>
    window.setTimeout(() => {
      const link = id && document.getElementById(id)?.querySelector("[data-visit]");
      if (link && document.activeElement === document.body) {
        focus(link);
      }
    }, 50),
  );
}
