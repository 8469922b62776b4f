// Rides, locks and fixes to take away, as tables or for a map.

import { address } from "../api.js";
import { h, show } from "../dom.js";
import { t } from "../words.js";

const WHAT = ["rides", "locks", "fixes"];
const MONTH_S = 31 * 86400;

export async function open(_place, into) {
  const now = Math.floor(Date.now() / 1000);
  const since = day("since", now - MONTH_S);
  const until = day("until", now);
  const lock = h("input", { name: "lock", pattern: "[0-9a-f]{16}", spellcheck: "false", oninput: draw });
  const links = h("ul", { class: "queue" });
  into.append(
    h("p", {}, t("exports.why")),
    h("div", { class: "tools" }, h("label", {}, t("exports.since"), since), h("label", {}, t("exports.until"), until), h("label", {}, t("exports.lock"), lock)),
    links,
  );
  draw();

  function day(name, unix) {
    return h("input", { name, type: "date", value: new Date(unix * 1000).toISOString().slice(0, 10), onchange: draw });
  }

  function draw() {
    const asked = { since: unix(since), until: unix(until) && unix(until) + 86400, lock: lock.validity.valid ? lock.value : "" };
    show(links, WHAT.map((what) => h("li", {}, h("h2", {}, t(`exports.${what}`)), h("p", { class: "row" }, file(what, "csv", asked), file(what, "geojson", asked)))));
  }
}

function unix(input) {
  return input.value ? Math.floor(Date.parse(`${input.value}T00:00:00`) / 1000) : null; // a day as the reader has it
}

function file(what, form, asked) {
  return h("a", { href: address(`/exports/${what}.${form}`, asked), download: "" }, t(`exports.${form}`, { what: t(`exports.${what}`) }));
}
