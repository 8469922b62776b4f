// One lock: how it is, where it was, what it wrote, what it was asked.

import { follow, of } from "../again.js";
import { address, get } from "../api.js";
import { entitle, place } from "../app.js";
import { commands } from "../commands.js";
import { h, show } from "../dom.js";
import { evidence } from "../evidence.js";
import { facts as pairs } from "../form.js";
import { plot } from "../plot.js";
import { steering } from "../steering.js";
import { listed, pages, table } from "../table.js";
import { track } from "../track.js";
import { known } from "./attention.js";
import { ago, degrees, t, volts, when, word } from "../words.js";

const WEEK_S = 7 * 86400;

/** A note of the lock, in the reader's language; a kind that we have no word for as the server says it. */
function told({ note, what, value, said }) {
  if (note === "unknown") return said;
  if (what) return `${word("note", note)}: ${word("told", what)}`;
  return value ? `${word("note", note)} (${value})` : word("note", note);
}

export async function open({ lock: id }, into, heading, me) {
  const path = `/locks/${id}`;
  const asked = commands(path, me.role === "admin");
  const parts = Object.fromEntries(["facts", "attention", "commands", "series", "ground", "rides", "claims", "receipts", "notes"].map((name) => [name, h("section")]));
  parts.commands = asked.element;
  into.append(...Object.values(parts));
  const ground = h("div");
  let bike = null; // the id of the one that it is on
  const way = track(ground);
  show(parts.ground, h("h2", {}, t("lock.track")), ground);

  await facts();
  if (me.role === "admin") into.append(steering(path, facts));
  await asked.fill();
  await Promise.all([attention(), series(), moved(), rides(), receipts(), notes()]);

  async function facts() {
    const lock = await get(path);
    bike = lock.asset?.asset_id ?? null;
    entitle(heading, lock.asset ? [...new Set([lock.asset.code, lock.asset.label])].join(" · ") : id);
    const rows = [
      ["fleet.state", h("span", { class: `state state-${lock.state}` }, word("state", lock.state))],
      ["fleet.battery", volts(lock.battery_mv)],
      ["fleet.heard", ago(lock.last_seen_at)],
      ["lock.id", h("code", {}, id)],
      ["lock.kind", word("kind", lock.kind)],
      ["lock.board", lock.board ?? t("unknown")],
      ["fleet.release", lock.release ?? t("unknown")],
      ["lock.receipts", t("lock.received", { have: lock.received_seq, said: lock.reported_seq })],
    ];
    show(parts.facts, pairs(rows.map(([name, value]) => [t(name), value])));
    claims(lock.claims);
  }

  function claims(made) {
    const columns = [
      { head: t("claims.made"), cell: (one) => when(one.created_at) },
      { head: t("rides.state"), cell: (one) => [word("claim", one.status), one.why && h("span", { class: "soft hint" }, one.why)] },
      { head: t("claims.mode"), cell: (one) => word("mode", one.mode) },
      { head: t("claims.until"), cell: (one) => when(one.exp) },
      { head: t("claims.epoch"), cell: (one) => one.epoch, number: true },
    ];
    show(parts.claims, made.length > 0 && [h("h2", {}, t("claims.title")), table(t("claims.title"), columns, made)]);
  }

  async function notes() {
    const list = h("div");
    show(parts.notes, h("h2", {}, t("lock.notes")), list);
    const columns = [
      { head: t("lock.when"), cell: (one) => when(one.at) },
      { head: t("lock.note"), cell: told },
    ];
    await listed(list, t("lock.notes"), columns, t("lock.no_notes"), "notes", (cursor) => get(`${path}/notes`, { cursor, limit: 20 }));
  }

  async function attention() {
    const [{ items }, { jobs }] = await Promise.all([get("/attention", { lock: id }), bike ? get("/jobs", { asset: bike }) : { jobs: [] }]);
    const open = new Map([...items.flatMap((item) => item.jobs), ...jobs].map((job) => [job.job_id, job]));
    show(
      parts.attention,
      (items.length > 0 || open.size > 0) && h("h2", {}, t("attention.title")),
      items.length > 0 && h("ul", { class: "reasons" }, items.map((item) => h("li", { class: "reason" }, evidence(item)))),
      [...open.values()].map((job) => known(job, me)),
    );
  }

  async function series() {
    const { battery, temperature = [], states } = await get(`${path}/series`, { since: Math.floor(Date.now() / 1000) - WEEK_S });
    const columns = [
      { head: t("lock.since"), cell: (one) => when(one.at) },
      { head: t("fleet.state"), cell: (one) => word("state", one.state) },
    ];
    show(
      parts.series,
      h("h2", {}, t("lock.week")),
      battery.length > 1 && plot(t("fleet.battery"), battery.map((one) => [one.at, one.low_mv, one.high_mv]), volts),
      temperature.length > 1 && plot(t("lock.temperature"), temperature.map((one) => [one.at, one.low_c, one.high_c]), degrees),
      states.length > 0 && table(t("lock.states"), columns, states.slice(-20).reverse()),
    );
  }

  async function moved() {
    const feature = await get(`${path}/track`, { since: Math.floor(Date.now() / 1000) - WEEK_S });
    await way.draw(feature.geometry, when(feature.properties.times.at(-1)));
  }

  async function rides() {
    const list = h("div");
    show(parts.rides, h("h2", {}, t("rides.title")), list);
    const { rides: found } = await get("/rides", { lock: id, limit: 20 });
    const columns = [
      { head: t("rides.began"), cell: (ride) => h("a", { href: place("rides", ride.ride_id) }, when(ride.opened_at)) },
      { head: t("rides.state"), cell: (ride) => word("ride", ride.state) },
      { head: t("rides.distance"), cell: (ride) => `${ride.distance_m} m`, number: true },
    ];
    show(list, found.length ? table(t("rides.title"), columns, found) : h("p", { class: "empty" }, t("rides.none")));
  }

  async function receipts() {
    const list = h("div");
    show(parts.receipts, h("h2", {}, t("lock.receipts")), h("p", {}, h("a", { href: address(`${path}/measurements`), download: `${id}.senml.json` }, t("lock.senml"))), list);
    const columns = [
      { head: t("lock.seq"), cell: (one) => one.seq, number: true },
      { head: t("lock.what"), cell: (one) => word("receipt", one.type) },
      { head: t("lock.when"), cell: (one) => when(one.at) },
      { head: t("lock.chain"), cell: (one) => h("span", { class: `tag ${one.chain === "holds" && !one.forks ? "good" : "bad"}` }, word("chain", one.forks ? "fork" : one.chain)) },
      { head: t("lock.via"), cell: (one) => word("via", one.via) },
    ];
    await pages(
      list,
      t("frame.more"),
      async (cursor) => {
        const page = await get(`${path}/receipts`, { cursor, limit: 20 });
        return { rows: page.receipts, next: page.next };
      },
      (rows) => table(t("lock.receipts"), columns, rows),
    );
  }

  const mine = of(id);
  const silences = [
    follow(["lock.state", "receipt.stored"], facts, mine),
    follow(["lock.moved"], moved, mine),
    follow(["command.asked", "command.done"], asked.fill, mine),
    follow(["ride.started", "ride.parked", "ride.resumed", "ride.ended"], rides, mine),
    follow(["attention.opened", "attention.closed"], attention, mine),
    follow(["job.opened", "job.assigned", "job.done"], attention), // a bicycle's, whichever lock it had then
    follow(["receipt.stored"], receipts, mine),
  ];
  return () => {
    silences.forEach((end) => end());
    way.end();
  };
}
