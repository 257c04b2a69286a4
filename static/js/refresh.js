// Keeps a part of a page up to date: asks the same address whether anything changed, and puts in what did. Focus, scroll
// and what somebody is typing stay. It rests while the page is hidden, and says when it could not ask.

const area = document.querySelector("[data-refresh]");
const line = document.querySelector("[data-refreshed]");
const alertLine = document.querySelector("[data-refreshed-alert]");

const PATIENCE = 15_000;
let last = new Date();
let failing = false;
let timer = 0;

function say(text) {
  const time = last.toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: area.dataset.zone });
  line.querySelector("[data-refreshed-text]").textContent = text.replace("{time}", time);
}

function well() {
  last = new Date();
  line.classList.remove("is-failed");
  say(line.dataset.at);
  if (failing) {
    failing = false;
    alertLine.textContent = line.querySelector("[data-refreshed-text]").textContent;
  }
}

function failed(text) {
  line.classList.add("is-failed");
  say(text);
  if (!failing) {
    failing = true;
    // Once, and not again at each try: a reader would be interrupted all day.
    alertLine.textContent = line.querySelector("[data-refreshed-text]").textContent;
  }
}

/** Something is half done that a refresh would throw away. */
function isBusy() {
  const active = document.activeElement;
  if (area.contains(active) && active.matches("input:not([type=hidden]), textarea, select")) {
    return true;
  }
  return [...area.querySelectorAll("input:not([type=hidden]), textarea")].some((field) => field.value !== field.defaultValue);
}

function keepScroll() {
  const places = [...area.querySelectorAll("[data-keep-scroll], .agenda-scroll")].map((box) => [box.scrollLeft, box.scrollTop]);
  return () => {
    [...area.querySelectorAll("[data-keep-scroll], .agenda-scroll")].forEach((box, index) => {
      [box.scrollLeft, box.scrollTop] = places[index] ?? [0, 0];
    });
  };
}

/** Which control had the focus, by its visit and its place among that visit's controls. */
function keepFocus() {
  const active = document.activeElement;
  if (!area.contains(active)) {
    return () => {};
  }
  const owner = active.closest("[id]");
  const controls = (root) => [...root.querySelectorAll("a, button, [tabindex]")];
  const index = owner ? controls(owner).indexOf(active) : -1;
  const id = owner?.id;
  return () => {
    const again = id && document.getElementById(id);
    if (again) {
      (index < 0 ? again : (controls(again)[index] ?? controls(again)[0] ?? again)).focus({ preventScroll: true });
    }
  };
}

/** Waiting times go on while nothing else changes. */
function countMinutes() {
  const format = new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit: "minute", unitDisplay: "long" });
  for (const time of document.querySelectorAll("[data-minutes-since]")) {
    const minutes = Math.floor((Date.now() - Date.parse(time.dateTime)) / 60_000);
    time.textContent = format.format(Math.max(0, minutes));
  }
}

async function refresh() {
  const url = new URL(window.location.href);
  url.hash = "";
  url.searchParams.set("seen", area.dataset.mark);
  const answer = await fetch(url, {
    cache: "no-store",
    redirect: "manual",
    headers: { "X-Requested-With": "refresh" },
    signal: AbortSignal.timeout(PATIENCE),
  });
  if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) {
    return failed(line.dataset.signedOut);
  }
  if (answer.status === 200) {
    const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
    // What was typed while the answer was on its way wins.
    if (!isBusy()) {
      const scroll = keepScroll();
      const focus = keepFocus();
      area.replaceChildren(...parsed.body.childNodes);
      area.dataset.mark = area.querySelector("[data-mark-now]")?.dataset.markNow ?? "";
      scroll();
      focus();
      area.dispatchEvent(new CustomEvent("refreshed", { bubbles: true }));
    }
  } else if (answer.status !== 204) {
    return failed(line.dataset.failed);
  }
  return well();
}

async function run() {
  window.clearTimeout(timer);
  if (!document.hidden && !isBusy()) {
    try {
      await refresh();
    } catch {
      failed(line.dataset.failed);
    }
  }
  timer = window.setTimeout(run, Number(area.dataset.refresh) * 1000);
}

if (area && line) {
  line.hidden = false;
  well();
  window.setInterval(countMinutes, 20_000);
  timer = window.setTimeout(run, Number(area.dataset.refresh) * 1000);
  line.querySelector("[data-refresh-now]").addEventListener("click", run);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) {
      run();
    }
  });
}
