// What the app keeps and does, without a page: against the real web app and a lock's own logic, both in one Python process.

import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";

import "./spec.mjs";
import { Network, Phone } from "./pocket.mjs";
import { lock, until } from "./peer.mjs";

const BIKE = "BIKE-1";
let town, net, phone, rider;

beforeEach(async () => {
  town = await lock.order("town", { people: ["anna", "ben"], code: BIKE });
  net = new Network(town.url);
  phone = new Phone(net, town.now);
  rider = await phone.open();
  await rider.signIn({ login: "anna", password: town.password });
});
after(() => lock.end());

const count = async (table) => (await lock.order("rows", { sql: `SELECT count(*) FROM ${table}` })).rows[0][0];

test("sign in, see bikes, claim, unlock, close, end: every receipt delivered and the same as the cloud's", async () => {
  const { bikes, stale } = await rider.bikes();
  assert.deepEqual([bikes.map(({ code }) => code), stale], [[BIKE], false]);
  const claim = await rider.claim({ code: BIKE });
  assert.deepEqual([claim.code, claim.label, claim.ours, claim.ride], [BIKE, `Bike ${BIKE}`, true, null]);
  assert.deepEqual(await rider.held(claim.claim_id), claim);

  const visit = await phone.at(claim);
  visit.begin();
  assert.equal((await visit.open()).name, "OK");
  assert.equal((await rider.held(claim.claim_id)).ride.state, "open");
  await lock.order("close_ring");
  await until(async () => (await rider.held(claim.claim_id)).ride.state === "parked");
  assert.equal((await visit.end()).name, "OK");
  await rider.deliver();
  const { verdict, receipts } = await rider.receipts(claim);
  assert.deepEqual(receipts.map(({ type, verdict }) => [type, verdict]), [["OPEN", "same"], ["CLOSE", "same"], ["END", "same"]]);
  assert.equal(verdict, "same");
  assert.equal(await count("receipt"), 3);
  const { rides } = await rider.rides();
  assert.deepEqual([rides.length, rides[0].state, rides[0].claim_id], [1, "ended", claim.claim_id]);
});

test("a claim that is asked for twice, over a lost answer and a killed app, is one claim with one key", async () => {
  net.way = "deaf";
  await assert.rejects(rider.claim({ code: BIKE }), { code: "offline", later: true });
  assert.equal(await count("claim"), 1); // the cloud had heard it
  net.way = "on";
  const other = await phone.open(); // the app was killed
  const [one, two] = await Promise.all([other.claim({ code: BIKE }), rider.claim({ code: BIKE })]);
  assert.equal(one.claim_id, two.claim_id);
  assert.equal(one.ours, true);
  assert.equal(await count("claim"), 1);
  assert.equal((await (await phone.at(one)).open()).name, "OK");
});
