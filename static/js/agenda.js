// The agenda: keys, printing, and a question before a step that is easily clicked by mistake.
// Everything works without this file; it only makes it quicker.

const agenda = document.querySelector("[data-agenda]");
const OFF = "agenda-letter-keys-off";

function isTyping(target) {
  return target instanceof Element && target.closest("input, select, textarea, [contenteditable]") !== null;
}

function visits() {
  return [...agenda.querySelectorAll("tbody tr, .grid-visit")];
}

function focusVisit(step) {
  const rows = visits();
  if (rows.length === 0) {
    return;
  }
  const current = rows.findIndex((row) => row.contains(document.activeElement));
  const next = current === -1 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(current + step, 0), rows.length - 1);
  const target = rows[next].querySelector("[data-visit]") ?? rows[next].querySelector("button, a");
  if (target) {
    target.focus();
    rows[next].scrollIntoView({ block: "nearest", inline: "nearest" });
  }
}

// A person who speaks to the computer, or whose hand trembles, must be able to do without (WCAG 2.2, 2.1.4).
function lettersAreOff() {
  try {
    return window.localStorage.getItem(OFF) === "1";
  } catch {
    return false;
  }
}

function setLetters(on) {
  try {
    window.localStorage.setItem(OFF, on ? "0" : "1");
  } catch {
    // Without storage the choice holds for as long as the check box does: not at all. Keys stay on.
  }
}

function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) {
    return;
  }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key.length === 1 && lettersAreOff()) {
    return;
  }
  const link = agenda.querySelector(`[data-shortcut="${CSS.escape(key)}"]`);
  const next = document.activeElement?.closest?.(".grid-visit, tbody tr")?.querySelector("button[name=step]");
  if (link) {
    event.preventDefault();
    link.click();
  } else if (key === "j" || key === "k") {
    event.preventDefault();
    focusVisit(key === "j" ? 1 : -1);
  } else if (key === "n" && next) {
    event.preventDefault();
    next.click();
  } else if (key === "p") {
    event.preventDefault();
    window.print();
  }
}

function onSubmit(event) {
  const question = event.submitter?.dataset.confirm;
  if (question && !window.confirm(question)) {
    event.preventDefault();
  }
}

if (agenda) {
  const print = agenda.querySelector("[data-print]");
  print.hidden = false;
  print.addEventListener("click", () => window.print());
  agenda.querySelector("[data-hint]").hidden = false;
  const letters = agenda.querySelector("[data-letter-keys]");
  letters.checked = !lettersAreOff();
  letters.addEventListener("change", () => setLetters(letters.checked));
  agenda.addEventListener("submit", onSubmit);
  document.addEventListener("keydown", onKey);
}
