// Every vector of SPEC.md section 13 that a phone has to do with, good and bad, by the app's own code.
//
// What only a lock or a cloud opens (status, batches, MACs) is opened here with Node's own ciphers and our structures.
// What a phone neither makes nor judges (keysets, telemetry, releases) is held to the encoding and to the signatures.

import assert from "node:assert/strict";
import { createDecipheriv, createHmac, hkdfSync } from "node:crypto";
import { test } from "node:test";

import { statuses, vectors } from "./spec.mjs";
import { hex, joined, sha256, unhex } from "../../static/app/protocol/bytes.js";
import { CborError, Tag, decode, decodeFirst, encode } from "../../static/app/protocol/cbor.js";
import * as cose from "../../static/app/protocol/cose.js";
import { verify, xOf } from "../../static/app/protocol/ed25519.js";
import { COLOURS, coloursOf } from "../../static/app/protocol/colour.js";
import * as exchange from "../../static/app/protocol/exchange.js";
import { FrameError, Receiver, Sender } from "../../static/app/protocol/frames.js";
import { NAMES, cuts, ofStatus } from "../../static/app/protocol/outcome.js";
import * as receipt from "../../static/app/protocol/receipt.js";
import * as token from "../../static/app/protocol/token.js";
import { values, wanted } from "../../static/app/protocol/advertising.js";

const KEYS_OF_PARTS = { 1: "lock", 2: "seq", 12: "cti" };

function derive(kLock, label, length) {
  const info = Buffer.concat([Buffer.from("ringslot 1 "), label]);
  return new Uint8Array(hkdfSync("sha256", kLock, Buffer.alloc(0), info, length));
}

/** The plaintext of a COSE_Encrypt0 (AES-CCM-16-64-128, RFC 9053 §4.2). */
function opened(key, data, aad) {
  const { number, value } = decode(data, 1024);
  assert.equal(number, 16);
  const [prot, header, sealed] = value;
  assert.equal(hex(prot), "a1010a");
  const decipher = createDecipheriv("aes-128-ccm", key, header.get(5), { authTagLength: 8 });
  decipher.setAuthTag(sealed.subarray(-8));
  decipher.setAAD(encode(["Encrypt0", prot, aad]), { plaintextLength: sealed.length - 8 });
  const plain = decipher.update(sealed.subarray(0, -8));
  decipher.final();
  return new Uint8Array(plain);
}

/** Whether each signature of a COSE_Sign (RFC 9052 §4.4) verifies by its key; one by a stranger says nothing. */
async function signedBy(data, keyOf, aad = "") {
  const { number, value } = decodeFirst(data).value;
  assert.equal(number, 98);
  const [, , payload, signatures] = value;
  for (const [prot, , signature] of signatures) {
    const key = keyOf(decode(prot).get(4), payload);
    const covered = encode(["Signature", new Uint8Array(), prot, new TextEncoder().encode(aad), payload]);
    if (key) assert.ok(await verify(key, covered, signature));
  }
  return payload;
}

const keysOf = (keyset) => decode(keyset, 1024).get(2).map(([kid, key]) => [hex(kid), key]);

const CHECKS = {
  cbor: (v) => assert.equal(hex(encode(decode(unhex(v.item)))), v.item),
  ed25519: async (v) => assert.ok(await verify(unhex(v.key), unhex(v.message), unhex(v.signature))),
  derive: (v) => assert.equal(hex(derive(unhex(v.k_lock), unhex(v.label), v.value.length / 2)), v.value),
  kid: async (v) => assert.equal(hex(joined(unhex(v.role), (await sha256(unhex(v.key))).subarray(0, 3))), v.kid),
  adv: async (v) => {
    const label = Buffer.concat([Buffer.from("adv"), Buffer.alloc(3), Buffer.from([Number(v.index)])]);
    assert.equal(hex(derive(unhex(v.k_lock), label, 16)), v.key);
    const shown = await values([unhex(v.key)]);
    assert.equal(hex(shown[Number(v.slot)]), v.payload);
    assert.equal(shown.length, 256);
    const [filter] = wanted(shown.slice(Number(v.slot))).filters;
    assert.equal(filter.manufacturerData[0].companyIdentifier, 0xffff);
    assert.equal(hex(filter.manufacturerData[0].dataPrefix), v.payload);
  },
  token: async (v) => {
    const parsed = token.parse(unhex(v.token));
    assert.ok(await verify(unhex(v.issuer), parsed.toBeSigned, parsed.signature));
    if (parsed.hint) assert.deepEqual(parsed.hint, xOf(parsed.signature.subarray(0, 32)));
    assert.equal(hex(await sha256(unhex(v.token))), v.hash);
  },
  exchange: async (v) => {
    const [hello, challenge] = [unhex(v.hello), unhex(v.challenge)];
    const { random, patience } = exchange.decodeHello(hello);
    assert.equal(hex(exchange.encodeHello(random, patience)), v.hello);
    assert.equal(hex(await exchange.transcriptOf(hello, challenge)), v.transcript);
    const said = exchange.decodeChallenge(challenge);
    const key = derive(unhex(v.k_lock), Buffer.from("status"), 16);
    assert.equal(hex(opened(key, said.status, joined(hello, said.challenge))), v.status);
    assert.equal(said.clockUnknown, false);
  },
  colours: (v) => {
    const shown = coloursOf(unhex(v.transcript));
    assert.equal(shown.join(" "), v.colours);
    assert.equal(shown.map((colour) => `0${COLOURS.indexOf(colour)}`).join(""), v.code);
  },
  proof: async (v) => {
    const { command, token: sent, proof } = exchange.decodeRequest(unhex(v.request));
    const { signature, hints } = exchange.partsOf(proof);
    const [, , subject, transcript, covered] = decode(unhex(v.covered));
    assert.equal(covered, command);
    if (sent) assert.deepEqual(subject, await sha256(sent));
    assert.equal(hex(exchange.proofInput(subject, transcript, command)), v.covered);
    assert.ok(await verify(unhex(v.holder), unhex(v.covered), signature));
    const whole = exchange.hinted(signature, unhex(v.holder));
    assert.equal(whole.length, 128);
    if (hints.length) assert.deepEqual(whole, proof);
    assert.equal(hex(exchange.encodeRequest(command, sent, proof)), v.request);
  },
  frames: (v) => {
    const frames = new Sender().frames(exchange.HELLO, unhex(v.body), 12);
    assert.equal(frames.map(hex).join(" "), v.frames);
    const receiver = new Receiver([exchange.HELLO]);
    const heard = frames.map((frame) => receiver.feed(frame));
    assert.deepEqual(heard.pop(), { opcode: exchange.HELLO, body: unhex(v.body) });
    assert.ok(heard.every((none) => none === null));
  },
  hello: (v) => exchange.decodeHello(unhex(v.hello)),
  receipt: async (v) => {
    const data = unhex(v.receipt);
    const { tag, toBeMaced } = cose.parseMac0(data, 512);
    const key = derive(unhex(v.k_lock), Buffer.from("receipt"), 32);
    assert.equal(createHmac("sha256", key).update(toBeMaced).digest("hex"), hex(tag)); // a phone has no such key
    const parsed = receipt.parse(data);
    const item = decode(cose.parseMac0(data, 512).payload);
    for (const [number, name] of Object.entries(KEYS_OF_PARTS)) assert.deepEqual(parsed[name], item.get(Number(number)));
    assert.equal(hex(await receipt.digest(data)), v.digest);
  },
  countersign: async (v) => {
    const data = unhex(v.receipt);
    const covered = receipt.countersignInput(unhex(v.lock), Number(v.seq), await receipt.digest(data));
    assert.equal(hex(covered), v.covered);
    const word = { digest: hex(await sha256(data)), kid: "05000000", countersignature: v.signature };
    const signers = new Map([["05000000", unhex(v.key)]]);
    await receipt.compare(data, word, signers);
    const wrong = [
      [{ ...word, digest: null }, signers],
      [{ ...word, digest: "00".repeat(32) }, signers],
      [{ ...word, countersignature: v.signature.replace(/^../, "00") }, signers],
      [{ ...word, countersignature: "no hex" }, signers],
      [{ ...word, kid: "05000001" }, signers],
      [word, new Map()],
    ];
    for (const [said, known] of wrong) await assert.rejects(receipt.compare(data, said, known), receipt.Mismatch);
  },
  sealed: (v) => {
    const key = derive(unhex(v.k_lock), Buffer.from("batch"), 16);
    const batch = exchange.decodeSingle(encode([unhex(v.batch)]));
    assert.equal(decode(opened(key, batch, new Uint8Array()), 1024).map(hex).join(" "), v.receipts);
  },
};

// Whether a bad one would be taken: {kind: promise of that, or a refusal by one of our own errors}
const TAKEN = {
  cbor: (v) => Boolean(decode(unhex(v.item)) || true),
  ed25519: (v) => verify(unhex(v.key), unhex(v.message), unhex(v.signature)),
  token: async (v) => {
    const { toBeSigned, signature, hint } = token.parse(unhex(v.token));
    const right = !hint || hex(hint) === hex(xOf(signature.subarray(0, 32)));
    return right && verify(unhex(v.issuer), toBeSigned, signature);
  },
  proof: async (v) => {
    const { command, proof } = exchange.decodeRequest(unhex(v.request));
    const { signature, hints } = exchange.partsOf(proof);
    const right = !hints.length || hex(exchange.hinted(signature, unhex(v.holder))) === hex(proof);
    return right && decode(unhex(v.covered))[4] === command && verify(unhex(v.holder), unhex(v.covered), signature);
  },
  hello: (v) => Boolean(exchange.decodeHello(unhex(v.hello))),
  receipt: (v) => {
    receipt.parse(unhex(v.receipt));
    const { tag, toBeMaced } = cose.parseMac0(unhex(v.receipt), 512);
    const key = derive(unhex(v.k_lock), Buffer.from("receipt"), 32);
    return createHmac("sha256", key).update(toBeMaced).digest("hex") === hex(tag);
  },
};
const OURS = [CborError, cose.Malformed, exchange.ExchangeError];

const AS_BYTES = {
  keyset: (v) => assert.equal(hex(encode(decode(unhex(v.keyset), 1024))), v.keyset),
  batch: (v) => assert.equal(hex(encode(decode(unhex(v.batch), 1024))), v.batch),
  config: (v) => assert.equal(hex(encode(decode(unhex(v.args)))), v.args),
  signed: async (v) => {
    assert.equal(hex(encode(decode(unhex(v.keyset), 1536))), v.keyset);
    const [, given] = [...decode(unhex(v.roots)).values()];
    const kids = new Map();
    const payload = decode(unhex(v.keyset), 1536).value[2];
    for (const key of [...given, ...(decode(payload, 1024).get(3)?.[1] ?? [])]) {
      kids.set(hex(joined([0], (await sha256(key)).subarray(0, 3))), key);
    }
    await signedBy(unhex(v.keyset), (kid) => kids.get(hex(kid)));
  },
  release: async (v) => {
    const known = new Map(keysOf(unhex(v.keyset)));
    await signedBy(unhex(v.manifest), (kid) => known.get(hex(kid)), "ringslot release");
  },
};

for (const [kind, check] of Object.entries({ ...CHECKS, ...AS_BYTES })) {
  const good = vectors.filter((v) => v.kind === kind && v.verdict === "good");
  for (const v of good) test(`good ${kind}: ${v.name}`, () => check(v));
  if (kind in AS_BYTES) continue;
  for (const v of vectors.filter((v) => v.kind === kind && v.verdict === "bad")) {
    test(`bad ${kind}: ${v.name}`, async () => {
      const taken = async () => TAKEN[kind](v);
      assert.equal(await taken().catch((error) => !OURS.some((known) => error instanceof known) && error), false);
    });
  }
}

test("a good one would be taken", async () => {
  for (const v of vectors.filter((v) => v.kind in TAKEN && v.verdict === "good")) {
    assert.equal(await TAKEN[v.kind](v), true, v.name);
  }
});

test("no other header than those of section 1", () => {
  const { token: plain } = vectors.find((v) => v.kind === "token" && v.name === "a single ride on one lock");
  const [prot, , payload, signature] = decode(unhex(plain)).value;
  const made = (first, header) => encode(new Tag(18, [first, header, payload, signature]));
  const hint = new Uint8Array(32);
  const kid = decode(prot).get(4);
  assert.equal(token.parse(made(prot, new Map([[-65537, hint]]))).hint.length, 32);
  for (const header of [[[1, -8]], [[-65537, hint.subarray(1)]], [[-65537, hint], [3, 0]]]) {
    assert.throws(() => token.parse(made(prot, new Map(header))), token.Malformed);
  }
  for (const first of [[[1, -7], [4, kid]], [[4, kid]], [[1, -8]], [[1, -8], [4, kid], [5, 0]], [[1, -8], [4, new Uint8Array(5)]]]) {
    assert.throws(() => token.parse(made(encode(new Map(first)), new Map())), token.Malformed);
  }
});

test("lock ids in rising order, none twice", () => {
  const { token: two } = vectors.find((v) => v.kind === "token" && v.name === "a period on two locks");
  const [prot, header, payload, signature] = decode(unhex(two)).value;
  const claims = decode(payload);
  const [a, one, b, other] = claims.get(3);
  const made = (aud) => encode(new Tag(18, [prot, header, encode(new Map(claims).set(3, aud)), signature]));
  assert.equal(token.parse(made([a, one, b, other])).locks.length, 2);
  for (const aud of [[b, other, a, one], [a, one, a, one], [a], [], [a, -1], new Uint8Array(4)]) {
    assert.throws(() => token.parse(made(aud)), token.Malformed);
  }
});

test("no window that ends before it begins, whatever iat says", () => {
  const { token: plain } = vectors.find((v) => v.kind === "token" && v.name === "a single ride on one lock");
  const [prot, header, payload, signature] = decode(unhex(plain)).value;
  const claims = decode(payload).set(6, 1_000); // iat
  const made = (exp, nbf) => encode(new Tag(18, [prot, header, encode(claims.set(4, exp).set(5, nbf)), signature]));
  assert.equal(token.parse(made(2_000, 2_000)).nbf, 2_000);
  assert.throws(() => token.parse(made(2_000, 2_001)), token.Malformed);
});

test("no point whose y is p or more, none off the curve, no zero x with a sign", () => {
  for (let low = 0; low < 19; low++) {
    const point = new Uint8Array(32).fill(255);
    [point[0], point[31]] = [0xed + low, 0x7f];
    assert.equal(xOf(point), null);
  }
  const off = Array.from({ length: 40 }, (_, y) => xOf(Uint8Array.of(y, ...new Uint8Array(31))));
  assert.ok(off.filter((x) => x === null).length > 10 && off.filter((x) => x).length > 10);
  assert.equal(xOf(Uint8Array.of(1, ...new Uint8Array(30), 0x80)), null);
});

test("frames out of order, too long, or of nothing", () => {
  const heard = (...frames) => {
    const receiver = new Receiver([exchange.RESULT]);
    return () => frames.map((frame) => receiver.feed(unhex(frame)));
  };
  assert.deepEqual(heard("80040002aa", "01bb")()[1].body, unhex("aabb"));
  for (const frames of [
    [""], ["80"], ["00aa"], ["81040001aa"], ["80040002aa", "02bb"], ["80040002aa", "00bb"], ["80040002aa", "81040001bb"],
    ["80040002aa", "01bbcc"], ["80040001aabb"], ["80040000"], ["80040401aa"], ["80050001aa"],
  ]) {
    assert.throws(heard(...frames), FrameError, frames.join(" "));
  }
  assert.throws(() => new Sender().frames(1, new Uint8Array(1025), 20), FrameError);
});

test("every vector is checked", () => {
  assert.ok(vectors.length > 90);
  assert.deepEqual(new Set(vectors.map((v) => v.kind)), new Set(Object.keys({ ...CHECKS, ...AS_BYTES })));
});

test("every code of section 11 has its outcome, and the same end of its link", () => {
  assert.equal(statuses.length, 22);
  for (const [code, name, , link] of statuses) {
    assert.equal(ofStatus(code).name, name);
    assert.equal(cuts(code), link === "cut", name);
  }
  assert.equal(ofStatus(statuses.length).name, "STRANGE");
  assert.equal(new Set(NAMES).size, NAMES.length);
});
