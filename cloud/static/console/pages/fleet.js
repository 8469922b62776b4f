// The whole fleet: a map, and a table that says the same in words.

import { all } from "../api.js";
import { place } from "../app.js";
import { h, show } from "../dom.js";
import { table } from "../table.js";
import { ago, t, volts, word } from "../words.js";

const SHOWN = 200; // rows of the table; the field above it finds the others

const COLUMNS = [
  { head: t("fleet.bike"), cell: bicycle },
  { head: t("fleet.state"), cell: (lock) => h("span", { class: `state state-${lock.state}` }, word("state", lock.state)) },
  { head: t("fleet.battery"), cell: (lock) => volts(lock.battery_mv), number: true },
  { head: t("fleet.heard"), cell: (lock) => ago(lock.last_seen_at) },
  { head: t("fleet.release"), cell: (lock) => lock.release ?? t("unknown"), number: true },
];

export async function open(_place, into) {
  const locks = [];
  for await (const lock of all("/locks", "locks")) locks.push(lock);
  locks.sort((one, other) => name(one).localeCompare(name(other), undefined, { numeric: true }));
  if (!locks.length) return void into.append(h("p", { class: "empty" }, t("fleet.empty")));

  const list = h("div");
  const count = h("p", { class: "soft", role: "status" });
  const find = h("input", { type: "search", oninput: tell, autocomplete: "off", spellcheck: "false" });
  into.append(h("div", { class: "tools" }, h("label", {}, t("fleet.find"), find), count), list);

  function tell() {
    const found = locks.filter((lock) => matches(lock, find.value.trim().toLowerCase()));
    count.textContent = t("fleet.locks", { n: found.length });
    show(list, found.length ? table(t("fleet.caption"), COLUMNS, found.slice(0, SHOWN)) : h("p", { class: "empty" }, t("fleet.nobody")));
  }
  tell();
}

function bicycle(lock) {
  const link = h("a", { href: place("locks", lock.lock_id) }, name(lock));
  return [link, h("span", { class: "soft" }, lock.asset?.label)];
}

function name(lock) {
  return lock.asset?.code ?? lock.lock_id;
}

function matches(lock, wanted) {
  return !wanted || `${name(lock)} ${lock.asset?.label ?? ""} ${lock.lock_id}`.toLowerCase().includes(wanted);
}
