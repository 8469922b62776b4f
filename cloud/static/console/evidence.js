// Why something needs a person, in the reader's language. The API says it in English with the figures inside; what is
// not known here stays as the API says it.

import { ago, t, volts, word } from "./words.js";

const SAID = {
  fork: /^(?<n>[0-9]+) forked receipts?: /,
  chain: /^Receipt (?<seq>[0-9]+) does not follow /,
  proof: /^(?<n>[0-9]+) openings? without a token of ours$/,
  moved: /^Moved while locked, /,
  quarantine: /^Out of order: /,
  jammed: /^Jammed: /,
  long: /^A ride has run for /,
  battery: /^Battery at (?<volts>[0-9.]+) V: /,
  silent: /^Silent for /,
  gap: /^Receipts wait from (?<seq>[0-9]+) on: (?<n>[0-9]+) /,
  update: /^Came back from an update; release (?<release>[^ ]+) runs$/,
  webhook: /^A webhook was paused /,
  dispute: /^A dispute waits for its /,
  support: /^A support waits for its /,
};
const NEVER = "Never heard of";
const FAULT = /^(?<kind>[A-Z][a-z]+)(?<rest>: .*)?$/s;

/** What tells that something is wrong: {code, evidence, since} of an item. */
export function evidence(item) {
  if (item.evidence === NEVER) return t("evidence.never");
  const fault = item.code === "fault" && FAULT.exec(item.evidence);
  if (fault) return word("fault", fault.groups.kind.toLowerCase()) + (fault.groups.rest ?? "");
  const found = SAID[item.code]?.exec(item.evidence);
  if (!found) return item.evidence;
  const figures = { ...found.groups, ago: ago(item.since) };
  if (figures.volts) figures.volts = volts(Number(figures.volts) * 1000);
  return t(`evidence.${item.code}`, figures);
}

/** What ends it. */
export function closes(item) {
  const said = word("closes", item.code);
  return said === item.code ? item.closes : said;
}
