// What an admin may change of a lock, on its page: whose releases it takes, and which tokens it takes no longer.

import { get, Refused, send } from "./api.js";
import { h, show } from "./dom.js";
import { button, form } from "./form.js";
import { t } from "./words.js";

/** An element; `changed()` is called after a change. */
export function steering(path, changed) {
  const said = h("p", { role: "status" });
  const epochs = { ride: { label: t("floor.ride"), hint: t("floor.ride.how"), kind: "number", min: 0 }, master: { label: t("floor.master"), hint: t("floor.master.how"), kind: "number", min: 0 } };
  const board = { board: { label: t("lock.board"), hint: t("lock.board.how"), pattern: "[a-z0-9_]{1,24}", required: true, disabled: true, spellcheck: "false" } };
  let seen; // what it was when one opened this: who comes second is told so, and keeps what they typed
  const other = form(t("lock.board.change"), board, t("frame.save"), async (values) => {
    await send("PATCH", `${path}/wanted`, values, seen);
    const [now] = await Promise.all([get(`${path}/wanted`), changed()]);
    if (now.board === values.board) seen = now; // else somebody was quick, and the next change is refused
  });
  return h(
    "section",
    {},
    h("h2", {}, t("floor.title")),
    h("p", {}, t("floor.why")),
    h("p", { class: "row" }, button(t("floor.sweep"), () => raise({}))),
    said,
    h("details", {}, h("summary", {}, t("floor.by_hand")), form(t("floor.by_hand"), epochs, t("floor.raise"), byHand)),
    h("details", { ontoggle: look }, h("summary", {}, t("lock.board.change")), other),
  );

  async function look({ target }) {
    if (!target.open) return;
    const field = other.fields.board;
    field.disabled = true; // nothing is typed that the answer would write over
    seen = await get(`${path}/wanted`).catch(() => null); // a lost link: nothing to hold it to
    field.value = seen?.board ?? "";
    field.disabled = false;
  }

  async function byHand(values) {
    if (values.ride === null && values.master === null) throw new Refused(0, "floor", t("floor.neither"));
    if (confirm(t("floor.sure"))) await raise(values);
  }

  async function raise(floors) {
    show(said);
    const made = await send("POST", `${path}/floor`, floors);
    show(said, t("floor.raised", { ride: made.wanted_floor, master: made.master_floor, cancelled: made.cancelled.length, reissued: made.reissued.length }));
    await changed();
  }
}
