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
    const here = document.activeElement?.closest("li")?.id; // where somebody is, by keyboard
    if (!cursor) show(list);
    list.append(...queue.items.map((item) => line(item, me)));
    if (here) document.getElementById(here)?.querySelector("a, button")?.focus();
    more.cursor = queue.next;
    more.hidden = !queue.next;
  }

  return follow(["attention.opened", "attention.closed", "job.opened", "job.assigned", "job.done"], load);
}

function line(item, me) {
  const about = item.lock_id
    ? h("a", { href: place("locks", item.lock_id) }, item.bike ?? item.lock_id)
    : h("span", {}, item.subject);
  const jobs = h("div", { role: "status" }, item.jobs.map((job) => known(job, me)));
  const job = button(t("attention.job"), () => make(item, me, job, jobs), { class: "", name: `${t("attention.job")}: ${item.bike ?? item.subject}` });
  return h(
    "li",
    { class: item.rank <= 2 ? "grave" : null, id: `item-${item.item_id}` },
    h("h2", {}, about, " ", h("span", { class: "tag bad" }, word("attention", item.code))),
    h("p", {}, evidence(item), " ", item.since == null && h("span", { class: "soft" }, ago(item.opened_at))),
    h("p", { class: "soft" }, t("attention.closes", { what: closes(item) })),
    jobs,
    !item.jobs.some((job) => job.same) && job,
  );
}

/** A job that is open there already, and whose it is: so that two people do not both go. */
function known({ job_id, title, assigned_to }, me) {
  const whose = assigned_to === me.user_id ? "attention.job.mine" : assigned_to ? "attention.job.given" : "attention.job.free";
  return h("p", {}, h("a", { href: place("jobs", job_id) }, title), " ", h("span", { class: "tag good" }, t(whose)));
}

async function make(item, me, job, jobs) {
  const title = `${word("attention", item.code)}: ${item.bike ?? item.subject}`.slice(0, 120);
  const made = known(await send("POST", "/jobs", { title, item: item.item_id }), me);
  jobs.append(made);
  job.remove();
  made.querySelector("a").focus();
}
