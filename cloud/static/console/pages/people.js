// Staff: invited by mail, with a role; companies whose people sign in by their own provider.

import { all, get, send } from "../api.js";
import { h, show } from "../dom.js";
import { button, form } from "../form.js";
import { ownerField } from "../owner.js";
import { listed } from "../table.js";
import { language, t, when, word } from "../words.js";

const ROLES = ["technician", "admin"];

export async function open(_place, into, _heading, me) {
  const staff = h("div");
  const said = h("p", { role: "status" });
  const providers = h("div");
  const owner = await ownerField(me, { none: t("people.platform") });
  const groups = await Array.fromAsync(all("/groups", "groups"));
  const invitation = {
    email: { label: t("account.field.email"), kind: "email", required: true },
    role: { label: t("people.role"), kind: "select", choices: ROLES.map((role) => [role, word("role", role)]) },
    ...owner,
  };
  const company = {
    name: { label: t("zones.name"), required: true, maxlength: 64 },
    issuer: { label: t("providers.issuer"), hint: t("providers.how"), kind: "url", required: true, maxlength: 255 },
    client_id: { label: t("providers.client_id"), required: true, maxlength: 255 },
    client_secret: { label: t("providers.client_secret"), kind: "password", autocomplete: "off", maxlength: 255 },
    group: { label: t("providers.group"), kind: "select", choices: [["", t("none")], ...groups.map((one) => [one.group_id, one.name])] },
    second: { label: t("providers.second"), kind: "check" },
    ...(await ownerField(me)),
  };
  into.append(
    staff,
    form(t("people.invite"), invitation, t("people.invite.button"), invite, { before: h("h2", {}, t("people.invite")) }),
    said,
    h("h2", {}, t("providers.title")),
    providers,
    h("details", {}, h("summary", {}, t("providers.new")), form(t("providers.new"), company, t("frame.save"), trust)),
  );
  await Promise.all([fillStaff(), fillProviders()]);

  function fillStaff() {
    const columns = [
      { head: t("people.name"), cell: (one) => one.login },
      { head: t("people.role"), cell: (one) => word("role", one.role) },
      { head: t("people.whose"), cell: (one) => owner.operator?.names.get(one.operator_id) ?? (one.operator_id ? t("people.own") : t("people.platform")) },
      { head: t("zones.since"), cell: (one) => when(one.created_at) },
      { head: t("frame.actions"), cell: (one) => (one.user_id === me.user_id ? t("people.you") : acts(one)) },
    ];
    return listed(staff, t("people.title"), columns, t("people.none"), "staff", (cursor) => get("/staff", { cursor }));
  }

  function acts(one) {
    const other = ROLES.find((role) => role !== one.role);
    return [
      button(t("people.make", { role: word("role", other) }), async () => (await send("PATCH", `/staff/${one.user_id}`, { role: other }), await fillStaff()), { sure: t("people.make.sure", { name: one.login, role: word("role", other) }) }),
      button(t("people.dismiss"), async () => (await send("DELETE", `/staff/${one.user_id}`), await fillStaff()), { sure: t("people.dismiss.sure", { name: one.login }), name: t("people.dismiss.name", { name: one.login }) }),
      button(t("people.recognise"), () => send("DELETE", `/staff/${one.user_id}/factors`), { sure: t("people.recognise.sure", { name: one.login }) }),
    ];
  }

  async function invite(values) {
    show(said);
    await send("POST", "/staff-invitations", { ...values, language });
    show(said, t("people.invited", { email: values.email }));
  }

  function fillProviders() {
    const columns = [
      { head: t("zones.name"), cell: (one) => one.name },
      { head: t("providers.issuer"), cell: (one) => one.issuer },
      { head: t("providers.begin"), cell: (one) => h("code", {}, one.sign_in) },
      { head: t("providers.redirect"), cell: (one) => h("code", {}, one.redirect_uri) },
      { head: t("frame.actions"), cell: (one) => button(t("frame.remove"), async () => (await send("DELETE", `/providers/${one.provider_id}`), await fillProviders()), { sure: t("providers.sure", one), name: t("zones.remove", one) }) },
    ];
    return listed(providers, t("providers.title"), columns, t("providers.none"), "providers", (cursor) => get("/providers", { cursor }));
  }

  async function trust(values) {
    await send("POST", "/providers", values);
    await fillProviders();
  }
}
