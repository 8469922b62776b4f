// A link over Web Bluetooth (https://webbluetoothcg.github.io/web-bluetooth/).
//
// Every wait has an end. What a browser throws is told apart by name, and where browsers give one name to several things,
// by words of the message; what is not recognised becomes the plainest of the outcomes, never an exception of its own.

import { GATT } from "../protocol/exchange.js";
import { outcome } from "../protocol/outcome.js";

const CHOOSE_MS = 90_000; // nobody looks at a list that stays empty for longer
const CONNECT_MS = 12_000; // to a link that is subscribed, all tries together
const WRITE_MS = 8_000;
const ASK_MS = 2_000; // the browser itself, of its adapter
const TRIES = 3; // a first connection over the air often fails
const SPENT = [
  "connection",
  "ATT_MTU",
  "service",
  "characteristics",
  "descriptor",
  "subscription",
].length; // what a phone's stack asks at the least; a page cannot see whether it asked for more

// [exception's name, words of its message, outcome's name]: the first that fits
const REFUSALS = [
  ["NotFoundError", /not supported|low energy/i, "UNSUPPORTED"],
  ["NotFoundError", /adapter/i, "BLUETOOTH_OFF"],
  ["NotFoundError", /denied|disabled/i, "DENIED"],
  ["NotFoundError", /doesn.t exist/i, "NOT_HEARD"],
  ["NotFoundError", /^/, "CANCELLED"],
  ["AbortError", /^/, "CANCELLED"],
  ["SecurityError", /^/, "DENIED"],
  ["NotAllowedError", /^/, "DENIED"],
];

/** Why there is no link: {name, next} of protocol/outcome.js. */
export class Unlinked extends Error {
  constructor(name, cause) {
    super(name, { cause });
    Object.assign(this, outcome(name));
  }
}

export async function support() {
  const { bluetooth } = navigator;
  if (!bluetooth) return "missing";
  const told = globalThis.document?.featurePolicy?.allowsFeature("bluetooth") !== false; // else all of it looks off: a request says why
  return !told || (await available()) ? "ready" : "off";
}

export async function choose(filters) {
  if (!navigator.bluetooth) throw new Unlinked("UNSUPPORTED");
  try {
    return await within(CHOOSE_MS, navigator.bluetooth.requestDevice(filters), "NOT_HEARD");
  } catch (error) {
    throw error instanceof Unlinked ? error : new Unlinked(await refusal(error), error);
  }
}

export async function connect(device) {
  const until = performance.now() + CONNECT_MS;
  const soon = (promise) => within(until - performance.now(), promise, "UNREACHED");
  try {
    return await soon(subscribed(device, await soon(server(device, until))));
  } catch (error) {
    device.gatt.disconnect(); // calls off what has not come about
    if (error instanceof Unlinked && error.name !== "UNREACHED") throw error;
    if (error.name === "SecurityError") throw new Unlinked("DENIED", error);
    throw new Unlinked((await available()) ? "UNREACHED" : "BLUETOOTH_OFF", error);
  }
}

/** Once there was a link, another would find nobody: the lock has taken a new address. */
async function server(device, until) {
  for (let left = TRIES - 1; ; left -= 1) {
    try {
      return await device.gatt.connect();
    } catch (error) {
      if (!left || error.name !== "NetworkError" || performance.now() >= until) throw error;
    }
  }
}

async function subscribed(device, server) {
  try {
    const service = await server.getPrimaryService(GATT.service);
    const [rx, tx] = await Promise.all([GATT.rx, GATT.tx].map((uuid) => service.getCharacteristic(uuid)));
    await tx.startNotifications();
    return new Link(device, rx, tx);
  } catch (error) {
    throw error.name === "NotFoundError" ? new Unlinked("NOT_OURS", error) : error;
  }
}

class Link {
  spent = SPENT;
  #device;
  #rx;
  #tx;
  #callOff = () => {};

  constructor(device, rx, tx) {
    this.#device = device;
    this.#rx = rx;
    this.#tx = tx;
  }

  /** Unanswered: a lock says by its messages what it has understood, and each answer would be a round trip. */
  write(frame) {
    return within(WRITE_MS, this.#rx.writeValueWithoutResponse(frame), "LOST");
  }

  /** `frame(bytes)` for each notification; `lost()` once, when the link ends by itself. */
  listen({ frame, lost }) {
    const heard = ({ target: { value } }) => {
      frame(new Uint8Array(value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength)));
    };
    const gone = () => {
      this.#callOff();
      lost();
    };
    this.#tx.addEventListener("characteristicvaluechanged", heard);
    this.#device.addEventListener("gattserverdisconnected", gone);
    this.#callOff = () => {
      this.#tx.removeEventListener("characteristicvaluechanged", heard);
      this.#device.removeEventListener("gattserverdisconnected", gone);
    };
    if (!this.#device.gatt.connected) gone(); // before anyone listened
  }

  cut() {
    this.#callOff();
    this.#device.gatt.disconnect();
  }
}

/** Why requestDevice threw this. */
async function refusal({ name, message }) {
  const known = REFUSALS.find(([thrown, words]) => thrown === name && words.test(message))?.[2] ?? "UNSUPPORTED";
  return known === "CANCELLED" && !(await available()) ? "BLUETOOTH_OFF" : known;
}

/** Whether there is an adapter. Chromium has been seen to leave this unanswered: then let requestDevice say. */
function available() {
  return within(ASK_MS, navigator.bluetooth.getAvailability(), "SILENT").catch(() => true);
}

/** `promise`, or Unlinked(name) when it takes longer. */
function within(ms, promise, name) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Unlinked(name)), ms)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
