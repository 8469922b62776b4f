// Ed25519 on public data (RFC 8032 §5.1): points read strictly, the x that a lock is spared, and verification.
//
// The equation is WebCrypto's; what libraries disagree on (SPEC.md section 2, "verdict") is decided here first. Nothing
// here signs: private keys stay in WebCrypto, unextractable.

import { isBytes } from "./bytes.js";

const P = (1n << 255n) - 19n;
const L = (1n << 252n) + 27742317777372353535851937790883648493n;
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n; // −121665/121666
const ROOT = 19681161376707505956807079304988542015446066515923890162744021073123829784752n; // of −1

/** Whether the signature (64 bytes) over `message` is by the owner of the key (32 bytes). Promise; rejects nothing. */
export async function verify(key, message, signature) {
  if (!isBytes(signature, 64) || !xOf(key) || !xOf(signature.subarray(0, 32))) return false;
  if (little(signature.subarray(32)) >= L) return false;
  const imported = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]).catch(() => null);
  return imported !== null && crypto.subtle.verify({ name: "Ed25519" }, imported, signature, message);
}

/** The affine x, 32 bytes little-endian, of a point that is canonical, on the curve and not of small order; else null. */
export function xOf(encoded) {
  if (!isBytes(encoded, 32)) return null;
  const whole = little(encoded);
  const y = whole & ((1n << 255n) - 1n);
  if (y >= P) return null;
  const x = recovered(y, whole >> 255n);
  return x === null || small(x, y) ? null : bytesOf(x);
}

/** RFC 8032 §5.1.3: x of −x² + y² = 1 + dx²y² with that parity; null when there is none. */
function recovered(y, parity) {
  const u = mod(y * y - 1n);
  const v = mod(D * y * y + 1n);
  const v3 = mod(v * v * v);
  let x = mod(u * v3 * power(mod(u * v3 * v3 * v), (P - 5n) / 8n)); // the candidate: u v³ (u v⁷)^((p−5)/8)
  const square = mod(v * x * x);
  if (square === mod(-u)) x = mod(x * ROOT);
  else if (square !== u) return null;
  if (x === 0n && parity === 1n) return null;
  return (x & 1n) === parity ? x : P - x;
}

/** Of small order: 4 times the point has x = 0, for only the neutral element and (0, −1) do. */
function small(x, y) {
  let [a, b, z] = [x, y, 1n];
  for (let i = 0; i < 2; i++) {
    // 2(x, y) = (2xy / (y² − x²), (y² + x²) / (2 − (y² − x²))), with the z of both brought along
    const [aa, bb] = [mod(a * a), mod(b * b)];
    const f = mod(bb - aa);
    const g = mod(2n * z * z - f);
    [a, b, z] = [mod(2n * a * b * g), mod((aa + bb) * f), mod(f * g)];
  }
  return a === 0n;
}

function power(base, exponent) {
  let result = 1n;
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * base) % P;
    base = (base * base) % P;
  }
  return result;
}

function mod(a) {
  const rest = a % P;
  return rest < 0n ? rest + P : rest;
}

function little(bytes) {
  return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function bytesOf(number) {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((number >> BigInt(8 * i)) & 0xffn));
}
