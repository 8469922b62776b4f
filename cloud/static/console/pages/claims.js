// Who may ride what: every claim, newest first; not whose it is.

import { follow } from "../again.js";
import { get } from "../api.js";
import { place } from "../app.js";
import { h } from "../dom.js";
import { listed } from "../table.js";
import { t, when, word } from "../words.js";

const STATES = ["open", "used", "cancelled", "expired"];

export async function open(_place, into) {
  const list = h("div");
  const state = h("select", { onchange: fill }, h("option", { value: "" }, t("tickets.every")), STATES.map((one) => h("option", { value: one }, word("claim", one))));
  into.append(h("div", { class: "tools" }, h("label", {}, t("rides.state"), " ", state)), list);
  await fill();
  return follow(["claim.made", "claim.cancelled", "ride.started"], fill);

  function fill() {
    const columns = [
      { head: t("fleet.bike"), cell: (one) => h("a", { href: place("locks", one.lock_id) }, one.bike ?? one.lock_id) },
      { head: t("claims.made"), cell: (one) => when(one.created_at) },
      { head: t("rides.state"), cell: (one) => [word("claim", one.status), one.why && h("span", { class: "soft hint" }, one.why)] },
      { head: t("claims.mode"), cell: (one) => word("mode", one.mode) },
      { head: t("claims.until"), cell: (one) => when(one.exp) },
      { head: t("claims.epoch"), cell: (one) => one.epoch, number: true },
    ];
    return listed(list, t("claims.title"), columns, t("claims.none"), "claims", (cursor) => get("/fleet/claims", { cursor, state: state.value }));
  }
}
