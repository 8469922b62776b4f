// COSE (RFC 9052) in the two forms that a phone reads: Sign1 (a token) and Mac0 (a receipt), as SPEC.md section 1 fixes
// them. Nothing in the bytes chooses an algorithm. A phone has no key of a lock: a receipt's tag is not checked here.

import { Tag, decodeAs, encode } from "./cbor.js";
import { isBytes, isList } from "./shape.js";
import { same } from "./bytes.js";

const SIGN1 = 18; // tags, RFC 9052 §2
const MAC0 = 17;
const ALG = 1; // header labels, RFC 9052 §3.1
const KID = 4;
const HINT = -65537; // private use: x of the signature's R
const EDDSA = -8; // RFC 9053 §2.2
const MAC0_PROTECTED = encode(new Map([[ALG, 5]])); // HMAC 256/256, RFC 9053 §3.1
const KID_MAX = 32; // bytes

/** Not one of the forms. */
export class Malformed extends Error {}

/** {kid, payload, signature, toBeSigned, hint or undefined}; the signature NOT verified. Throws Malformed. */
export function parseSign1(data, limit) {
  const [prot, header, payload, signature] = proven(data, limit, SIGN1, 64);
  const hint = header.get(HINT);
  if (header.size && (header.size > 1 || !isBytes(hint, 32))) throw new Malformed("unprotected header");
  const toBeSigned = encode(["Signature1", prot, new Uint8Array(), payload]); // RFC 9052 §4.4
  return { kid: kidOf(prot, limit), payload, signature, toBeSigned, hint };
}

/** {payload, tag, toBeMaced}; the tag NOT verified. Throws Malformed. */
export function parseMac0(data, limit) {
  const [prot, header, payload, tag] = proven(data, limit, MAC0, 32);
  if (header.size || !same(prot, MAC0_PROTECTED)) throw new Malformed("header");
  return { payload, tag, toBeMaced: encode(["MAC0", prot, new Uint8Array(), payload]) }; // RFC 9052 §6.3
}

function kidOf(prot, limit) {
  const header = decodeAs(Malformed, prot, limit);
  const kid = header instanceof Map ? header.get(KID) : null;
  if (!isBytes(kid) || !kid.length || kid.length > KID_MAX) throw new Malformed("kid");
  if (header.size !== 2 || header.get(ALG) !== EDDSA) throw new Malformed("protected header");
  return kid;
}

function proven(data, limit, number, size) {
  const message = decodeAs(Malformed, data, limit);
  const parts = message instanceof Tag && message.number === number ? message.value : null;
  if (!isList(parts, 4)) throw new Malformed("tag or array");
  const [prot, header, payload, proof] = parts;
  if (!(header instanceof Map) || ![prot, payload].every((one) => isBytes(one)) || !isBytes(proof, size)) {
    throw new Malformed("parts");
  }
  return parts;
}
