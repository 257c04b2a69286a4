// Find a patient as you type: a combobox (ARIA Authoring Practices) over a search box that works without this file too.
// Down and Up choose, Enter opens what is chosen or searches, Escape closes. Names travel in the body of the request:
// addresses end up in logs.

const WAIT = 220;
const SHORTEST = 2;

function setUp(box) {
  const form = box.closest("form");
  const token = document.querySelector("input[name=csrfmiddlewaretoken]")?.value;
  const data = box.dataset;
  if (!form || !token) {
    return;
  }
  const list = document.createElement("ul");
  list.id = `${box.id}-found`;
  list.className = "fp-list";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", data.listLabel);
  list.hidden = true;
  const status = document.createElement("div");
  status.className = "fp-status";
  status.setAttribute("role", "status");
  const frame = document.createElement("div");
  frame.className = "fp-frame";
  box.before(frame);
  frame.append(box, list, status);
  for (const [name, value] of Object.entries({
    role: "combobox",
    autocomplete: "off",
    "aria-autocomplete": "list",
    "aria-expanded": "false",
    "aria-controls": list.id,
  })) {
    box.setAttribute(name, value);
  }

  let timer = 0;
  let asked = "";
  let request = null;
  let chosen = -1;

  const options = () => [...list.children];

  function choose(index) {
    chosen = index;
    options().forEach((option, place) => option.setAttribute("aria-selected", String(place === index)));
    const option = options()[index];
    if (option) {
      box.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else {
      box.removeAttribute("aria-activedescendant");
    }
  }

  function close() {
    list.hidden = true;
    box.setAttribute("aria-expanded", "false");
    choose(-1);
  }

  function forget() {
    window.clearTimeout(timer);
    request?.abort();
    request = null;
    asked = "";
    list.replaceChildren();
    status.textContent = "";
    close();
  }

  function show(answer) {
    list.replaceChildren(
      ...answer.results.map((found, place) => {
        const option = document.createElement("li");
        option.id = `${list.id}-${place}`;
        option.setAttribute("role", "option");
        option.dataset.url = found.url;
        const name = document.createElement("strong");
        name.textContent = found.name;
        const details = document.createElement("span");
        details.textContent = found.details;
        option.append(name, details);
        return option;
      }),
    );
    status.textContent = answer.message;
    choose(-1);
    list.hidden = answer.results.length === 0;
    box.setAttribute("aria-expanded", String(!list.hidden));
  }

  async function ask() {
    const text = box.value.trim().replace(/\s+/g, " ");
    if (text.length < SHORTEST) {
      forget();
      return;
    }
    if (text === asked) {
      return;
    }
    asked = text;
    request?.abort();
    const mine = new AbortController();
    request = mine;
    try {
      const response = await fetch(data.findPatient, {
        method: "POST",
        body: new URLSearchParams({ q: text }),
        headers: { "X-CSRFToken": token },
        credentials: "same-origin",
        signal: mine.signal,
      });
      if (!response.ok || !response.headers.get("Content-Type")?.startsWith("application/json")) {
        throw new Error("no answer");
      }
      const answer = await response.json();
      // Letters that were typed since ask for themselves.
      if (request === mine) {
        show(answer);
      }
    } catch (error) {
      if (error.name !== "AbortError" && request === mine) {
        asked = "";
        list.replaceChildren();
        close();
        status.textContent = data.awayText;
      }
    }
  }

  box.addEventListener("input", () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(ask, WAIT);
  });
  box.addEventListener("keydown", (event) => {
    const count = options().length;
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && count) {
      event.preventDefault();
      list.hidden = false;
      box.setAttribute("aria-expanded", "true");
      const step = event.key === "ArrowDown" ? 1 : -1;
      choose(chosen === -1 && step === -1 ? count - 1 : (chosen + step + count) % count);
    } else if (event.key === "Enter" && !list.hidden && options()[chosen]) {
      event.preventDefault();
      window.location.assign(options()[chosen].dataset.url);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      close();
    }
  });
  // Before the box loses the focus, which closes the list.
  list.addEventListener("pointerdown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) {
      window.location.assign(option.dataset.url);
    }
  });
  box.addEventListener("blur", close);
  // Back to this page: what the last reader was shown is not shown again.
  window.addEventListener("pagehide", forget);
}

document.querySelectorAll("[data-find-patient]").forEach(setUp);
