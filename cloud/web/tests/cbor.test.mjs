// One value, one encoding, one verdict: the app's CBOR beside the lock's, on the lock's own test cases and mutations.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import "./spec.mjs";
import { lock } from "./peer.mjs";
import { hex, unhex } from "../../static/app/protocol/bytes.js";
import { CborError, Tag, decode, encode } from "../../static/app/protocol/cbor.js";

after(() => lock.end());

function plain(value) {
  if (value === null || typeof value === "boolean") return { simple: value };
  if (typeof value === "number" || typeof value === "bigint") return { int: String(value) };
  if (value instanceof Uint8Array) return { bytes: hex(value) };
  if (typeof value === "string") return { text: value };
  if (Array.isArray(value)) return { list: value.map(plain) };
  if (value instanceof Map) return { map: Array.from(value, (pair) => pair.map(plain)) };
  return { tag: [String(value.number), plain(value.value)] };
}

test("accepts what the lock accepts, as the same values, and refuses the rest", async () => {
  const { cases } = await lock.order("cbor_cases");
  let [good, bad] = [0, 0];
  for (const [item, value] of Object.entries(cases)) {
    const data = unhex(item);
    if (value === null) {
      assert.throws(() => decode(data), CborError, item);
      bad += 1;
      continue;
    }
    const found = decode(data);
    assert.deepEqual(plain(found), value, item);
    assert.equal(hex(encode(found)), item);
    good += 1;
  }
  assert.ok(good > 400 && bad > 1500, `${good} good, ${bad} bad`);
});

test("every good one cut short, or with a byte more, is refused", async () => {
  const { cases } = await lock.order("cbor_cases", { seed: 2 });
  for (const item of Object.keys(cases).filter((item) => cases[item] !== null)) {
    const data = unhex(item);
    for (let n = 0; n < data.length; n++) assert.throws(() => decode(data.subarray(0, n)), CborError);
    assert.throws(() => decode(unhex(item + "00")), CborError);
  }
});

test("the limit is on bytes, and declared lengths allocate nothing", () => {
  const item = encode(new Uint8Array(509));
  assert.equal(decode(item).length, 509);
  assert.throws(() => decode(encode(new Uint8Array(510))), CborError);
  assert.equal(decode(encode(new Uint8Array(510)), 1024).length, 510);
  for (const major of [0x40, 0x60, 0x80, 0xa0]) {
    for (const length of [2, 24, 256, 65536, 2 ** 31, 2 ** 32, 2n ** 63n, 2n ** 64n - 1n]) {
      const head = encode(length);
      head[0] |= major;
      assert.throws(() => decode(head), CborError);
      assert.throws(() => decode(Uint8Array.of(...head, 0)), CborError);
    }
  }
});

test("depth six and not seven", () => {
  for (const opening of ["81", "a100", "c1"]) {
    assert.doesNotThrow(() => decode(unhex(opening.repeat(6) + "f6")));
    for (const depth of [7, 8, 100, 5000]) {
      assert.throws(() => decode(unhex(opening.repeat(depth) + "f6"), 16384), CborError);
    }
  }
});

test("maps are sorted whatever order they were filled in", () => {
  const keys = [0, 23, 24, 300, -1, -300, "", "z", "aa", "\u00fc"];
  const sorted = encode(new Map(keys.map((key) => [key, null])));
  assert.equal(hex(sorted), "aa" + keys.map((key) => hex(encode(key)) + "f6").join(""));
  assert.deepEqual(encode(new Map(keys.reverse().map((key) => [key, null]))), sorted);
});

test("what has no encoding", () => {
  const loop = [];
  loop.push(loop);
  const bytes = new Uint8Array(1);
  const none = [1.5, NaN, Infinity, 2 ** 53, 2n ** 64n, -(2n ** 64n) - 1n, undefined, {}, new Set(), () => 0, loop];
  none.push([[[[[[[]]]]]]], "\ud800", new Map([[1.5, 0]]), new Map([[null, 0]]), new Map([[true, 0]]), new Map([[[], 0]]));
  none.push(new Map([[bytes, 0], ["b", 0]]), new Map([[1, 0], [1n, 0]]), new Map([[bytes, 0], [bytes.slice(), 0]]));
  none.push(new Tag(-1, 0), new Tag(2n ** 64n, 0), new Tag("18", 0), new Tag(18, 1.5), [undefined], [1.5]);
  for (const value of none) assert.throws(() => encode(value), CborError, String(value));
});

test("only bytes are decoded", () => {
  for (const data of ["00", [0], null, undefined, 0, new ArrayBuffer(1)]) assert.throws(() => decode(data), CborError);
});

test("a byte order mark is text like any other", () => {
  assert.equal(decode(unhex("63efbbbf")), "\ufeff");
});
