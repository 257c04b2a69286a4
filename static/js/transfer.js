// A large file on its way to the storage: in parts, several at a time, each tried again when the line breaks, none sent
// twice that has arrived. The addresses of the parts are signed by the server for a short time; who stores them (an S3
// server, or the hospital itself) makes no difference here. No DOM: pages listen to the events "progress" and "state".

const AT_ONCE = 3;
const SIGNED_AT_ONCE = 20;
const FIRST_PAUSE = 1000;
const LAST_PAUSE = 30000;
const MOST_TRIES = 12;
const PART_WITHIN = 15 * 60 * 1000;
const FIRST_LOOK = 400;
const LAST_LOOK = 5000;

// The server said no: `status`, and `problem`, the details it gave (RFC 9457).
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || String(status));
    this.status = status;
    this.problem = problem;
  }
}

export class Cancelled extends Error {}

const wait = (time) => new Promise((resolve) => window.setTimeout(resolve, time));

export class Transfer extends EventTarget {
  // base: the address below which uploads are ("/api/uploads"); token: against forged requests.
  constructor(file, { begin, base, token, entry }) {
    super();
    this.file = file;
    this.addresses = { begin, base };
    this.token = token;
    this.entry = entry;
    this.requests = new Set();
    this.loaded = new Map();
    this.signed = new Map();
    this.stopped = false;
  }

  say(state, detail = {}) {
    this.waiting = state === "waiting";
    this.dispatchEvent(new CustomEvent("state", { detail: { state, ...detail } }));
  }

  // Resolves to the upload's last state: "done" or "refused". Throws Refused or Cancelled.
  async run() {
    const { name, size, lastModified, type } = this.file;
    const facts = { name, size, last_modified: lastModified || 0, content_type: type };
    this.upload = await this.ask("POST", this.addresses.begin, { ...this.entry, ...facts });
    this.say(this.upload.arrived.length ? "resumed" : "sending");
    for (;;) {
      await this.sendMissing();
      this.say("completing");
      try {
        this.upload = await this.ask("POST", this.address("complete"), {});
        break;
      } catch (error) {
        if (!(error instanceof Refused) || error.problem.code !== "upload-incomplete") {
          throw error;
        }
        // Something did not arrive as we thought: send what the server misses.
        this.upload = await this.ask("GET", this.address());
      }
    }
    return this.settled();
  }

  address(step = "") {
    return `${this.addresses.base}/${this.upload.id}${step && `/${step}`}`;
  }

  async cancel() {
    this.stopped = true;
    for (const request of this.requests) {
      request.abort();
    }
    if (this.upload) {
      await this.ask("DELETE", this.address(), null, true);
    }
  }

  place(number) {
    const start = (number - 1) * this.upload.part_size;
    return [start, Math.min(this.upload.size, start + this.upload.part_size)];
  }

  async sendMissing() {
    const arrived = new Set(this.upload.arrived);
    this.loaded.clear();
    this.signed.clear();
    const todo = [];
    for (let number = 1; number <= this.upload.parts; number += 1) {
      const [start, end] = this.place(number);
      if (arrived.has(number)) {
        this.loaded.set(number, end - start);
      } else {
        todo.push(number);
      }
    }
    this.tell();
    const sender = async () => {
      while (todo.length && !this.stopped) {
        await this.sendOne(todo.shift(), todo);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, sender));
    if (this.stopped) {
      throw new Cancelled();
    }
  }

  async sendOne(number, next) {
    for (let tries = 0; ; tries += 1) {
      if (this.stopped) {
        throw new Cancelled();
      }
      let status = 0;
      try {
        status = await this.put(number, await this.sign(number, next));
      } catch (error) {
        if (error instanceof Refused && error.status < 500 && error.status !== 429) {
          throw error;
        }
      }
      if (status >= 200 && status < 300) {
        return;
      }
      this.signed.delete(number); // 403: its time was over
      this.loaded.set(number, 0);
      if (status === 404) {
        throw new Refused(404, {});
      }
      if (tries >= MOST_TRIES) {
        throw new Refused(status, {});
      }
      this.say("waiting");
      await this.pause(tries);
      this.say("sending");
    }
  }

  // Growing pauses, each a little different: many lines that broke together do not come back together.
  async pause(tries) {
    const longest = Math.min(LAST_PAUSE, FIRST_PAUSE * 2 ** tries);
    const back = new Promise((resolve) => window.addEventListener("online", resolve, { once: true }));
    await Promise.race([wait(longest * (0.5 + Math.random() / 2)), back]);
  }

  async sign(number, next) {
    if (!this.signed.has(number)) {
      const numbers = [number, ...next.slice(0, SIGNED_AT_ONCE - 1).filter((one) => !this.signed.has(one))];
      const { parts } = await this.ask("POST", this.address("parts"), { numbers });
      for (const part of parts) {
        this.signed.set(part.number, part.url);
      }
    }
    return this.signed.get(number);
  }

  // XMLHttpRequest, because fetch does not say how much has been sent. Resolves to the status, 0 for a broken line.
  put(number, url) {
    const [start, end] = this.place(number);
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      this.requests.add(request);
      request.open("PUT", url);
      request.timeout = PART_WITHIN;
      request.upload.addEventListener("progress", (event) => {
        if (this.waiting) {
          this.say("sending"); // other parts may still be pausing
        }
        this.loaded.set(number, Math.min(event.loaded, end - start));
        this.tell();
      });
      request.addEventListener("loadend", () => {
        this.requests.delete(request);
        if (request.status >= 200 && request.status < 300) {
          this.loaded.set(number, end - start);
          this.tell();
        }
        resolve(request.status);
      });
      // Without a type: a part is bytes, and its signature covers no other header.
      request.send(new Blob([this.file.slice(start, end)]));
    });
  }

  tell() {
    let sum = 0;
    for (const size of this.loaded.values()) {
      sum += size;
    }
    this.dispatchEvent(new CustomEvent("progress", { detail: { loaded: sum, total: this.file.size } }));
  }

  // The server looks at the file in the background.
  async settled() {
    this.say("checking");
    for (let pause = FIRST_LOOK; this.upload.state === "received"; pause = Math.min(LAST_LOOK, pause * 1.5)) {
      await wait(pause);
      if (this.stopped) {
        throw new Cancelled();
      }
      this.upload = await this.ask("GET", this.address());
    }
    return this.upload;
  }

  // A question to our own server; tried again while the line is broken or the server is away.
  async ask(method, url, body = null, once = false) {
    for (let tries = 0; ; tries += 1) {
      let answer = null;
      try {
        answer = await fetch(url, {
          method,
          body: body && JSON.stringify(body),
          headers: { Accept: "application/json", "Content-Type": "application/json", "X-CSRFToken": this.token },
          redirect: "error",
        });
      } catch {
        // A broken line: below.
      }
      if (answer?.ok) {
        return answer.status === 204 ? null : answer.json();
      }
      const again = !answer || answer.status >= 500 || answer.status === 429;
      if (!again || once || tries >= MOST_TRIES) {
        throw new Refused(answer?.status ?? 0, answer ? await answer.json().catch(() => ({})) : {});
      }
      if (this.stopped) {
        throw new Cancelled();
      }
      this.say("waiting");
      await this.pause(tries);
    }
  }
}
