// The public API, and nothing else: whatever the console shows or does, a partner's program can.

const ROOT = "/api/v1";
const WAIT_MS = 20_000; // every wait has an end
const tags = new WeakMap(); // what a GET said → its ETag
let csrf = "";
let prove = null;

/** What was refused: `code` is stable, `message` one sentence, `errors` [{field, detail}]. */
export class Refused extends Error {
  constructor(status, code, detail, errors = []) {
    super(detail);
    Object.assign(this, { status, code, errors });
  }
}

/** The CSRF token that comes with /me; sent with whatever changes something. */
export function signedIn(token) {
  csrf = token;
}

/** What asks the person for a fresh proof of who they are, where the server wants one. */
export function provedBy(ask) {
  prove = ask;
}

export function get(path, asked) {
  return call("GET", path + query(asked));
}

/** POST, PATCH, PUT or DELETE. Tried again by itself after a lost link, where the key makes it act once, and after a
 *  fresh proof where one is wanted. `seen`: what a GET of this path said; once somebody else has changed it the call is
 *  refused as `changed`. `body`: an object, or FormData. */
export async function send(method, path, body, seen) {
  try {
    return await keyed(method, path, body, seen);
  } catch (refused) {
    if (refused.code !== "prove_again" || !prove) throw refused;
    await prove();
    return keyed(method, path, body, seen);
  }
}

async function keyed(method, path, body, seen) {
  const more = { "X-CSRF-Token": csrf, "Idempotency-Key": crypto.randomUUID() };
  if (tags.get(seen)) more["If-Match"] = tags.get(seen);
  try {
    return await call(method, path, body, more);
  } catch (lost) {
    if (lost.code !== "offline") throw lost;
    return call(method, path, body, more);
  }
}

/** Every row of a paged list, page by page: for await (const row of all("/locks", "locks")). */
export async function* all(path, name, asked = {}) {
  let cursor;
  do {
    const page = await get(path, { ...asked, cursor });
    yield* page[name];
    cursor = page.next;
  } while (cursor);
}

/** "?a=1", without what is empty. */
export function query(asked = {}) {
  const given = Object.entries(asked).filter(([, value]) => value != null && value !== "");
  return given.length ? "?" + new URLSearchParams(given) : "";
}

/** Where to download a file from. */
export function address(path, asked) {
  return ROOT + path + query(asked);
}

async function call(method, path, body, more) {
  const headers = { Accept: "application/json", ...more };
  const whole = body === undefined || body instanceof FormData; // whose type has a boundary that the browser draws
  if (!whole) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(ROOT + path, {
      method,
      headers,
      body: whole ? body : JSON.stringify(body),
      signal: AbortSignal.timeout(WAIT_MS),
    });
  } catch {
    throw new Refused(0, "offline", "The server cannot be reached.");
  }
  const json = answer.headers.get("Content-Type")?.includes("json") ? await answer.json() : null;
  if (answer.ok && json && answer.headers.has("ETag")) tags.set(json, answer.headers.get("ETag"));
  if (answer.ok) return json;
  throw new Refused(answer.status, json?.code ?? "unexpected", json?.detail ?? answer.statusText, json?.errors);
}
