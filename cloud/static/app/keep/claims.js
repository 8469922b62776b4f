// What a phone knows of its claims: rows of the store, made from the cloud's answers, and how a ride stands by the
// receipts that its lock gave this phone. Pure.

import { END, OPEN } from "../protocol/exchange.js";
import { hex, same, unhex } from "../protocol/bytes.js";
import { Malformed, parse } from "../protocol/token.js";
import { Refused, unb64 } from "./api.js";

// what a receipt makes of the ride it is about
const STATES = { OPEN: "open", REOPEN: "open", HAND_OVER: "open", SUCCESSOR: "open", CLOSE: "parked", END: "ended" };
const FIELDS = ["claim_id", "lock_id", "epoch", "mode", "nbf", "exp", "hold", "longest", "status", "why", "created_at"];

/** The fields of the API's claim that are kept. */
export function facts(answer) {
  const { bike, label } = answer; // of the bicycle that it was made for
  return { ...Object.fromEntries(FIELDS.map((name) => [name, answer[name]])), ...(bike && { code: bike, label }) };
}

/** Whether the claim's token names this public key. Throws Malformed. */
export function isFor({ token }, holder) {
  return token !== null && same(parse(unb64(token)).holder, holder);
}

/** All that opens the bike. Throws Refused where the cloud gave a token that no lock would take from this phone. */
export function opening(answer, { key, holder }) {
  try {
    const token = unb64(answer.token);
    const { cti, successor } = parse(token);
    if (!isFor(answer, holder) || hex(cti) !== answer.cti) throw new Malformed("of another");
    const advertising = answer.advertising.map(({ key }) => unhex(key));
    return { ...facts(answer), token, successor, advertising, key, holder, tried: false };
  } catch (error) {
    throw new Refused(0, "bad_token", `The token is ${error.message}.`);
  }
}

/** A claim's or ride's among receipts, oldest first. */
export function receiptsOf({ claim_id }, receipts) {
  return receipts.filter((each) => each.claim_id === claim_id).sort((a, b) => a.seq - b.seq);
}

/** {id, state: open, parked, ended; began, closed: Unix s, or null where nobody knows} by the phone's receipts (oldest first) and the cloud, or null. */
export function rideOf({ ride, ended }, receipts) {
  const told = receipts.filter(({ type }) => STATES[type]);
  const last = told.at(-1);
  const over = ended !== undefined && (last?.seq ?? 0) <= ended && { state: "ended" }; // nobody heard how
  const at = last?.type === "END" ? last.closed : last?.at; // END is told later than the close that it bills to
  const heard = ride && (ride.closed_at ?? ride.opened_at ?? 0);
  // the cloud may have heard later things from the lock itself; at the same second, this phone stood beside it; and a
  // lock without a clock dates nothing
  const cloudKnows = ride && (!last || (at != null && heard > at) || (ride.state === "ended" && (at == null || heard >= at)));
  if (cloudKnows) return { id: ride.ride_id, state: ride.state, began: ride.opened_at, closed: ride.closed_at, ...over };
  if (!last) return null;
  const start = told.findLastIndex(({ type }) => type === "OPEN" || type === "HAND_OVER"); // may be on another phone
  const closed = told.slice(Math.max(start, 0)).findLast(({ type }) => type === "CLOSE" || type === "END");
  const state = STATES[last.type];
  const began = told[start]?.at ?? ride?.opened_at ?? null;
  const ending = closed?.type === "END" ? closed.closed : closed?.at;
  return { id: ride?.ride_id ?? null, state, began, closed: state === "open" ? null : (ending ?? null), ...over };
}

/** What the pages see of a row: never its key or token. `untold`: the lock has yet to hear that this phone took over. */
export function shown(row, receipts) {
  const { code = null, asset_id = null, label = null, successor = false, reached = false } = row;
  return { ...facts(row), code, asset_id, label, untold: successor && !reached, ours: Boolean(row.key), ride: rideOf(row, receipts) };
}

export function byRide({ claim_id }) {
  return { command: OPEN, cti: unhex(claim_id) };
}

/** What to ask of the lock to open it, as flow.js has it. */
export function toOpen(row, ride) {
  const byToken = { command: OPEN, token: row.token };
  if (row.successor && !row.reached) return [byToken]; // the lock knows another key yet
  const runs = ride && ride.state !== "ended";
  if (runs && (row.mode === "single" || row.successor)) return [byRide(row)];
  return runs || row.tried ? [byRide(row), byToken] : [byToken]; // tried and never heard: it may have begun
}

export function toEnd(row) {
  return [{ command: END, cti: unhex(row.claim_id) }];
}

/** Whether nothing can come of it any more. */
export function isOver({ status, exp, mode, ride }, now) {
  if (ride && ride.state !== "ended") return false;
  if (ride && mode === "single") return true;
  return status === "cancelled" || status === "expired" || status === "used" || exp < now;
}
