// What changes, as it changes. The stream ends at once with what is new and comes back by itself, so it holds no
// worker of the server; a `reset` says that too much was missed and the page should load afresh.

import { address } from "./api.js";

const KINDS_HEARD = new Map(); // kind, or "*" → set of functions
let source = null;

/** `heard(event)` for each event of these kinds, {kind, subject, at, data}; returns what ends it. */
export function listen(kinds, heard) {
  for (const kind of kinds) {
    if (!KINDS_HEARD.has(kind)) {
      KINDS_HEARD.set(kind, new Set());
      source?.addEventListener(kind, arrived);
    }
    KINDS_HEARD.get(kind).add(heard);
  }
  source ??= open();
  return () => kinds.forEach((kind) => KINDS_HEARD.get(kind)?.delete(heard));
}

export function close() {
  source?.close();
  source = null;
}

function open() {
  const made = new EventSource(address("/events"));
  for (const kind of KINDS_HEARD.keys()) made.addEventListener(kind, arrived);
  return made;
}

function arrived(message) {
  let event = { kind: message.type, data: {} };
  try {
    event = { ...event, ...JSON.parse(message.data) };
  } catch {
    // a reset has no data
  }
  for (const heard of [...(KINDS_HEARD.get(message.type) ?? [])]) heard(event);
}
