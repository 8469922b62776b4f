// The technicians' part without a page: against the real web app and a lock's own logic, both in one Python process.

import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";

import "./spec.mjs";
import { Network, Phone } from "./pocket.mjs";
import { lock } from "./peer.mjs";
import { hex, sha256, unhex } from "../../static/app/protocol/bytes.js";
import { Duty, ranked } from "../../static/app/service/duty.js";
import { Errand, LOCKS, Shift } from "../../static/app/service/shift.js";
import { Releases } from "../../static/app/service/release.js";

const [CODE, HOURS] = ["BIKE-1", 3600];
const SERVICE = 5; // state, SPEC.md section 11
let town, net, phone, rider, shift, duty, releases, lock_id;

beforeEach(async () => {
  town = await lock.order("town", { people: ["ben"], staff: ["tess", "tom"], code: CODE });
  net = new Network(town.url);
  phone = new Phone(net, town.now);
  await enter();
  await rider.signIn({ login: "tess", password: town.password });
  enlist();
  lock_id = (await duty.bike(CODE)).asset.lock_id;
});
after(() => lock.end());

async function enter() {
  rider = await phone.open();
  enlist();
}

function enlist() {
  shift = new Shift(rider.inside);
  duty = new Duty(rider.inside);
  releases = new Releases(rider.inside);
}

const state = () => lock.order("state");
const rows = async (sql) => (await lock.order("rows", { sql })).rows;
const take = () => shift.take([{ lock_id, code: CODE, label: "Bike" }]);

/** A visit of the technician's, with its errand. */
async function at(which = lock_id, tell, parts) {
  const errand = new Errand(which, parts);
  const visit = await shift.visit(errand, await lock.link(), tell);
  return { errand, visit };
}

async function refused(promise, code) {
  await assert.rejects(promise, (error) => error.code === code || assert.fail(`${error.code}: ${error.message}`));
}

test("a shift opens its locks without a network, takes the log along, and all of it reaches the cloud once", async () => {
  await take();
  net.way = "off";
  const { filters } = await shift.filters(new Errand(lock_id));
  assert.ok(filters.length >= 256 && filters.every((each) => each.manufacturerData.length === 1));
  const { errand, visit } = await at();
  assert.equal((await visit.open()).name, "OK");
  assert.equal((await state()).state, SERVICE);
  assert.deepEqual([errand.said.type, errand.said.seq, errand.said.told], ["SERVICE_OPEN", 1, phone.time]);
  assert.deepEqual([(await visit.log()).name, errand.carried, errand.bound], ["DONE", 1, false]);
  await lock.order("close_ring");
  assert.deepEqual([(await visit.log()).name, errand.carried], ["DONE", 2]);
  assert.deepEqual([errand.said.type, errand.said.seq], ["SERVICE_CLOSE", 2]); // told unasked
  assert.equal(await rider.waiting(), 4); // two receipts and two batches
  assert.deepEqual(await rows("SELECT count(*) FROM receipt"), [[0]]);
  net.way = "on";
  await rider.deliver();
  assert.equal(await rider.waiting(), 0);
  assert.deepEqual(await rows("SELECT seq, via FROM receipt ORDER BY seq"), [[1, "phone"], [2, "phone"]]);
  assert.deepEqual(await rows("SELECT count(*) FROM claim"), [[0]]);
});

test("its key is kept and cannot be read; it lasts over a restart of the app, and ends with who signs out", async () => {
  await take();
  const [row] = await rider.inside.db.all("masters");
  await assert.rejects(crypto.subtle.exportKey("pkcs8", row.key));
  await enter();
  assert.deepEqual((await shift.locks()).map(({ code, exp }) => [code, exp]), [[CODE, town.now + 8 * HOURS]]);
  await rider.signOut();
  assert.deepEqual(await rider.inside.db.all("masters"), []);
});

test("a shift that is over opens nothing by itself, and neither does a colleague's", async () => {
  await take();
  phone.time += 8 * HOURS;
  assert.deepEqual(await shift.locks(), []);
  phone.time -= 8 * HOURS;
  assert.equal((await shift.locks()).length, 1);
  await rider.signIn({ login: "tom", password: town.password });
  enlist();
  assert.deepEqual(await shift.locks(), []);
  await take(); // his own; hers is forgotten
  assert.deepEqual(new Set((await rider.inside.db.all("masters")).map(({ user }) => user)).size, 1);
});

test("a lock that is on no list opens by a token for its challenge, by its number or by its group; not offline", async () => {
  for (const which of [lock_id, null]) {
    const { errand, visit } = await at(which);
    assert.equal((await visit.open()).name, "OK");
    assert.deepEqual([errand.bound, errand.lock_id], [true, lock_id]); // it said itself who it is
    await lock.order("close_ring");
    visit.leave();
  }
  const { filters } = await shift.filters(new Errand(null));
  assert.equal(filters[0].services.length, 1);
  net.way = "off";
  const { visit } = await at();
  const { name, next } = await visit.open();
  assert.deepEqual([name, next], ["OFFLINE", "online"]);
});

test("a lock that lost its clock opens by a fresh token although it is on the list, and knows the time again", async () => {
  await take();
  await lock.order("lose_clock");
  const { errand, visit } = await at();
  assert.equal((await visit.open()).name, "OK");
  assert.deepEqual([errand.bound, errand.said.error], [true, 60 + 1]); // a second for the motor
});

test("a rider's token is no technician's: the cloud gives a rider no shift", async () => {
  await rider.signIn({ login: "ben", password: town.password });
  enlist();
  await refused(take(), "forbidden");
  assert.deepEqual(await rider.inside.db.all("masters"), []);
  const { visit } = await at();
  assert.equal((await visit.open()).name, "UNBOUND");
});

test("nine locks are too many, and one at which another tab is, is left alone", async () => {
  await refused(shift.take(Array.from({ length: LOCKS + 1 }, () => ({ lock_id, code: CODE }))), "invalid");
  await take();
  await at();
  await refused(at(), "other_tab");
});

test("jobs: those worth the way first, also where nobody knows the place", () => {
  const job = (job_id, rank, lat, opened_at = 0) => ({ job_id, rank, opened_at, place: lat === null ? null : { lat, lon: 51_000_000 } });
  const jobs = [job("a", 3, 521_000_000), job("b", 1, 520_100_000), job("c", 3, 520_000_000), job("d", 5, null), job("e", 5, null, -1)];
  const order = (here) => ranked(jobs, here).map(({ job_id }) => job_id).join("");
  assert.equal(order([52.0, 5.1]), "bceda");
  assert.equal(order(null), "baced");
  assert.equal(Math.round(ranked(jobs, [52.0, 5.1]).find(({ job_id }) => job_id === "b").way), 1112);
});

test("a job is taken and done without a network: shown at once, told to the cloud once and in order", async () => {
  const { asset } = await duty.bike(CODE);
  const { job_id } = await lock.order("office", { path: "/jobs", title: "Pump up", asset: asset.asset_id });
  await duty.jobs();
  net.way = "off";
  const job = await duty.job(job_id);
  assert.deepEqual([job.bike, job.assigned_to, job.lock_now], [CODE, null, lock_id]);
  assert.deepEqual(await duty.take(job), { queued: true });
  const { user_id } = await rider.me();
  assert.deepEqual([(await duty.job(job_id)).assigned_to, (await duty.job(job_id)).waits], [user_id, true]);
  assert.deepEqual(await duty.done(job, "done it"), { queued: true });
  assert.equal(await duty.job(job_id), null);
  net.way = "on";
  net.asked = [];
  await rider.deliver();
  assert.deepEqual(net.asked, [`POST /api/v1/jobs/${job_id}/assign`, `POST /api/v1/jobs/${job_id}/done`]);
  assert.deepEqual(await rows("SELECT assigned_to = done_by, note FROM maintenance"), [[1, "done it"]]);
  assert.deepEqual((await duty.jobs()).jobs, []);
});

test("what a colleague did first: said at once with a network, and kept to be seen without", async () => {
  const { job_id } = await lock.order("office", { path: "/jobs", title: "Pump up" });
  const job = await duty.job(job_id);
  await lock.order("office", { path: `/jobs/${job_id}/done`, note: "" });
  await refused(duty.done(job, "me too"), "job_over");
  assert.deepEqual(await rider.aside(), []);
  net.way = "off";
  await duty.done(job, "me too");
  net.way = "on";
  await rider.deliver();
  const [{ kind, refused: why, n }] = await rider.aside();
  assert.deepEqual([kind, why.code], ["job", "job_over"]);
  await rider.dismiss(n);
  assert.deepEqual(await rider.aside(), []);
});

test("out of service, in again, and another lock on the bicycle, also offline", async () => {
  const other = "00112233445566aa";
  const k_lock = "A".repeat(43);
  await lock.order("office", { path: "/locks", lock_id: other, k_lock, kind: "exclusive" });
  const { asset } = await duty.bike(CODE);
  net.way = "off";
  await duty.putOut(asset, "bent wheel");
  let seen = (await duty.bike(CODE)).asset;
  assert.deepEqual([seen.out_reason, seen.waits, seen.out_since !== null], ["bent wheel", true, true]);
  net.way = "on";
  await rider.deliver();
  assert.deepEqual(await rows("SELECT out_reason FROM asset"), [["bent wheel"]]);
  await duty.putIn(asset);
  assert.deepEqual(await rows("SELECT out_reason FROM asset"), [[null]]);
  net.way = "off";
  await duty.fit(asset, other);
  const { asset: now, lock: fitted } = await duty.bike(CODE);
  assert.deepEqual([now.lock_id, fitted], [other, null]); // nothing is known of it here
  net.way = "on";
  await rider.deliver();
  seen = await duty.bike(CODE);
  assert.deepEqual([seen.asset.lock_id, seen.asset.waits, seen.lock.lock_id], [other, undefined, other]);
  await refused(duty.fit(asset, "f".repeat(16)), "not_found");
  assert.equal(await duty.bike("NO-SUCH"), null);
});

test("a lock is asked to blink while there is a network, and nothing of it is kept for later", async () => {
  await duty.find(lock_id);
  assert.deepEqual(await rows("SELECT kind FROM command"), [[1]]);
  net.way = "off";
  await refused(duty.find(lock_id), "offline");
  assert.equal(await rider.waiting(), 0);
});

test("the fleet, nearest first; and from the store when the cloud is away", async () => {
  const fleet = await duty.fleet(null);
  assert.deepEqual(fleet.map(({ code, way, riding }) => [code, way, riding]), [[CODE, null, false]]);
  net.way = "off";
  assert.deepEqual(await duty.fleet(null), fleet);
  assert.equal((await duty.bike(CODE)).stale, true);
});

test("a release comes to the phone part by part, goes on where it broke off, and is whole without a network", async () => {
  const { manifest, files } = await lock.order("roll_out");
  let offered = await releases.offered(lock_id);
  assert.deepEqual([offered.version, offered.here, await releases.whole(offered)], [2, 0, null]);
  let left = 2; // parts, before the network is gone
  net.before = async (_, path) => {
    if (path.includes("/files/") && !left--) throw new TypeError("gone");
  };
  await refused(releases.fetch(offered), "offline");
  offered = await releases.offered(lock_id);
  assert.ok(offered.here > 0 && offered.here < offered.size);
  assert.equal(await releases.whole(offered), null);
  net.before = async () => {};
  net.asked = [];
  const told = [];
  await releases.fetch(offered, (bytes) => told.push(bytes));
  assert.equal(net.asked.length, Object.keys(files).length - 2);
  assert.equal(told.at(-1), offered.size);
  net.way = "off";
  offered = await releases.offered(lock_id);
  assert.equal(offered.here, offered.size);
  const { id, version, parts } = await releases.whole(offered);
  const there = Object.fromEntries(parts.map(([name, data]) => [name, hex(data)]));
  assert.deepEqual([version, there], [2, { "": manifest, ...files }]);
  assert.equal(id, hex(await sha256(unhex(manifest))));
  net.way = "on";
  await releases.fetch({ ...offered, id: "another", files: [] }); // it takes the place of the one before
  assert.equal(await releases.whole(offered), null);
});

test("no release is offered: none is looked for further", async () => {
  assert.equal(await releases.offered(lock_id), null);
  net.way = "off";
  assert.equal(await releases.offered(lock_id), null);
});

test("which lock it was is certain once it has said so", async () => {
  const other = "00112233445566aa";
  await lock.order("office", { path: "/locks", lock_id: other, k_lock: "A".repeat(43), kind: "exclusive" });
  await shift.take([{ lock_id, code: CODE }, { lock_id: other, code: "BIKE-2" }]);
  const { errand, visit } = await at(other, undefined, { wide: true });
  assert.equal(errand.sure, null);
  assert.equal((await visit.open()).name, "OK"); // a token of both
  assert.equal(errand.sure, lock_id);
  net.way = "off";
  await visit.log();
  const carried = (await rider.inside.outbox.waiting()).filter(({ kind }) => kind === "sealed");
  assert.deepEqual(carried.map(({ body }) => body.lock), [lock_id]);
});

test("what a lock asks of a release is cut into blocks, and how far it is rises to the end", () => {
  const parts = [["", new Uint8Array(700).fill(1)], ["aabbccdd", new Uint8Array(512).fill(2)], ["00000000", new Uint8Array(0)]];
  const sent = [];
  const errand = new Errand(lock_id, { sent: (part) => sent.push(part) });
  errand.release = { parts };
  const asked = [["", 0], ["", 512], ["aabbccdd", 0], ["00000000", 0], ["ffffffff", 0], ["", 9999]];
  assert.deepEqual(asked.map((each) => errand.bring(...each).length), [512, 188, 512, 0, 0, 0]);
  assert.deepEqual(sent.slice(0, 4), [512 / 1212, 700 / 1212, 1, 1]);
});

test("a phone that is full says so: the log was not taken along", async () => {
  await take();
  net.way = "off";
  shift = new Shift({ ...rider.inside, carry: () => Promise.reject(new Error("full")) });
  const { visit } = await at();
  assert.equal((await visit.open()).kept, true);
  const { name, kept } = await visit.log();
  assert.deepEqual([name, kept], ["DONE", false]);
});

test("what is done about a bicycle waits for nothing that is carried", async () => {
  await phone.add("outbox", { kind: "sealed", method: "POST", path: "/sealed", body: { batch: "AAAA" }, key: "k".repeat(8) });
  let let_on;
  net.before = (_, path) => path.endsWith("/sealed") && new Promise((settle) => (let_on = settle));
  const { asset } = await duty.bike(CODE);
  assert.deepEqual(await duty.putOut(asset, "bent"), { queued: false });
  while (!let_on) await new Promise(setImmediate);
  let_on();
  await rider.deliver();
  assert.equal(await rider.waiting(), 0);
});
