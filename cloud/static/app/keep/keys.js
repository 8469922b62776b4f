// A key of its own for each claim: nothing ties a rider's rides together on the air, and nobody can read it, this page
// included. IndexedDB keeps the CryptoKey itself.

import { Refused } from "./api.js";

/** Promise of {key, holder}: a CryptoKey that only signs, and its public half, 32 bytes. */
export async function makeKey({ subtle }) {
  try {
    const { privateKey: key, publicKey } = await subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]);
    return { key, holder: new Uint8Array(await subtle.exportKey("raw", publicKey)) };
  } catch (error) {
    throw new Refused(0, "old_browser", error.message); // Ed25519 came to Chromium with 137
  }
}

/** Promise of 64 bytes. */
export async function sign({ subtle }, key, bytes) {
  return new Uint8Array(await subtle.sign({ name: "Ed25519" }, key, bytes));
}
