// What I hold: on this phone, and begun on another. One alone is shown at once.

import { h, show } from "../../console/dom.js";
import { nameOf, soft, way } from "../ui.js";
import { t, when } from "../words.js";

export async function open(into, _place, app) {
  const held = (await app.rider.claims()).filter((one) => (one.ride ? one.ride.state !== "ended" : one.status === "open"));
  if (held.length === 1) return void app.go(app.place("claims", held[0].claim_id), { instead: true });
  const line = (one) => h("a", { href: app.place("claims", one.claim_id) }, h("strong", {}, nameOf(one)), h("small", {}, said(one)));
  show(into, h("h1", {}, t("claims.title")), held.length ? h("ul", { class: "list" }, held.map((one) => h("li", {}, line(one)))) : soft(t("claims.none")), !held.length && way(t("bikes.title"), app.place()));
}

function said(claim) {
  const state = claim.ride ? t(`claims.${claim.ride.state}`) : t("claim.until", { when: when(claim.exp) });
  return claim.ours ? state : `${state} · ${t("claims.elsewhere")}`;
}
