// A technician's shift: master tokens for locks that are named beforehand, with a key that nobody can read; good without
// any network until they end, after eight hours at the most. Whatever is not on the list, or has lost its clock, opens
// by a token that the cloud binds to that very lock's challenge, on the spot.

import { GATT, SERVICE, UPDATE } from "../protocol/exchange.js";
import { compared, hex, unhex } from "../protocol/bytes.js";
import { values, wanted } from "../protocol/advertising.js";
import { BLOCK } from "../protocol/update.js";
import { Visit } from "../protocol/visit.js";
import { parse } from "../protocol/token.js";
import * as receipt from "../protocol/receipt.js";
import { Refused, b64, unb64 } from "../keep/api.js";
import { makeKey, sign } from "../keep/keys.js";

export const LOCKS = 8; // of one token
const RIGHTS = ["service", "update"];
const MINUTE = 60; // a token that ends while one walks up is none

export class Shift {
  #inside;

  /** `inside`: what the rider's part has for this one (keep/rider.js). */
  constructor(inside) {
    this.#inside = inside;
  }

  /** Begins, or goes on, with these locks: [{lock_id, code, label}], LOCKS at the most. Needs the network. */
  async take(locks) {
    const { db, api, parts, user } = this.#inside;
    const { key, holder } = await makeKey(parts.crypto);
    const body = { locks: locks.map(({ lock_id }) => lock_id), holder_key: b64(holder), rights: RIGHTS };
    const answer = await api.send("POST", "/master-tokens", body);
    const token = unb64(answer.token);
    if (compared(parse(token).holder, holder) !== 0) throw new Refused(0, "update", "The token is for another key.");
    const named = answer.locks.map(({ lock_id, advertising }) => ({
      ...locks.find((each) => each.lock_id === lock_id),
      advertising: advertising.map((each) => unhex(each.key)),
    }));
    const now = parts.clock.unix();
    const ended = (await db.all("masters")).filter((row) => row.exp < now || row.user !== user);
    await db.write(["masters", "signers"], (stores) => {
      for (const { cti } of ended) stores.masters.delete(cti);
      stores.masters.put({ cti: answer.cti, user, exp: answer.exp, taken: now, token, key, holder, locks: named });
      for (const signer of answer.countersigners) {
        const kept = stores.signers.get(signer.kid); // who came first is believed
        kept.onsuccess = () => kept.result ?? stores.signers.put({ kid: signer.kid, key: signer.key });
      }
    });
    this.#inside.tell();
  }

  /** [{lock_id, code, label, exp}]: what opens without a network now, by code. */
  async locks() {
    const found = new Map();
    for (const row of await this.#masters()) {
      for (const { lock_id, code, label } of row.locks) {
        if (!found.has(lock_id)) found.set(lock_id, { lock_id, code, label, exp: row.exp });
      }
    }
    return [...found.values()].sort((a, b) => a.code.localeCompare(b.code, undefined, { numeric: true }));
  }

  /** Ends it: the keys are forgotten, and with them all that they could open. */
  async end() {
    await this.#inside.db.write(["masters"], ({ masters }) => masters.clear());
    this.#inside.tell();
  }

  /** In force, the one that lasts longest first. */
  async #masters() {
    const { db, parts, user } = this.#inside;
    const now = parts.clock.unix() + MINUTE;
    const rows = (await db.all("masters")).filter((row) => row.user === user && row.exp > now);
    return rows.sort((a, b) => b.exp - a.exp || b.taken - a.taken);
  }

  async #naming(lock_id) {
    return (await this.#masters()).find(({ locks }) => locks.some((each) => each.lock_id === lock_id)) ?? null;
  }

  // ---- what ring.js asks for: `at` is an Errand

  /** For the chooser: this very lock, or all that are near where `wide` or where nobody said beforehand which. */
  async filters({ lock_id, wide }) {
    const row = lock_id && !wide && (await this.#naming(lock_id));
    if (!row) return { filters: [{ services: [GATT.service] }] };
    return wanted(await values(row.locks.find((each) => each.lock_id === lock_id).advertising));
  }

  async held() {
    return null; // an errand is its own record
  }

  /** Promise of a Visit with `open()`, `log()` and `update()` beside its own. Rejects with Refused other_tab. */
  async visit(at, link, tell = () => {}) {
    const { parts, user, alone, keep, carry } = this.#inside;
    const { clock, crypto } = parts;
    const row = at.lock_id && (await this.#naming(at.lock_id));
    const { key, holder } = row || (await makeKey(crypto));
    const release = await alone(`ringslot visit ${at.lock_id ?? "any"}`);
    const kept = () => ({ user, lock_id: at.sure ?? undefined, claim_id: row ? row.cti : "" });
    const visit = new Visit({
      link,
      holder,
      sign: (bytes) => sign(crypto, key, bytes),
      bind: (hello, challenge) => this.#bind(at, holder, hello, challenge),
      keep: (data) => (at.heard(data, clock.unix()), keep(kept(), data)),
      carry: async (batch) => (await carry(kept(), batch), (at.carried += 1)),
      fetch: async (name, offset) => at.bring(hex(name), offset),
      clock,
      random: (n) => crypto.getRandomValues(new Uint8Array(n)),
      tell: (what) => {
        if (what.ended) release();
        tell(what);
      },
    });
    const ask = (command) => visit.ask([row ? { command, token: row.token } : { command, bind: true }]);
    const collect = visit.collect.bind(visit);
    return Object.assign(visit, {
      open: () => ask(SERVICE),
      log: collect,
      collect: async () => {}, // what a rider's phone does unasked, somebody asks for here
      update: async () => {
        const may = await ask(UPDATE);
        if (may.next !== "ride") return may;
        const said = await visit.offer(at.release.version, unhex(at.release.id));
        if (said.state) at.brought = { state: said.state, reason: said.reason };
        return said;
      },
    });
  }

  /** A token for this challenge alone: of the lock if it is known which, else of whichever group it belongs to. */
  async #bind(at, holder, hello, challenge) {
    const { api } = this.#inside;
    const body = { holder_key: b64(holder), hello: b64(hello), challenge: b64(challenge), rights: RIGHTS };
    const whose = at.lock_id ? [{ locks: [at.lock_id] }] : (await this.#groups()).map((group) => ({ group }));
    for (const one of whose) {
      try {
        const { token } = await api.send("POST", "/master-tokens", { ...one, ...body });
        at.bound = true;
        return unb64(token);
      } catch (refused) {
        if (refused.later || refused.code === "sign_in") throw refused;
      }
    }
    return null;
  }

  async #groups() {
    const { value } = await this.#inside.fresh("/groups", () => this.#inside.api.pages("/groups", "groups", 100, 5));
    return value.map(({ group_id }) => group_id);
  }
}

/** What one does at one lock, and what the lock has said so far. `lock_id` is null until it says who it is. */
export class Errand {
  ours = true; // ring.js asks
  carried = 0; // sealed batches
  logged = false; // until all of them are here
  bound = false; // a token was made for its challenge
  said = null; // the newest receipt, parsed, with `told`: when the phone heard it, Unix s
  release = null; // {id, version, parts: [[name, bytes]]}: what to bring
  brought = null; // {state: name, reason}: what became of it

  /** `wide`: look for any lock; `until`: when the shift's token for it ends; `sent(part of 1)`: of the release. */
  constructor(lock_id = null, { wide = false, until = null, sent = () => {} } = {}) {
    Object.assign(this, { lock_id, wide, sent, claim_id: [lock_id, wide, until].join() });
  }

  /** Truthy once it was opened: a link that ends then is no trouble (ring.js). */
  get ride() {
    return this.said;
  }

  /** Which lock it is, as far as that is certain: a shift's token opens all of its locks, whichever was meant. */
  get sure() {
    return this.said ? hex(this.said.lock) : this.wide ? null : this.lock_id;
  }

  heard(data, now) {
    try {
      this.said = { ...receipt.parse(data), told: now };
      this.lock_id ??= hex(this.said.lock);
    } catch {
      // of a newer lock: kept and delivered all the same
    }
  }

  /** What the lock asks for: from this offset of the part with this name. */
  bring(name, offset) {
    const { parts } = this.release;
    const at = parts.findIndex(([each]) => each === name);
    if (at < 0) return new Uint8Array();
    const data = parts[at][1].subarray(offset, offset + BLOCK);
    const sum = (some) => some.reduce((bytes, [, part]) => bytes + part.length, 0);
    this.sent((sum(parts.slice(0, at)) + offset + data.length) / sum(parts));
    return data;
  }
}
