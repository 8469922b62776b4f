// Who runs a fleet, and what riders and the public feed are told of it.

import { get, send } from "../api.js";
import { h, show } from "../dom.js";
import { button, form } from "../form.js";
import { listed } from "../table.js";
import { t } from "../words.js";

const FIELDS = {
  name: { required: true, maxlength: 64 },
  colour: { hint: "#0b6b4f", pattern: "#[0-9A-Fa-f]{6}" },
  email: { kind: "email", maxlength: 254 },
  phone: { kind: "tel", hint: "+31…", maxlength: 16 },
  url: { kind: "url", maxlength: 255 },
  terms_url: { kind: "url", maxlength: 255 },
  privacy_url: { kind: "url", maxlength: 255 },
  timezone: { hint: "Europe/Amsterdam", maxlength: 32 },
  language: { hint: "nl", maxlength: 8 },
};

export async function open(_place, into, _heading, me) {
  const admin = me.role === "admin";
  const list = h("div");
  const desk = h("div");
  into.append(list, desk, admin && !me.operator_id && h("p", {}, button(t("operators.new"), async () => edit(null))));
  await fill();

  function fill() {
    const columns = [
      { head: t("zones.name"), cell: (one) => one.name },
      { head: t("operators.email"), cell: (one) => one.email ?? t("none") },
      { head: t("operators.phone"), cell: (one) => one.phone ?? t("none") },
      { head: t("operators.timezone"), cell: (one) => one.timezone },
      { head: t("frame.actions"), cell: (one) => button(t("frame.edit"), async () => edit(await get(`/operators/${one.operator_id}`)), { name: t("zones.edit", one) }) },
    ];
    return listed(list, t("operators.title"), admin ? columns : columns.slice(0, -1), t("operators.none"), "operators", (cursor) => get("/operators", { cursor }));
  }

  function edit(one) {
    const fields = Object.fromEntries(Object.entries(FIELDS).map(([name, look]) => [name, { ...look, label: t(`operators.${name}`), value: one?.[name] }]));
    const title = one ? t("zones.edit", one) : t("operators.new");
    const cancel = h("button", { type: "button", class: "quiet", onclick: () => show(desk) }, t("frame.cancel"));
    show(desk, form(title, fields, t("frame.save"), save, { before: h("h2", {}, title), after: cancel }));
    desk.querySelector("input").focus();

    async function save(values) {
      const given = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));
      if (one) await send("PATCH", `/operators/${one.operator_id}`, given, one);
      else await send("POST", "/operators", given);
      show(desk);
      await fill();
    }
  }
}
