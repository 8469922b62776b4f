// The public API, and nothing else: whatever the console shows or does, a partner's program can.

const ROOT = "/api/v1";
const WAIT_MS = 20_000; // every wait has an end
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
 *  fresh proof where one is wanted. */
export async function send(method, path, body) {
  try {
    return await keyed(method, path, body);
  } catch (refused) {
    if (refused.code !== "prove_again" || !prove) throw refused;
    await prove();
    return keyed(method, path, body);
  }
}

async function keyed(method, path, body) {
  const key = crypto.randomUUID();
  try {
    return await call(method, path, body, key);
  } catch (lost) {
    if (lost.code !== "offline") throw lost;
    return call(method, path, body, key);
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

async function call(method, path, body, key) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") Object.assign(headers, { "X-CSRF-Token": csrf, "Idempotency-Key": key });
  let answer;
  try {
    answer = await fetch(ROOT + path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(WAIT_MS),
    });
  } catch {
    throw new Refused(0, "offline", "The server cannot be reached.");
  }
  const json = answer.headers.get("Content-Type")?.includes("json") ? await answer.json() : null;
  if (answer.ok) return json;
  throw new Refused(answer.status, json?.code ?? "unexpected", json?.detail ?? answer.statusText, json?.errors);
}
