// Work to do: jobs for technicians, and what riders report as broken.

import { all, get, send } from "../api.js";
import { follow } from "../again.js";
import { place } from "../app.js";
import { h, show } from "../dom.js";
import { button, form } from "../form.js";
import { ownerField } from "../owner.js";
import { listed } from "../table.js";
import { ago, t, when, word } from "../words.js";

const RANKS = [1, 2, 3, 4, 5];
const FAULTS = ["brake", "tyre", "chain", "light", "saddle", "bell", "lock", "other"];
const AT_ONCE = 50;

/** All of them, or of `job` alone. */
export async function open({ job: only }, into, _heading, me) {
  const done = h("input", { type: "checkbox", onchange: fillJobs });
  const mine = h("input", { type: "checkbox", onchange: fillJobs });
  const closed = h("input", { type: "checkbox", onchange: fillFaults });
  const jobs = h("div");
  const desk = h("div");
  const faults = h("div");
  const staff = me.role === "admin" ? await Array.fromAsync(all("/staff", "staff")) : [me];
  const names = new Map(staff.map((one) => [one.user_id, one.login]));
  const fields = {
    title: { label: t("jobs.what"), required: true, maxlength: 128 },
    rank: { label: t("jobs.rank"), kind: "select", choices: RANKS.map((rank) => [rank, t(`jobs.rank.${rank}`)]), value: 3 },
    ...(await ownerField(me)),
  };
  const report = { code: { label: t("fleet.bike"), required: true }, kind: { label: t("faults.kind"), kind: "select", choices: FAULTS.map((kind) => [kind, word("fault", kind)]) }, text: { label: t("faults.text"), kind: "area", maxlength: 500 } };
  into.append(
    only ? h("p", {}, h("a", { href: place("jobs") }, t("jobs.all"))) : h("p", { class: "row" }, check(done, t("jobs.done_ones")), check(mine, t("jobs.mine"))),
    jobs,
    desk,
    h("details", {}, h("summary", {}, t("jobs.new")), form(t("jobs.new"), fields, t("frame.save"), add)),
    h("h2", {}, t("faults.title")),
    h("p", { class: "row" }, check(closed, t("faults.closed_too"))),
    faults,
    h("details", {}, h("summary", {}, t("faults.new")), form(t("faults.new"), report, t("frame.save"), tell)),
  );
  await Promise.all([fillJobs(), fillFaults()]);
  return follow(["job.opened", "job.assigned", "job.done", "fault.reported"], () => Promise.all([calm(jobs) && fillJobs(), calm(faults) && fillFaults()]));

  function fillJobs() {
    const columns = [
      { head: t("jobs.what"), cell: (job) => [job.title, job.note && h("span", { class: "soft hint" }, job.note)] },
      { head: t("jobs.about"), cell: (job) => about(job) },
      { head: t("jobs.rank"), cell: (job) => t(`jobs.rank.${job.rank}`) },
      { head: t("jobs.opened"), cell: (job) => ago(job.opened_at) },
      { head: t("jobs.who"), cell: (job) => (job.done_at == null ? assign(job) : `${name(job.done_by)} · ${when(job.done_at)}`) },
      { head: t("frame.actions"), cell: (job) => job.done_at == null && [button(t("frame.edit"), () => edit(job.job_id), { name: t("zones.edit", { name: job.title }) }), finish(job)] },
    ];
    const one = async () => ({ jobs: [await get(`/jobs/${only}`)] });
    const some = (cursor) => get("/jobs", { cursor, limit: AT_ONCE, done: done.checked || null, mine: mine.checked || null });
    return listed(jobs, t("jobs.title"), columns, t("jobs.none"), "jobs", only ? one : some);
  }

  function fillFaults() {
    const columns = [
      { head: t("faults.kind"), cell: (fault) => word("fault", fault.kind) },
      { head: t("jobs.about"), cell: (fault) => about(fault) },
      { head: t("faults.text"), cell: (fault) => fault.text },
      { head: t("faults.at"), cell: (fault) => ago(fault.at) },
      { head: t("frame.actions"), cell: (fault) => (fault.closed_at == null ? mend(fault) : h("span", { class: "tag good" }, t("faults.closed"))) },
    ];
    return listed(faults, t("faults.title"), columns, t("faults.none"), "faults", (cursor) =>
      get("/faults", { cursor, limit: AT_ONCE, open: closed.checked ? null : true }),
    );
  }

  async function add(values) {
    await send("POST", "/jobs", { ...values, rank: Number(values.rank) });
    await fillJobs();
  }

  async function tell(values) {
    await send("POST", "/faults", values);
    await fillFaults();
  }

  async function edit(id) {
    const seen = await get(`/jobs/${id}`);
    const title = t("zones.edit", { name: seen.title });
    const facts = { title: { ...fields.title, value: seen.title }, rank: { ...fields.rank, value: seen.rank } };
    const cancel = h("button", { type: "button", class: "quiet", onclick: () => show(desk) }, t("frame.cancel"));
    const made = form(title, facts, t("frame.save"), save, { before: h("h2", {}, title), after: cancel });
    show(desk, made);
    made.fields.title.focus();

    async function save(values) {
      await send("PATCH", `/jobs/${id}`, { ...values, rank: Number(values.rank) }, seen);
      show(desk);
      await fillJobs();
    }
  }

  function assign(job) {
    const give = async (user) => (await send("POST", `/jobs/${job.job_id}/assign`, { user }), await fillJobs());
    if (me.role === "admin") {
      const choices = [h("option", { value: "" }, t("jobs.nobody")), ...staff.map((one) => h("option", { value: one.user_id, selected: one.user_id === job.assigned_to }, one.login))];
      const select = h("select", { "aria-label": t("jobs.give", job) }, choices);
      return [select, button(t("jobs.assign"), () => give(select.value || null), { name: t("jobs.give", job) })];
    }
    if (job.assigned_to === me.user_id) return [name(job.assigned_to), " ", button(t("jobs.drop"), () => give(null))];
    return [job.assigned_to && name(job.assigned_to), " ", button(t("jobs.take"), () => give(me.user_id))];
  }

  function finish(job) {
    const note = { note: { label: t("jobs.note"), kind: "area", maxlength: 1000, rows: 2 } };
    const save = async (values) => (await send("POST", `/jobs/${job.job_id}/done`, { note: values.note ?? "" }), await Promise.all([fillJobs(), fillFaults()]));
    return h("details", {}, h("summary", {}, t("jobs.finish")), form(t("jobs.finish_one", job), note, t("jobs.finish"), save));
  }

  function mend(fault) {
    const title = `${word("fault", fault.kind)}: ${fault.text}`.slice(0, 128);
    return [
      button(t("attention.job"), async () => (await send("POST", "/jobs", { title, fault: fault.fault_id }), await fillJobs())),
      button(t("faults.close"), async () => (await send("POST", `/faults/${fault.fault_id}/close`), await fillFaults())),
    ];
  }

  function name(user) {
    return names.get(user) ?? t("jobs.colleague");
  }
}

/** The bicycle, by the lock that is on it now. */
function about({ bike, lock_now: lock, lock_id: then }) {
  const at = lock ?? then;
  return at ? h("a", { href: place("locks", at) }, bike ?? at) : (bike ?? "");
}

function check(input, label) {
  return h("label", { class: "check" }, input, label);
}

/** Whether nobody is in the middle of something there. */
function calm(element) {
  return !element.contains(document.activeElement) && !element.querySelector("details[open]");
}
