// Which locks a shift is for. The ones that the jobs are about are chosen already: mostly one tap is enough.

import { h, show } from "../../console/dom.js";
import { act, soft } from "../ui.js";
import { metres, t } from "../words.js";
import { ranked } from "./duty.js";
import { known } from "./here.js";
import { LOCKS } from "./shift.js";

const SHOWN = 40;

/** `code`: of a bicycle that somebody stands at: it comes first. */
export async function open(into, { code }, desk) {
  const { app, duty, place, releases, shift } = desk;
  const here = await known();
  const [{ jobs }, fleet, had] = await Promise.all([duty.jobs(), duty.fleet(here), shift.locks()]);
  const meant = fleet.filter((row) => row.code === code).map(({ lock_id }) => lock_id);
  const wanted = [...meant, ...had.map(({ lock_id }) => lock_id), ...ranked(jobs, here).map(({ lock_now }) => lock_now)];
  const order = ({ lock_id }) => (wanted.includes(lock_id) ? wanted.indexOf(lock_id) : Infinity);
  const shown = fleet.sort((a, b) => order(a) - order(b) || 0).slice(0, SHOWN);
  const boxes = shown.map((row, at) => h("input", { type: "checkbox", value: row.lock_id, checked: at < LOCKS && order(row) < Infinity, onchange: count }));
  const told = h("p", { class: "soft", role: "status" });
  show(
    into,
    h("h1", {}, t("begin.title")),
    soft(t("begin.why", { n: LOCKS })),
    told,
    act(t("shift.begin"), begin, "big"),
    h("fieldset", { class: "picks" }, h("legend", {}, t("begin.locks")), shown.map((row, at) => h("label", { class: "pick" }, boxes[at], h("span", { class: "plate" }, row.code), h("span", {}, row.way === null ? "" : metres(row.way))))),
  );
  count();

  function chosen() {
    return shown.filter((_, at) => boxes[at].checked);
  }

  function count() {
    const n = chosen().length;
    told.textContent = t("begin.count", { n, most: LOCKS });
    for (const box of boxes) box.disabled = !box.checked && n >= LOCKS;
  }

  async function begin() {
    const rows = chosen();
    if (!rows.length) throw { code: "begin_none" };
    await shift.take(rows.map(({ lock_id, code }) => ({ lock_id, code })));
    // what one wants to know beside them, for where there is no network
    await Promise.allSettled(rows.flatMap(({ lock_id, code }) => [duty.bike(code), releases.offered(lock_id)]));
    await app.go(place(), { instead: true });
  }
}
