// Shapes of decoded items: exact types, exact lengths, bounded integers.

export { isBytes } from "./bytes.js";

export const UINT32 = 2 ** 32;

export function isUint(item, below = UINT32) {
  return Number.isSafeInteger(item) && item >= 0 && item < below;
}

export function isInt32(item) {
  return Number.isSafeInteger(item) && item >= -0x80000000 && item <= 0x7fffffff;
}

export function isList(item, length = item?.length) {
  return Array.isArray(item) && item.length === length;
}

export function isUints(item, length) {
  return isList(item, length) && item.every((one) => isUint(one));
}
