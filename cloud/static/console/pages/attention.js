// What needs a person, the gravest first: its evidence, what closes it, and a job for it.

import { follow } from "../again.js";
import { get, send } from "../api.js";
import { place } from "../app.js";
import { h, show } from "../dom.js";
import { closes, evidence } from "../evidence.js";
import { button } from "../form.js";
import { ago, t, word } from "../words.js";

export async function open(_place, into, _heading, me) {
  const list = h("ol", { class: "queue" });
  const count = h("p", { class: "soft", role: "status" });
  const more = h("button", { type: "button", onclick: () => load(more.cursor) }, t("frame.more"));
  into.append(count, list, more);
  await load();

  async function load(cursor) {
    const queue = await get("/attention", { cursor });
    const total = Object.values(queue.counts).reduce((sum, n) => sum + n, 0);
    count.textContent = total ? t("attention.count", { n: total }) : t("attention.nothing");
    const at = document.activeElement; // where somebody is, by keyboard
    const here = list.contains(at) && at.closest("li").id;
    if (!cursor) show(list);
    list.append(...queue.items.map((item) => line(item, me, make)));
    if (here) stay(here, at.textContent);
    more.cursor = queue.next;
    more.hidden = !queue.next;
  }

  async function make(item) {
    const title = `${word("attention", item.code)}: ${item.bike ?? item.subject}`.slice(0, 120);
    await send("POST", "/jobs", { title, item: item.item_id });
    await load().catch(() => {}); // a lost link: the job is made all the same, and the next change asks again
    stay(idOf(item), title);
  }

  return follow(["attention.opened", "attention.closed", "job.opened", "job.assigned", "job.done"], load);
}

const idOf = (item) => `item-${item.item_id}`;

/** Focuses what has this text in that line, which was drawn anew; else the first thing there. */
function stay(id, text) {
  const there = [...(document.getElementById(id)?.querySelectorAll("a, button") ?? [])];
  (there.find((each) => each.textContent === text) ?? there[0])?.focus();
}

function line(item, me, make) {
  const about = item.lock_id
    ? h("a", { href: place("locks", item.lock_id) }, item.bike ?? item.lock_id)
    : h("span", {}, item.subject);
  const job = button(t("attention.job"), () => make(item), { class: "", name: `${t("attention.job")}: ${item.bike ?? item.subject}` });
  return h(
    "li",
    { class: item.rank <= 2 ? "grave" : null, id: idOf(item) },
    h("h2", {}, about, " ", h("span", { class: "tag bad" }, word("attention", item.code))),
    h("p", {}, evidence(item), " ", item.since == null && h("span", { class: "soft" }, ago(item.opened_at))),
    h("p", { class: "soft" }, t("attention.closes", { what: closes(item) })),
    h("div", { role: "status" }, item.jobs.map((one) => known(one, me))),
    !item.jobs.some((job) => job.same) && job,
  );
}

/** A job that is open there already, and whose it is: so that two people do not both go. */
export function known({ job_id, title, assigned_to }, me) {
  const whose = assigned_to === me.user_id ? "attention.job.mine" : assigned_to ? "attention.job.given" : "attention.job.free";
  return h("p", {}, h("a", { href: place("jobs", job_id) }, title), " ", h("span", { class: "tag good" }, t(whose)));
}
