// What staff and programs changed: who, what, when. Never what was in it.

import { all, get } from "../api.js";
import { h } from "../dom.js";
import { listed } from "../table.js";
import { t, when } from "../words.js";

export async function open(_place, into) {
  const staff = await Array.fromAsync(all("/staff", "staff"));
  const who = h("select", { onchange: fill }, h("option", { value: "" }, t("audit.everybody")), staff.map((one) => h("option", { value: one.user_id }, one.login)));
  const list = h("div");
  into.append(h("div", { class: "tools" }, h("label", {}, t("jobs.who"), " ", who)), list);
  await fill();

  function fill() {
    const columns = [
      { head: t("webhooks.at"), cell: (one) => when(one.at) },
      { head: t("jobs.who"), cell: (one) => one.who },
      { head: t("audit.what"), cell: (one) => h("code", {}, `${one.method} ${one.route}`) },
      { head: t("audit.objects"), cell: (one) => h("code", {}, Object.values(one.objects).join(" ")) },
      { head: t("audit.answer"), cell: (one) => one.status, number: true },
      { head: t("audit.request"), cell: (one) => h("code", {}, one.request_id ?? "") },
    ];
    return listed(list, t("audit.title"), columns, t("audit.none"), "audit", (cursor) => get("/audit", { cursor, user: who.value }));
  }
}
