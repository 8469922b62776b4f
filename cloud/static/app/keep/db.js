// What this phone keeps, in IndexedDB. An update of the app adds a step at the end of STEPS and changes none, and no step
// takes anything away: claims, receipts and what waits for the cloud come along, and a tab of the old app goes on.

import { Refused } from "./api.js";

const NAME = "ringslot";
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
  (db) => {
    db.createObjectStore("masters", { keyPath: "cti" }); // a technician's shift, with its keys
    db.createObjectStore("releases", { keyPath: "id" }); // parts of the one that is carried to a lock
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

  put(store, row) {
    return this.write([store], (stores) => stores[store].put(row));
  }

  delete(store, key) {
    return this.write([store], (stores) => stores[store].delete(key));
  }

  /** Fields of a row that is there; of one that is not, nothing. */
  change(store, key, fields) {
    return this.write([store], (stores) => changed(stores[store], key, fields));
  }

  /** `work(stores by name)`, in one transaction; resolves once it is on disk. Rejects with Refused storage_full. */
  async write(names, work) {
    const transaction = await this.#begin(names, "readwrite", { durability: "strict" });
    const done = new Promise((settle, fail) => {
      transaction.oncomplete = settle;
      transaction.onabort = () => fail(refusal(transaction.error));
    });
    try {
      work(Object.fromEntries(names.map((name) => [name, transaction.objectStore(name)])));
    } catch (error) {
      done.catch(() => {});
      transaction.abort();
      throw refusal(error);
    }
    await done;
  }

  async #read(store, ask) {
    const request = ask((await this.#begin(store)).objectStore(store));
    return new Promise((settle, fail) => {
      request.onsuccess = () => settle(request.result);
      request.onerror = () => fail(refusal(request.error));
    });
  }

  async #begin(...asked) {
    try {
      return (await this.#open()).transaction(...asked);
    } catch (error) {
      if (error.name !== "InvalidStateError") throw refusal(error);
      this.#opened = null; // closed under our feet
      return (await this.#open()).transaction(...asked);
    }
  }

  #open() {
    this.#opened ??= this.#opening(this.#steps.length).catch((error) => {
      this.#opened = null;
      throw error;
    });
    return this.#opened;
  }

  async #opening(version) {
    let late;
    const request = this.#idb.open(NAME, version);
    const opened = new Promise((settle, fail) => {
      late = setTimeout(() => fail(refusal()), OPEN_MS);
      request.onupgradeneeded = ({ oldVersion }) => {
        for (const step of this.#steps.slice(oldVersion)) step(request.result, request.transaction);
      };
      request.onsuccess = () => settle(request.result);
      request.onerror = () => fail(request.error);
    });
    try {
      const db = await opened;
      db.onclose = () => (this.#opened = null);
      db.onversionchange = () => (db.close(), db.onclose()); // a newer app in another tab is not held up
      return db;
    } catch (error) {
      if (error.name === "VersionError") return this.#opening(); // the newer app was here: what we know is still there
      throw refusal(error);
    } finally {
      clearTimeout(late);
    }
  }
}

/** The same inside a transaction. */
export function changed(rows, key, fields) {
  rows.get(key).onsuccess = ({ target }) => target.result && rows.put({ ...target.result, ...fields });
}

function refusal(error) {
  if (error instanceof Refused) return error;
  const code = error?.name === "QuotaExceededError" ? "storage_full" : "storage";
  return new Refused(0, code, error?.message ?? "The store does not open.");
}
