// Groups: locks under one id, for a company's own people; who joins by a code.

import { get, send } from "../api.js";
import { h, show } from "../dom.js";
import { button, form, once } from "../form.js";
import { ownerField } from "../owner.js";
import { listed } from "../table.js";
import { t, when } from "../words.js";

const DAY_S = 86400;

export async function open(_place, into, _heading, me) {
  const admin = me.role === "admin";
  const list = h("div");
  const shown = h("section");
  const fields = {
    name: { label: t("zones.name"), required: true, maxlength: 64 },
    group: { label: t("groups.id"), hint: t("groups.id.how"), pattern: "[0-9a-f]{8}" },
    members_only: { label: t("groups.members_only"), kind: "check" },
    ...(admin ? await ownerField(me) : {}),
  };
  const add = async (values) => (await send("POST", "/groups", values), await fill());
  into.append(list, admin && h("details", {}, h("summary", {}, t("groups.new")), form(t("groups.new"), fields, t("frame.save"), add)), shown);
  await fill();

  function fill() {
    const columns = [
      { head: t("zones.name"), cell: (one) => one.name },
      { head: t("groups.id"), cell: (one) => h("code", {}, one.group_id) },
      { head: t("groups.who"), cell: (one) => (one.members_only ? t("groups.only") : t("groups.all")) },
      { head: t("groups.domain"), cell: (one) => one.domain ?? t("none") },
      { head: t("fleet.caption"), cell: (one) => one.locks, number: true },
      { head: t("groups.members"), cell: (one) => one.members, number: true },
      { head: t("frame.actions"), cell: (one) => button(t("frame.edit"), () => see(one.group_id), { name: t("zones.edit", one) }) },
    ];
    return listed(list, t("groups.title"), admin ? columns : columns.slice(0, -1), t("groups.none"), "groups", (cursor) => get("/groups", { cursor }));
  }

  async function see(id) {
    let group = await get(`/groups/${id}`);
    const heading = h("h2", { tabindex: "-1" }, group.name);
    const members = h("div");
    const codes = h("div");
    const facts = {
      name: { label: t("zones.name"), required: true, maxlength: 64, value: group.name },
      members_only: { label: t("groups.members_only"), kind: "check", value: group.members_only },
      domain: { label: t("groups.domain"), hint: t("groups.domain.how"), maxlength: 253, value: group.domain },
    };
    const invitation = {
      uses: { label: t("groups.uses"), kind: "number", min: 1, max: 1000, value: 1, required: true },
      days: { label: t("groups.days"), kind: "number", min: 1, max: 365, value: 7, required: true },
    };
    show(
      shown,
      heading,
      form(t("zones.edit", group), facts, t("frame.save"), save),
      form(t("groups.invite"), invitation, t("groups.invite"), invite, {
        after: button(t("groups.void"), () => send("DELETE", `/groups/${id}/invitations`), { sure: t("groups.void.sure") }),
      }),
      codes,
      members,
    );
    heading.focus();
    await people();

    async function save(values) {
      await send("PATCH", `/groups/${id}`, { ...values, domain: values.domain ?? "" }, group);
      await again();
    }

    async function putOut(one) {
      await send("DELETE", `/groups/${id}/members/${one.user_id}`);
      await Promise.all([people(), again()]);
    }

    /** What is said of it; the form stays, and a code that is shown. */
    async function again() {
      group = await get(`/groups/${id}`);
      heading.textContent = group.name;
      await fill();
    }

    async function invite({ uses, days }) {
      const expires_at = Math.floor(Date.now() / 1000) + days * DAY_S;
      const made = await send("POST", `/groups/${id}/invitations`, { uses, expires_at });
      once(codes, t("groups.code"), [made.code]);
    }

    function people() {
      const columns = [
        { head: t("people.name"), cell: (one) => one.login },
        { head: t("groups.joined"), cell: (one) => when(one.joined_at) },
        { head: t("frame.actions"), cell: (one) => button(t("groups.out"), () => putOut(one), { sure: t("groups.out.sure", { name: one.login }) }) },
      ];
      return listed(members, t("groups.members"), columns, t("groups.nobody"), "members", (cursor) => get(`/groups/${id}/members`, { cursor }));
    }
  }
}
