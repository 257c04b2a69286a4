// Frames on their way from the server: asked for once, a few at a time, kept while there is room for them.

import { values } from "./window.js";

const AT_ONCE = 4;
const ROOM = ((navigator.deviceMemory ?? 8) <= 2 ? 64 : 192) * 1024 * 1024;

export class Gone extends Error {}

export class Frames {
  constructor(address) {
    this.address = address;
    this.kept = new Map();
    this.size = 0;
    this.asked = new Map();
    this.line = [];
    this.running = 0;
  }

  static key(spot) {
    return `${spot.image.id}/${spot.frame}`;
  }

  /** The frame if it is here, now the last to be let go of. */
  here(spot) {
    const key = Frames.key(spot);
    const found = this.kept.get(key);
    if (found) {
      this.kept.delete(key);
      this.kept.set(key, found);
    }
    return found;
  }

  /** Ask for this one next, and then for its neighbours; what waits of an earlier place is forgotten. */
  want(spot, neighbours) {
    this.line = neighbours.filter((one) => !this.kept.has(Frames.key(one)) && !this.asked.has(Frames.key(one)));
    const first = this.here(spot) ?? this.asked.get(Frames.key(spot)) ?? this.ask(spot);
    this.more();
    return Promise.resolve(first);
  }

  more() {
    while (this.running < AT_ONCE && this.line.length) {
      const next = this.line.shift();
      if (!this.kept.has(Frames.key(next)) && !this.asked.has(Frames.key(next))) {
        // Nobody waits for a neighbour: it is asked for again when somebody does.
        this.ask(next).catch(() => {});
      }
    }
  }

  ask(spot) {
    const key = Frames.key(spot);
    this.running += 1;
    const coming = this.fetch(spot).finally(() => {
      this.running -= 1;
      this.asked.delete(key);
      this.more();
    });
    this.asked.set(key, coming);
    return coming;
  }

  async fetch(spot) {
    const answer = await fetch(`${this.address}${spot.image.id}/${spot.frame}/`, { redirect: "manual" });
    if (answer.type === "opaqueredirect" || [401, 403, 404].includes(answer.status)) {
      throw new Gone();
    }
    if (!answer.ok) {
      throw new Error(String(answer.status));
    }
    const frame = values(await answer.arrayBuffer(), spot.image.format);
    this.keep(Frames.key(spot), frame);
    return frame;
  }

  keep(key, frame) {
    this.kept.set(key, frame);
    this.size += frame.byteLength;
    for (const [old, one] of this.kept) {
      if (this.size <= ROOM || old === key) {
        break;
      }
      this.kept.delete(old);
      this.size -= one.byteLength;
    }
  }
}
