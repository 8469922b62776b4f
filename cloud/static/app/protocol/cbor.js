// Deterministic CBOR (RFC 8949 §4.2.1) and nothing else: one value has one encoding, and one encoding is accepted.
//
// Integers are Number up to 2^53 − 1 and BigInt beyond (to ±2^64), byte strings Uint8Array, maps Map, tags Tag. Not
// floats, not undefined, no other simple values, nothing of indefinite length. `decode` refuses whatever `encode` would
// not have written, and bounds its work first: the size, the depth, each length against what is left.

import { compared, isBytes } from "./bytes.js";

export const DEPTH = 6; // arrays, maps and tags inside one another
export const LIMIT = 512; // bytes, unless the caller says otherwise

const [UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE] = [0, 1, 2, 3, 4, 5, 6, 7]; // RFC 8949 §3.1
const SIMPLES = new Map([[0xf4, false], [0xf5, true], [0xf6, null]]); // the only three of major type 7
const SHORTEST = [24n, 1n << 8n, 1n << 16n, 1n << 32n]; // the least argument for 1, 2, 4, 8 more bytes, §4.2.1
const BEYOND = 1n << 64n;

/** Not in the one form that is accepted, or not a value that has one. */
export class CborError extends Error {}

/** A tagged value, RFC 8949 §3.4. */
export class Tag {
  constructor(number, value) {
    Object.assign(this, { number, value });
  }
}

/** The one encoding of a value. Throws CborError for what has none. */
export function encode(value) {
  const out = [];
  put(out, value, 0);
  return Uint8Array.from(out);
}

function put(out, value, depth) {
  if (value === null) return out.push(0xf6);
  if (typeof value === "boolean") return out.push(value ? 0xf5 : 0xf4);
  if (Number.isSafeInteger(value) || typeof value === "bigint") {
    return value < 0 ? putHead(out, NEGATIVE, -1n - BigInt(value)) : putHead(out, UNSIGNED, BigInt(value));
  }
  if (value instanceof Uint8Array) return putString(out, BYTES, value);
  if (typeof value === "string") return putString(out, TEXT, utf8(value));
  if (depth === DEPTH) throw new CborError("too deep, or no type of ours");
  if (Array.isArray(value)) {
    putHead(out, ARRAY, BigInt(value.length));
    return value.forEach((item) => put(out, item, depth + 1));
  }
  if (value instanceof Map) return putMap(out, value, depth + 1);
  if (!(value instanceof Tag)) throw new CborError("no type of ours");
  if (!Number.isSafeInteger(value.number) && typeof value.number !== "bigint") throw new CborError("no tag number");
  if (value.number < 0) throw new CborError("no tag number");
  putHead(out, TAG, BigInt(value.number));
  return put(out, value.value, depth + 1);
}

function putString(out, major, bytes) {
  putHead(out, major, BigInt(bytes.length));
  for (const byte of bytes) out.push(byte);
}

function putMap(out, map, depth) {
  const pairs = Array.from(map, ([key, value]) => {
    const head = [];
    put(head, key, depth);
    return [head, value];
  }).sort((a, b) => compared(a[0], b[0]));
  putHead(out, MAP, BigInt(pairs.length));
  let before = null;
  for (const [key, value] of pairs) {
    checkKey(before, key);
    before = key;
    for (const byte of key) out.push(byte);
    put(out, value, depth);
  }
}

function putHead(out, major, argument) {
  if (argument >= BEYOND) throw new CborError("integer beyond 64 bits");
  if (argument < 24n) return out.push((major << 5) | Number(argument));
  const power = SHORTEST.findLastIndex((least) => argument >= least);
  out.push((major << 5) | (24 + power));
  for (let shift = (8 << power) - 8; shift >= 0; shift -= 8) out.push(Number((argument >> BigInt(shift)) & 0xffn));
}

/** The value of one whole item of at most `limit` bytes. Throws CborError for everything else, and nothing else. */
export function decode(data, limit = LIMIT) {
  if (!isBytes(data)) throw new CborError("no bytes");
  if (data.length > limit) throw new CborError("longer than its limit");
  const { value, length } = decodeFirst(data);
  if (length !== data.length) throw new CborError("leftovers");
  return value;
}

/** The same, but whatever is refused throws a `Failure`. */
export function decodeAs(Failure, data, limit) {
  try {
    return decode(data, limit);
  } catch (error) {
    throw error instanceof CborError ? new Failure(error.message) : error;
  }
}

/** {value, length} of the first item of a CBOR sequence (RFC 8742); whoever hands data in has bounded it. */
export function decodeFirst(data) {
  const reader = new Reader(data);
  return { value: reader.item(0), length: reader.at };
}

/** Goes through `data`, standing at `at`. */
class Reader {
  constructor(data) {
    Object.assign(this, { data, at: 0 });
  }

  /** The value of the item that begins here, inside `depth` others. */
  item(depth) {
    const first = this.take(1)[0];
    const major = first >> 5;
    if (major === SIMPLE) {
      if (!SIMPLES.has(first)) throw new CborError("float, undefined or another simple value");
      return SIMPLES.get(first);
    }
    const argument = this.argument(first & 31);
    if (major === UNSIGNED) return argument;
    if (major === NEGATIVE) return number(-1n - BigInt(argument));
    if (major === BYTES) return this.take(argument).slice();
    if (major === TEXT) return text(this.take(argument));
    if (depth === DEPTH) throw new CborError("too deep");
    if (major === TAG) return new Tag(argument, this.item(depth + 1));
    const left = this.data.length - this.at;
    if (argument > (major === MAP ? left >> 1 : left)) throw new CborError("cut short"); // an item is a byte at least
    if (major === MAP) return this.map(argument, depth + 1);
    return Array.from({ length: argument }, () => this.item(depth + 1));
  }

  argument(low) {
    if (low < 24) return low;
    if (low > 27) throw new CborError("indefinite or reserved length");
    let argument = 0n;
    for (const byte of this.take(1 << (low - 24))) argument = (argument << 8n) | BigInt(byte);
    if (argument < SHORTEST[low - 24]) throw new CborError("not in its shortest form");
    return number(argument);
  }

  map(count, depth) {
    const map = new Map();
    let before = null;
    for (let i = 0; i < count; i++) {
      const start = this.at;
      const key = this.item(depth);
      const encoded = this.data.subarray(start, this.at);
      checkKey(before, encoded);
      before = encoded;
      map.set(key, this.item(depth));
    }
    return map;
  }

  /** The next bytes; refused before anything is allocated for them. */
  take(length) {
    if (length > this.data.length - this.at) throw new CborError("cut short");
    return this.data.subarray(this.at, (this.at += Number(length)));
  }
}

// ---- what both directions check

/** Throws unless the key (encoded) may follow the one before it. Byte strings sort before text. */
function checkKey(before, key) {
  const major = key[0] >> 5;
  if (major > TEXT) throw new CborError("map keys are integers, text or bytes");
  if (!before) return;
  if (compared(before, key) >= 0) throw new CborError("map keys unsorted or twice");
  if (major === TEXT && before[0] >> 5 === BYTES) throw new CborError("text and byte-string keys in one map");
}

function number(big) {
  const small = Number(big);
  return Number.isSafeInteger(small) ? small : big;
}

function text(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes); // a mark at the start is text too
  } catch {
    throw new CborError("not UTF-8");
  }
}

function utf8(text) {
  if (/\p{Surrogate}/u.test(text)) throw new CborError("half a character"); // TextEncoder would replace it
  return new TextEncoder().encode(text);
}
