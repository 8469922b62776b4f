// Disputes and questions, the longest waiting first.

import { get, send } from "../api.js";
import { go, place } from "../app.js";
import { h } from "../dom.js";
import { form } from "../form.js";
import { ownerField } from "../owner.js";
import { listed } from "../table.js";
import { t, when, word } from "../words.js";

const STATES = ["open", "acknowledged", "decided"];

export async function open(_place, into, _heading, me) {
  const staff = me.role !== "rider";
  const list = h("div");
  const choices = [h("option", { value: "" }, t("tickets.every")), ...STATES.map((state) => h("option", { value: state }, word("ticket", state)))];
  const state = h("select", { onchange: fill }, choices);
  const late = h("input", { type: "checkbox", onchange: fill });
  const ride = new URLSearchParams(location.search).get("ride");
  into.append(
    h("div", { class: "tools" }, h("label", {}, t("rides.state"), " ", state), staff && h("label", { class: "check" }, late, t("tickets.late_only"))),
    list,
    h("details", { open: ride !== null }, h("summary", {}, t("tickets.new")), form(t("tickets.new"), await fields(), t("tickets.send"), write)),
  );
  await fill();

  function fill() {
    const columns = [
      { head: t("tickets.subject"), cell: (one) => h("a", { href: place("tickets", one.ticket_id) }, one.subject) },
      { head: t("zones.kind"), cell: (one) => word("ticket_kind", one.kind) },
      { head: t("rides.state"), cell: (one) => [word("ticket", one.state), " ", one.late && h("span", { class: "tag bad" }, word("late", one.late))] },
      { head: t("tickets.opened"), cell: (one) => when(one.opened_at) },
      { head: t("tickets.until"), cell: (one) => (one.state === "decided" ? "" : when(one.state === "open" ? one.acknowledge_by : one.answer_by)) },
    ];
    return listed(list, t("tickets.title"), columns, t("tickets.none"), "tickets", (cursor) =>
      get("/tickets", { cursor, state: state.value, late: late.checked || null }),
    );
  }

  async function fields() {
    const asked = { subject: { label: t("tickets.subject"), required: true, maxlength: 120 }, text: { label: t("tickets.text"), kind: "area", required: true, maxlength: 4000 } };
    return ride ? asked : { ...asked, ...(staff ? await ownerField(me) : {}) };
  }

  async function write(values) {
    const made = await send("POST", "/tickets", { ...values, kind: ride ? "dispute" : "support", ...(ride ? { ride } : {}) });
    go(place("tickets", made.ticket_id));
  }
}
