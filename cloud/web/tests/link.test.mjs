// The link's adapter before a browser that refuses, is slow, or never answers. That it works in a real one:
// hil_tests/test_app_radio.py.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import "./spec.mjs";
import { GATT } from "../../static/app/protocol/exchange.js";
import { NAMES } from "../../static/app/protocol/outcome.js";
import { choose, connect, support } from "../../static/app/link/web_bluetooth.js";

const FILTERS = { filters: [] };
const never = () => new Promise(() => {});
const thrown = (name, message = "") => Promise.reject(Object.assign(new Error(message), { name }));

let bluetooth;
let timers; // [when, f]: a clock that stands until `pass`
let now;
const real = { setTimeout, clearTimeout, now: performance.now };

beforeEach(() => {
  bluetooth = { getAvailability: async () => true, requestDevice: async () => device() };
  Object.defineProperty(globalThis, "navigator", { value: { bluetooth }, configurable: true, writable: true });
  [timers, now] = [[], 0];
  globalThis.setTimeout = (f, ms) => timers.push([now + ms, f]);
  globalThis.clearTimeout = (number) => delete timers[number - 1];
  performance.now = () => now;
});

afterEach(() => {
  Object.assign(globalThis, { setTimeout: real.setTimeout, clearTimeout: real.clearTimeout });
  performance.now = real.now;
});

/** Lets what is ready run, then that time go by. */
async function pass(ms) {
  for (let turn = 0; turn < 20; turn++) await null;
  now += ms;
  for (const [when, f] of timers.filter(Boolean)) if (when <= now) f();
  for (let turn = 0; turn < 20; turn++) await null;
}

/** A lock as a browser shows it; `parts` replace what it does. */
function device(parts = {}) {
  const made = new EventTarget();
  const tx = Object.assign(new EventTarget(), { startNotifications: async () => tx });
  const rx = { writeValueWithoutResponse: async (frame) => made.written.push(frame) };
  const service = { getCharacteristic: async (uuid) => (uuid === GATT.rx ? rx : tx) };
  Object.assign(made, { written: [], tries: 0, cuts: 0, tx, rx });
  made.gatt = {
    connected: true,
    connect: async () => (made.tries++, { getPrimaryService: async () => service }),
    disconnect: () => made.cuts++,
    ...parts.gatt,
  };
  Object.assign(tx, parts.tx);
  Object.assign(rx, parts.rx);
  Object.assign(service, parts.service);
  return made;
}

const refuses = (promise, name) =>
  assert.rejects(promise, (error) => {
    assert.equal(error.name, name);
    assert.ok(NAMES.includes(name) && error.next);
    return true;
  });

test("what a browser offers", async () => {
  assert.equal(await support(), "ready");
  bluetooth.getAvailability = async () => false;
  assert.equal(await support(), "off");
  globalThis.navigator = {};
  assert.equal(await support(), "missing");
  await refuses(choose(FILTERS), "UNSUPPORTED");
});

test("an adapter that the browser will not tell of is taken to be there", async () => {
  bluetooth.getAvailability = never;
  const asked = support();
  await pass(2_001);
  assert.equal(await asked, "ready");
});

// as Chromium words them, bluetooth_error.cc
const REFUSED = [
  ["NotFoundError", "User cancelled the requestDevice() chooser.", "CANCELLED"],
  ["NotFoundError", "Bluetooth adapter not available.", "BLUETOOTH_OFF"],
  ["NotFoundError", "Bluetooth Low Energy not available.", "UNSUPPORTED"],
  ["NotFoundError", "Web Bluetooth is not supported on this platform.", "UNSUPPORTED"],
  ["NotFoundError", "User denied the browser permission to scan for Bluetooth devices.", "DENIED"],
  ["NotFoundError", "Web Bluetooth API globally disabled.", "DENIED"],
  ["NotFoundError", "User or their enterprise policy has disabled Web Bluetooth.", "DENIED"],
  ["NotFoundError", "User selected a device that doesn't exist anymore.", "NOT_HEARD"],
  ["SecurityError", "Must be handling a user gesture to show a permission request.", "DENIED"],
  ["NotAllowedError", "", "DENIED"],
  ["AbortError", "", "CANCELLED"],
  ["TypeError", "a filter that it does not know", "UNSUPPORTED"],
];

for (const [name, message, outcome] of REFUSED) {
  test(`no device, ${name}: ${message}`, async () => {
    bluetooth.requestDevice = () => thrown(name, message);
    await refuses(choose(FILTERS), outcome);
  });
}

test("a list that was closed while there was no adapter", async () => {
  bluetooth.getAvailability = async () => false;
  bluetooth.requestDevice = () => thrown("NotFoundError", "User cancelled the requestDevice() chooser.");
  await refuses(choose(FILTERS), "BLUETOOTH_OFF");
});

test("a list that nobody answers", async () => {
  bluetooth.requestDevice = never;
  const chosen = refuses(choose(FILTERS), "NOT_HEARD");
  await pass(90_001);
  await chosen;
});

test("the first connections fail and the third comes about", async () => {
  const lock = device({ gatt: { connect: () => (++lock.tries < 3 ? thrown("NetworkError") : working.gatt.connect()) } });
  const working = device();
  const link = await connect(lock);
  assert.equal(lock.tries, 3);
  assert.equal(link.spent, 6);
});

const UNLINKED = {
  "none comes about": [{ gatt: { connect: () => thrown("NetworkError") } }, "UNREACHED"],
  "none is allowed": [{ gatt: { connect: () => thrown("SecurityError") } }, "DENIED"],
  "it ends before it is subscribed": [{ tx: { startNotifications: () => thrown("NetworkError") } }, "UNREACHED"],
  "it is no lock": [{ service: { getCharacteristic: () => thrown("NotFoundError") } }, "NOT_OURS"],
};

for (const [what, [parts, outcome]] of Object.entries(UNLINKED)) {
  test(`no link: ${what}`, async () => {
    const lock = device(parts);
    await refuses(connect(lock), outcome);
    assert.equal(lock.cuts, 1); // nothing is left half open
  });
}

for (const parts of [{ gatt: { connect: never } }, { tx: { startNotifications: never } }]) {
  test(`no link: nobody answers, ${Object.keys(parts)}`, async () => {
    const lock = device(parts);
    const connected = refuses(connect(lock), "UNREACHED");
    await pass(12_001);
    await connected;
    assert.equal(lock.cuts, 1);
  });
}

test("who has given up does not try again behind the rider's back", async () => {
  const lock = device({ gatt: { connect: () => new Promise((_, reject) => (lock.tries++, (lock.fail = reject))) } });
  const connected = refuses(connect(lock), "UNREACHED");
  await pass(12_001);
  await connected;
  lock.fail(Object.assign(new Error(), { name: "NetworkError" }));
  await pass(0);
  assert.equal(lock.tries, 1);
});

test("no link: the adapter has gone", async () => {
  bluetooth.getAvailability = async () => false;
  await refuses(connect(device({ gatt: { connect: () => thrown("NetworkError") } })), "BLUETOOTH_OFF");
});

test("frames go out as they are and come in as copies, until it is cut", async () => {
  const lock = device();
  const link = await connect(lock);
  const [heard, lost] = [[], []];
  link.listen({ frame: (frame) => heard.push(frame), lost: () => lost.push(1) });
  await link.write(Uint8Array.of(1, 2));
  assert.deepEqual(lock.written, [Uint8Array.of(1, 2)]);

  const buffer = Uint8Array.of(9, 7, 8, 9).buffer;
  lock.tx.value = new DataView(buffer, 1, 2); // part of a buffer that a browser may use again
  lock.tx.dispatchEvent(new Event("characteristicvaluechanged"));
  new Uint8Array(buffer).fill(0);
  assert.deepEqual(heard, [Uint8Array.of(7, 8)]);

  link.cut();
  lock.dispatchEvent(new Event("gattserverdisconnected"));
  lock.tx.dispatchEvent(new Event("characteristicvaluechanged"));
  assert.deepEqual([heard.length, lost.length, lock.cuts], [1, 0, 1]);
});

test("a link that ends is told once", async () => {
  const lock = device();
  const lost = [];
  (await connect(lock)).listen({ frame() {}, lost: () => lost.push(1) });
  lock.dispatchEvent(new Event("gattserverdisconnected"));
  lock.dispatchEvent(new Event("gattserverdisconnected"));
  assert.equal(lost.length, 1);
});

test("a link that ended before anyone listened is told too", async () => {
  const lock = device({ gatt: { connected: false } });
  const lost = [];
  (await connect(lock)).listen({ frame() {}, lost: () => lost.push(1) });
  assert.equal(lost.length, 1);
});

test("a write that never ends", async () => {
  const link = await connect(device({ rx: { writeValueWithoutResponse: never } }));
  const written = refuses(link.write(Uint8Array.of(1)), "LOST");
  await pass(8_001);
  await written;
});
