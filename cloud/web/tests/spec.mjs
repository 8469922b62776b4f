// What SPEC.md says, read where it says it: the vectors of section 13 and the table of section 11.

import { readFileSync } from "node:fs";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // Node 18 has it, but not by that name

export const ROOT = new URL("../../../", import.meta.url);
const SPEC = readFileSync(new URL("protocol/SPEC.md", ROOT), "utf-8");

/** [{kind, verdict, name, field: text}] */
export const vectors = Array.from(SPEC.matchAll(/^```vector\n(.*?)^```$/gms), ([, block]) =>
  Object.fromEntries(
    block
      .trimEnd()
      .split("\n")
      .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]),
  ),
);

/** [[code, name, sentence, "stays" or "cut"]] of section 11. */
export const statuses = Array.from(SPEC.matchAll(/^\| (\d+) \| ([A-Z_]+) \| (.*) \| (stays|cut) \|$/gm), (row) => [
  Number(row[1]),
  ...row.slice(2),
]);
