// What a claimed lock may show on the air, and the filters by which a browser's chooser finds it (SPEC.md section 9).
//
// A lock draws a new random slot, 0 to 255, every 15 minutes and after each link: which comes next nobody can know, so
// each key that came with the claim gives 256 values, good for as long as the key is.

import { GATT } from "./exchange.js";

export const COMPANY = 0xffff;
const SLOTS = 256;

/** Promise of [8 bytes]: everything that a lock may show under these advertising keys (16 bytes each). */
export async function values(keys) {
  const found = [];
  for (const key of keys) {
    const hmac = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    const macs = Array.from({ length: SLOTS }, (_, slot) => crypto.subtle.sign("HMAC", hmac, Uint8Array.of(slot)));
    for (const mac of await Promise.all(macs)) found.push(new Uint8Array(mac, 0, 8));
  }
  return found;
}

/** The argument of navigator.bluetooth.requestDevice for a lock that shows one of these values, and no other device. */
export function wanted(values) {
  const filters = values.map((dataPrefix) => ({ manufacturerData: [{ companyIdentifier: COMPANY, dataPrefix }] }));
  return { filters, optionalServices: [GATT.service] };
}
