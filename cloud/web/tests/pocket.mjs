// What a browser gives the app, for tests under Node: IndexedDB (npm's fake-indexeddb, which keeps Node's own CryptoKeys),
// locks for all tabs, and a network to one's taste with cookies in it.

import { IDBFactory, IDBObjectStore } from "fake-indexeddb";

import { Clock, lock } from "./peer.mjs";
import { Db } from "../../static/app/keep/db.js";
import { openRider } from "../../static/app/keep/rider.js";

export { IDBFactory, IDBObjectStore };

/** The Web Locks of one browser. */
export class Locks {
  #last = new Map(); // name → promise of the end of whoever asked last

  async request(name, options, work = options) {
    if (options.ifAvailable && this.#last.has(name)) return work(null);
    const before = this.#last.get(name);
    let release;
    const mine = new Promise((settle) => (release = settle));
    this.#last.set(name, mine);
    await before;
    try {
      return await work({ name });
    } finally {
      if (this.#last.get(name) === mine) this.#last.delete(name);
      release();
    }
  }
}

/** The way to the cloud. `way`: "on", "off", "deaf" (asked, but the answer is lost), "portal" (a hotel's page), "empty",
 *  "wall" (a firewall's refusal, in JSON). */
export class Network {
  #url;
  #cookie = "";
  way = "on";
  refuse = null; // the end of a path whose calls the server cannot answer just now
  asked = []; // "POST /api/v1/claims", …: what reached the cloud, and was not another form's
  tries = 0; // what did not
  before = async () => {};
  sent = () => {};

  constructor(url) {
    this.#url = url;
  }

  fetch = async (path, { method, headers, body, signal }) => {
    const mute = {
      off: () => Promise.reject(new TypeError("no network")),
      portal: async () => html("<h1>Our hotel</h1>"),
      empty: async () => html(""),
      wall: async () => Response.json({ message: "Forbidden" }, { status: 403 }),
    };
    if (mute[this.way]) {
      this.tries += 1;
      return mute[this.way]();
    }
    if (this.refuse && path.endsWith(this.refuse)) return html("Bad Gateway", 502);
    await this.before(method, path);
    const answer = await fetch(this.#url + path, { method, headers: { ...headers, Cookie: this.#cookie }, body, signal });
    if (answer.status !== 403) {
      this.asked.push(`${method} ${path}`);
      this.sent(JSON.parse(body ?? "{}"), headers);
    }
    for (const set of answer.headers.getSetCookie()) this.#cookie = set.split(";")[0];
    if (this.way === "deaf") throw new TypeError("the answer was lost");
    return answer;
  };

  forgetCookie() {
    this.#cookie = "";
  }
}

function html(text, status = 200) {
  return new Response(text, { status, headers: { "Content-Type": "text/html" } });
}

/** One browser of one person, with as many tabs as one opens. */
export class Phone {
  idb = new IDBFactory();
  locks = new Locks();
  clock = Object.assign(new Clock(), { unix: () => this.time });
  storage = { room: 1e9, estimate: async () => ({ quota: 2e9, usage: 2e9 - this.storage.room }), persist: async () => (this.storage.persisted = true) };
  #tabs = [];

  /** `time`: Unix seconds, as the lock and the cloud have it. */
  constructor(net, time) {
    Object.assign(this, { net, time });
  }

  /** A tab; `more`: other parts of openRider. */
  async open(more = {}) {
    const channel = { postMessage: () => this.#tabs.filter((each) => each !== channel).forEach((each) => each.onmessage?.()) };
    this.#tabs.push(channel);
    const { idb, locks, clock, storage, net } = this;
    this.rider = await openRider({ idb, fetch: net.fetch, crypto, clock, locks, storage, channel, ...more });
    return this.rider;
  }

  /** A visit of a tab at the lock. */
  async at(claim, { rider = this.rider, radio, tell } = {}) {
    const link = await lock.link(radio);
    return rider.visit(claim, link, tell);
  }

  /** What is in a store, and one more row in it. */
  rows(store) {
    return new Db(this.idb).all(store);
  }

  add(store, row) {
    return new Db(this.idb).put(store, row);
  }
}
