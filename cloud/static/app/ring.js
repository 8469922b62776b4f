// The ring lock of one claim: found, connected to, asked. Whoever draws it looks at `at`, `colours` and `trouble`
// when `told()` is called. Every wait here is bounded: by the link's end, the visit's or the store's.

import { carries } from "./keep/carrying.js";
import { choose, connect, support } from "./link/link.js";
import { NAMES, outcome } from "./protocol/outcome.js";

const RINGS = new Map(); // claim id → Ring: a link lasts while its rider looks at other pages

/** The claim's ring. */
export function ringOf(rider, claim, told) {
  const ring = RINGS.get(claim.claim_id) ?? new Ring(rider, claim);
  RINGS.set(claim.claim_id, ring);
  return Object.assign(ring, { claim, told }).prepared();
}

class Ring {
  at = "apart"; // then reaching, greeting, ready, asking
  colours = null; // what the lock blinks, once it was greeted
  trouble = null; // {name, next, asked} of outcome.js, or a refusal {code, next}
  #visit = null;
  #epoch; // of the claim that the filters are for
  #carried = null; // what was collected for others, once it is
  #turn = 0; // what was under way before the last change of mind is not heard

  constructor(rider, claim) {
    Object.assign(this, { rider, claim });
  }

  /** Looks the claim's lock up before the tap: a browser shows its list only in one. Again when the claim is another. */
  prepared() {
    const { ours, epoch } = this.claim;
    if (ours && (!this.filters || this.#epoch !== epoch)) this.#prepare();
    return this;
  }

  #prepare() {
    this.#epoch = this.claim.epoch;
    const filters = (this.filters = this.rider.filters(this.claim));
    filters.catch(() => (this.filters = this.filters === filters ? null : this.filters)); // said at the tap, which tries anew
    return filters;
  }

  /** The claim of another phone goes on on this one. */
  async takeOver() {
    const claim = await this.rider.takeOver(this.claim);
    this.#now({ claim, trouble: null });
    this.#prepare();
  }

  /** In a tap: finds the lock and greets it, for its colours; or asks `wanted` at once. A lock takes a new address after
   *  each link, so each begins with a choice. */
  async reach(wanted = null) {
    if (this.#visit && !this.#visit.over && !wanted) return this.#greet();
    this.#drop();
    const turn = this.#turn;
    this.#now({ at: "reaching", trouble: null, colours: null });
    try {
      if ((await support()) === "off") throw outcome("BLUETOOTH_OFF"); // the browser's list would wait for it to be on
      const link = await connect(await choose(await (this.filters ?? this.#prepare())));
      if (turn !== this.#turn) return link.cut();
      try {
        this.#visit = await this.rider.visit(this.claim, link, (news) => turn === this.#turn && this.#heard(news));
      } catch (refused) {
        link.cut();
        throw refused;
      }
      if (turn !== this.#turn) return this.#visit.leave();
      if (wanted) return await this.ask(wanted);
      await this.#greet();
    } catch (failed) {
      if (turn !== this.#turn) return;
      const known = NAMES.includes(failed.name);
      this.#now({ at: "apart", trouble: known ? outcome(failed.name, { asked: wanted }) : { code: failed.code, message: failed.message, next: failed.code === "no_key" ? "take_over" : "again", asked: wanted } });
      if (!known && !failed.code) throw failed; // a fault of ours, for the browser's console too
    }
  }

  async #greet() {
    const turn = this.#turn;
    this.#now({ at: "greeting", trouble: null, colours: null });
    await this.#carried; // a lock that falls silent meanwhile ends the link, which is heard
    if (turn !== this.#turn) return;
    if (this.#visit.over) return this.#now({ at: "apart", trouble: outcome("LOST") }); // before anybody listened
    this.#visit.begin();
  }

  /** "open" or "end": on this link if there is one, else on a new one. */
  async ask(what) {
    if (!this.#visit || this.#visit.over) return this.reach(what);
    const turn = this.#turn;
    this.#now({ at: "asking", trouble: null });
    try {
      await this.#asks(what, turn);
    } catch (failed) {
      if (turn !== this.#turn) return;
      this.#now({ at: this.#visit.over ? "apart" : "ready", trouble: { code: failed.code, message: failed.message, next: "again", asked: what } });
      if (!failed.code) throw failed;
    }
  }

  async #asks(what, turn) {
    const result = await this.#visit[what]();
    const claim = (await this.rider.held(this.claim.claim_id)) ?? this.claim;
    if (turn !== this.#turn) return;
    const worked = result.next === "ride";
    const trouble = !worked ? outcome(result.name, { asked: what }) : result.kept ? null : { code: "unkept", next: "keep" };
    this.#now({ claim, trouble, colours: null, at: this.#visit.over ? "apart" : "ready" });
    if (worked && carries()) this.#carried = this.#visit.collect(); // sealed, of any rider's; a tap does not wait for it
  }

  /** The rider has changed their mind. */
  leave() {
    this.#drop();
    this.#now({ at: "apart", trouble: null });
  }

  #drop() {
    this.#turn += 1;
    this.#visit?.leave();
    this.#visit = this.#carried = null;
  }

  async #heard({ colours, receipt, ended }) {
    if (colours) this.#now({ colours, at: this.at === "greeting" ? "ready" : this.at });
    if (receipt) this.#now({ claim: (await this.rider.held(this.claim.claim_id)) ?? this.claim });
    if (ended && this.at !== "asking") this.#now({ at: "apart", trouble: this.claim.ride ? this.trouble : ended });
  }

  #now(changes) {
    Object.assign(this, changes);
    this.told();
  }
}
