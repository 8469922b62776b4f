// Byte strings (Uint8Array) as values: hex, joined, compared, hashed.

export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The bytes of lower- or upper-case hex. Throws TypeError for anything else. */
export function unhex(text) {
  if (!/^([0-9a-f]{2})*$/i.test(text)) throw new TypeError("no hex");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function isBytes(item, length = item?.length) {
  return item instanceof Uint8Array && item.length === length;
}

/** −1, 0 or 1 in bytewise order. */
export function compared(a, b) {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
  return Math.sign(a.length - b.length);
}

/** Of public data: the time it takes tells where they differ. */
export function same(a, b) {
  return compared(a, b) === 0;
}

/** Promise of 32 bytes. */
export async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));
}
