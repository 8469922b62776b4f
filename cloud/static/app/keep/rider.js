// What the pages call. Whatever must not be lost is on disk before anything is done with it: a key before its claim is
// asked for, a receipt before anyone hears of it, what waits for the cloud before it is tried.

import { Api, Refused, b64, part, unb64 } from "./api.js";
import { Db, changed } from "./db.js";
import { Outbox } from "./outbox.js";
import * as claims from "./claims.js";
import { makeKey, sign } from "./keys.js";
import { hex } from "../protocol/bytes.js";
import { values, wanted } from "../protocol/advertising.js";
import { Visit } from "../protocol/visit.js";
import * as receipt from "../protocol/receipt.js";

const KEY_S = 23 * 3600; // the cloud keeps an Idempotency-Key for 24 hours
const ROOM = 1 << 20; // bytes: a ride's receipts take far less
const BATCHES_MAX = 1_000; // of others, on this phone at a time
const BIKES = [500, 20]; // a page, pages
const OVER = ["NO_RIDE", "ENDED"]; // what a lock says whose ride is over already
// what few pages need, and loads when they do: more.js has each with what is inside as its first argument
const MORE = ["signOut", "claims", "takeOver", "cancel", "fault", "write", "messages", "message", "receipts", "rides", "ride", "aside", "dismiss", "keeps"];

const CLOCK = {
  now: () => performance.now(),
  unix: () => Math.floor(Date.now() / 1000),
  after(ms, ring) {
    const id = setTimeout(ring, ms);
    return () => clearTimeout(id);
  },
};

/** Promise of a Rider. `idb`, `fetch`, `crypto`, `clock`, `locks`, `storage`, `channel`: the browser's unless given. */
export async function openRider(parts = {}) {
  const rider = new Rider({
    idb: globalThis.indexedDB,
    fetch: globalThis.fetch.bind(globalThis),
    crypto: globalThis.crypto,
    clock: CLOCK,
    locks: globalThis.navigator?.locks,
    storage: globalThis.navigator?.storage,
    ...parts,
    channel: parts.channel ?? new BroadcastChannel("ringslot"),
  });
  await rider.begin();
  return rider;
}

export class Rider {
  #db;
  #api;
  #parts;
  #outbox;
  #user = null;
  #listeners = new Set();
  #loose = new Map(); // id → [claim, receipt] that the store would not take: tried again with each delivery

  constructor(parts) {
    this.#parts = parts;
    this.#db = new Db(parts.idb, parts.steps);
    this.#api = new Api(parts.fetch, (person) => this.#is(person));
    const settled = (row, answer) => this.#settled(row, answer);
    const own = { db: this.#db, api: this.#api, user: () => this.#user, settled, told: () => this.#tell() };
    this.#outbox = new Outbox({ ...own, clock: parts.clock, locks: parts.locks });
    parts.channel.onmessage = () => this.#whoever().then(() => this.#hear(), () => {});
  }

  async begin() {
    await this.#whoever();
    globalThis.addEventListener?.("online", () => this.deliver().catch(() => {}));
    if (await this.waiting()) this.#soon();
  }

  /** For more.js, and for what else is built on the same store. */
  get inside() {
    return {
      ...{ db: this.#db, api: this.#api, outbox: this.#outbox, parts: this.#parts, user: this.#user, rider: this },
      asked: (path, terms, names) => this.#asked(path, terms, names),
      adopt: (answer, asked) => this.#adopt(answer, asked),
      keep: (row, data) => this.#keep(row, data),
      carry: (row, batch) => this.#carry(row, batch),
      alone: (name) => this.#alone(name),
      fresh: (path, load) => this.#fresh(path, load),
      somebody: () => this.#somebody(),
      tell: () => this.#tell(),
      leave: () => (this.#user = null),
    };
  }

  // ---- who is here

  /** {user_id, login, role, …}; `stale` where the cloud is away, with `over` where it wants a sign-in; null: nobody. */
  async me() {
    try {
      return await this.#api.get("/me");
    } catch (refused) {
      if (!refused.later && refused.code !== "sign_in") throw refused;
      const last = await this.#db.get("answers", "/me");
      return last ? { ...last.value, stale: true, over: !refused.later } : null;
    }
  }

  /** {login, password, code}, or {passkey}; rejects with Refused second_factor where `code` is needed. */
  async signIn({ passkey, ...fields }) {
    await this.#api.send("POST", passkey ? "/sessions/passkey" : "/sessions", { ...fields, ...passkey, cookie: true });
    const person = await this.me();
    this.#soon();
    this.#tell();
    return person;
  }

  /** The cloud said who this is: it may be another than last time, who signed in on another page of it. */
  async #is(person) {
    this.#user = person.user_id;
    await this.#db.put("answers", { path: "/me", value: { ...person, csrf: "" } }).catch(() => {});
  }

  /** Promise of whose it is what is done now: nothing is kept for nobody. Rejects with Refused sign_in, offline. */
  async #somebody() {
    return this.#user ?? (await this.#api.get("/me")).user_id;
  }

  async #whoever() {
    this.#user = (await this.#db.get("answers", "/me"))?.value.user_id ?? null;
  }

  /** The API, for what is asked nowhere else: paths below /api/v1. */
  get(path) {
    return this.#api.get(path);
  }

  send(method, path, body) {
    return this.#api.send(method, path, body);
  }

  // ---- bikes and claims

  /** {bikes, at: Unix s, stale}. */
  async bikes() {
    const { value, ...when } = await this.#fresh("/bikes", () => this.#api.pages("/bikes", "bikes", ...BIKES));
    return { bikes: value, ...when };
  }

  /** One, {…, at, stale}. */
  async bike(code) {
    try {
      return { ...(await this.#api.get(`/bikes/${encodeURIComponent(code)}`)), at: this.#parts.clock.unix(), stale: false };
    } catch (refused) {
      const last = refused.later && (await this.#known({ code }));
      if (!last) throw refused;
      return { ...last, stale: true };
    }
  }

  async #known({ code, asset }) {
    const last = await this.#db.get("answers", "/bikes");
    const bike = last?.value.find((each) => each.asset_id === asset || each.code === code);
    return bike && { ...bike, at: last.at };
  }

  /** {code} or {asset}, {mode, exp, hold}: the claim. Asked again it is the same one, also after a lost answer. */
  claim({ code, asset, ...terms }) {
    return this.#parts.locks.request("ringslot claim", async () => {
      const mine = (await this.held()).find((each) => (code ? each.code === code : each.asset_id === asset));
      if (mine?.ours && !claims.isOver(mine, this.#parts.clock.unix())) return mine;
      const { asset_id = asset, label, ...bike } = (await this.#known({ code, asset })) ?? {};
      return this.#asked("/claims", { ...(asset ? { asset } : { code }), ...terms }, { code: code ?? bike.code, asset_id, label });
    });
  }

  /** Mine as this phone knows them, newest first, without asking anybody; or one, or null. */
  async held(claim_id) {
    const [rows, receipts] = await Promise.all([this.#db.all("claims"), this.#db.all("receipts")]);
    const mine = rows.filter(({ user }) => user === this.#user).sort((a, b) => b.created_at - a.created_at);
    const found = mine.map((row) => claims.shown(row, claims.receiptsOf(row, receipts)));
    return claim_id ? (found.find((each) => each.claim_id === claim_id) ?? null) : found;
  }

  /** What the chooser is asked for: this claim's lock, and no other device. */
  async filters({ claim_id }) {
    return wanted(await values((await this.#db.get("claims", claim_id)).advertising));
  }

  async #room() {
    const { storage } = this.#parts;
    const { quota = Infinity, usage = 0 } = (await storage?.estimate?.().catch(() => null)) ?? {};
    if (quota - usage < ROOM) throw new Refused(0, "storage_full", "There is no room for a ride's receipts.");
    await storage?.persist?.().catch(() => false); // if the browser agrees, it clears nothing by itself
  }

  async #asked(path, terms, names) {
    const { clock, crypto } = this.#parts;
    await this.#somebody();
    await this.#room();
    const text = JSON.stringify([path, terms]);
    const again = (row) => row.user === this.#user && row.text === text && row.at > clock.unix() - KEY_S;
    let asked = (await this.#db.all("asked")).find(again);
    if (!asked) {
      const pair = await makeKey(crypto);
      const body = { ...terms, holder_key: b64(pair.holder) };
      asked = { id: crypto.randomUUID(), user: this.#user, at: clock.unix(), text, body, names, ...pair };
      await this.#db.put("asked", asked);
    }
    try {
      return await this.#adopt(await this.#api.send("POST", path, asked.body, asked.id), asked);
    } catch (refused) {
      if (refused.status >= 400 && !refused.later && refused.status !== 401) await this.#db.delete("asked", asked.id);
      throw refused;
    }
  }

  async #adopt(answer, { id, names, key, holder }) {
    const row = { ...names, ...claims.opening(answer, { key, holder }), user: this.#user };
    await this.#db.write(["claims", "asked", "signers"], (stores) => {
      stores.claims.put(row);
      if (id) stores.asked.delete(id);
      for (const { kid, key } of answer.countersigners) {
        const kept = stores.signers.get(kid); // who came first is believed
        kept.onsuccess = () => kept.result ?? stores.signers.put({ kid, key });
      }
    });
    this.#tell();
    return this.held(row.claim_id);
  }

  // ---- at the lock

  /**
   * Promise of a Visit (protocol/visit.js) with `open()` and `end()`, promises of the outcome, beside its own. Rejects
   * with Refused other_tab, or no_key where the claim is another phone's.
   */
  async visit({ claim_id }, link, tell = () => {}) {
    const { clock, crypto } = this.#parts;
    const row = await this.#db.get("claims", claim_id);
    if (!row?.key) throw new Refused(0, "no_key", "This claim's key is on another phone.");
    const release = await this.#alone(`ringslot visit ${row.lock_id}`);
    const visit = new Visit({
      link,
      holder: row.holder,
      sign: (bytes) => sign(crypto, row.key, bytes),
      bind: (hello, challenge) => this.#bind(row, hello, challenge),
      keep: (data) => this.#keep(row, data),
      carry: (batch) => this.#carry(row, batch),
      clock,
      random: (n) => crypto.getRandomValues(new Uint8Array(n)),
      tell: (what) => {
        if (what.ended) release();
        tell(what);
      },
    });
    return Object.assign(visit, {
      open: async () => {
        const [now, { ride }] = await Promise.all([this.#db.get("claims", claim_id), this.held(claim_id)]);
        this.#db.change("claims", claim_id, { tried: true }).catch(() => {});
        const outcome = await visit.ask(claims.toOpen(now, ride));
        if (!now.successor) return outcome;
        // a successor that had reached the lock, though nobody heard so: the ride is this phone's
        if (outcome.name === "OLD") return visit.ask([claims.byRide(now)]);
        return outcome.name === "EXPIRED" && !now.reached ? { ...outcome, name: "LATE", next: "take_over" } : outcome;
      },
      end: async () => {
        const outcome = await visit.ask(claims.toEnd(row));
        if (!OVER.includes(outcome.name)) return outcome;
        await this.#ended(row); // an END whose answer was lost, or the hold ran out
        return { ...outcome, next: "ride" };
      },
    });
  }

  async #ended({ claim_id }) {
    const seen = claims.receiptsOf({ claim_id }, await this.#db.all("receipts"));
    await this.#db.change("claims", claim_id, { ended: seen.at(-1)?.seq ?? 0 }).catch(() => {});
    this.#tell();
  }

  /** Promise of what lets others in again. */
  #alone(name) {
    return new Promise((settle, fail) => {
      const held = (lock) => {
        if (lock) return new Promise((release) => settle(release));
        return fail(new Refused(0, "other_tab", "This lock is being used in another tab."));
      };
      this.#parts.locks.request(name, { ifAvailable: true }, held).catch(fail);
    });
  }

  async #bind(row, hello, challenge) {
    const [way, more] = row.successor ? ["successor", { holder_key: b64(row.holder) }] : ["token", {}];
    const path = `/claims/${row.claim_id}/${way}`;
    try {
      const answer = await this.#api.send("POST", path, { hello: b64(hello), challenge: b64(challenge), ...more });
      await this.#db.change("claims", row.claim_id, { epoch: answer.epoch });
      return claims.opening(answer, row).token;
    } catch (refused) {
      if (refused.later || refused.code === "sign_in") throw refused;
      return null;
    }
  }

  // ---- receipts, and what is carried for others

  async #keep(row, data) {
    const { lock, cti, seq = 0, type = null, at = 0, error = 0, detail } = readable(data);
    const dated = (time, sure = time !== receipt.UNKNOWN) => (sure ? time : null);
    const id = hex(await receipt.digest(data));
    const kept = {
      ...{ id, user: row.user, lock_id: lock ? hex(lock) : row.lock_id, claim_id: cti ? hex(cti) : row.claim_id },
      ...{ seq, type, at: dated(at, error !== receipt.UNKNOWN), kept_at: this.#parts.clock.unix(), receipt: data, verdict: null },
      ...(type === "END" && { closed: dated(detail[1]) }),
    };
    const item = this.#outbox.row("receipt", "POST", "/receipts", { receipts: [b64(data)] }, { id, user: row.user });
    try {
      await this.#db.write(["receipts", "outbox", "claims"], (stores) => {
        const known = stores.receipts.get(id);
        known.onsuccess = () => known.result ?? (stores.receipts.put(kept), stores.outbox.add(item));
        changed(stores.claims, kept.claim_id, { reached: true, ...(type === "END" && { tried: false }) });
      });
      this.#loose.delete(id);
    } catch (refused) {
      this.#loose.set(id, [row, data]);
      throw refused; // the person is told: it is in memory only
    }
    this.#tell();
    this.#soon();
  }

  async #carry(row, batch) {
    const others = (await this.#db.all("outbox")).filter(({ kind }) => kind === "sealed");
    if (others.length >= BATCHES_MAX) throw new Refused(0, "storage_full", "Enough is carried for others.");
    await this.#db.put("outbox", this.#outbox.row("sealed", "POST", "/sealed", { batch: b64(batch), lock: row.lock_id }));
    this.#soon();
  }

  /** What the cloud says of a receipt, beside the one that the lock gave. */
  async #settled({ kind, id }, answer) {
    if (kind !== "receipt") return null;
    const kept = await this.#db.get("receipts", id);
    const [word] = answer.receipts;
    const signers = new Map((await this.#db.all("signers")).map(({ kid, key }) => [kid, unb64(key)]));
    const said = await receipt.compare(kept.receipt, word, signers).then(
      () => ({ verdict: "same" }),
      (error) => ({ verdict: "different", why: error.message }),
    );
    return ["receipts", { ...kept, ...said, word }];
  }

  // ---- the outbox

  /** {delivered, waiting}. */
  async deliver() {
    for (const [row, data] of this.#loose.values()) await this.#keep(row, data).catch(() => {});
    return { delivered: await this.#outbox.deliver(), waiting: await this.waiting() };
  }

  async waiting() {
    return (await this.#outbox.waiting()).length + this.#loose.size;
  }

  /** `heard()` after each change here or in another tab; returns what ends it. */
  subscribe(heard) {
    this.#listeners.add(heard);
    return () => this.#listeners.delete(heard);
  }

  #soon() {
    this.#outbox.deliver(false).catch(() => {});
  }

  #tell() {
    this.#parts.channel.postMessage(0);
    this.#hear();
  }

  #hear() {
    for (const heard of [...this.#listeners]) heard();
  }

  async #fresh(path, load) {
    try {
      const row = { path, user: this.#user, value: await load(), at: this.#parts.clock.unix() };
      await this.#db.put("answers", row).catch(() => {});
      return { value: row.value, at: row.at, stale: false };
    } catch (refused) {
      const row = refused.later && (await this.#db.get("answers", path));
      if (!row || row.user !== this.#user) throw refused;
      return { value: row.value, at: row.at, stale: true };
    }
  }
}

for (const name of MORE) {
  Rider.prototype[name] = async function (...given) {
    return (await part(import("./more.js")))[name](this.inside, ...given);
  };
}

function readable(data) {
  try {
    return receipt.parse(data);
  } catch {
    return {}; // of a newer lock: kept and delivered all the same
  }
}
