// What a technician's phone says to bring a release (SPEC.md section 12). The phone carries bytes; the lock judges them.

import { decodeAs, encode } from "./cbor.js";
import { ExchangeError } from "./exchange.js";
import { isBytes, isList, isUint, isUints } from "./shape.js";

const LIMIT = 600; // bytes of a message
export const BLOCK = 512; // bytes asked for at a time
export const STATES = ["", "downloading", "verified", "trial", "confirmed", "rolled_back", "refused"];
export const LAST = [3, 5, 6]; // states after which nothing more comes

export function encodeOffer(version, digest) {
  return encode([version, digest]);
}

/** {name: 4 bytes, or none for the manifest, offset}. Throws ExchangeError. */
export function decodeWant(body) {
  const item = decodeAs(ExchangeError, body, LIMIT);
  if (!isList(item, 2) || !isUint(item[1])) throw new ExchangeError("shape");
  if (!isBytes(item[0], 4) && !isBytes(item[0], 0)) throw new ExchangeError("name");
  return { name: item[0], offset: item[1] };
}

/** `data`: BLOCK bytes or up to the file's end; none for what is not there. */
export function encodeData(name, offset, data) {
  return encode([name, offset, data]);
}

/** {state, reason}. Throws ExchangeError. */
export function decodeProgress(body) {
  const item = decodeAs(ExchangeError, body, LIMIT);
  if (!isUints(item, 2)) throw new ExchangeError("shape");
  return { state: item[0], reason: item[1] };
}
