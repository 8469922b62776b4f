// One ride: its receipts, which are the ride, and where it went.

import { get } from "../api.js";
import { place } from "../app.js";
import { h, show } from "../dom.js";
import { listen } from "../live.js";
import { drawMap } from "../map.js";
import { table } from "../table.js";
import { lasting, metres, t, when, word } from "../words.js";

const AGAIN_MS = 1000;

const COLUMNS = [
  { head: t("lock.seq"), cell: (one) => one.seq, number: true },
  { head: t("lock.what"), cell: (one) => word("receipt", one.type) },
  { head: t("lock.when"), cell: (one) => when(one.at) },
  { head: t("ride.digest"), cell: (one) => h("code", {}, one.digest.slice(0, 16)) },
];

export async function open({ ride: id }, into, _heading, me) {
  const facts = h("section");
  const map = h("section");
  let chart = null;
  into.append(facts, map);
  await tell();

  async function tell() {
    const [ride, end, track] = await Promise.all([get(`/rides/${id}`), get(`/rides/${id}/end`).catch(() => null), get(`/rides/${id}/track`).catch(() => null)]);
    const rows = [
      ["rides.lock", me.role === "rider" ? h("code", {}, ride.lock_id) : h("a", { href: place("locks", ride.lock_id) }, h("code", {}, ride.lock_id))],
      ["rides.state", word("ride", ride.state)],
      ["rides.began", when(ride.opened_at)],
      ["ride.closed", when(ride.closed_at)],
      ["rides.billed", ride.billed_until == null ? t("unknown") : lasting(ride.billed_until - ride.opened_at)],
      ["rides.distance", metres(ride.distance_m)],
      ["ride.ended_where", end ? word("verdict", end.verdict) : t("unknown")],
    ];
    show(
      facts,
      h("dl", { class: "facts" }, rows.map(([name, value]) => h("div", {}, h("dt", {}, t(name)), h("dd", {}, value)))),
      h("h2", {}, t("lock.receipts")),
      table(t("lock.receipts"), COLUMNS, ride.receipts),
      me.role === "rider" && h("p", {}, h("a", { href: `${place("tickets")}?ride=${id}` }, t("tickets.dispute"))),
    );
    await draw(track?.geometry);
  }

  async function draw(geometry) {
    const way = geometry?.type === "LineString" ? geometry.coordinates.map(([lon, lat]) => [lat, lon]) : [];
    chart?.end();
    chart = null;
    if (!way.length) return show(map, h("p", { class: "empty" }, t("lock.nowhere")));
    const ground = h("div", { class: "map", role: "application", "aria-label": t("lock.track_map", { n: way.length }) });
    show(map, ground);
    chart = await drawMap(ground);
    chart?.line(way, { color: "#0b6b4f", weight: 4 });
    chart?.dot("last", way.at(-1), { color: "#ffffff", fillColor: "#0b6b4f", fillOpacity: 1, radius: 7 });
    chart?.fit(way);
  }

  let due = 0;
  const silence = listen(["ride.parked", "ride.resumed", "ride.ended", "lock.moved", "receipt.stored", "reset"], () => {
    due ||= setTimeout(() => ((due = 0), tell().catch(() => {})), AGAIN_MS);
  });
  return () => {
    silence();
    clearTimeout(due);
    chart?.end();
  };
}
