// A note is kept on the server as somebody types. The text lives in the page and on the server and nowhere else: a ward's
// computer is shared, so nothing of it is put into the browser's storage. Without this file the buttons still save.

const WAIT_AFTER_KEY = 1500;
const LONGEST_WAIT = 10000;
const FIRST_RETRY = 2000;
const LAST_RETRY = 30000;
const ANSWER_WITHIN = 15000;

const form = document.querySelector("[data-note]");

class Draft {
  constructor(element) {
    this.form = element;
    this.text = element.elements.namedItem("text");
    this.state = element.querySelector("[data-state]");
    this.boxes = Object.fromEntries(
      ["lost", "conflict", "refused"].map((name) => [name, element.querySelector(`[data-${name}]`)])
    );
    this.longest = Number(element.dataset.longest);
    this.saved = this.snapshot();
    this.paused = "paused" in element.dataset;
    this.retry = FIRST_RETRY;
    this.running = null;
    this.timer = 0;
    this.dirtySince = 0;
  }

  // What the server would be sent, without what changes by itself.
  snapshot() {
    const values = new FormData(this.form);
    for (const name of ["csrfmiddlewaretoken", "version", "reason"]) {
      values.delete(name);
    }
    return JSON.stringify([...values]);
  }

  get dirty() {
    return this.snapshot() !== this.saved;
  }

  say(name, value = "") {
    this.state.textContent = name ? this.state.dataset[name].replace("%s", value) : "";
    this.state.dataset.now = name;
  }

  show(name, text = "") {
    for (const [key, box] of Object.entries(this.boxes)) {
      box.hidden = key !== name;
    }
    if (text) {
      this.boxes[name].querySelector("p").textContent = text;
    }
  }

  typed() {
    if (this.paused || !this.dirty) {
      return;
    }
    this.dirtySince ||= Date.now();
    const warned = Object.values(this.boxes).some((box) => !box.hidden);
    if (!warned && this.state.dataset.now !== "offline") {
      this.say("typing");
    }
    const rest = Math.max(0, LONGEST_WAIT - (Date.now() - this.dirtySince));
    this.later(Math.min(WAIT_AFTER_KEY, rest));
  }

  later(delay) {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.save(), delay);
  }

  // True when everything that was typed is on the server. One request at a time, in order.
  async save() {
    window.clearTimeout(this.timer);
    if (this.running) {
      await this.running;
    }
    if (this.paused || !this.dirty) {
      return !this.paused;
    }
    this.running = this.send();
    const done = await this.running;
    this.running = null;
    if (done && this.dirty) {
      this.dirtySince = Date.now();
      this.later(WAIT_AFTER_KEY);
    }
    return done;
  }

  async send(again = true) {
    if (this.text.value.length > this.longest) {
      this.say("tooLong", String(this.longest));
      return false;
    }
    const sent = this.snapshot();
    const body = new FormData(this.form);
    this.say("saving");
    let answer;
    try {
      answer = await fetch(this.form.dataset.draftUrl, {
        method: "POST",
        body,
        redirect: "manual",
        headers: { Accept: "application/json" },
        signal: AbortSignal.timeout(ANSWER_WITHIN),
      });
    } catch {
      return this.failed();
    }
    if (answer.type === "opaqueredirect") {
      return this.lost();
    }
    if (answer.status === 403 && again && (await this.token())) {
      return this.send(false);
    }
    if (answer.ok) {
      const { version, saved_at: at } = await answer.json();
      this.form.elements.namedItem("version").value = version;
      this.saved = sent;
      this.dirtySince = 0;
      this.retry = FIRST_RETRY;
      this.show("");
      this.say("saved", at);
      return true;
    }
    if (answer.status >= 500) {
      return this.failed();
    }
    return this.refused(answer);
  }

  failed() {
    this.say("offline");
    this.later(this.retry);
    this.retry = Math.min(this.retry * 2, LAST_RETRY);
    return false;
  }

  lost() {
    this.say("");
    this.show("lost");
    this.later(this.retry);
    this.retry = Math.min(this.retry * 2, LAST_RETRY);
    return false;
  }

  async refused(answer) {
    const found = await answer.json().catch(() => ({}));
    this.say("");
    if (found.code === "stale") {
      this.paused = true;
      this.show("conflict");
    } else {
      // Not again by itself: the text must change first, or the page.
      this.show("refused", found.message || String(answer.status));
    }
    return false;
  }

  // Whether the server answers and knows who is here; says so when not.
  async reach() {
    const answer = await this.token();
    if (answer === null) {
      this.say("offline");
    } else if (!answer) {
      this.show("lost");
    }
    return Boolean(answer);
  }

  // After signing in again the old token of the form is worth nothing. False while nobody is signed in, null when
  // nothing answers.
  async token() {
    const answer = await fetch(this.form.dataset.draftUrl, {
      redirect: "manual",
      headers: { Accept: "application/json" },
      signal: AbortSignal.timeout(ANSWER_WITHIN),
    }).catch(() => null);
    if (!answer || answer.status >= 500) {
      return null;
    }
    if (!answer.ok) {
      return false;
    }
    const { token } = await answer.json();
    for (const field of document.querySelectorAll("[name=csrfmiddlewaretoken]")) {
      field.value = token;
    }
    return true;
  }
}

if (form) {
  const draft = new Draft(form);
  let leaving = false;

  form.addEventListener("input", () => draft.typed());
  form.addEventListener("change", () => draft.typed());

  // A button works on what is saved: when that is not possible now, the page stays, with its text.
  form.addEventListener("submit", async (event) => {
    if (leaving) {
      return;
    }
    event.preventDefault();
    const button = event.submitter;
    if (draft.text.value.length > draft.longest) {
      draft.say("tooLong", String(draft.longest));
      return;
    }
    // A text in conflict is not saved by itself; that somebody is signed in must be seen for it too.
    const safe = draft.paused || !draft.dirty ? await draft.reach() : await draft.save();
    if (!safe && !draft.paused) {
      return;
    }
    if (draft.paused && !(await draft.reach())) {
      return;
    }
    leaving = true;
    form.requestSubmit(button);
  });

  window.addEventListener("beforeunload", (event) => {
    if (!leaving && !draft.paused && draft.dirty) {
      event.preventDefault();
    }
  });

  const tryNow = () => {
    if (!draft.paused && draft.dirty && !draft.running) {
      draft.retry = FIRST_RETRY;
      draft.save();
    }
  };
  window.addEventListener("online", tryNow);
  window.addEventListener("focus", tryNow);
  // A telephone may close a page that is out of sight without a word.
  document.addEventListener("visibilitychange", tryNow);
  window.addEventListener("message", (event) => {
    if (event.origin === window.location.origin && event.data === "signed-in") {
      tryNow();
    }
  });
}
