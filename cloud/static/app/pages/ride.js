// One ride: what the lock's receipts say, whether the cloud holds the same, and where it went.

import { h, show } from "../../console/dom.js";
import { drawMap } from "../map.js";
import { facts, soft, way } from "../ui.js";
import { lasting, metres, t, when } from "../words.js";

export async function open(into, { ride: id }, app) {
  const { rider, place } = app;
  const [ride, track] = await Promise.all([rider.ride(id), rider.get(`/rides/${id}/track`).catch(() => null)]);
  const { verdict } = await rider.receipts(ride);
  const ended = ride.billed_until;
  const ground = h("div", { class: "map", role: "region", "aria-label": t("ride.map") });
  const shape = track?.geometry;
  const line = shape?.type === "LineString" ? shape.coordinates.map(([lon, lat]) => [lat, lon]) : [];
  show(
    into,
    h("h1", {}, t("ride.title")),
    facts([
      [t("ride.began"), when(ride.opened_at)],
      [t("ride.ended"), ended == null ? t(`claims.${ride.state}`) : when(ended)],
      [t("ride.lasted"), ended == null ? t("unknown") : lasting(ended - ride.opened_at)],
      [t("ride.distance"), metres(ride.distance_m)],
    ]),
    h("p", { class: verdict === "same" ? "good" : "note" }, t(`verdict.${verdict}`)),
    line.length ? ground : soft(t("ride.nowhere")),
    h("h2", {}, t("ride.receipts")),
    h("ol", { class: "list plain" }, ride.receipts.map((one) => h("li", {}, t(`receipt.${one.type}`), h("small", {}, when(one.at))))),
    h("p", { class: "ways" }, way(t("ride.dispute"), place("rides", id, "dispute"), "")),
  );
  if (!line.length) return;
  let chart = null;
  drawMap(ground).then((made) => {
    if (chart === false || !made) return made?.end();
    chart = made;
    chart.line(line);
    chart.fit(line);
  });
  return () => (chart && chart.end(), (chart = false));
}
