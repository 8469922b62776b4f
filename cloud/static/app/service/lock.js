// At a lock: found, its colours compared, opened; what it says of itself, its sealed log collected, a release brought.

import { h, show } from "../../console/dom.js";
import { support } from "../link/link.js";
import { swatches } from "../pages/claim.js";
import { BOLT_OPEN, SHACKLE_CLOSED } from "../protocol/receipt.js";
import { STATES } from "../protocol/update.js";
import { ringOf } from "../ring.js";
import { act, busy, facts, soft, way } from "../ui.js";
import { ago, lasting, maybe, metres, said as sentence, t } from "../words.js";
import { clock, volts } from "./bike.js";
import { Errand } from "./shift.js";

const RUNNING = 12; // reason, SPEC.md section 12: it is the very release that runs

/** Draws into this element; `lock`: {lock_id, code, label}, or null for the nearest. -> promise of what ends it. */
export async function atLock(into, lock, desk) {
  const { app, place, releases, rider, shift } = desk;
  const lock_id = lock?.lock_id ?? null;
  const [radio, locks, first] = await Promise.all([support(), shift.locks(), lock && releases.offered(lock_id)]);
  const until = locks.find((each) => each.lock_id === lock_id)?.exp ?? null; // null: on no list, so a token is fetched there
  const [trouble, state, told] = [h("section", { role: "alert" }), h("section", { "aria-live": "polite" }), h("section")];
  const bar = h("progress", { max: 1, value: 0, "aria-label": t("update.bringing") });
  let offered = first;
  let loading = null; // how much of the release is here, of 1
  let unloaded = null; // why it could not be loaded
  let doing = null; // what is asked of the lock
  let ring;
  show(into, trouble, state, told);
  start(false);
  return () => ring.leave();

  function start(wide) {
    ring?.leave();
    const errand = new Errand(lock_id, { wide, until, sent: (part) => (bar.value = part) });
    ring = ringOf(shift, errand, draw);
    draw();
  }

  /** On a new link whatever was said on one before is over: it may be another lock. */
  function reach() {
    if (ring.claim.said || ring.claim.logged) start(ring.claim.wide);
    return ring.reach();
  }

  async function ask(what) {
    doing = what;
    if (what === "update") {
      const release = await releases.whole(offered);
      if (!release) return reload(); // another tab has loaded another one
      ring.claim.release = release;
    }
    await ring.ask(what);
    if (ring.trouble || ring.at !== "ready") return; // or the technician went away meanwhile
    if (what === "open") return ask("log"); // there may never be a better time
    if (what !== "log") return;
    ring.claim.logged = true;
    draw();
    rider.deliver().catch(() => {}); // without a network it goes later
  }

  function draw() {
    show(trouble, ring.trouble && troubled(ring.trouble));
    show(state, scene());
    show(told, mistaken(), sayings(ring.claim));
  }

  /** A token of eight locks opens each: one that was picked by mistake too. */
  function mistaken() {
    const { sure } = ring.claim;
    if (!lock || !ring.claim.said || sure === lock_id) return null;
    return h("p", { class: "alarm", role: "alert" }, t("lock.other", { code: locks.find((each) => each.lock_id === sure)?.code ?? sure }));
  }

  function troubled({ name, next, code, message, asked }) {
    const steps = {
      claim: () => app.go(place("shift", lock?.code)),
      update: () => location.reload(),
      sign_in: () => app.go(place()),
      other_device: () => app.go(app.place("help")),
      keep: async () => (await rider.deliver(), (ring.trouble = null), draw()),
      report: () => app.go(app.place("fault", lock?.code)),
    };
    const text = name ? (maybe(`service.${name}`) ?? t(`outcome.${name}`)) : sentence({ code, message });
    const label = next === "keep" ? t("claim.send") : (maybe(`service.next.${next}`) ?? t(`next.${next}`));
    const same = ring.at === "ready" || (lock && !ring.claim.wide); // else who is picked now may be another, unseen
    const wide = lock && !ring.claim.wide && ["CANCELLED", "NOT_HEARD"].includes(name);
    return h(
      "div",
      { class: "alarm" },
      h("p", {}, text),
      act(label, steps[next] ?? (() => (asked && same && name !== "WRONG_LOCK" ? ask(asked) : again())), "big"),
      wide && act(t("lock.wide"), () => (start(true), ring.reach()), "quiet"),
    );
  }

  function scene() {
    if (radio === "missing") return [h("p", { class: "note" }, t("outcome.UNSUPPORTED")), way(t("next.other_device"), app.place("help"))];
    const stop = () => act(t("stop"), () => (ring.leave(), draw()), "quiet");
    const { said, wide, brought } = ring.claim;
    switch (ring.at) {
      case "reaching":
        return [busy(t("lock.reaching")), stop()];
      case "greeting":
        return [busy(t("lock.greeting")), stop()];
      case "asking":
        return doing === "update" ? [h("p", {}, t("update.bringing")), bar, soft(t("update.stay"))] : busy(t(doing === "log" ? "lock.collecting" : "lock.opening"));
      case "ready":
        return [
          said ? h("p", { class: "good" }, t(stands(said) === "closed" ? "lock.shut" : "lock.open")) : ring.colours && [h("h2", {}, t("lock.colours")), swatches(ring.colours)],
          act(t(said ? "lock.reopen" : "lock.unlock"), () => ask("open"), said ? "quiet" : "huge"),
          release(),
          act(t("lock.collect"), () => ask("log"), "quiet"),
          !said && act(t("lock.not_this"), () => (ring.leave(), draw()), "quiet"),
        ];
      default:
        return ring.trouble ? release() : [
          soft(t(wide || !lock ? "lock.any" : until ? "lock.listed" : "lock.unlisted")),
          act(t("lock.find"), reach, "huge"),
          lock && !until && way(t("shift.more"), place("shift", lock.code), "button quiet"),
          !brought && release(),
        ];
    }
  }

  function release() {
    if (!offered) return null;
    const { version, size, here } = offered;
    if (loading !== null) return [h("p", {}, t("update.loading")), h("progress", { max: 1, value: loading, "aria-label": t("update.loading") })];
    if (here < size) return [act(t("update.load", { version, kb: Math.ceil(size / 1024) }), load, "quiet"), unloaded && h("p", { class: "wrong", role: "alert" }, sentence(unloaded))];
    return ring.at === "ready" ? act(t("update.bring", { version }), () => ask("update"), "quiet") : soft(t("update.here", { version }));
  }

  function again() {
    ring.leave(); // of another lock, it may be
    return reach();
  }

  async function load() {
    unloaded = null;
    try {
      await releases.fetch(offered, (bytes) => ((loading = bytes / offered.size), draw()));
    } catch (refused) {
      unloaded = refused; // said beside the button, which is drawn anew
      if (refused.code === undefined && !(refused instanceof DOMException)) throw refused;
    } finally {
      loading = null;
      await reload();
    }
  }

  async function reload() {
    offered = await releases.offered(lock_id).catch(() => offered);
    draw();
  }
}

/** What came of an errand so far. */
function sayings({ said, carried, logged, bound, brought }) {
  return [
    bound && h("p", { class: "note" }, t("lock.bound")),
    logged && h("p", { class: "good" }, t(carried ? "lock.carried" : "lock.nothing", { n: carried })),
    brought && h("p", { class: "good" }, verdict(brought)),
    said && [h("h2", {}, t("lock.says")), facts(diagnosis(said))],
  ];
}

function verdict({ state, reason }) {
  if (reason === RUNNING) return t("update.running");
  return t(`update.${state}`, { why: maybe(`update.reason.${reason}`) ?? reason });
}

/** How the ring stood by this receipt. */
function stands({ bits }) {
  return bits & BOLT_OPEN ? "open" : bits & SHACKLE_CLOSED ? "closed" : "between";
}

/** A receipt in words: what the lock knew of itself at that moment. */
function diagnosis({ type, bits, millivolts, error, uptime, seq, fix, told }) {
  return [
    [t("says.at"), ago(Date.now() / 1000 - told)],
    [t("says.type"), maybe(`receipt.${type}`) ?? type],
    [t("says.ring"), t(`ring.${stands({ bits })}`)],
    [t("bike.battery"), volts(millivolts)],
    [t("bike.clock"), clock(error)],
    [t("says.uptime"), lasting(uptime)],
    [t("says.seq"), seq],
    [t("says.fix"), fix ? t("says.fix_age", { age: lasting(fix[2]), within: metres(fix[3] / 10) }) : t("unknown")],
  ];
}
