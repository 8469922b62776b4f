// The ring lock of one claim, as a page draws it: whatever fails, it comes back to something that one can press.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { outcome } from "../../static/app/protocol/outcome.js";

const link = { cut() {} };
globalThis.ringslotRadio = { support: async () => "ready", choose: async (filters) => ({ filters }), connect: async () => link };
globalThis.localStorage = { getItem: () => "no" };
const { ringOf } = await import("../../static/app/ring.js");

let claim, rider, visit;
let claims = 0;

beforeEach(() => {
  claim = { claim_id: `claim ${++claims}`, ours: true, epoch: 1, ride: null }; // a ring lasts as long as its page's module
  visit = { over: false, begun: 0, begin: () => (visit.begun += 1), leave: () => (visit.over = true), open: async () => outcome("OK", { kept: true }) };
  rider = { filters: async () => "of epoch 1", held: async () => claim, visit: async () => visit };
});

const drawn = () => ringOf(rider, claim, () => {});

test("found, greeted, its colours seen, opened", async () => {
  const ring = drawn();
  rider.visit = async (_claim, _link, tell) => (setImmediate(tell, { colours: ["red"] }), visit);
  await ring.reach();
  await new Promise(setImmediate);
  assert.deepEqual([ring.at, ring.colours, visit.begun], ["ready", ["red"], 1]);
  await ring.ask("open");
  assert.deepEqual([ring.at, ring.trouble], ["ready", null]);
});

test("a link that ended before anybody listened is lost, and no wait begins", async () => {
  visit.over = true;
  const ring = drawn();
  await ring.reach();
  assert.deepEqual([ring.at, ring.trouble.name, visit.begun], ["apart", "LOST", 0]);
});

test("a store that fails beside the lock: it is said, and can be asked again", async () => {
  const ring = drawn();
  await ring.reach();
  visit.open = async () => Promise.reject(Object.assign(new Error("full"), { code: "storage" }));
  await ring.ask("open");
  assert.deepEqual([ring.at, ring.trouble.code, ring.trouble.asked], ["ready", "storage", "open"]);
});

test("what to look for is asked for again: after a failure, for a claim issued anew, for one that became this phone's", async () => {
  const asked = [];
  rider.filters = async ({ epoch, ours }) => {
    asked.push([epoch, ours]);
    if (asked.length === 1) throw Object.assign(new Error("no store"), { code: "storage" });
    return `of epoch ${epoch}`;
  };
  const ring = drawn();
  await new Promise(setImmediate);
  await ring.reach();
  assert.equal(ring.trouble, null);
  claim = { ...claim, epoch: 2 };
  assert.equal(await drawn().filters, "of epoch 2");
  drawn(); // nothing is new
  assert.deepEqual(asked, [[1, true], [1, true], [2, true]]);

  claim = { ...claim, claim_id: "another phone's", ours: false };
  assert.equal(drawn().filters, undefined);
  claim = { ...claim, ours: true };
  assert.equal(await drawn().filters, "of epoch 2");
});
