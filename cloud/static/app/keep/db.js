// What this phone keeps, in IndexedDB. An update of the app adds a step at the end of STEPS and changes none: whatever
// version a phone had, its claims, receipts and what waits for the cloud come along.

import { Refused } from "./api.js";

const OPEN_MS = 10_000;

// STEPS[n](db, transaction) leads from version n to n + 1
export const STEPS = [
  (db) => {
    db.createObjectStore("asked", { keyPath: "id" }); // a claim with its key, until the cloud's answer is known
    db.createObjectStore("claims", { keyPath: "claim_id" });
    db.createObjectStore("receipts", { keyPath: "id" });
    db.createObjectStore("outbox", { keyPath: "n", autoIncrement: true });
    db.createObjectStore("signers", { keyPath: "kid" });
    db.createObjectStore("answers", { keyPath: "path" }); // the cloud's last ones, for when it is away
  },
];

export class Db {
  #idb;
  #steps;
  #opened = null;

  constructor(idb, steps = STEPS) {
    this.#idb = idb;
    this.#steps = steps;
  }

  get(store, key) {
    return this.#read(store, (rows) => rows.get(key));
  }

  all(store) {
    return this.#read(store, (rows) => rows.getAll());
  }

  /** `work(stores by name)`, in one transaction; resolves once it is on disk. Rejects with Refused storage_full. */
  async write(names, work) {
    const transaction = (await this.#open()).transaction(names, "readwrite", { durability: "strict" });
    const done = new Promise((settle, fail) => {
      transaction.oncomplete = () => settle();
      transaction.onabort = () => fail(refusal(transaction.error));
    });
    done.catch(() => {}); // told below
    try {
      work(Object.fromEntries(names.map((name) => [name, transaction.objectStore(name)])));
    } catch (error) {
      transaction.abort();
      throw refusal(error);
    }
    return done;
  }

  put(store, row) {
    return this.write([store], (stores) => stores[store].put(row));
  }

  /** Fields of a row that is there; of one that is not, nothing. */
  change(store, key, fields) {
    return this.write([store], ({ [store]: rows }) => {
      rows.get(key).onsuccess = ({ target }) => target.result && rows.put({ ...target.result, ...fields });
    });
  }

  async #read(store, ask) {
    const transaction = (await this.#open()).transaction(store);
    const request = ask(transaction.objectStore(store));
    return new Promise((settle, fail) => {
      request.onsuccess = () => settle(request.result);
      transaction.onabort = request.onerror = () => fail(refusal(request.error ?? transaction.error));
    });
  }

  #open() {
    this.#opened ??= this.#opening();
    this.#opened.catch(() => (this.#opened = null));
    return this.#opened;
  }

  #opening() {
    return new Promise((settle, fail) => {
      setTimeout(() => fail(refusal()), OPEN_MS).unref?.();
      const request = this.#idb.open("ringslot", this.#steps.length);
      request.onupgradeneeded = ({ oldVersion }) => {
        for (const step of this.#steps.slice(oldVersion)) step(request.result, request.transaction);
      };
      request.onerror = () => fail(refusal(request.error));
      request.onsuccess = () => {
        const db = request.result;
        db.onversionchange = () => (db.close(), (this.#opened = null)); // a newer app in another tab is not held up
        db.onclose = () => (this.#opened = null);
        settle(db);
      };
    });
  }
}

const CODES = { QuotaExceededError: "storage_full", VersionError: "update" };

function refusal(error) {
  const code = CODES[error?.name] ?? "storage";
  return new Refused(0, code, error?.message ?? "The store does not open.");
}
