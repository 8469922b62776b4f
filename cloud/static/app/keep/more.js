// What a rider does less often: methods of the Rider (rider.js), given what is inside it.

import * as claims from "./claims.js";
import { changed } from "./db.js";

const KEEP_S = 90 * 86400; // for which a ride that is over, and its receipts, stay on the phone

/** Mine, after asking the cloud if it can be reached. */
async function all(inside) {
  const { api, rider, somebody } = inside;
  try {
    await reconcile({ ...inside, user: await somebody() }, ...(await Promise.all([api.get("/claims"), api.get("/rides")])));
  } catch (refused) {
    if (!refused.later && refused.code !== "sign_in") throw refused;
  }
  return rider.held();
}

export { all as claims };

async function reconcile({ db, api, user, parts, adopt, tell }, { claims: told }, { rides }) {
  const asked = (await db.all("asked")).filter((each) => each.user === user);
  for (const answer of told) {
    const { claim_id, epoch, status } = answer;
    const found = rides.find((each) => each.claim_id === claim_id); // the newest
    const known = { ...claims.facts(answer), user, ...(found && { ride: found }) };
    const row = await db.get("claims", claim_id);
    const runs = status === "open" || (status === "used" && found?.state !== "ended");
    if (row ? row.epoch >= epoch || !runs : !runs) {
      await db.change("claims", claim_id, known);
      continue;
    }
    // one whose answer was lost, one that was issued anew, or another phone's
    const whole = await api.get(`/claims/${claim_id}`);
    const mine = [row, ...asked].find((each) => each?.key && claims.isFor(whole, each.holder));
    if (mine) await adopt(whole, { ...mine, names: { ...row, ...mine.names, ...known } });
    else await db.put("claims", { ...row, ...known, key: null });
  }
  await tidy(db, parts.clock.unix());
  tell();
}

async function tidy(db, now) {
  const old = now - KEEP_S;
  const names = ["claims", "receipts", "asked", "answers"];
  const [rows, receipts, asked, answers] = await Promise.all(names.map((name) => db.all(name)));
  await db.write(names, (stores) => {
    for (const { claim_id, exp, created_at } of rows) if (exp < old && created_at < old) stores.claims.delete(claim_id);
    for (const { id, verdict, kept_at } of receipts) if (verdict && kept_at < old) stores.receipts.delete(id);
    for (const { path, at } of answers) if (at < old) stores.answers.delete(path);
    for (const { id, at } of asked) if (at < now - 86400) stores.asked.delete(id);
  });
}

/** A ride or claim of mine on another phone goes on on this one. -> the claim. */
export function takeOver({ db, parts, asked }, { claim_id }) {
  return parts.locks.request("ringslot claim", async () => {
    const { code, asset_id, label, ride } = (await db.get("claims", claim_id)) ?? {};
    return asked(`/claims/${claim_id}/successor`, {}, { code, asset_id, label, ride });
  });
}

/** The bike is free for others as soon as the cloud hears of it. */
export async function cancel({ db, outbox, rider }, { claim_id }) {
  const row = outbox.row("cancel", "DELETE", `/claims/${claim_id}`);
  await db.write(["claims", "outbox"], (stores) => {
    changed(stores.claims, claim_id, { status: "cancelled" });
    stores.outbox.add(row);
  });
  await gone({ db, rider }, row);
  return rider.held(claim_id);
}

/** {code, kind, text}; queued where the cloud is away: {queued}. Throws what the cloud refuses at once. */
export function fault(inside, fields) {
  return sent(inside, "fault", "/faults", fields);
}

/** A message, or more of one: as fault(). */
export function write(inside, path, fields) {
  return sent(inside, "message", path, fields);
}

async function sent({ db, outbox, rider, somebody }, kind, path, fields) {
  await somebody();
  const row = outbox.row(kind, "POST", path, fields);
  await db.put("outbox", row);
  const left = await gone({ db, rider }, row);
  if (!left?.refused) return { queued: left !== undefined };
  await rider.dismiss(left.n); // who wrote it is still there to be told
  throw Object.assign(new Error(left.refused.text), left.refused);
}

/** Promise of the row once it was refused or can't go now, of undefined once it is delivered: whatever else waits. */
export async function gone({ db, rider }, { key }) {
  const left = async () => (await db.all("outbox")).find((each) => each.key === key);
  let end;
  const settled = new Promise((settle) => {
    end = rider.subscribe(async () => {
      const row = await left();
      if (!row || row.refused) settle();
    });
  });
  await Promise.race([settled, rider.deliver()]).finally(end);
  return left();
}

/** {tickets, at, stale}: mine. */
export async function messages({ api, fresh }) {
  const { value, ...when } = await fresh("/tickets", async () => ({ tickets: await api.pages("/tickets", "tickets", 100, 3) }));
  return { ...value, ...when };
}

/** One with all that was written, {…, at, stale}. */
export async function message({ api, fresh }, ticket_id) {
  const { value, ...when } = await fresh(`/tickets/${ticket_id}`, () => api.get(`/tickets/${ticket_id}`));
  return { ...value, ...when };
}

/** Of a claim or ride: {verdict: none, waiting, same, different; receipts: [{type, at, seq, verdict, why}]}. */
export async function receipts({ db }, claim) {
  const found = claims.receiptsOf(claim, await db.all("receipts"));
  const has = (verdict) => found.some((each) => each.verdict === verdict);
  const verdict = has("different") ? "different" : has(null) ? "waiting" : has("same") ? "same" : "none";
  return { verdict, receipts: found.map(({ type, at, seq, verdict, why }) => ({ type, at, seq, verdict, why })) };
}

/** {rides, at, stale}: the cloud's, newest first. */
export async function rides({ api, fresh }) {
  const { value, ...when } = await fresh("/rides", () => api.get("/rides"));
  return { rides: value.rides, ...when };
}

/** One with its receipts, {…, at, stale}. */
export async function ride({ api, fresh }, ride_id) {
  const { value, ...when } = await fresh(`/rides/${ride_id}`, () => api.get(`/rides/${ride_id}`));
  return { ...value, ...when };
}

/** [{n, kind, body, refused: {code, text}}]: what the cloud refused. `dismiss` it once the person has seen it. */
export function aside({ outbox }) {
  return outbox.aside();
}

export async function dismiss({ db, tell }, n) {
  await db.delete("outbox", n);
  tell();
}

/** What is on this phone, counted. */
export async function keeps({ db, user }) {
  const [claims, receipts, outbox] = await Promise.all(["claims", "receipts", "outbox"].map((name) => db.all(name)));
  const mine = (rows) => rows.filter((each) => each.user === user).length;
  return { claims: mine(claims), receipts: mine(receipts), batches: outbox.filter(({ kind }) => kind === "sealed").length };
}

/** Forgets what is over; what the cloud has not got, and what a ride still needs, stays for this person's return. */
export async function signOut({ api, db, user, parts, rider, leave, tell }) {
  await api.send("DELETE", "/sessions").catch((refused) => {
    if (refused.code !== "sign_in") throw refused; // else it was over already
  });
  const now = parts.clock.unix();
  const over = (await rider.held()).filter((claim) => claims.isOver(claim, now) || !claim.ours);
  const done = (await db.all("receipts")).filter((each) => each.user === user && each.verdict);
  await db.write(["answers", "claims", "receipts", "masters"], (stores) => {
    stores.answers.clear();
    stores.masters.clear(); // a technician's shift ends with its keys
    for (const { claim_id } of over) stores.claims.delete(claim_id);
    for (const { id } of done) stores.receipts.delete(id);
  });
  leave();
  tell();
}
