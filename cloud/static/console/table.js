// A table from rows and columns: {head, cell(row), number?, header?}. On a phone each row becomes a card.

import { h } from "./dom.js";
import { t } from "./words.js";

export function table(caption, columns, rows, look = {}) {
  const head = columns.map((column) => h("th", { scope: "col", role: "columnheader", class: column.number && "number" }, column.head));
  return h(
    "table",
    { role: "table", class: look.class },
    h("caption", { class: "unseen" }, caption),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, head)),
    h("tbody", { role: "rowgroup" }, rows.map((row) => line(columns, row, look))),
  );
}

function line(columns, row, look) {
  const cells = columns.map((column, index) =>
    index === 0
      ? h("th", { scope: "row", role: "rowheader", class: column.number && "number" }, column.cell(row))
      : h("td", { role: "cell", "data-label": column.head, class: column.number && "number" }, column.cell(row)),
  );
  return h("tr", { role: "row", class: look.row?.(row) }, cells);
}

/** A list that grows by a page at a time: `fetch(cursor)` → {rows, next}; `draw(rows)` → an element. */
export async function pages(into, more, fetch, draw) {
  let cursor;
  const button = h("button", { type: "button", onclick: next }, more);
  async function next() {
    button.disabled = true;
    const page = await fetch(cursor);
    cursor = page.next;
    into.append(draw(page.rows));
    button.remove();
    button.disabled = false;
    if (cursor) into.append(button);
  }
  await next();
}

/** The same of a list of the API: `fetch(cursor)` → its answer, in which `name` are the rows; `none` says that there are none. */
export async function listed(into, caption, columns, none, name, fetch) {
  const fresh = h("div");
  const page = async (cursor) => {
    const answer = await fetch(cursor);
    return { rows: answer[name], next: answer.next };
  };
  await pages(fresh, t("frame.more"), page, (rows) => (rows.length ? table(caption, columns, rows) : h("p", { class: "empty" }, none)));
  into.replaceChildren(fresh);
}
