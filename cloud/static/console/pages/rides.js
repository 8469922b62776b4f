// Every ride, newest first, as the receipts have it.

import { follow } from "../again.js";
import { get } from "../api.js";
import { place } from "../app.js";
import { h, show } from "../dom.js";
import { pages, table } from "../table.js";
import { lasting, metres, t, when, word } from "../words.js";

const COLUMNS = [
  { head: t("rides.began"), cell: (ride) => h("a", { href: place("rides", ride.ride_id) }, when(ride.opened_at)) },
  { head: t("rides.lock"), cell: (ride) => h("a", { href: place("locks", ride.lock_id) }, h("code", {}, ride.lock_id)) },
  { head: t("rides.state"), cell: (ride) => word("ride", ride.state) },
  { head: t("rides.billed"), cell: (ride) => (ride.billed_until == null ? "" : lasting(ride.billed_until - ride.opened_at)) },
  { head: t("rides.distance"), cell: (ride) => metres(ride.distance_m), number: true },
  { head: t("rides.receipts"), cell: (ride) => ride.receipts, number: true },
];

export async function open(_place, into) {
  const list = h("div");
  into.append(list);
  const fill = async () => {
    const fresh = h("div");
    await pages(
      fresh,
      t("frame.more"),
      async (cursor) => {
        const page = await get("/rides", { cursor, limit: 50 });
        return { rows: page.rides, next: page.next };
      },
      (rows) => (rows.length ? table(t("rides.title"), COLUMNS, rows) : h("p", { class: "empty" }, t("rides.none"))),
    );
    show(list, fresh);
  };
  await fill();
  return follow(["ride.started", "ride.parked", "ride.resumed", "ride.ended"], fill);
}
