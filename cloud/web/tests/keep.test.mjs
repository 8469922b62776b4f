// What the app keeps and does, without a page: against the real web app and a lock's own logic, both in one Python process.

import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";

import "./spec.mjs";
import { IDBFactory, IDBObjectStore, Network, Phone } from "./pocket.mjs";
import { lock, until } from "./peer.mjs";
import { STEPS } from "../../static/app/keep/db.js";

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

const count = async (table) => (await lock.order("rows", { sql: `SELECT count(*) FROM "${table}"` })).rows[0][0];
const posts = (path) => net.asked.filter((asked) => asked === `POST /api/v1${path}`).length;
const rideState = async (claim) => (await rider.held(claim.claim_id)).ride?.state;

/** A claim whose ride is parked; the phone has left, and all is delivered. */
async function rides() {
  const claim = await rider.claim({ code: BIKE });
  const visit = await phone.at(claim);
  assert.equal((await visit.open()).name, "OK");
  await lock.order("close_ring");
  await until(async () => (await rideState(claim)) === "parked");
  visit.leave();
  await rider.deliver();
  return claim;
}

test("sign in, see bikes, claim, unlock, close, end: every receipt delivered and the same as the cloud's", async () => {
  const { bikes, stale } = await rider.bikes();
  assert.deepEqual([bikes.map(({ code }) => code), stale], [[BIKE], false]);
  const claim = await rider.claim({ code: BIKE });
  assert.deepEqual([claim.code, claim.label, claim.ours, claim.ride], [BIKE, `Bike ${BIKE}`, true, null]);
  assert.deepEqual(await rider.held(claim.claim_id), claim);
  assert.equal((await rider.filters(claim)).filters.length % 256, 0);

  const visit = await phone.at(claim);
  visit.begin();
  assert.equal((await visit.open()).name, "OK");
  assert.equal(await rideState(claim), "open");
  await lock.order("close_ring");
  await until(async () => (await rideState(claim)) === "parked");
  assert.equal((await visit.end()).name, "OK");
  await rider.deliver();
  const { verdict, receipts } = await rider.receipts(claim);
  assert.deepEqual(receipts.map(({ type, verdict }) => [type, verdict]), [["OPEN", "same"], ["CLOSE", "same"], ["END", "same"]]);
  assert.equal(verdict, "same");
  assert.equal(await count("receipt"), 3);
  const { rides } = await rider.rides();
  assert.deepEqual([rides.length, rides[0].state, rides[0].claim_id], [1, "ended", claim.claim_id]);
  assert.equal((await rider.ride(rides[0].ride_id)).receipts.length, 3);
  assert.equal((await rider.claims())[0].ride.id, rides[0].ride_id);
  assert.deepEqual(await rider.keeps(), { claims: 1, receipts: 3, batches: 0 });
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

test("a claim whose answer was lost is found again among the cloud's, by its key", async () => {
  net.way = "deaf";
  await assert.rejects(rider.claim({ code: BIKE }), { code: "offline" });
  assert.deepEqual(await rider.held(), []);
  net.way = "on";
  const [claim] = await rider.claims();
  assert.deepEqual([claim.ours, claim.code], [true, BIKE]);
  assert.equal((await (await phone.at(claim)).open()).name, "OK");
});

test("a key that nobody reads, on disk before its claim is asked for", async () => {
  let found;
  net.before = async (method, path) => {
    if (path.endsWith("/claims")) found = (await phone.rows("asked"))[0];
  };
  await rider.claim({ code: BIKE });
  assert.equal(found.key.extractable, false);
  assert.deepEqual(found.key.usages, ["sign"]);
  await assert.rejects(crypto.subtle.exportKey("pkcs8", found.key));
  assert.deepEqual(await phone.rows("asked"), []);
  assert.equal((await phone.rows("claims"))[0].key.extractable, false);
});

test("in flight mode once claimed: unlock, park, re-open, end; delivered later, once, in order, by one of two tabs", async () => {
  const claim = await rider.claim({ code: BIKE });
  net.way = "off";
  rider = await phone.open(); // started without a network
  assert.equal((await rider.me()).stale, true);
  assert.equal((await rider.claims())[0].claim_id, claim.claim_id);
  const visit = await phone.at(claim);
  assert.equal((await visit.open()).name, "OK");
  await lock.order("close_ring");
  await until(async () => (await rideState(claim)) === "parked");
  visit.leave();
  const again = await phone.at(claim);
  assert.equal((await again.open()).name, "OK"); // by the ride's proof: no token is spent
  await lock.order("close_ring");
  await until(async () => (await rideState(claim)) === "parked");
  assert.equal((await again.end()).name, "OK");
  assert.equal(await rideState(claim), "ended");
  assert.deepEqual([await rider.waiting(), await count("receipt")], [5, 0]);
  assert.equal((await rider.receipts(claim)).verdict, "waiting");

  net.way = "on";
  const other = await phone.open();
  const seqs = [];
  net.sent = ({ receipts }) => receipts && seqs.push(receipts[0]);
  const said = await Promise.all([rider.deliver(), other.deliver(), rider.deliver()]);
  assert.deepEqual(said.map(({ waiting }) => waiting), [0, 0, 0]);
  assert.equal(posts("/receipts"), 5);
  const kept = (await phone.rows("receipts")).sort((a, b) => a.seq - b.seq);
  assert.deepEqual(seqs, kept.map(({ receipt }) => Buffer.from(receipt).toString("base64url")));
  assert.equal((await rider.receipts(claim)).verdict, "same");
});

test("a delivery whose answer was lost is sent again under its key, and counts once", async () => {
  const claim = await rides();
  net.way = "off";
  assert.equal((await (await phone.at(claim)).open()).name, "OK");
  const keys = [];
  net.sent = (body, headers) => body.receipts && keys.push(headers["Idempotency-Key"]);
  net.way = "deaf";
  await rider.deliver();
  const other = await phone.open(); // killed, and started anew
  net.way = "on";
  await other.deliver();
  assert.deepEqual([keys.length, new Set(keys).size, await other.waiting()], [2, 1, 0]);
  assert.equal((await rider.receipts(claim)).verdict, "same");
});

test("the server is away, or somebody else answers: the outbox waits longer each time, and refuses nothing", async () => {
  const claim = await rides();
  net.way = "portal";
  const visit = await phone.at(claim);
  await visit.open();
  await until(() => net.tries === 1);
  for (const ms of [1_999, 2_001, 3_999, 4_001, 8_001]) phone.clock.pass(ms), await soon();
  assert.equal(net.tries, 4); // after 2, 4 and 8 s
  assert.deepEqual([await rider.waiting(), await rider.aside()], [1, []]);
  net.way = "on";
  assert.deepEqual(await rider.deliver(), { delivered: 1, waiting: 0 });
});

test("what the cloud refuses is set aside and shown, and holds up nothing behind it", async () => {
  net.way = "off";
  const fault = { code: "NO-SUCH", kind: "brake", text: "It squeals" };
  assert.deepEqual(await rider.fault(fault), { queued: true });
  await rider.fault({ ...fault, code: BIKE });
  net.way = "on";
  assert.deepEqual(await rider.deliver(), { delivered: 1, waiting: 0 });
  const [refused, ...rest] = await rider.aside();
  assert.deepEqual([refused.refused.code, refused.body, rest], ["not_found", fault, []]);
  assert.equal(await count("fault"), 1);
  await rider.deliver();
  assert.equal(posts("/faults"), 2); // not again
  await rider.dismiss(refused.n);
  assert.deepEqual(await rider.aside(), []);
});

test("what the cloud refuses at once is said to whoever wrote it, and not set aside", async () => {
  await assert.rejects(rider.fault({ code: "NO-SUCH", kind: "brake", text: null }), { code: "not_found" });
  await assert.rejects(rider.write("/tickets", { kind: "dispute", subject: "x", text: "y", ride: "0".repeat(32) }), { code: "not_found" });
  assert.deepEqual([await rider.aside(), await rider.waiting()], [[], 0]);
});

test("a session that is over: claims in hand open, receipts wait for the next sign-in", async () => {
  const claim = await rider.claim({ code: BIKE });
  net.forgetCookie();
  assert.deepEqual((({ login, stale, over }) => [login, stale, over])(await rider.me()), ["anna", true, true]);
  assert.equal((await (await phone.at(claim)).open()).name, "OK");
  await rider.deliver();
  assert.deepEqual([await rider.waiting(), await count("receipt")], [1, 0]);
  await rider.signIn({ login: "anna", password: town.password });
  await until(async () => (await rider.waiting()) === 0);
  assert.equal((await rider.receipts(claim)).verdict, "same");
});

test("a session that is over: signing out forgets all the same, and a lock without a clock asks for a sign-in", async () => {
  const claim = await rider.claim({ code: BIKE });
  await lock.order("lose_clock");
  net.forgetCookie();
  const { name, next } = await (await phone.at(claim)).open();
  assert.deepEqual([name, next], ["SIGNED_OUT", "sign_in"]);
  await rider.signOut();
  assert.deepEqual([await rider.me(), await rider.held()], [null, []]);
});

test("whoever signed in on another page is known before anything is kept; nothing is kept for nobody", async () => {
  const other = new Phone(net, town.now); // has the cookie, and never asked who it is
  const second = await other.open();
  const claim = await second.claim({ code: BIKE });
  await second.me();
  assert.deepEqual((await second.held()).map(({ claim_id }) => claim_id), [claim.claim_id]);

  await rider.send("POST", "/sessions", { login: "ben", password: town.password, cookie: true }); // as /account does
  await rider.write("/tickets", { kind: "support", subject: "x", text: "y", ride: null }).catch(() => {});
  assert.deepEqual(await rider.held(), []); // Ben's

  const nobody = new Phone(new Network(town.url), town.now);
  const third = await nobody.open();
  await assert.rejects(third.fault({ code: BIKE, kind: "brake", text: null }), { code: "sign_in" });
  await assert.rejects(third.claim({ code: BIKE }), { code: "sign_in" });
  assert.deepEqual([await nobody.rows("outbox"), await nobody.rows("asked")], [[], []]);
});

test("a row of before that nobody owns becomes its rider's, once the cloud says whose claim it is", async () => {
  const claim = await rider.claim({ code: BIKE });
  const [row] = await phone.rows("claims");
  await phone.add("claims", { ...row, user: null });
  assert.deepEqual(await rider.held(), []);
  const [again] = await rider.claims();
  assert.deepEqual([again.claim_id, again.ours], [claim.claim_id, true]);
});

test("another tab signed in anew: what the form's token was changes, and nobody notices", async () => {
  const other = await phone.open();
  await other.signIn({ login: "anna", password: town.password });
  assert.equal((await rider.claim({ code: BIKE })).ours, true);
});

test("no room: said before a claim is asked for", async () => {
  phone.storage.room = 1000;
  await assert.rejects(rider.claim({ code: BIKE }), { code: "storage_full" });
  phone.storage.room = 1e9;
  const put = full("asked");
  await assert.rejects(rider.claim({ code: BIKE }), { code: "storage_full" });
  assert.equal(posts("/claims"), 0);
  IDBObjectStore.prototype.put = put;
  assert.equal((await rider.claim({ code: BIKE })).ours, true);
  assert.equal(phone.storage.persisted, true);
});

test("a receipt that the store would not take is said, held, and delivered all the same", async () => {
  const claim = await rider.claim({ code: BIKE });
  const put = full("receipts");
  const { name, kept } = await (await phone.at(claim)).open();
  assert.deepEqual([name, kept, await rider.waiting()], ["OK", false, 1]);
  IDBObjectStore.prototype.put = put;
  await rider.deliver();
  assert.equal(await rider.waiting(), 0);
  assert.equal((await rider.receipts(claim)).verdict, "same");
});

test("an update of the app loses neither token nor receipt, and a tab of the old one goes on", async () => {
  phone.idb = new IDBFactory();
  rider = await phone.open({ steps: STEPS.slice(0, 1) }); // the first version that there was
  await rider.signIn({ login: "anna", password: town.password });
  const claim = await rider.claim({ code: BIKE });
  net.way = "off";
  const visit = await phone.at(claim);
  assert.equal((await visit.open()).name, "OK");
  const more = (db, { objectStore }) => void (db.createObjectStore("more"), objectStore);
  const updated = await phone.open({ steps: [...STEPS, more] });
  assert.deepEqual(await updated.held(claim.claim_id), await rider.held(claim.claim_id));
  await lock.order("close_ring"); // told to the old tab, which had to let the database go
  await until(async () => (await rider.held(claim.claim_id)).ride.state === "parked");
  visit.leave();
  const again = await phone.at(claim, { rider: updated });
  assert.equal((await again.open()).name, "OK"); // with the same key
  net.way = "on";
  await updated.deliver();
  assert.deepEqual((await updated.receipts(claim)).receipts.map(({ verdict }) => verdict), ["same", "same", "same"]);
});

test("two tabs at one lock: the second is told, until the first has left", async () => {
  const claim = await rider.claim({ code: BIKE });
  const other = await phone.open();
  const first = await phone.at(claim, { rider });
  await assert.rejects(phone.at(claim, { rider: other }), { code: "other_tab" });
  first.leave();
  await until(() => phone.at(claim, { rider: other }).then((visit) => visit.open(), () => null));
});

test("the answer of an unlock was lost: asked first whether the ride runs, also after a restart", async () => {
  const claim = await rider.claim({ code: BIKE });
  const visit = await phone.at(claim, { radio: { lose: true } });
  assert.equal((await visit.open()).name, "UNSURE");
  assert.equal(await rideState(claim), undefined);
  rider = await phone.open();
  const again = await phone.at(claim);
  assert.equal((await again.open()).name, "OK");
  assert.equal((await lock.order("state")).moved, 1);
});

test("a bike that was closed unheard: the ride lasted until then, not until somebody said that it is over", async () => {
  const claim = await rider.claim({ code: BIKE });
  const visit = await phone.at(claim);
  assert.equal((await visit.open()).name, "OK");
  visit.leave();
  await lock.order("wait", { seconds: 40 });
  await lock.order("close_ring");
  await lock.order("wait", { seconds: 90 });
  assert.equal((await (await phone.at(claim)).end()).name, "OK");
  const { state, began, closed } = (await rider.held(claim.claim_id)).ride;
  assert.equal(state, "ended");
  assert.ok(closed - began >= 40 && closed - began < 90, `${closed - began} s`);
  await rider.deliver();
  const [{ ride }] = await rider.claims();
  assert.deepEqual([ride.state, ride.began, ride.closed], ["ended", began, closed]);
});

test("the answer of an end was lost: the lock knows of no ride any more, and it is over here too", async () => {
  const claim = await rides();
  assert.equal((await (await phone.at(claim, { radio: { lose: true } })).end()).name, "UNSURE");
  assert.equal(await rideState(claim), "parked");
  const { name, next } = await (await phone.at(claim)).end();
  assert.deepEqual([name, next], ["NO_RIDE", "ride"]);
  assert.equal(await rideState(claim), "ended");
});

test("a lock that lost its clock: a bound token from the cloud; without a network, the next step is said", async () => {
  const claim = await rider.claim({ code: BIKE });
  await lock.order("lose_clock");
  net.way = "off";
  const { name, next } = await (await phone.at(claim)).open();
  assert.deepEqual([name, next], ["OFFLINE", "online"]);
  net.way = "on";
  await until(() => phone.at(claim).then((visit) => visit.open()).then(({ name }) => name === "OK", () => false));
  await rider.deliver();
  assert.equal((await rider.receipts(claim)).verdict, "same");
});

test("a phone that died: another takes the ride over, and the first learns it", async () => {
  const claim = await rides();
  const other = new Phone(new Network(town.url), town.now);
  const second = await other.open();
  await second.signIn({ login: "anna", password: town.password });
  const [seen] = await second.claims();
  assert.deepEqual([seen.claim_id, seen.code, seen.ours], [claim.claim_id, BIKE, false]);
  await assert.rejects(other.at(seen), { code: "no_key" });
  const taken = await second.takeOver(seen);
  assert.deepEqual([taken.ours, taken.untold], [true, true]);
  assert.equal((await (await other.at(taken, { radio: { lose: true } })).open()).name, "UNSURE");
  const there = await other.at(taken);
  assert.equal((await there.open()).name, "OK");
  await lock.order("close_ring");
  await until(async () => (await second.held(taken.claim_id)).ride.state === "parked");
  assert.equal((await there.open()).name, "OK"); // as the running ride now
  const [old] = await rider.claims();
  assert.equal(old.ours, false);
});

test("a take-over that comes too late to the lock: it is asked for again, and holds", async () => {
  const claim = await rides();
  const other = new Phone(new Network(town.url), town.now);
  const second = await other.open();
  await second.signIn({ login: "anna", password: town.password });
  const late = await second.takeOver(claim);
  await lock.order("wait", { seconds: 620 });
  const visit = await other.at(late);
  const { name, next } = await visit.open();
  assert.deepEqual([name, next], ["LATE", "take_over"]);
  visit.leave();
  const taken = await second.takeOver(late);
  assert.equal((await (await other.at(taken)).open()).name, "OK");
  assert.equal((await second.held(taken.claim_id)).untold, false);
});

test("a take-over at a lock that lost its clock", async () => {
  const claim = await rides();
  const other = new Phone(new Network(town.url), town.now);
  const second = await other.open();
  await second.signIn({ login: "anna", password: town.password });
  const taken = await second.takeOver(claim);
  await lock.order("lose_clock");
  assert.equal((await (await other.at(taken)).open()).name, "OK");
});

test("a cancelled claim: noted at once, told to the cloud when it can be", async () => {
  const claim = await rider.claim({ code: BIKE });
  net.way = "off";
  assert.equal((await rider.cancel(claim)).status, "cancelled");
  net.way = "on";
  await rider.deliver();
  assert.equal((await rider.claims())[0].status, "cancelled");
  const ben = new Phone(new Network(town.url), town.now);
  await (await ben.open()).signIn({ login: "ben", password: town.password });
  assert.equal((await ben.rider.claim({ code: BIKE })).ours, true);
});

test("sealed batches of a lock: carried, delivered once, after one's own receipts; one of nobody's is dropped", async () => {
  const claim = await rider.claim({ code: BIKE });
  net.way = "off";
  const visit = await phone.at(claim);
  assert.equal((await visit.open()).name, "OK");
  const { name, batches } = await visit.collect();
  assert.equal(name, "DONE");
  assert.ok(batches > 0);
  visit.leave();
  await (await phone.at(claim)).collect(); // the same receipts, sealed anew
  assert.equal((await rider.keeps()).batches, 2 * batches);
  await phone.add("outbox", { kind: "sealed", method: "POST", path: "/sealed", body: { batch: "AAAA" }, key: "k".repeat(8) });
  net.way = "on";
  await rider.deliver();
  assert.equal(await rider.waiting(), 0);
  assert.deepEqual(await rider.aside(), []);
  assert.equal(net.asked.at(-1), "POST /api/v1/sealed");
  assert.equal(net.asked.indexOf("POST /api/v1/receipts") < net.asked.indexOf("POST /api/v1/sealed"), true);
  assert.equal(await count("receipt"), 1);
});

test("what one writes oneself is not held up by what is carried for others", async () => {
  await phone.add("outbox", { kind: "sealed", method: "POST", path: "/sealed", body: { batch: "AAAA" }, key: "k".repeat(8) });
  let let_on;
  net.before = (_, path) => path.endsWith("/sealed") && new Promise((settle) => (let_on = settle));
  assert.deepEqual(await rider.fault({ code: BIKE, kind: "brake", text: null }), { queued: false });
  assert.deepEqual([await count("fault"), await rider.waiting()], [1, 1]);
  await until(() => let_on);
  let_on();
  await until(async () => (await rider.waiting()) === 0);
});

test("a cloud that holds another receipt, or signs with another key, is caught", async () => {
  const claim = await rides();
  assert.equal((await rider.receipts(claim)).verdict, "same");
  const [signer] = await phone.rows("signers");
  await phone.add("signers", { ...signer, key: Buffer.alloc(32, 1).toString("base64url") });
  const again = await phone.at(claim);
  await again.open();
  await rider.deliver();
  assert.equal((await rider.receipts(claim)).verdict, "different");
  await lock.order("close_ring");
  await until(async () => (await rideState(claim)) === "parked");
  assert.equal((await again.end()).name, "OK");
  await rider.deliver();
  await rider.claim({ code: BIKE });
  assert.notEqual((await phone.rows("signers"))[0].key, signer.key); // a cloud cannot bring in another one afterwards
});

test("sign out: what is over is forgotten, what the cloud has not got stays; the next person sees neither", async () => {
  const claim = await rides();
  net.way = "off";
  await (await phone.at(claim)).end();
  await assert.rejects(rider.signOut(), { code: "offline" });
  net.way = "on";
  net.refuse = "/receipts"; // 503
  await rider.signOut();
  assert.equal(await rider.me(), null);
  assert.deepEqual(await rider.held(), []);
  const kept = await phone.rows("receipts");
  assert.deepEqual(kept.map(({ verdict }) => verdict), [null]);
  net.refuse = null;
  await rider.signIn({ login: "ben", password: town.password });
  assert.deepEqual(await rider.held(), []);
  await rider.deliver(); // it is its own proof
  assert.equal(await count("receipt"), 3);
  assert.equal((await rider.receipts(claim)).receipts.length, 1);
});

test("what is long over leaves the phone; what the cloud has not got, stays", async () => {
  const claim = await rides();
  net.refuse = "/receipts";
  await (await phone.at(claim)).end();
  await rider.rides();
  phone.time += 91 * 86400;
  await rider.claims();
  assert.deepEqual([await phone.rows("claims"), (await phone.rows("answers")).map(({ path }) => path)], [[], ["/me"]]);
  assert.deepEqual((await phone.rows("receipts")).map(({ type, verdict }) => [type, verdict]), [["END", null]]);
  net.refuse = null;
  await rider.deliver();
  assert.equal(await count("receipt"), 3);
});

test("a proxy's regrets and an empty page are no answers; offline, bikes are the last that were seen", async () => {
  const { at } = await rider.bikes();
  for (const way of ["off", "portal", "empty", "wall"]) {
    net.way = way;
    const { bikes, stale, at: then } = await rider.bikes();
    assert.deepEqual([bikes.length, stale, then], [1, true, at]);
    assert.deepEqual((({ code, stale }) => [code, stale])(await rider.bike(BIKE)), [BIKE, true]);
    await assert.rejects(rider.rides(), { code: "offline" }); // never asked for before
  }
  net.way = "on";
  await assert.rejects(rider.bike("NO-SUCH"), { code: "not_found" });
});

test("a pool's bike: a claim for a period starts one ride after another", async () => {
  town = await lock.order("town", { people: ["anna"], code: BIKE, kind: "pooled" });
  phone = new Phone(new Network(town.url), town.now);
  rider = await phone.open();
  await rider.signIn({ login: "anna", password: town.password });
  await assert.rejects(rider.claim({ code: BIKE }), { code: "pool_needs_period" });
  const claim = await rider.claim({ code: BIKE, mode: "period" });
  for (const types of [["OPEN", "CLOSE", "END"], ["OPEN", "CLOSE", "END", "OPEN", "CLOSE", "END"]]) {
    const visit = await phone.at(claim);
    assert.equal((await visit.open()).name, "OK");
    assert.equal(await rideState(claim), "open");
    await lock.order("close_ring");
    await until(async () => (await rideState(claim)) === "parked");
    assert.equal((await visit.end()).name, "OK");
    visit.leave();
    await rider.deliver();
    assert.deepEqual((await rider.receipts(claim)).receipts.map(({ type }) => type), types);
  }
  assert.equal((await rider.rides()).rides.length, 2);
});

/** Lets everything that is due happen. */
async function soon() {
  for (let i = 0; i < 20; i++) await new Promise((settle) => setTimeout(settle, 1));
}

/** The store is full for rows of this name, as Chromium says it. -> what undoes it */
function full(name) {
  const { put } = IDBObjectStore.prototype;
  IDBObjectStore.prototype.put = function (...given) {
    if (this.name === name) throw new DOMException("full", "QuotaExceededError");
    return put.apply(this, given);
  };
  return put;
}
