// Carries out what flow.js decides, with parts that are handed in: a link, a key, the cloud, a store, a clock.
//
//   const visit = new Visit({ link, holder, sign, bind, keep, carry, clock, random, tell });
//   visit.begin();                                          when the claim's screen opens
//   const { name, next } = await visit.ask([{ command: OPEN, token }]);      at the tap
//
// | part | |
// |---|---|
// | link | {payload?, acked?, spent?, write(frame) → promise, cut(), listen({frame, lost})}: an adapter to some radio |
// | holder, sign | public key, 32 bytes; sign(bytes) → promise of 64 bytes |
// | bind | bind(hello, challenge) → promise of a token, or of null when the cloud gives none; rejects when offline, or with `code` sign_in |
// | keep | keep(receipt) → promise: stored; nobody hears of a receipt before |
// | carry | the same for a sealed batch |
// | fetch | fetch(name, offset) → promise of bytes: of the release that is offered |
// | clock | {now() in ms, after(ms, f) → function that calls it off} |
// | random | random(n) → n bytes |
// | tell | tell({colours}), tell({receipt}), tell({ended: outcome}) |

import { Flow } from "./flow.js";
import { coloursOf } from "./colour.js";
import { request, transcriptOf } from "./exchange.js";

const KEEP_MS = 5_000; // a store that does not answer by then has not kept it

export class Visit {
  #flow;
  #parts;
  #events = [];
  #stepping = false;
  #writing = Promise.resolve();
  #callOff = () => {};
  #settle = []; // who waits for a `done`, in order
  #asking = null; // what a second tap gets
  #working = null;
  #unkept = false;

  constructor(parts) {
    const { payload, acked, spent } = parts.link;
    this.#parts = { tell: () => {}, ...parts };
    this.#flow = new Flow({ random: parts.random, payload, acked, spent });
    parts.link.listen({
      frame: (frame) => this.#post({ kind: "heard", frame }),
      lost: () => this.#post({ kind: "lost" }),
    });
  }

  /** Round trips of this link so far, its connection included. */
  get trips() {
    return this.#flow.trips;
  }

  get over() {
    return this.#flow.phase === "over";
  }

  /** Greets the lock ahead of a tap. */
  begin() {
    this.#post({ kind: "begin" });
  }

  /** Promise of the outcome; it never rejects. `asks`: see flow.js. `outcome.kept` is false if a receipt or a batch was not kept. */
  ask(asks) {
    this.#asking ??= this.#asked({ kind: "ask", asks }).finally(() => (this.#asking = null));
    return this.#asking; // a second tap changes nothing
  }

  /** Promise of the outcome: DONE with `batches`, when the lock has no more for the cloud. */
  collect() {
    return this.#works({ kind: "collect" });
  }

  /** Promise of the outcome: DONE with `state` and `reason`. After UPDATE was accepted on this link. */
  offer(version, digest) {
    return this.#works({ kind: "offer", version, digest });
  }

  leave() {
    this.#post({ kind: "leave" });
  }

  #works(event) {
    this.#working ??= this.#asked(event).finally(() => (this.#working = null));
    return this.#working;
  }

  #asked(event) {
    return new Promise((settle) => {
      if (this.over) return settle({ name: "LOST", next: "again", trips: this.trips });
      this.#settle.push(settle);
      this.#post(event);
    });
  }

  /** Events are taken one after another, each to the end of what it leads to; none of that waits for the lock. */
  async #post(event) {
    this.#events.push(event);
    if (this.#stepping) return;
    this.#stepping = true;
    try {
      while (this.#events.length) {
        const now = this.#parts.clock.now();
        for (const each of this.#flow.step(this.#events.shift(), now)) await this[`_${each.do}`](each);
      }
    } finally {
      this.#stepping = false;
    }
    this.#callOff();
    const { until } = this.#flow;
    const wake = () => this.#post({ kind: "wake" });
    this.#callOff = until === null ? () => {} : this.#parts.clock.after(until - this.#parts.clock.now(), wake);
  }

  _write({ frames }) {
    for (const frame of frames) {
      this.#writing = this.#writing.then(() => this.#parts.link.write(frame));
      this.#writing.catch(() => {}); // told once, below
    }
    this.#writing = this.#writing.catch(() => this.#post({ kind: "lost" }));
  }

  _prove({ ask, hello, challenge }) {
    const { holder, sign } = this.#parts;
    request(ask, hello, challenge, holder, sign).then(
      (body) => this.#post({ kind: "proved", body }),
      () => this.#post({ kind: "unproved" }),
    );
  }

  _bind({ hello, challenge }) {
    this.#parts.bind(hello, challenge).then(
      (token) => this.#post(token ? { kind: "bound", token } : { kind: "unbound", why: "UNBOUND" }),
      ({ code }) => this.#post({ kind: "unbound", why: code === "sign_in" ? "SIGNED_OUT" : "OFFLINE" }),
    );
  }

  _fetch({ name, offset }) {
    this.#parts.fetch(name, offset).then(
      (data) => this.#post({ kind: "data", data }),
      () => this.#post({ kind: "data", data: new Uint8Array() }), // the lock refuses it: GONE
    );
  }

  async _greeted({ hello, challenge }) {
    this.#parts.tell({ colours: coloursOf(await transcriptOf(hello, challenge)) });
  }

  async _keep({ receipt, told }) {
    const kept = await this.#within(KEEP_MS, this.#parts.keep(receipt));
    this.#unkept ||= !kept;
    if (told) this.#parts.tell({ receipt, kept });
  }

  async _carry({ batch }) {
    this.#unkept ||= !(await this.#within(KEEP_MS, this.#parts.carry(batch)));
  }

  _done({ outcome }) {
    this.#settle.shift()?.({ ...outcome, kept: !this.#unkept });
    this.#unkept = false;
  }

  _cut({ outcome }) {
    this.#parts.link.cut();
    for (const settle of this.#settle.splice(0)) settle({ ...outcome, kept: true });
    this.#parts.tell({ ended: outcome });
  }

  /** Promise of whether it resolved in time. */
  #within(ms, promise) {
    return new Promise((settle) => {
      const callOff = this.#parts.clock.after(ms, () => settle(false));
      Promise.resolve(promise)
        .then(() => settle(true), () => settle(false))
        .finally(callOff);
    });
  }
}
