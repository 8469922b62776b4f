// One claim, from the first look at the lock to the receipt. It connects when it opens; the colours that the lock blinks
// are seen before anybody commits; whatever goes wrong is one sentence and one button.

import { h, show } from "../../console/dom.js";
import { support } from "../link/link.js";
import { COLOURS } from "../protocol/colour.js";
import { ringOf } from "../ring.js";
import { act, busy, facts, nameOf, soft, way } from "../ui.js";
import { lasting, said, t, when } from "../words.js";

const LOOK_MS = 20_000; // what the cloud knows of the ride, while one looks at it

export async function open(into, { claim: id }, app) {
  const { rider, place, go } = app;
  const first = (await rider.held(id)) ?? (await rider.claims()).find((one) => one.claim_id === id);
  if (!first) return void show(into, h("h1", {}, t("claim.none")), way(t("claims.title"), place("claims")));
  const radio = await support();
  const ring = ringOf(rider, first, draw);
  const clock = h("p", { class: "clock", role: "timer" });
  const state = h("section", { "aria-live": "polite" });
  const trouble = h("section", { role: "alert" });
  const more = h("p", { class: "ways" });
  const verdict = h("p", { role: "status" });
  let drawn = null;
  show(into, h("h1", {}, nameOf(first)), first.label && first.label !== first.code && h("p", { class: "plate" }, first.code), clock, trouble, state, more);
  draw();
  compare();
  const stops = [rider.subscribe(look), every(1000, tick), every(LOOK_MS, () => rider.claims().catch(() => {}))];
  if (scene() === "apart" && app.tapped) ring.reach(); // still in the tap that claimed it
  return () => {
    for (const stop of stops) stop();
    ring.told = () => {};
    if (!ring.claim.ride) ring.leave(); // a lock waits half a minute for nobody
  };

  async function look() {
    ring.claim = (await rider.held(id)) ?? ring.claim;
    draw();
    await compare();
  }

  /** Whether the cloud holds the same as the lock gave here. */
  async function compare() {
    if (scene() !== "ended") return;
    const { verdict: word } = await rider.receipts(ring.claim);
    if (verdict.dataset.word === word) return;
    Object.assign(verdict, { className: word === "same" ? "good" : "note", textContent: t(`verdict.${word}`) }).dataset.word = word;
  }

  function scene() {
    const { claim, colours } = ring;
    const at = ring.at === "ready" && !colours ? "apart" : ring.at; // what it blinked is over
    const ended = claim.ride?.state === "ended";
    if (ended && (at === "apart" || !lasts(claim))) return "ended";
    if (!claim.ours) return "elsewhere";
    if (!claim.ride && claim.status !== "open") return "over";
    if (radio === "missing") return "without";
    if (at === "reaching" || at === "greeting" || at === "asking") return at;
    if (claim.ride && !ended) return claim.ride.state;
    return ring.trouble ? "troubled" : at;
  }

  /** What has not changed keeps its focus, and is not said again. */
  function draw() {
    const now = JSON.stringify([scene(), ring.colours, ring.trouble, ring.claim.status]);
    if (now !== drawn) {
      const focused = into.contains(document.activeElement);
      drawn = now;
      show(trouble, ring.trouble && troubled(ring.trouble));
      show(state, shown());
      into.className = scene() === "open" ? "riding" : "";
      show(more, ways());
      if (focused) (trouble.querySelector("button, a") ?? state.querySelector("h2, button, a"))?.focus();
    }
    tick();
  }

  function tick() {
    const { ride, exp, hold } = ring.claim;
    const now = Date.now() / 1000;
    if (!ride) clock.textContent = exp > now ? t("claim.until", { when: when(exp) }) : "";
    else if (ride.state === "open" && ride.began !== null) clock.textContent = lasting(Math.max(0, now - ride.began));
    else if (ride.state === "parked" && ride.closed !== null) clock.textContent = t("claim.hold", { left: lasting(Math.max(0, ride.closed + hold - now)) });
    else clock.textContent = "";
  }

  function heading(text) {
    return h("h2", { tabindex: "-1" }, text);
  }

  function again() {
    const { asked } = ring.trouble;
    return asked ? ring.ask(asked) : ring.reach();
  }

  async function letGo(...path) {
    await rider.cancel(ring.claim).catch(() => {}); // no network: it runs out by itself
    return go(place(...path));
  }

  function troubled(wrong) {
    const steps = {
      claim: () => letGo("b", ring.claim.code),
      another: () => letGo(),
      scan: () => letGo("scan"),
      take_over: () => ring.takeOver(),
      report: () => go(place("fault", ring.claim.code)),
      update: app.renew,
      sign_in: () => go(place()),
      other_device: () => go(place("help")),
      keep: async () => (await rider.deliver(), (ring.trouble = null), draw()),
    };
    const sentence = wrong.name ? t(`outcome.${wrong.name}`) : said(wrong);
    const label = wrong.next === "keep" ? t("claim.send") : t(`next.${wrong.next}`);
    return h("div", { class: "alarm" }, h("p", {}, sentence), act(label, steps[wrong.next] ?? again, "big"));
  }

  function ways() {
    const { ride, code } = ring.claim;
    const before = !ride && ring.claim.ours && ring.claim.status === "open" && ring.at !== "asking";
    return [
      before && act(t("claim.cancel"), async () => (await rider.cancel(ring.claim), go(place())), "quiet"),
      way(t("fault.title"), place("fault", code), ""),
      way(t("help.title"), place("help"), ""),
    ];
  }

  /** What each scene shows: a word of what is so, and what one can do. */
  function shown() {
    const { claim } = ring;
    const again = () => act(t("claim.reopen"), () => ring.ask("open"), claim.ride?.state === "parked" ? "big" : "quiet");
    const end = () => act(t("claim.end"), () => ring.ask("end"), "quiet");
    const stop = () => act(t("stop"), () => (ring.leave(), draw()), "quiet");
    const find = () => act(t("claim.find"), () => ring.reach(), "big");
    return {
      elsewhere: () => [heading(t("claim.elsewhere")), soft(t("claim.elsewhere_why")), act(t("next.take_over"), () => ring.takeOver(), "big")],
      over: () => [heading(t("claim.over")), way(t("next.claim"), place("b", claim.code))],
      without: () => [heading(t("help.without")), soft(t("outcome.UNSUPPORTED")), way(t("next.other_device"), place("help"))],
      troubled: () => null,
      apart: () => [heading(t("claim.apart")), soft(t("claim.apart_why")), find()],
      reaching: () => [busy(t("claim.reaching")), stop()],
      greeting: () => [busy(t("claim.greeting")), stop()],
      ready: () => [
        heading(t("claim.colours")),
        swatches(ring.colours),
        act(t("claim.unlock"), () => ring.ask("open"), "huge"),
        act(t("claim.colours_not"), () => letGo("scan"), "quiet"),
        soft(t("claim.colours_why")),
      ],
      asking: () => busy(t("claim.asking")),
      open: () => [heading(t("claim.riding")), soft(t(claim.untold ? "claim.taken_over" : "claim.riding_why")), again(), !claim.untold && end()],
      parked: () => [heading(t("claim.parked")), soft(t(claim.untold ? "claim.taken_over" : "claim.parked_why")), again(), !claim.untold && end()],
      ended: () => [heading(t("claim.ended")), figures(claim.ride), verdict, lasts(claim) && find(), way(t("done"), place()), claim.ride.id && way(t("claim.see"), place("rides", claim.ride.id), "quiet button")],
    }[scene()]();
  }
}

/** Whether it starts more than one ride. */
function lasts({ mode, status }) {
  return mode === "period" && status === "open";
}

function figures({ began, closed }) {
  const lasted = began === null || closed === null ? t("unknown") : lasting(closed - began);
  return facts([[t("ride.began"), when(began)], [t("ride.ended"), when(closed)], [t("ride.lasted"), lasted]]);
}

/** Colours as words, each with its swatch and how often a plain light blinks for it: nobody needs to tell colours. */
export function swatches(colours) {
  const times = (colour) => COLOURS.indexOf(colour) + 1; // SPEC.md section 5
  return h("ol", { class: "colours" }, colours.map((colour) => h("li", { class: `is-${colour}` }, t(`colour.${colour}`), h("small", {}, `${times(colour)}×`))));
}

function every(ms, work) {
  const ticking = setInterval(work, ms);
  return () => clearInterval(ticking);
}
