// The app's phone at a real lock: its session, rules, ride and receipts run in Python behind the virtual radio.

import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";

import "./spec.mjs";
import { Phone, lock, until } from "./peer.mjs";
import { hex, unhex } from "../../static/app/protocol/bytes.js";
import { values } from "../../static/app/protocol/advertising.js";
import { COLOURS } from "../../static/app/protocol/colour.js";
import { DECOMMISSION, END, OPEN, SERVICE, UPDATE } from "../../static/app/protocol/exchange.js";
import { resumed } from "../../static/app/protocol/flow.js";
import * as receipt from "../../static/app/protocol/receipt.js";
import * as token from "../../static/app/protocol/token.js";

const [LOCKED, OPENED, PARKED] = [0, 2, 3]; // states, SPEC.md section 11

let rider;
beforeEach(async () => {
  await lock.order("provision");
  rider = await Phone.made();
});
after(() => lock.end());

const state = () => lock.order("state");
const types = (phone) => phone.kept.map((data) => receipt.parse(data).type);

/** Promise of the outcome of an OPEN by a token, on a link of its own. */
async function opens(phone, details, radio) {
  const { token } = await phone.token(details);
  const visit = await phone.visit(radio);
  return visit.ask([{ command: OPEN, token }]);
}

async function ends(asked, name, next) {
  const outcome = await asked;
  assert.equal(outcome.name, name);
  assert.equal(outcome.next, next);
  return outcome;
}

test("claim, greet ahead, tap, ride, park, re-open, end: and every receipt is what the cloud holds", async () => {
  const claim = await rider.token({ epoch: 1 });
  const parsed = token.parse(claim.token);
  assert.deepEqual(parsed.holder, rider.holder);
  assert.deepEqual(parsed.cti, claim.cti);
  assert.equal(parsed.single && !parsed.successor, true);

  const visit = await rider.visit();
  visit.begin();
  const opened = await visit.ask([{ command: OPEN, token: claim.token }]);
  assert.equal(opened.name, "OK");
  assert.equal(opened.kept, true);
  const after = { state: OPENED, open: true, moved: 1, light: "ok", ride: hex(claim.cti), links: 1 };
  assert.deepEqual(await state(), after);

  await lock.order("close_ring"); // on the same link: the lock says so by itself
  const { receipt: closed } = await until(() => rider.told.find(({ receipt }) => receipt));
  assert.equal(receipt.parse(closed).type, "CLOSE");
  assert.equal((await state()).state, PARKED);

  const again = await rider.visit();
  await ends(again.ask([{ command: OPEN, cti: claim.cti }]), "OK", "ride");
  assert.equal((await state()).open, true);
  await ends(again.ask([{ command: END, cti: claim.cti }]), "NOT_CLOSED", "close");
  await lock.order("close_ring");
  const ended = await ends(again.ask([{ command: END, cti: claim.cti }]), "OK", "ride");
  assert.equal(receipt.parse(ended.receipt).type, "END");
  assert.equal((await state()).state, LOCKED);

  const found = new Set(rider.kept.map(hex));
  const each = [...found].map(unhex);
  assert.deepEqual(each.map((data) => receipt.parse(data).type), ["OPEN", "CLOSE", "REOPEN", "CLOSE", "END"]);
  for (const [i, data] of each.entries()) {
    const { word, key, seq, type } = await lock.order("countersign", { data: hex(data) });
    assert.equal(seq, i + 1);
    assert.equal(type, receipt.parse(data).type);
    const before = i ? (await receipt.digest(each[i - 1])).subarray(0, 16) : new Uint8Array(16);
    assert.deepEqual(receipt.parse(data).previous, before);
    const signers = new Map([[word.kid, unhex(key)]]);
    await receipt.compare(data, word, signers);
    const other = each[(i + 1) % each.length];
    await assert.rejects(receipt.compare(other, word, signers), receipt.Mismatch);
  }
});

const FRAMES = { 23: 18, 85: 6, 185: 6, 247: 6, 517: 6 };
for (const mtu of Object.keys(FRAMES).map(Number)) {
  test(`from HELLO to bolt in two round trips of an unanswered radio, at ATT_MTU ${mtu}`, async () => {
    const { token } = await rider.token();
    const visit = await rider.visit({ mtu });
    assert.equal((await visit.ask([{ command: OPEN, token }])).name, "OK");
    assert.equal(visit.trips, 2);
    assert.ok(visit.link.written.every((frame) => frame.length <= mtu - 3));
    assert.equal(visit.link.written.length, FRAMES[mtu]); // its MTU learnt from the CHALLENGE: a browser tells none
  });
}

test("the lock never asks for the key itself: it cannot be read", async () => {
  await assert.rejects(crypto.subtle.exportKey("pkcs8", rider.key.privateKey));
  assert.equal((await opens(rider)).name, "OK");
});

test("the colour code is told before the tap, four flashes, none like the one before, another on each link", async () => {
  const codes = new Set();
  for (let i = 0; i < 4; i++) {
    const visit = await rider.visit();
    rider.told = [];
    visit.begin();
    await until(() => rider.told.some(({ colours }) => colours));
    const { colours } = rider.told.find(({ colours }) => colours);
    assert.equal(colours.length, 4);
    assert.ok(colours.every((colour, at) => COLOURS.includes(colour) && colour !== colours[at - 1]));
    assert.equal((await state()).light, colours.join(" "));
    codes.add(colours.join());
    visit.leave();
  }
  assert.ok(codes.size > 1);
  assert.equal((await state()).moved, 0);
});

test("what the claim's keys give is what the lock shows", async () => {
  for (const index of [0, 1, 15, 300]) {
    const { key, values: shown } = await lock.order("advertised", { index });
    assert.deepEqual((await values([unhex(key)])).map(hex), shown);
  }
});

test("a lock that lost its clock: the token is bound to its challenge, on the same link", async () => {
  await lock.order("provision", { clock: false });
  const claim = await rider.token({ epoch: 1 });
  const visit = await rider.visit();
  visit.begin();
  assert.equal((await visit.ask([{ command: OPEN, token: claim.token }])).name, "OK");
  assert.equal(visit.trips, 2);
  assert.equal((await state()).ride, hex(claim.cti));
});

test("a lock without a clock, and no network, or no claim any more", async () => {
  await lock.order("provision", { clock: false });
  const { token } = await rider.token();
  const offline = await rider.visit({}, { bind: () => Promise.reject(new Error("offline")) });
  await ends(offline.ask([{ command: OPEN, token }]), "OFFLINE", "online");
  const revoked = await rider.visit({}, { bind: async () => null });
  await ends(revoked.ask([{ command: OPEN, token }]), "UNBOUND", "claim");
  const slow = await rider.visit({}, { bind: () => new Promise(() => {}) });
  const asked = slow.ask([{ command: OPEN, token }]);
  await new Promise((settle) => setTimeout(settle, 300));
  rider.clock.pass(29_000);
  await ends(asked, "OFFLINE", "online");
  assert.equal((await state()).moved, 0);
});

test("a phone that died: its successor takes the ride over, and the old key is dead", async () => {
  const old = await rider.token({ epoch: 1 });
  const first = await rider.visit();
  assert.equal((await first.ask([{ command: OPEN, token: old.token }])).name, "OK");
  first.leave();
  await lock.order("close_ring");

  const other = await Phone.made();
  const { token: taken } = await other.token({ cti: hex(old.cti), epoch: 2, mode: 2 });
  assert.equal(token.parse(taken).successor, true);
  const visit = await other.visit();
  assert.equal((await visit.ask([{ command: OPEN, token: taken }])).name, "OK");
  assert.equal((await state()).ride, hex(old.cti));
  await lock.order("close_ring");
  const back = await rider.visit();
  await ends(back.ask([{ command: OPEN, cti: old.cti }]), "FORGED", "claim");
  await ends(visit.ask([{ command: END, cti: old.cti }]), "OK", "ride");
});

test("a second HELLO on the same link, for what is asked next; one tap at a time", async () => {
  const claim = await rider.token();
  const visit = await rider.visit();
  const [one, two] = [visit.ask([{ command: OPEN, token: claim.token }]), visit.ask([{ command: OPEN, token: claim.token }])];
  assert.equal(one, two);
  assert.equal((await one).name, "OK");
  assert.equal((await visit.ask([{ command: OPEN, cti: claim.cti }])).name, "OK"); // open already: nothing moves
  assert.equal((await state()).moved, 1);
});

const FORGING = { sign: async () => new Uint8Array(64).fill(1) };
const REFUSALS = [
  // what the lock answers, what is asked, what is done before
  ["EXPIRED", "claim", () => opens(rider, { exp_in: -60, nbf_in: -120, iat_in: -120 })],
  ["KEY", "report", () => opens(rider, { issuer: "ride of another" })],
  ["KEY", "report", () => opens(rider, { issuer: "master" })],
  ["NO_RIDE", "claim", () => opens(rider, { mode: 2 })],
  ["NO_RIDE", "claim", async () => (await rider.visit()).ask([{ command: OPEN, cti: new Uint8Array(8) }])],
  ["LOW_BATTERY", "another", async () => (await lock.order("battery", { millivolts: 3100 }), opens(rider))],
  ["JAMMED", "wait", async () => (await lock.order("jam", { percent: 50 }), opens(rider))],
  ["QUARANTINE", "another", async () => (await lock.order("quarantine"), opens(rider))],
  ["OLD", "claim", async () => (await opens(await Phone.made(), { epoch: 5 }), opens(rider, { epoch: 4 }))],
  ["IN_USE", "another", async () => (await opens(await Phone.made(), { epoch: 5 }), opens(rider, { epoch: 6 }))],
  ["MODE", "another", async () => (await lock.order("provision", { kind: "pooled" }), opens(rider))],
  ["MALFORMED", "update", async () => (await rider.visit()).ask([{ command: END, token: (await rider.token()).token }])],
  ["MALFORMED", "update", async () => (await rider.visit()).ask([{ command: OPEN, token: new Uint8Array(9) }])],
  ["FORGED", "claim", async () => (await rider.visit({}, FORGING)).ask([{ command: OPEN, token: (await rider.token()).token }])],
];

for (const [name, next, asks] of REFUSALS) {
  test(`refused: ${name}`, async () => {
    await ends(asks(), name, next);
  });
}

test("refused: WRONG_LOCK", async () => {
  const { token: right } = await rider.token();
  const [id] = token.parse(right).locks[0];
  assert.equal(hex(id), hex(new TextEncoder().encode("lock-one")));
  const other = await lock.order("token", { holder: hex(rider.holder), other_lock: "lock-two" });
  const visit = await rider.visit();
  await ends(visit.ask([{ command: OPEN, token: unhex(other.token) }]), "WRONG_LOCK", "scan");
  await ends(visit.ask([{ command: OPEN, token: right }]), "OK", "ride"); // the link stays
});

test("refused: ENDED, and SERVICE, by whom the bike is open", async () => {
  const claim = await rider.token({ hold: 0 });
  assert.equal((await (await rider.visit()).ask([{ command: OPEN, token: claim.token }])).name, "OK");
  await lock.order("close_ring");
  await ends((await rider.visit()).ask([{ command: OPEN, token: claim.token }]), "OLD", "claim");
  const technician = await Phone.made();
  const master = await technician.token({ issuer: "master" });
  const visit = await technician.visit();
  await ends(visit.ask([{ command: SERVICE, token: master.token }]), "OK", "ride");
  assert.equal(types(technician).at(-1), "SERVICE_OPEN");
  await ends(opens(rider, { epoch: 3 }), "SERVICE", "another");
});

test("a challenge that is over is not used: the lock is greeted again", async () => {
  const { token } = await rider.token();
  const visit = await rider.visit();
  visit.begin();
  await until(() => rider.told.some(({ colours }) => colours));
  rider.clock.pass(28_500); // by the phone's clock; the lock's stands still here
  assert.equal((await visit.ask([{ command: OPEN, token }])).name, "OK");
  assert.equal(visit.trips, 3);
});

test("too late by the lock's clock: NO_CHALLENGE, and the link is cut", async () => {
  const { token, cti } = await rider.token();
  const visit = await rider.visit();
  assert.equal((await visit.ask([{ command: OPEN, token }])).name, "OK"); // the link may stay from here on
  const sign = async (bytes) => {
    await lock.order("wait", { seconds: 31 });
    return crypto.subtle.sign({ name: "Ed25519" }, rider.key.privateKey, bytes);
  };
  const slow = await rider.visit({}, { sign });
  const { name } = await slow.ask([{ command: OPEN, cti }]);
  assert.equal(name, "LOST"); // a link without an accepted request is cut first
});

test("a link lost at each write of the unlock, and what comes next", async () => {
  const claim = await rider.token();
  const ask = { command: OPEN, token: claim.token };
  let sent = 0;
  for (let dies = 1; ; dies++) {
    const fails = (_, count) => {
      if (count === dies) throw new Error("the radio is gone");
    };
    const visit = await rider.visit({ mtu: 185, told: true, before: fails });
    const outcome = await visit.ask([ask]);
    if (outcome.name === "OK") break;
    assert.deepEqual([outcome.name, outcome.next], dies === 1 ? ["LOST", "again"] : ["UNSURE", "resume"]);
    assert.equal((await state()).moved, 0);
    sent = dies;
  }
  assert.ok(sent >= 3);
  assert.equal((await state()).moved, 1);
});

test("after an answer that never came: the ride is found running, or begun, and never twice", async () => {
  const claim = await rider.token();
  const ask = { command: OPEN, token: claim.token };
  const deaf = await rider.visit();
  deaf.begin();
  await until(() => rider.told.some(({ colours }) => colours));
  deaf.link.listen({ frame: () => {}, lost: () => {} }); // hears nothing any more
  const asked = deaf.ask([ask]);
  await until(async () => (await state()).moved);
  rider.clock.pass(13_000);
  await ends(asked, "UNSURE", "resume");
  assert.equal(rider.kept.length, 0);

  const visit = await rider.visit();
  await ends(visit.ask(resumed(ask, claim.cti)), "OK", "ride");
  assert.equal(visit.trips, 2);
  assert.deepEqual(types(rider), ["OPEN"]); // the very receipt that was lost
  assert.equal((await state()).moved, 1);

  await lock.order("provision"); // and where the request had not arrived
  const fresh = await rider.token();
  const second = await rider.visit();
  await ends(second.ask(resumed({ command: OPEN, token: fresh.token }, fresh.cti)), "OK", "ride");
  assert.equal(second.trips, 4);
});

test("a key that cannot sign, and one that never answers", async () => {
  const { token } = await rider.token();
  const gone = await rider.visit({}, { sign: () => Promise.reject(new Error("no key")) });
  await ends(gone.ask([{ command: OPEN, token }]), "NO_KEY", "take_over");
  const stuck = await rider.visit({}, { sign: () => new Promise(() => {}) });
  const asked = stuck.ask([{ command: OPEN, token }]);
  await new Promise((settle) => setTimeout(settle, 300));
  rider.clock.pass(6_000);
  await ends(asked, "NO_KEY", "take_over");
});

test("a receipt that could not be stored is said so, and the bolt is open all the same", async () => {
  const { token } = await rider.token();
  const visit = await rider.visit({}, { keep: () => Promise.reject(new Error("full")) });
  const outcome = await visit.ask([{ command: OPEN, token }]);
  assert.deepEqual([outcome.name, outcome.kept], ["OK", false]);
});

test("a technician opens, and carries sealed receipts that the phone cannot read", async () => {
  const claim = await rider.token();
  const own = await rider.visit();
  assert.equal((await own.ask([{ command: OPEN, token: claim.token }])).name, "OK");
  await lock.order("close_ring");
  const mule = await Phone.made();
  const visit = await mule.visit();
  assert.equal((await visit.collect()).batches, 1);
  const [batch] = mule.carried;
  assert.throws(() => receipt.parse(batch));
  const { receipts } = await lock.order("open_batch", { data: hex(batch) });
  assert.deepEqual(receipts, rider.kept.map(hex));
  assert.equal((await visit.collect()).batches, 0);

  visit.begin(); // greet and collect while somebody taps
  const { token: later } = await mule.token({ epoch: 2 });
  const both = [visit.collect(), visit.ask([{ command: OPEN, token: later }])];
  assert.deepEqual((await Promise.all(both)).map(({ name }) => name), ["DONE", "IN_USE"]);
});

test("a wildcard master token works bound to the lock's challenge alone", async () => {
  const technician = await Phone.made();
  technician.claim = { issuer: "master", group: true };
  const visit = await technician.visit();
  await ends(visit.ask([{ command: SERVICE, bind: true }]), "OK", "ride");
  assert.equal(visit.trips, 2);
});

test("only with the right: UPDATE and DECOMMISSION", async () => {
  const technician = await Phone.made();
  const { token: plain } = await technician.token({ issuer: "master" });
  const visit = await technician.visit();
  await ends(visit.ask([{ command: UPDATE, token: plain }]), "SCOPE", "report");
  await ends(visit.ask([{ command: DECOMMISSION, token: plain }]), "SCOPE", "report");
  await ends(visit.offer(2, new Uint8Array(32)), "SCOPE", "report");
});
