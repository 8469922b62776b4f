// Programs that act for an operator: API keys and OAuth clients. A secret is shown once.

import { get, send } from "../api.js";
import { h } from "../dom.js";
import { button, form, once } from "../form.js";
import { ownerField } from "../owner.js";
import { listed } from "../table.js";
import { t, when, word } from "../words.js";

const SCOPES = ["bikes:read", "claims:write", "fleet:read", "fleet:write", "rides:read", "tracks:read"];
const OF_PLATFORM = ["platform:read", "platform:write"];

export async function open(_place, into, _heading, me) {
  const list = h("div");
  const secret = h("div");
  const scopes = me.operator_id ? SCOPES : [...SCOPES, ...OF_PLATFORM];
  const fields = {
    name: { label: t("zones.name"), required: true, maxlength: 64 },
    kind: { label: t("zones.kind"), kind: "select", choices: ["key", "oauth"].map((one) => [one, word("client", one)]) },
    scopes: { label: t("clients.scopes"), kind: "boxes", choices: scopes.map((one) => [one, `${one}: ${word("scope", one)}`]) },
    ...(await ownerField(me, { none: t("people.platform") })),
  };
  into.append(secret, list, form(t("clients.new"), fields, t("frame.save"), add, { before: h("h2", {}, t("clients.new")) }));
  await fill();

  async function add(values) {
    show(await send("POST", "/clients", values));
    await fill();
  }

  function show(made) {
    once(secret, t("clients.secret", made), made.kind === "oauth" ? [`client_id: ${made.client_id}`, `client_secret: ${made.secret}`] : [made.secret]);
  }

  function fill() {
    const columns = [
      { head: t("zones.name"), cell: (one) => [one.name, h("code", { class: "hint" }, one.client_id)] },
      { head: t("zones.kind"), cell: (one) => word("client", one.kind) },
      { head: t("clients.scopes"), cell: (one) => one.scopes.join(" ") || t("none") },
      { head: t("clients.used"), cell: (one) => when(one.used_on) },
      { head: t("frame.actions"), cell: (one) => (one.revoked_at == null ? acts(one) : h("span", { class: "tag bad" }, t("clients.revoked"))) },
    ];
    return listed(list, t("clients.title"), columns, t("clients.none"), "clients", (cursor) => get("/clients", { cursor }));
  }

  function acts(one) {
    return [
      button(t("clients.renew"), async () => show({ ...one, ...(await send("POST", `/clients/${one.client_id}/secret`)) }), { sure: t("clients.renew.sure", one) }),
      button(t("clients.revoke"), async () => (await send("DELETE", `/clients/${one.client_id}`), await fill()), { sure: t("clients.revoke.sure", one), name: t("clients.revoke.name", one) }),
    ];
  }
}
