// The token: what a phone needs to know of its own (SPEC.md section 3). As strict as the lock, so that what the cloud
// issued wrongly is noticed at the claim and not at the bike. Whose signature it is, the lock judges.

import { decodeAs } from "./cbor.js";
import { Malformed, parseSign1 } from "./cose.js";
import { compared } from "./bytes.js";
import { isBytes, isList, isUint, isUints } from "./shape.js";

export { Malformed };

const LIMIT = 384; // bytes
const LOCKS_MAX = 8;
const [AUD, EXP, NBF, IAT, CTI, CNF, SCOPE, NONCE, TERMS] = [3, 4, 5, 6, 7, 8, 9, 10, -65537]; // claims
const REQUIRED = [AUD, EXP, NBF, IAT, CTI, CNF, SCOPE, TERMS];
export const [RIDE, MAY_SERVICE, MAY_UPDATE, MAY_DECOMMISSION] = [1, 2, 4, 8]; // bits of scope

/**
 * {kid, locks: [[id, epoch]] or null for a group, group, exp, nbf, iat, cti, holder, scope, nonce or undefined,
 * floor, hold, longest, single, successor, toBeSigned, signature, hint}. Throws Malformed.
 */
export function parse(data) {
  const { kid, payload, signature, toBeSigned, hint } = parseSign1(data, LIMIT);
  need(kid.length === 4, "kid");
  return { kid, ...claims(decodeAs(Malformed, payload, LIMIT)), toBeSigned, signature, hint };
}

function claims(item) {
  const nonce = item instanceof Map ? item.get(NONCE) : undefined;
  need(item instanceof Map && REQUIRED.every((name) => item.has(name)), "claims");
  need(item.size === REQUIRED.length + (item.has(NONCE) ? 1 : 0), "claims");
  const aud = item.get(AUD);
  const [locks, group] = isBytes(aud, 4) ? [null, aud] : [pairs(aud), null];
  const [exp, nbf, iat] = [EXP, NBF, IAT].map((name) => item.get(name));
  need([exp, nbf, iat].every((time) => isUint(time)) && exp >= nbf && exp >= iat, "time");
  const [cti, scope, terms] = [CTI, SCOPE, TERMS].map((name) => item.get(name));
  need(isBytes(cti, 8) && isBytes(scope, 1), "cti or scope");
  const ride = scope[0] === RIDE;
  need(ride || (scope[0] < 16 && scope[0] >= 2 && scope[0] % 2 === 0), "scope");
  need(isUints(terms, 4), "terms");
  const [floor, hold, longest, mode] = terms;
  need(mode <= 3 && (ride || terms.every((term) => term === 0)), "terms");
  need(!floor || locks?.length === 1, "floor for several locks");
  need(!item.has(NONCE) || isBytes(nonce, 16), "nonce");
  need(locks || (nonce && !ride), "a group is for nonce-bound masters");
  const times = { exp, nbf, iat, floor, hold, longest, single: !(mode & 1), successor: Boolean(mode & 2) };
  return { locks, group, cti, holder: holderOf(item.get(CNF)), scope: scope[0], nonce, ...times };
}

/** aud: lock id and epoch, flat, sorted by id, no id twice. */
function pairs(aud) {
  need(isList(aud) && aud.length >= 2 && aud.length <= 2 * LOCKS_MAX && aud.length % 2 === 0, "aud");
  const locks = [];
  for (let i = 0; i < aud.length; i += 2) {
    need(isBytes(aud[i], 8) && isUint(aud[i + 1]), "aud");
    need(!i || compared(aud[i - 2], aud[i]) < 0, "aud");
    locks.push([aud[i], aud[i + 1]]);
  }
  return locks;
}

/** COSE_Key: OKP, Ed25519 (RFC 9053 §7.2). */
function holderOf(item) {
  const key = item instanceof Map && item.size === 1 ? item.get(1) : null;
  need(key instanceof Map && key.size === 3 && key.get(1) === 1 && key.get(-1) === 6, "cnf");
  need(isBytes(key.get(-2), 32), "cnf");
  return key.get(-2);
}

function need(condition, what) {
  if (!condition) throw new Malformed(what);
}
