// My rides, newest first.

import { h, show } from "../../console/dom.js";
import { soft } from "../ui.js";
import { lasting, metres, t, when } from "../words.js";

export async function open(into, _place, app) {
  const { rides, stale } = await app.rider.rides();
  const line = (one) =>
    h("a", { href: app.place("rides", one.ride_id) }, h("strong", {}, when(one.opened_at)), h("span", {}, one.billed_until == null ? t(`claims.${one.state}`) : lasting(one.billed_until - one.opened_at)), h("small", {}, metres(one.distance_m)));
  show(into, h("h1", {}, t("rides.title")), stale && h("p", { class: "note" }, t("rides.stale")), rides.length ? h("ul", { class: "list" }, rides.map((one) => h("li", {}, line(one)))) : soft(t("rides.none")));
}
