// The messages of the exchange, and what the holder's proof covers (SPEC.md sections 4 and 5).

import { decodeAs, encode } from "./cbor.js";
import { isBytes, isList, isUint, isUints } from "./shape.js";
import { joined, sha256 } from "./bytes.js";
import { xOf } from "./ed25519.js";

export const [HELLO, CHALLENGE, REQUEST, RESULT, RECEIPT, COLLECT, SEALED] = [1, 2, 3, 4, 5, 6, 7]; // opcodes
export const [OFFER, WANT, DATA, PROGRESS] = [8, 9, 10, 11]; // section 12: update.js
export const TO_PHONE = [CHALLENGE, RESULT, RECEIPT, SEALED, WANT, PROGRESS];
export const [OPEN, END, SERVICE, UPDATE, DECOMMISSION] = [1, 2, 3, 4, 5]; // commands
export const CLOCK_UNKNOWN = 1; // flag of CHALLENGE

// GATT names, section 4; RX is written, TX notifies
export const GATT = {
  service: "7c1a0001-52e9-4f1d-9b57-3a6f0c2e8d11",
  rx: "7c1a0002-52e9-4f1d-9b57-3a6f0c2e8d11",
  tx: "7c1a0003-52e9-4f1d-9b57-3a6f0c2e8d11",
};

const VERSION = 1;
const LIMIT = 1024; // bytes of a body

/** The body is not the message that it claims to be. */
export class ExchangeError extends Error {}

/** `random`: 8 bytes; `patience` 1 asks for 30 s instead of 10. */
export function encodeHello(random, patience) {
  return encode([VERSION, random, patience]);
}

/** {random, patience}. */
export function decodeHello(body) {
  const [version, random, patience] = shaped(body, 3);
  need(version === VERSION && isBytes(random, 8) && isUint(patience, 2));
  return { random, patience };
}

/** {challenge: 16 bytes, clockUnknown, status: sealed for the cloud}. */
export function decodeChallenge(body) {
  const [version, challenge, flags, status] = shaped(body, 4);
  need(version === VERSION && isBytes(challenge, 16) && isUint(flags) && isBytes(status));
  return { challenge, clockUnknown: Boolean(flags & CLOCK_UNKNOWN), status };
}

/** `token`: bytes or null; `proof`: 64 bytes, or 128 with hints. */
export function encodeRequest(command, token, proof) {
  return encode([command, [], token, proof]);
}

/** {command, token, proof}. */
export function decodeRequest(body) {
  const [command, args, token, proof] = shaped(body, 4);
  need(isUint(command) && isList(args, 0) && (token === null || isBytes(token)));
  need(isBytes(proof, 64) || isBytes(proof, 128));
  return { command, token, proof };
}

/** {status, receipt: bytes or null, ms: [verification, storage, motor]}. */
export function decodeResult(body) {
  const [status, receipt, ms] = shaped(body, 3);
  need(isUint(status) && (receipt === null || isBytes(receipt)) && isUints(ms, 3));
  return { status, receipt, ms };
}

/** The one byte string of RECEIPT or SEALED; a sealed batch stays what it is, for the cloud alone to open. */
export function decodeSingle(body) {
  const [item] = shaped(body, 1);
  need(isBytes(item));
  return item;
}

export function encodeCollect() {
  return encode([]);
}

// ---- the proof

/** Promise of the hash that ties a proof to this link: of the bodies of its HELLO and CHALLENGE. */
export function transcriptOf(hello, challenge) {
  return sha256(hello, challenge);
}

/** What the holder signs. `subject`: SHA-256 of the token as sent, or the cti of the running ride. */
export function proofInput(subject, transcript, command) {
  return encode(["ringslot proof", 1, subject, transcript, command, []]);
}

/** The signature with hints: x of the holder's key, x of R. They spare the lock two square roots. */
export function hinted(signature, holder) {
  const hints = [holder, signature.subarray(0, 32)].map(xOf);
  return hints.includes(null) ? signature : joined(signature, ...hints);
}

/** {signature, hints: [x of the holder's key, x of R], or none}. */
export function partsOf(proof) {
  const hints = proof.length > 64 ? [proof.subarray(64, 96), proof.subarray(96)] : [];
  return { signature: proof.subarray(0, 64), hints };
}

/**
 * Promise of a REQUEST's body. `ask`: {command, token} or {command, cti}; `holder`: public key, 32 bytes;
 * `sign(bytes)`: promise of the signature by a key that nobody can read.
 */
export async function request(ask, hello, challenge, holder, sign) {
  const subject = ask.token ? await sha256(ask.token) : ask.cti;
  const covered = proofInput(subject, await transcriptOf(hello, challenge), ask.command);
  const signature = new Uint8Array(await sign(covered));
  return encodeRequest(ask.command, ask.token ?? null, hinted(signature, holder));
}

function shaped(body, length) {
  const item = decodeAs(ExchangeError, body, LIMIT);
  need(isList(item, length));
  return item;
}

function need(condition) {
  if (!condition) throw new ExchangeError("shape");
}
