// One bicycle: its lock, what is known of it, and what one does about it.

import { h, show } from "../../console/dom.js";
import { act, facts, form, soft, way } from "../ui.js";
import { ago, maybe, t, when } from "../words.js";
import { atLock } from "./lock.js";

export async function open(into, { code }, desk) {
  const { duty, place, rider } = desk;
  const [lock, told, toggle, listed] = Array.from({ length: 4 }, () => h("section"));
  let ends = null;
  let at; // the lock that is drawn
  let out; // and whether the bicycle is out of service
  let turn = 0;
  let working = false; // what is refused is said where it was asked for, which therefore stays
  await draw();
  const stop = rider.subscribe(() => draw().catch(() => {}));
  return () => (stop(), ends?.());

  function did(work) {
    working = true;
    return work.finally(() => (working = false)).then(draw);
  }

  async function draw() {
    const mine = ++turn;
    const [bike, { jobs }] = await Promise.all([duty.bike(code), duty.jobs()]);
    if (working || mine !== turn) return;
    if (!bike) return void show(into, h("h1", {}, t("bike.unknown", { code })), way(t("service.title"), place()));
    const { asset } = bike;
    if (!into.contains(lock)) show(into, h("h1", {}, asset.label), asset.label !== asset.code && h("p", { class: "plate" }, asset.code), lock, told, h("h2", {}, t("bike.do")), toggle, swap(asset), listed);
    if (at !== asset.lock_id) {
      at = asset.lock_id;
      ends?.();
      ends = at ? await atLock(lock, { lock_id: at, code: asset.code }, desk) : (show(lock, h("p", { class: "note" }, t("bike.bare"))), null);
    }
    if (out !== (asset.out_since !== null)) {
      out = asset.out_since !== null;
      show(toggle, doing(asset));
    }
    show(told, state(bike));
    const here = jobs.filter(({ asset_id }) => asset_id === asset.asset_id);
    show(listed, here.length > 0 && [h("h2", {}, t("jobs.title")), h("ul", { class: "list" }, here.map((job) => h("li", {}, h("a", { href: place("jobs", job.job_id) }, h("strong", {}, job.title)))))]);
  }

  function state({ asset, lock: said, at: asked, stale }) {
    return [
      h("h2", {}, t("bike.cloud")),
      asset.waits && h("p", { class: "note" }, t("service.waits_long")),
      asset.out_since !== null && h("p", { class: "alarm" }, t("bike.out", { when: when(asset.out_since), why: asset.out_reason ?? "" })),
      stale && soft(t("service.stale", { ago: ago(Date.now() / 1000 - asked) })),
      said && facts(known(said)),
      said && ["open", "parked"].includes(said.state) && h("p", { class: "note" }, t("bike.ride")),
    ];
  }

  function known(said) {
    return [
      [t("bike.seen"), said.last_seen_at === null ? t("bike.never") : when(said.last_seen_at)],
      [t("bike.state"), maybe(`state.${said.state}`) ?? t("unknown")],
      [t("bike.battery"), volts(said.battery_mv)],
      [t("bike.clock"), clock(said.clock_error_s)],
      [t("bike.release"), said.release ?? t("unknown")],
      [t("bike.missing"), missing(said)],
    ];
  }

  function doing(asset) {
    const blinking = h("p", { class: "good", role: "status", hidden: true }, t("bike.blinking"));
    return [
      act(t("bike.blink"), () => duty.find(at).then(() => (blinking.hidden = false)), "quiet"),
      blinking,
      out
        ? act(t("bike.put_in"), () => did(duty.putIn(asset)), "big")
        : h("details", {}, h("summary", {}, t("bike.put_out")), form({ reason: { label: t("bike.reason"), maxlength: 200 } }, t("bike.put_out"), ({ reason }) => did(duty.putOut(asset, reason)))),
    ];
  }

  function swap(asset) {
    const field = { label: t("bike.new_lock"), hint: t("bike.new_lock_why"), required: true, pattern: "[0-9A-Fa-f ]{16,23}", autocapitalize: "none" };
    const fit = ({ lock_id }) => did(duty.fit(asset, lock_id.replaceAll(" ", "").toLowerCase()));
    return h("details", {}, h("summary", {}, t("bike.swap")), form({ lock_id: field }, t("bike.fit"), fit));
  }
}

export function volts(millivolts) {
  return millivolts === null ? t("unknown") : t("volts", { v: millivolts / 1000 });
}

/** How far the lock's time may be off. */
export function clock(error) {
  if (error === null) return t("unknown");
  return error >= 0xffffffff ? t("clock.lost") : t("clock.good", { n: error });
}

/** Receipts that the lock has told of and the cloud has not got. */
function missing({ reported_seq, received_seq }) {
  return Math.max(0, (reported_seq ?? 0) - (received_seq ?? 0));
}
