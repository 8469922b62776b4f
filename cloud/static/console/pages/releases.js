// What locks run and whom they believe: releases on their way, issuer keys, the keyset and who has it.

import { get, send } from "../api.js";
import { h, show } from "../dom.js";
import { evidence } from "../evidence.js";
import { button, form } from "../form.js";
import { listed, table } from "../table.js";
import { t, when, word } from "../words.js";

export async function open(_place, into, _heading, me) {
  const platform = me.operator_id === null;
  const steers = platform && me.role === "admin";
  const rollouts = h("div");
  const releases = h("div");
  const keys = h("div");
  into.append(h("h2", {}, t("rollouts.title")), rollouts);
  const fields = {
    board: { label: t("lock.board"), required: true },
    version: { label: t("fleet.release"), kind: "number", min: 1, required: true },
    percent: { label: t("rollouts.percent"), kind: "number", min: 0, max: 100, value: 1, required: true },
  };
  const start = async (values) => (await send("POST", "/rollouts", values), await fill());
  if (steers) into.append(h("details", {}, h("summary", {}, t("rollouts.new")), form(t("rollouts.new"), fields, t("rollouts.start"), start)));
  into.append(h("h2", {}, t("releases.title")), releases, h("h2", {}, t("keys.title")), keys);
  const parts = { manifest: { label: t("releases.manifest"), kind: "file", required: true }, file: { label: t("releases.files"), hint: t("releases.files.how"), kind: "file", multiple: true, required: true } };
  if (steers) releases.after(h("details", {}, h("summary", {}, t("releases.new")), form(t("releases.new"), parts, t("releases.upload"), upload)));
  await Promise.all([platform ? fill() : show(rollouts, h("p", { class: "empty" }, t("releases.platform"))), platform && fillReleases(), fillKeys()]);

  function fill() {
    const columns = [
      { head: t("lock.board"), cell: (one) => `${one.board} · ${one.version}` },
      { head: t("rides.state"), cell: (one) => [h("span", { class: `tag ${one.state === "halted" ? "bad" : "good"}` }, word("rollout", one.state)), one.halt && h("span", { class: "hint" }, evidence(one.halt))] },
      { head: t("rollouts.percent"), cell: (one) => `${one.percent} %`, number: true },
      { head: t("rollouts.progress"), cell: (one) => progress(one) },
      { head: t("zones.since"), cell: (one) => when(one.started_at) },
      { head: t("frame.actions"), cell: (one) => one.state !== "done" && steer(one) },
    ];
    return listed(rollouts, t("rollouts.title"), steers ? columns : columns.slice(0, -1), t("rollouts.none"), "rollouts", newest);
  }

  /** Those that go on with what people set of them, for who steers. */
  async function newest(cursor) {
    const page = await get("/rollouts", { cursor });
    const running = steers ? page.rollouts.filter((one) => one.state !== "done") : [];
    await Promise.all(running.map(async (one) => (one.wanted = await get(`/rollouts/${one.rollout_id}/wanted`))));
    return page;
  }

  function steer(one) {
    const path = `/rollouts/${one.rollout_id}/wanted`;
    const seen = one.wanted;
    const change = async (values) => (await send("PATCH", path, values, seen), await fill());
    const halt = async () => (await send("PATCH", path, { state: "halted" }), await fill()); // whatever it is by now
    const more = { percent: { label: t("rollouts.percent"), kind: "number", min: one.percent, max: 100, value: one.percent, required: true } };
    return [
      one.state === "running" ? button(t("rollouts.halt"), halt) : button(t("rollouts.resume"), () => change({ state: "running" }), { sure: t("rollouts.resume.sure") }),
      button(t("rollouts.end"), () => change({ state: "done" }), { sure: t("rollouts.end.sure") }),
      h("details", {}, h("summary", {}, t("rollouts.more")), form(t("rollouts.more"), more, t("frame.save"), change)),
    ];
  }

  async function upload(given, filled) {
    const body = new FormData();
    for (const [name, files] of Object.entries(given)) for (const file of files) body.append(name, file);
    await send("POST", "/releases", body);
    filled.reset();
    await fillReleases();
  }

  function fillReleases() {
    const columns = [
      { head: t("lock.board"), cell: (one) => one.board },
      { head: t("fleet.release"), cell: (one) => one.version, number: true },
      { head: t("releases.size"), cell: (one) => `${Math.ceil(one.size / 1024)} KiB`, number: true },
      { head: t("ride.digest"), cell: (one) => h("code", {}, one.digest.slice(0, 16)) },
      { head: t("releases.taken"), cell: (one) => when(one.taken_at) },
    ];
    return listed(releases, t("releases.title"), columns, t("releases.none"), "releases", (cursor) => get("/releases", { cursor }));
  }

  async function fillKeys() {
    const { keys: known } = await get("/keys");
    const keyset = platform ? await get("/keyset").catch(() => null) : null; // before the first there is none
    const columns = [
      { head: t("keys.kid"), cell: (one) => h("code", {}, one.kid) },
      { head: t("keys.role"), cell: (one) => word("key_role", one.role) },
      { head: t("rides.state"), cell: (one) => word("key", one.state) },
      { head: t("keys.until"), cell: (one) => when(one.exp) },
    ];
    const installed = [
      { head: t("keys.version"), cell: (one) => one.version ?? t("unknown"), number: true },
      { head: t("fleet.caption"), cell: (one) => one.locks, number: true },
    ];
    show(
      keys,
      known.length ? table(t("keys.title"), columns, known) : h("p", { class: "empty" }, t("keys.none")),
      keyset && [h("h2", {}, t("keys.keyset", { version: keyset.version })), table(t("keys.installed"), installed, keyset.installed)],
    );
  }
}

function progress(rollout) {
  const places = Object.entries(rollout.progress).filter(([, count]) => count);
  return places.length ? h("ul", { class: "plain" }, places.map(([place, count]) => h("li", {}, `${word("progress", place)}: ${count}`))) : t("none");
}
