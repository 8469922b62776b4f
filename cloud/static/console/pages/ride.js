// One ride: its receipts, which are the ride, and where it went.

import { follow, of } from "../again.js";
import { get } from "../api.js";
import { place } from "../app.js";
import { h, show } from "../dom.js";
import { table } from "../table.js";
import { track } from "../track.js";
import { lasting, metres, t, when, word } from "../words.js";

const COLUMNS = [
  { head: t("lock.seq"), cell: (one) => one.seq, number: true },
  { head: t("lock.what"), cell: (one) => word("receipt", one.type) },
  { head: t("lock.when"), cell: (one) => when(one.at) },
  { head: t("ride.digest"), cell: (one) => h("code", {}, one.digest.slice(0, 16)) },
];

export async function open({ ride: id }, into, _heading, me) {
  const facts = h("section");
  const map = h("section");
  const way = track(map);
  into.append(facts, h("h2", {}, t("lock.track")), map);
  const { lock_id: lock } = await tell();

  async function tell() {
    const [ride, end, went] = await Promise.all([get(`/rides/${id}`), get(`/rides/${id}/end`).catch(() => null), get(`/rides/${id}/track`).catch(() => null)]);
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
    await way.draw(went?.geometry);
    return ride;
  }

  const silence = follow(["ride.parked", "ride.resumed", "ride.ended", "lock.moved", "receipt.stored"], tell, of(id, lock));
  return () => {
    silence();
    way.end();
  };
}
