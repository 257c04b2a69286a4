// The screen of a waiting room: asks for the numbers every few seconds, and says so when nobody answers. Nobody stands
// beside it with a keyboard, so it must come back by itself from everything.

const EVERY = 5_000;
const PATIENCE = 8_000;
/** Silence after which the numbers on the wall must not be trusted. */
const LOST_AFTER = 15_000;

const main = document.querySelector("[data-board]");
const lost = document.querySelector("[data-lost]");
const clock = document.querySelector("[data-clock]");
let heard = Date.now();

function mark() {
  return main.querySelector("[data-mark]")?.dataset.mark ?? "";
}

function newest() {
  return main.querySelector(".newest .number")?.textContent ?? "";
}

async function ask() {
  const url = `${main.dataset.board}?seen=${encodeURIComponent(mark())}`;
  const answer = await fetch(url, { cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(PATIENCE) });
  if (answer.status === 200) {
    const before = newest();
    const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
    main.replaceChildren(...parsed.body.children);
    if (newest() && newest() !== before) {
      main.querySelector(".newest").classList.add("fresh");
    }
  } else if (answer.status === 404) {
    // Revoked: what was there must not stay on the wall.
    main.replaceChildren();
    throw new Error("revoked");
  } else if (answer.status !== 204) {
    throw new Error(`status ${answer.status}`);
  }
  heard = Date.now();
}

function tick() {
  const silent = Date.now() - heard > LOST_AFTER || main.childElementCount === 0;
  lost.hidden = !silent;
  document.body.classList.toggle("is-lost", silent);
  clock.textContent = new Date().toLocaleTimeString("fr-FR", { hour: "2-digit", minute: "2-digit", timeZone: main.dataset.zone });
}

async function run() {
  try {
    await ask();
  } catch {
    // Shown by tick(): a single answer that is missing is no reason to frighten a waiting room.
  }
  tick();
  setTimeout(run, EVERY);
}

async function stayAwake() {
  try {
    await navigator.wakeLock?.request("screen");
  } catch {
    // The browser keeps its own rules about sleep; a wall screen is set up not to.
  }
}

if (main) {
  tick();
  setInterval(tick, 1_000);
  setTimeout(run, EVERY);
  stayAwake();
  document.addEventListener("visibilitychange", stayAwake);
}
