// What runs the fleet beside the fleet: who and what may do what, and what goes in and out.

import { place } from "../app.js";
import { h } from "../dom.js";
import { t } from "../words.js";

const STAFF = ["technician", "admin"];
const PAGES = [
  ["bikes", STAFF],
  ["people", ["admin"]],
  ["groups", STAFF],
  ["clients", ["admin"]],
  ["webhooks", ["admin"]],
  ["operators", STAFF],
  ["releases", STAFF],
  ["exports", ["admin"]],
  ["audit", ["admin"]],
];

export async function open(_place, into, _heading, me) {
  const shown = PAGES.filter(([, roles]) => roles.includes(me.role));
  into.append(h("ul", { class: "queue" }, shown.map(([name]) => h("li", {}, h("a", { href: place(name) }, t(`${name}.title`)), h("p", { class: "soft" }, t(`office.${name}`))))));
}
