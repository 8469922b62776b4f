// The public API. What it refuses is told apart from what it could not be asked.

const ROOT = "/api/v1";
const WAIT_MS = 15_000; // every wait has an end
const BUSY = [408, 429];

/**
 * `code`: the API's (RFC 9457), or ours: offline, storage_full, storage, old_browser, other_tab,
 * no_key, bad_token. `later`: the same may be asked again, after `wait` ms if that is given.
 */
export class Refused extends Error {
  constructor(status, code, detail, { errors = [], wait = 0 } = {}) {
    super(detail);
    const later = code === "offline" || code === "key_busy" || status >= 500 || BUSY.includes(status);
    Object.assign(this, { status, code, errors, wait, later });
  }
}

/** A part of the app that is fetched when it is needed, `await part(import("./more.js"))`. Rejects with Refused offline. */
export function part(loading) {
  return loading.catch((error) => {
    throw error instanceof TypeError ? away() : error; // a fault in it is another matter
  });
}

function away() {
  return new Refused(0, "offline", "The server cannot be reached.");
}

export class Api {
  #fetch;
  #is;
  #csrf = "";

  /** `is(person)`: promise to take note of who is signed in, whenever the cloud says so. */
  constructor(fetch, is = async () => {}) {
    this.#fetch = fetch;
    this.#is = is;
  }

  async get(path) {
    const answer = await this.#call("GET", path);
    if (path === "/me") {
      this.#csrf = answer.csrf;
      await this.#is(answer);
    }
    return answer;
  }

  /** `key`: the same one acts once, however often it is sent. */
  async send(method, path, body, key = crypto.randomUUID()) {
    try {
      return await this.#call(method, path, body, key);
    } catch (refused) {
      if (refused.code !== "csrf") throw refused;
      await this.get("/me"); // another tab signed in anew, or this one began offline
      return this.#call(method, path, body, key);
    }
  }

  /** All pages of a list, `most` at the most. */
  async pages(path, name, limit, most) {
    const rows = [];
    for (let cursor = ""; cursor !== null && most--; ) {
      const page = await this.get(`${path}?limit=${limit}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      rows.push(...page[name]);
      cursor = page.next;
    }
    return rows;
  }

  async #call(method, path, body, key) {
    const headers = { Accept: "application/json" };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (method !== "GET") Object.assign(headers, { "X-CSRF-Token": this.#csrf, "Idempotency-Key": key });
    const signal = AbortSignal.timeout(WAIT_MS);
    let answer, json;
    try {
      answer = await this.#fetch(ROOT + path, { method, headers, body: body && JSON.stringify(body), signal, redirect: "error" });
      const isJson = /json/.test(answer.headers.get("Content-Type"));
      const text = await answer.text();
      json = isJson ? JSON.parse(text) : null;
      const ours = isJson ? answer.ok || typeof json.code === "string" : answer.ok && !text && method !== "GET";
      if (!ours) throw new TypeError("not ours"); // a hotel's sign-in page, a proxy's regrets
    } catch {
      throw away();
    }
    if (answer.ok) return json;
    const wait = 1000 * (Number(answer.headers.get("Retry-After")) || 0);
    throw new Refused(answer.status, json.code, json.detail ?? "", { errors: json.errors, wait });
  }
}

/** Bytes in the API's base64url, and back. */
export function b64(bytes) {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
}

export function unb64(text) {
  return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
}
