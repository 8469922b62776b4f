// What was done and the cloud has not heard of yet: delivered once, in order, by one tab at a time. A row leaves in the
// same transaction in which its answer is kept, so a phone that dies between sends it again, under the same key.

const FIRST_MS = 2_000;
const LONGEST_MS = 300_000; // between two tries while the server is away
const STOPS = ["sign_in", "second_factor_needed"]; // nothing is wrong with the row: somebody has to sign in
const ANYBODYS = ["receipt", "sealed"]; // are their own proof: whoever is signed in may bring them
// refusals after which nothing is left to do
const OVER = { sealed: ["unknown_batch", "key_cut"], cancel: ["not_found", "key_cut"], fault: ["key_cut"], message: ["key_cut"] };

export class Outbox {
  #parts;
  #next = null; // a delivery that has not begun
  #tries = 0;
  #notBefore = -Infinity;
  #callOff = () => {};

  /** `user()`; `settled(row, answer)` → promise of [store, row] to keep with it, or null; `told()` after each change. */
  constructor({ db, api, clock, locks, user, settled, told }) {
    this.#parts = { db, api, clock, locks, user, settled, told };
  }

  /** To be put into the store `outbox`. kind: receipt, sealed, fault, message, cancel. */
  row(kind, method, path, body, more = {}) {
    return { kind, method, path, body, key: crypto.randomUUID(), user: this.#parts.user(), ...more };
  }

  /** Own things first, in order; what is carried for others after them. */
  async waiting() {
    const mine = (row) => !row.refused && (ANYBODYS.includes(row.kind) || row.user === this.#parts.user());
    const rows = (await this.#parts.db.all("outbox")).filter(mine);
    return [...rows.filter(({ kind }) => kind !== "sealed"), ...rows.filter(({ kind }) => kind === "sealed")];
  }

  /** What the cloud refused: kept and shown, never sent again by itself. */
  async aside() {
    return (await this.#parts.db.all("outbox")).filter((row) => row.refused && row.user === this.#parts.user());
  }

  /** Promise of how many were delivered. Waits for no network: what is left goes later. `now`: whatever the back-off. */
  deliver(now = true) {
    if (now) this.#notBefore = -Infinity;
    this.#next ??= this.#parts.locks.request("ringslot outbox", () => {
      this.#next = null; // what is put in from here on asks for another one
      return this.#run();
    });
    return this.#next;
  }

  async #run() {
    let delivered = 0;
    for (;;) {
      const [row] = await this.waiting();
      if (!row || this.#parts.clock.now() < this.#notBefore) return delivered;
      try {
        await this.#over(row, await this.#parts.api.send(row.method, row.path, row.body, row.key));
        this.#tries = 0;
        delivered += 1;
      } catch (refused) {
        if (!(await this.#goesOn(row, refused))) return delivered;
      }
      this.#parts.told();
    }
  }

  async #over(row, answer) {
    const [store, kept] = (answer && (await this.#parts.settled(row, answer))) || [];
    await this.#parts.db.write(["outbox", ...(store ? [store] : [])], (stores) => {
      stores.outbox.delete(row.n);
      if (store) stores[store].put(kept);
    });
  }

  /** Promise of whether the next row may be tried. */
  async #goesOn(row, refused) {
    if (STOPS.includes(refused.code)) return false;
    if (refused.later || !(refused.status >= 400)) return this.#backOff(refused);
    if (OVER[row.kind]?.includes(refused.code)) await this.#over(row);
    else if (refused.code === "key_cut") await this.#parts.db.change("outbox", row.n, { key: crypto.randomUUID() });
    else await this.#parts.db.change("outbox", row.n, { refused: { code: refused.code, text: refused.message } });
    return true;
  }

  #backOff({ wait = 0 }) {
    const { clock } = this.#parts;
    const ms = Math.max(wait, Math.min(FIRST_MS * 2 ** this.#tries++, LONGEST_MS));
    this.#notBefore = clock.now() + ms;
    this.#callOff();
    this.#callOff = clock.after(ms, () => this.deliver(false).catch(() => {})); // no store: the next start tries
    return false;
  }
}
