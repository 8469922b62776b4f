// What needs a person, the gravest first: its evidence, what closes it, and a job for it.

import { get, send } from "../api.js";
import { place } from "../app.js";
import { h, show } from "../dom.js";
import { listen } from "../live.js";
import { ago, said, t, word } from "../words.js";

const AGAIN_MS = 1000;

export async function open(_place, into) {
  const list = h("ol", { class: "queue" });
  const count = h("p", { class: "soft", role: "status" });
  const more = h("button", { type: "button", onclick: () => load(more.cursor) }, t("frame.more"));
  into.append(count, list, more);
  await load();

  async function load(cursor) {
    const queue = await get("/attention", { cursor });
    const total = Object.values(queue.counts).reduce((sum, n) => sum + n, 0);
    count.textContent = total ? t("attention.count", { n: total }) : t("attention.nothing");
    if (!cursor) show(list);
    list.append(...queue.items.map(line));
    more.cursor = queue.next;
    more.hidden = !queue.next;
  }

  let due = 0;
  const silence = listen(["attention.opened", "attention.closed", "job.opened", "reset"], () => {
    due ||= setTimeout(() => ((due = 0), load().catch(() => {})), AGAIN_MS);
  });
  return () => {
    silence();
    clearTimeout(due);
  };
}

function line(item) {
  const about = item.lock_id
    ? h("a", { href: place("locks", item.lock_id) }, item.bike ?? item.lock_id)
    : h("span", {}, item.subject);
  const job = h("button", { type: "button", onclick: (event) => make(item, event.target) }, t("attention.job"));
  return h(
    "li",
    { class: item.rank <= 2 ? "grave" : null },
    h("h2", {}, about, " ", h("span", { class: "tag bad" }, word("attention", item.code))),
    h("p", {}, item.evidence, " ", h("span", { class: "soft" }, ago(item.since ?? item.opened_at))),
    h("p", { class: "soft" }, t("attention.closes", { what: item.closes })),
    job,
  );
}

async function make(item, button) {
  button.disabled = true;
  try {
    const title = `${word("attention", item.code)}: ${item.bike ?? item.subject}`.slice(0, 120);
    await send("POST", "/jobs", { title, item: item.item_id });
    button.replaceWith(h("span", { class: "tag good", role: "status" }, t("attention.job_made")));
  } catch (refused) {
    button.after(h("p", { class: "wrong", role: "alert" }, said(refused)));
    button.disabled = false;
  }
}
