// What a lock is asked for, on its page: to blink, to say where it is, to go by other settings; and when it heard of
// that and did it.

import { Refused, get, send } from "./api.js";
import { h, show } from "./dom.js";
import { button, form } from "./form.js";
import { table } from "./table.js";
import { t, when, word } from "./words.js";

const KINDS = ["find", "locate"];
const SETTINGS = {
  // name: the least and the most that a lock takes
  uplink_every_s: [10, 86400],
  status_every_s: [10, 86400],
  fix_every_s: [1, 3600],
  hold_max_s: [0, 604800],
  longest_max_s: [60, 2678400],
  advertise_ms: [100, 2000],
  awake_s: [5, 3600],
  stranger_s: [0, 3600],
};

/** {element, fill}: buttons, and a table that `fill()` brings up to date. `admin`: who may also change settings. */
export function commands(path, admin) {
  const list = h("div");
  const post = async (body) => (await send("POST", `${path}/commands`, body), await fill());
  const ask = (kind) => button(t(`lock.${kind}`), () => post({ kind }), { class: "" });
  const element = h(
    "section",
    {},
    h("h2", {}, t("lock.commands")),
    h("p", { class: "row" }, KINDS.map(ask), h("span", { class: "soft" }, t("lock.asked_says"))),
    admin && h("details", {}, h("summary", {}, t("config.title")), form(t("config.title"), fields(), t("config.send"), configure)),
    list,
  );
  return { element, fill };

  async function configure(values, filled) {
    const settings = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));
    if (!Object.keys(settings).length) throw new Refused(0, "config", t("config.nothing"));
    await post({ kind: "config", settings });
    filled.reset();
  }

  async function fill() {
    const { commands: asked } = await get(`${path}/commands`);
    const columns = [
      { head: t("lock.asked"), cell: (one) => [`${word("command", one.kind)} · ${when(one.created_at)}`, one.settings && h("span", { class: "hint" }, written(one.settings))] },
      { head: t("lock.by"), cell: (one) => one.by ?? t("unknown") },
      { head: t("lock.told"), cell: (one) => (one.sent_at == null ? t("lock.not_yet") : when(one.sent_at)) },
      { head: t("lock.did"), cell: (one) => (one.done_at == null ? t("lock.not_yet") : [when(one.done_at), one.refused && h("span", { class: "tag bad" }, t("config.refused"))]) },
    ];
    show(list, asked.length > 0 && table(t("lock.commands"), columns, asked));
  }
}

function fields() {
  return Object.fromEntries(
    Object.entries(SETTINGS).map(([name, [min, max]]) => [name, { label: t(`config.${name}`), hint: t("config.range", { name, min, max }), kind: "number", min, max, step: 1 }]),
  );
}

function written(settings) {
  return Object.entries(settings).map(([name, value]) => `${name} ${value}`).join(" · ");
}
