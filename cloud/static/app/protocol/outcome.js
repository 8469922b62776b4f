// Every way in which something asked of a lock can end, and what to do next. The list is closed: whatever happens is
// one of these, so that an app has one sentence and one button for each. Sentences are the app's, in its languages.

// What to do next
export const NEXT = [
  "ride", // nothing: it worked
  "wait", // ask again in a moment, on the same link
  "again", // connect and ask again
  "closer", // step closer, then the same
  "resume", // connect and ask `resumed`: the lock may have acted without our hearing of it
  "online", // go online once, then again
  "claim", // this claim opens nothing more here: claim anew
  "scan", // this is another bike: scan its own code
  "another", // take another bike
  "take_over", // this phone has no key for it: ask the cloud for a successor
  "close", // close the ring by hand, then again
  "open", // open the ring, then again
  "report", // the operator has to look
  "update", // load the app's new version
  "switch_on", // Bluetooth, in the device's settings
  "allow", // Bluetooth for this app
  "choose", // pick the lock in the browser's list
  "sign_in", // then again
  "other_device", // this browser has no Bluetooth for pages
];

// RESULT's codes, SPEC.md section 11: name, next, whether the lock cuts the link
const STATUS = [
  ["OK", "ride"],
  ["BUSY", "wait"],
  ["WRONG_LOCK", "scan"],
  ["KEY", "report"],
  ["SCOPE", "report"],
  ["NEED_NONCE", "online"],
  ["EXPIRED", "claim"],
  ["FORGED", "claim", true],
  ["OLD", "claim"],
  ["NO_RIDE", "claim"],
  ["ENDED", "claim"],
  ["MODE", "another"],
  ["IN_USE", "another"],
  ["SERVICE", "another"],
  ["LOW_BATTERY", "another"],
  ["JAMMED", "wait"],
  ["NOT_CLOSED", "close"],
  ["MALFORMED", "update", true],
  ["NO_CHALLENGE", "again", true],
  ["VERSION", "update", true],
  ["QUARANTINE", "another", true],
  ["NOT_OPEN", "open"],
];

// What a lock does not say
const OTHERS = {
  STRANGE: "update", // a code that this app does not know
  LOST: "again", // the link ended before the request was sent: nothing has happened
  SILENT: "closer", // no answer to a greeting in time: nothing has happened
  UNSURE: "resume", // the request was sent, and no answer came
  GARBLED: "update", // the lock said something that is none of its messages
  NO_KEY: "take_over", // the key could not sign
  OFFLINE: "online", // a bound token was needed, and the cloud was out of reach
  SIGNED_OUT: "sign_in", // the same, and the cloud does not know who asks
  LATE: "take_over", // a successor's token was not brought to the lock in time
  UNBOUND: "claim", // the cloud gives no token for this claim any more
  DONE: "ride", // all batches taken, or the release brought as far as the lock wanted it
  // the adapter's, before there is a link
  UNSUPPORTED: "other_device",
  BLUETOOTH_OFF: "switch_on",
  DENIED: "allow",
  CANCELLED: "choose",
  NOT_HEARD: "closer",
  UNREACHED: "closer", // chosen, but no connection came about
  NOT_OURS: "report", // connected, but it is no lock
};

const NAMED = new Map([...STATUS.map(([name, next]) => [name, next]), ...Object.entries(OTHERS)]);
export const NAMES = [...NAMED.keys()];
export const OK = 0;
export const [NEED_NONCE, NO_RIDE] = [5, 9];

/** {name, next, ...details}. */
export function outcome(name, details = {}) {
  return { name, next: NAMED.get(name), ...details };
}

/** The same for a code of RESULT. */
export function ofStatus(code, details) {
  return outcome(STATUS[code]?.[0] ?? "STRANGE", details);
}

/** Whether the lock cuts the link after this code. */
export function cuts(code) {
  return STATUS[code]?.[2] ?? false;
}
