// Bicycles and the locks on them: registered, renamed, fitted with another lock.

import { get, send } from "../api.js";
import { place } from "../app.js";
import { h, show } from "../dom.js";
import { button, form, once } from "../form.js";
import { ownerField } from "../owner.js";
import { listed } from "../table.js";
import { t, when, word } from "../words.js";

const CODE = { pattern: "[0-9A-Za-z\\-]{1,32}", required: true, spellcheck: "false" };
const LOCK = { pattern: "[0-9a-f]{16}", spellcheck: "false" };
const KEY = { pattern: "[A-Za-z0-9_\\-]{43}", kind: "password", autocomplete: "off", required: true }; // 32 bytes in base64url
const KINDS = ["exclusive", "pooled"];

export async function open(_place, into, _heading, me) {
  const admin = me.role === "admin";
  const bikes = h("div");
  const find = h("input", { type: "search", onchange: fillBikes, autocomplete: "off", spellcheck: "false" });
  const desk = h("div");
  const locks = h("div");
  const made = h("div");
  const owner = admin ? await ownerField(me) : {};
  const bike = { code: { label: t("bikes.code"), ...CODE }, label: { label: t("bikes.label"), required: true, maxlength: 64 }, lock: { label: t("lock.id"), hint: t("bikes.later"), ...LOCK }, ...owner };
  const lock = {
    lock_id: { label: t("lock.id"), required: true, ...LOCK },
    k_lock: { label: t("locks.key"), hint: t("locks.key.how"), ...KEY },
    kind: { label: t("lock.kind"), kind: "select", choices: KINDS.map((kind) => [kind, word("kind", kind)]) },
    group: { label: t("groups.id"), hint: t("locks.group.how"), pattern: "[0-9a-f]{8}" },
    board: { label: t("lock.board"), pattern: "[a-z0-9_]{1,24}", spellcheck: "false" },
    ...owner,
  };
  into.append(
    h("div", { class: "tools" }, h("label", {}, t("bikes.find"), find)),
    bikes,
    desk,
    admin && h("details", {}, h("summary", {}, t("bikes.new")), form(t("bikes.new"), bike, t("frame.save"), add)),
    h("h2", {}, t("fleet.caption")),
    locks,
    made,
    admin && h("details", {}, h("summary", {}, t("locks.new")), form(t("locks.new"), lock, t("frame.save"), register)),
  );
  await Promise.all([fillBikes(), fillLocks()]);

  function fillBikes() {
    const columns = [
      { head: t("bikes.code"), cell: (one) => one.code },
      { head: t("bikes.label"), cell: (one) => one.label },
      { head: t("bikes.plan"), cell: (one) => one.plan ?? t("none") },
      { head: t("lock.title"), cell: (one) => (one.lock_id ? link(one.lock_id) : t("none")) },
      { head: t("bikes.service"), cell: (one) => (one.out_since == null ? t("bikes.in") : [h("span", { class: "tag bad" }, t("bikes.out", { when: when(one.out_since) })), h("span", { class: "hint" }, one.out_reason ?? "")]) },
      { head: t("frame.actions"), cell: (one) => button(t("frame.edit"), () => edit(one.asset_id), { name: t("zones.edit", { name: one.code }) }) },
    ];
    return listed(bikes, t("bikes.title"), columns, t("bikes.none"), "assets", (cursor) => get("/assets", find.value ? { code: find.value.trim() } : { cursor, limit: 50 }));
  }

  function fillLocks() {
    const columns = [
      { head: t("lock.id"), cell: (one) => link(one.lock_id) },
      { head: t("fleet.bike"), cell: (one) => one.asset?.code ?? t("none") },
      { head: t("lock.kind"), cell: (one) => word("kind", one.kind) },
      { head: t("groups.id"), cell: (one) => (one.group ? h("code", {}, one.group) : t("none")) },
      { head: t("lock.board"), cell: (one) => one.board ?? t("unknown") },
      { head: t("zones.since"), cell: (one) => when(one.registered_at) },
    ];
    return listed(locks, t("fleet.caption"), columns, t("fleet.empty"), "locks", (cursor) => get("/locks", { cursor, limit: 50 }));
  }

  async function add(values, filled) {
    await send("POST", "/assets", values);
    filled.reset();
    await Promise.all([fillBikes(), fillLocks()]);
  }

  async function register(values, filled) {
    const given = await send("POST", "/locks", values);
    filled.reset(); // a key stays in no field
    once(made, t("locks.papers", values), [`keyset: ${given.keyset}`, `roots: ${given.roots}`]);
    await fillLocks();
  }

  async function edit(id) {
    const seen = await get(`/assets/${id}`);
    const names = { code: { label: t("bikes.code"), value: seen.code, ...CODE }, label: { label: t("bikes.label"), required: true, maxlength: 64, value: seen.label }, plan: { label: t("bikes.plan"), hint: t("bikes.plan.how"), maxlength: 32, value: seen.plan } };
    const other = { lock: { label: t("lock.id"), hint: t("bikes.fit.how"), ...LOCK } };
    const why = { reason: { label: t("bikes.reason"), hint: t("bikes.out.how"), maxlength: 200 } };
    const heading = h("h2", { tabindex: "-1" }, t("zones.edit", { name: seen.code }));
    const had = [
      { head: t("lock.title"), cell: (one) => link(one.lock_id) },
      { head: t("zones.since"), cell: (one) => when(one.since) },
      { head: t("exports.until"), cell: (one) => (one.until == null ? "" : when(one.until)) },
    ];
    const history = h("div");
    show(
      desk,
      heading,
      admin && form(t("zones.edit", { name: seen.code }), names, t("frame.save"), rename),
      seen.out_since == null ? form(t("bikes.take_out"), why, t("bikes.take_out"), (values) => serve({ in_service: false, ...values })) : h("p", {}, button(t("bikes.back"), () => serve({ in_service: true }))),
      form(t("bikes.fit", seen), other, t("bikes.fit.button"), fit, { after: h("button", { type: "button", class: "quiet", onclick: () => show(desk) }, t("frame.cancel")) }),
      history,
    );
    heading.focus();
    await listed(history, t("bikes.locks", seen), had, t("bikes.no_locks"), "locks", async () => seen);

    async function rename(values) {
      await send("PATCH", `/assets/${id}`, { ...values, plan: values.plan ?? "" }, seen);
      await Promise.all([edit(id), fillBikes()]);
    }

    async function serve(values) {
      await send("POST", `/assets/${id}/service`, values);
      await Promise.all([edit(id), fillBikes()]);
    }

    async function fit(values) {
      if (!confirm(t(values.lock ? "bikes.fit.sure" : "bikes.off.sure", seen))) return;
      await send("POST", `/assets/${id}/lock`, values);
      await Promise.all([edit(id), fillBikes(), fillLocks()]);
    }
  }
}

function link(lock) {
  return h("a", { href: place("locks", lock) }, h("code", {}, lock));
}
