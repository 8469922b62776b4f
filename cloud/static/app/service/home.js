// The shift, and what there is to do, what is worth the way first.

import { h, show } from "../../console/dom.js";
import { act, form, soft, way } from "../ui.js";
import { ago, metres, said, t, when } from "../words.js";
import { ranked } from "./duty.js";
import { known, locate } from "./here.js";

export async function open(into, _place, desk) {
  const { app, duty, me, place, rider, shift } = desk;
  let here = await known((found) => ((here = found), draw().catch(() => {})));
  const card = h("section", { class: "card shift", "aria-live": "polite" });
  const near = here ? null : act(t("jobs.near"), async () => ((here = await locate()), near.remove(), draw()), "quiet");
  const list = h("ol", { class: "list jobs" });
  const note = h("p", { class: "soft", role: "status" });
  const aside = h("section");
  show(
    into,
    h("h1", {}, t("service.title")),
    card,
    aside,
    h("h2", {}, t("jobs.title")),
    near,
    note,
    list,
    h("h2", {}, t("service.find")),
    form({ code: { label: t("service.code"), required: true, pattern: "[0-9A-Za-z\\-]{1,32}", autocapitalize: "characters" } }, t("service.to_bike"), ({ code }) => app.go(place("b", code))),
    h("p", { class: "ways" }, way(t("any.title"), place("any"), "")),
  );
  await draw();
  return rider.subscribe(() => draw().catch(() => {}));

  async function draw() {
    const [locks, { jobs, at, stale }, refused] = await Promise.all([shift.locks(), duty.jobs(), rider.aside()]);
    show(card, locks.length ? running(locks) : none());
    const sorted = ranked(jobs, here);
    note.textContent = stale ? t("service.stale", { ago: ago(Date.now() / 1000 - at) }) : jobs.length ? t("jobs.count", { n: jobs.length }) : t("jobs.none");
    show(list, sorted.map(line));
    show(aside, refused.map(setAside));
  }

  function none() {
    return [h("h2", {}, t("shift.none")), soft(t("shift.why")), way(t("shift.begin"), place("shift"), "button big")];
  }

  function running(locks) {
    const until = Math.min(...locks.map(({ exp }) => exp));
    return [
      h("h2", {}, t("shift.until", { when: when(until) })),
      h("ul", { class: "tags", "aria-label": t("shift.locks") }, locks.map(({ code }) => h("li", {}, h("a", { class: "plate", href: place("b", code) }, code)))),
      h("div", { class: "row" }, way(t("shift.more"), place("shift"), "button quiet"), act(t("shift.end"), () => shift.end(), "quiet")),
    ];
  }

  function line(job) {
    const whose = job.assigned_to === me.user_id ? t("jobs.mine") : job.assigned_to && t("jobs.taken");
    return h(
      "li",
      {},
      h("a", { href: place("jobs", job.job_id) }, h("strong", {}, h("span", { class: `rank rank-${job.rank}` }, t("jobs.rank", { rank: job.rank })), " ", job.title), h("span", {}, job.way === null ? "" : metres(job.way)), h("small", {}, [job.bike, whose, job.waits && t("service.waits")].filter(Boolean).join(" · "))),
    );
  }

  function setAside({ n, refused }) {
    return h("div", { class: "alarm" }, h("p", {}, t("service.refused", { why: said({ code: refused.code, message: refused.text }) })), act(t("done"), () => rider.dismiss(n), "quiet"));
  }
}
