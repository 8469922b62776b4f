// Why something needs a person, in the reader's language: the API gives codes and figures, the words are in the tables.

import { ago, t, volts, word } from "./words.js";

/** What tells that something is wrong: of an item of the queue, or of a rollout's halt, its `because` and `since`. */
export function evidence({ because, since }) {
  const [first, ...rest] = because.map((one) => phrase(one, since));
  return rest.length ? `${first}: ${rest.join("; ")}` : first;
}

function phrase({ code, figures }, since) {
  const said = Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, name === "n" ? value : String(value)])); // no thousands in a number that names something
  return t(`evidence.${code}`, { ...said, ago: ago(since), volts: volts(figures.millivolts), fault: word("fault", figures.kind) });
}

/** What ends it. */
export function closes(item) {
  return word("closes", item.code);
}
