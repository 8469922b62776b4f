// Receipts: what the lock says it did, and the cloud's countersigned word that it holds the same (SPEC.md section 8).
//
// A phone cannot check a receipt's MAC: what a phone can hold against anyone is the receipt that the lock gave it here,
// beside the cloud's signature over the hash of what the cloud has.

import { decodeAs, encode } from "./cbor.js";
import { Malformed, parseMac0 } from "./cose.js";
import { hex, sha256, unhex } from "./bytes.js";
import { isBytes, isInt32, isList, isUint, isUints } from "./shape.js";
import { verify } from "./ed25519.js";

const LIMIT = 512; // bytes
export const UNKNOWN = 0xffffffff; // error of a time that is not known
export const [BOLT_OPEN, SHACKLE_CLOSED] = [1, 2]; // bits

const [CTI, REQUEST, ISSUE, DETAIL] = [12, 13, 14, 15];
const OPENING = [CTI, REQUEST, ISSUE];
const isIn = (low, high) => (item) => isUint(item) && item >= low && item <= high;

// type: [name, keys it carries beside 1-11, keys it may carry, shape of its detail]
const TYPES = new Map([
  [1, ["OPEN", OPENING]],
  [2, ["CLOSE", [CTI, DETAIL], [], (d) => isUints(d, 2) && d[1] <= 1]],
  [3, ["REOPEN", [CTI, REQUEST]]],
  [4, ["END", [CTI, DETAIL], [REQUEST], (d) => isUints(d, 3) && isIn(1, 2)(d[2])]],
  [5, ["HAND_OVER", [...OPENING, DETAIL], [], (d) => isList(d, 3) && isBytes(d[0], 8) && isUint(d[1]) && isUint(d[2])]],
  [6, ["ABORT", [CTI, DETAIL], [], (d) => isList(d, 1) && isIn(1, 4)(d[0])]],
  [7, ["SERVICE_OPEN", OPENING]],
  [8, ["SERVICE_CLOSE", []]],
  [9, ["SUCCESSOR", OPENING]],
  [10, ["DECOMMISSION", OPENING]],
  [11, ["UPDATE", [...OPENING, DETAIL], [], (d) => isList(d, 2) && isUint(d[0]) && isBytes(d[1], 32)]],
]);

const isFix = (fix) => isList(fix, 4) && isInt32(fix[0]) && isInt32(fix[1]) && isUint(fix[2]) && isUint(fix[3]);

// key: [name, shape]
const FIELDS = new Map([
  [1, ["lock", (v) => isBytes(v, 8)]],
  [2, ["seq", (v) => isUint(v) && v > 0]],
  [3, ["previous", (v) => isBytes(v, 16)]],
  [4, ["type", (v) => TYPES.has(v)]],
  [5, ["at", (v) => isUint(v)]],
  [6, ["error", (v) => isUint(v)]],
  [7, ["fix", (v) => v === null || isFix(v)]],
  [8, ["bits", (v) => isUint(v, 4)]],
  [9, ["millivolts", (v) => isUint(v)]],
  [10, ["uptime", (v) => isUint(v)]],
  [11, ["boot", (v) => isBytes(v, 4)]],
  [CTI, ["cti", (v) => isBytes(v, 8)]],
  [REQUEST, ["request", (v) => isList(v, 2) && isBytes(v[0], 32) && isBytes(v[1], 64)]],
  [ISSUE, ["issue", (v) => isList(v, 2) && isBytes(v[0], 4) && isUint(v[1])]],
  [DETAIL, ["detail", (v) => isList(v)]],
]);

/** The cloud's word is about other bytes than the lock gave, or is not signed by a key that came with a claim. */
export class Mismatch extends Error {}

/**
 * {lock, seq, previous, type: "OPEN", at, error, fix: [lat, lon, age, accuracy] or null, bits, millivolts, uptime, boot,
 * and where it has them cti, request, issue, detail}. Throws Malformed.
 */
export function parse(data) {
  const item = decodeAs(Malformed, parseMac0(data, LIMIT).payload, LIMIT);
  need(item instanceof Map && item.size <= FIELDS.size);
  for (const [key, value] of item) need(FIELDS.get(key)?.[1](value));
  const [name, carries, may = [], detail] = TYPES.get(item.get(4)) ?? ["", []];
  for (const key of FIELDS.keys()) {
    const due = key < CTI || carries.includes(key);
    need(item.has(key) === due || may.includes(key));
  }
  need(!detail || detail(item.get(DETAIL)));
  return { ...Object.fromEntries(Array.from(item, ([key, value]) => [FIELDS.get(key)[0], value])), type: name };
}

/** Promise of SHA-256 of a receipt as given; its first 16 bytes are the next one's `previous`. */
export function digest(data) {
  return sha256(data);
}

/** What the cloud signs when it has stored a receipt. */
export function countersignInput(lock, seq, hash) {
  return encode(["ringslot countersign", 1, lock, seq, hash]);
}

/**
 * Checks the cloud's word, {digest, kid, countersignature} in hex, against the receipt that the lock gave. Resolves, or
 * rejects with Mismatch. `signers`: Map of kid in hex → public key; those that came with claims, before the ride: a
 * cloud cannot bring in another one afterwards.
 */
export async function compare(data, word, signers) {
  const { lock, seq } = parse(data);
  const hash = await digest(data);
  if (!word.digest) throw new Mismatch(`Receipt ${seq}: the cloud does not take it for that lock's.`);
  if (word.digest !== hex(hash)) throw new Mismatch(`Receipt ${seq}: the cloud holds another one than the lock gave.`);
  const key = signers.get(word.kid);
  const held = key && (await verify(key, countersignInput(lock, seq, hash), signatureOf(word)));
  if (!held) throw new Mismatch(`Receipt ${seq}: the cloud's signature does not hold.`);
}

function signatureOf(word) {
  try {
    return unhex(word.countersignature);
  } catch {
    return new Uint8Array();
  }
}

function need(condition) {
  if (!condition) throw new Malformed("receipt");
}
