// What a lock is asked for, on its page: to blink, to say where it is; and when it heard of that and did it.

import { get, send } from "./api.js";
import { h, show } from "./dom.js";
import { button } from "./form.js";
import { table } from "./table.js";
import { t, when, word } from "./words.js";

const KINDS = ["find", "locate"];

/** {element, fill}: buttons, and a table that `fill()` brings up to date. */
export function commands(path) {
  const list = h("div");
  const ask = (kind) => button(t(`lock.${kind}`), async () => (await send("POST", `${path}/commands`, { kind }), await fill()), { class: "" });
  const element = h("section", {}, h("h2", {}, t("lock.commands")), h("p", { class: "row" }, KINDS.map(ask), h("span", { class: "soft" }, t("lock.asked_says"))), list);
  return { element, fill };

  async function fill() {
    const { commands: asked } = await get(`${path}/commands`);
    const columns = [
      { head: t("lock.asked"), cell: (one) => `${word("command", one.kind)} · ${when(one.created_at)}` },
      { head: t("lock.by"), cell: (one) => one.by ?? t("unknown") },
      { head: t("lock.told"), cell: (one) => (one.sent_at == null ? t("lock.not_yet") : when(one.sent_at)) },
      { head: t("lock.did"), cell: (one) => (one.done_at == null ? t("lock.not_yet") : when(one.done_at)) },
    ];
    show(list, asked.length > 0 && table(t("lock.commands"), columns, asked));
  }
}
