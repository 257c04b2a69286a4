// A form that adds a document: sent in parts, with its progress in sight. Without this file it is a plain form, which
// takes smaller files. The words come from the page (data-* of [data-upload-box]), in the reader's language.

import { Cancelled, Refused, Transfer } from "./transfer.js";

const FIELDS = ["title", "category", "audience", "withheld_until", "replaces"];
const MEGABYTE = 1024 * 1024;

function bind(form) {
  const box = form.querySelector("[data-upload-box]");
  const bar = box.querySelector("progress");
  const status = box.querySelector("[data-upload-state]");
  const figures = box.querySelector("[data-upload-figures]");
  const stop = box.querySelector("[data-upload-cancel]");
  const file = form.elements.namedItem("file");
  const buttons = [...form.querySelectorAll("[type=submit]")];
  const numbers = new Intl.NumberFormat(document.documentElement.lang || "fr", { maximumFractionDigits: 1 });
  let transfer = null;
  let said = "";

  const say = (name) => {
    if (said !== name) {
      said = name;
      status.textContent = box.dataset[name] || "";
    }
  };

  const clear = () => {
    for (const old of form.querySelectorAll("[data-upload-error]")) {
      old.remove();
    }
    for (const field of form.querySelectorAll("[aria-invalid]")) {
      field.removeAttribute("aria-invalid");
    }
  };

  const complain = (name, texts) => {
    const field = form.elements.namedItem(name);
    const list = document.createElement("ul");
    list.className = "errorlist";
    list.dataset.uploadError = "";
    for (const text of texts) {
      const line = document.createElement("li");
      line.textContent = text;
      list.append(line);
    }
    if (field instanceof HTMLElement) {
      field.setAttribute("aria-invalid", "true");
      field.before(list);
      field.focus();
    } else {
      box.append(list);
    }
  };

  const refused = (error) => {
    say(error.status === 401 ? "signedOut" : "failed");
    const { errors = {} } = error.problem;
    for (const [name, texts] of Object.entries(errors)) {
      complain(name === "name" || name === "size" ? "file" : name, texts);
    }
    if (!Object.keys(errors).length && error.status !== 401 && error.problem.title) {
      complain("file", [error.problem.detail || error.problem.title]);
    }
  };

  const leave = (event) => {
    event.preventDefault();
  };

  const started = (yes) => {
    box.hidden = false;
    bar.hidden = figures.hidden = stop.hidden = !yes;
    for (const button of buttons) {
      button.disabled = yes;
    }
    (yes ? window.addEventListener : window.removeEventListener)("beforeunload", leave);
  };

  form.addEventListener("submit", async (event) => {
    const chosen = file.files[0];
    if (!chosen || !form.reportValidity()) {
      return;
    }
    event.preventDefault();
    clear();
    const entry = {};
    for (const name of FIELDS) {
      const value = form.elements.namedItem(name)?.value;
      if (value) {
        entry[name] = value;
      }
    }
    transfer = new Transfer(chosen, {
      begin: form.dataset.begin,
      base: form.dataset.uploads,
      token: form.elements.namedItem("csrfmiddlewaretoken").value,
      entry,
    });
    transfer.addEventListener("state", ({ detail }) => say(detail.state));
    transfer.addEventListener("progress", ({ detail }) => {
      const percent = Math.floor((100 * detail.loaded) / detail.total);
      bar.value = percent;
      const [done, all] = [detail.loaded, detail.total].map((size) => numbers.format(size / MEGABYTE));
      figures.textContent = box.dataset.figures.replace("#1", done).replace("#2", all);
    });
    started(true);
    say("sending");
    try {
      const found = await transfer.run();
      started(false);
      if (found.state === "done") {
        say("done");
        window.location.assign(form.dataset.after);
      } else {
        say("failed");
        complain("file", [found.reason_text]);
      }
    } catch (error) {
      started(false);
      if (error instanceof Refused) {
        refused(error);
      } else if (error instanceof Cancelled) {
        say("cancelled");
      } else {
        throw error;
      }
    }
  });

  stop.addEventListener("click", async () => {
    stop.hidden = true;
    try {
      await transfer.cancel();
    } catch (error) {
      // The server forgets it by itself when its time is over.
      if (!(error instanceof Refused)) {
        throw error;
      }
    }
    started(false);
    say("cancelled");
    file.focus();
  });
}

for (const form of document.querySelectorAll("form[data-upload]")) {
  bind(form);
}
