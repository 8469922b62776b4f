// Bicycles near me, as a list and on a map: each with how old and how exact its position is. Where I am stays here.

import { h, show } from "../../console/dom.js";
import { at, between, drawMap } from "../map.js";
import { act, soft, way } from "../ui.js";
import { ago, metres, t } from "../words.js";

const SHOWN = 50; // of the list; a code that is typed or scanned finds any
let here = null; // [lat, lon], kept while the app is open, and told to nobody

export async function open(into, _place, app) {
  const { bikes, at: asked, stale } = await app.rider.bikes();
  const list = h("ul", { class: "list" });
  const ground = h("div", { class: "map", role: "region", "aria-label": t("bikes.map") });
  const count = h("p", { class: "soft", role: "status" });
  let chart = null;
  show(
    into,
    h("h1", {}, t("bikes.title")),
    h("div", { class: "row" }, way(t("scan.menu"), app.place("scan")), act(t("bikes.near"), locate, "quiet")),
    stale && h("p", { class: "note" }, t("bikes.stale", { when: ago(now() - asked) })),
    bikes.some((one) => one.fix) && ground,
    count,
    list,
  );
  tell();
  drawn(); // the list does not wait for it
  return () => (chart?.end(), (chart = false));

  async function drawn() {
    const made = await drawMap(ground);
    if (chart === false || !made) return made?.end() ?? ground.remove(); // left meanwhile; or no library
    chart = made;
    mark();
  }

  function tell() {
    const far = (bike) => (here && bike.fix ? between(here, at(bike.fix)) : Infinity);
    bikes.sort((one, other) => far(one) - far(other) || one.code.localeCompare(other.code, undefined, { numeric: true }));
    count.textContent = bikes.length ? t("bikes.count", { n: bikes.length }) : t("bikes.none");
    show(list, bikes.slice(0, SHOWN).map((bike) => h("li", {}, h("a", { href: app.place("b", bike.code) }, h("strong", {}, bike.label), h("span", {}, here && bike.fix && metres(far(bike))), h("small", {}, [bike.label !== bike.code && bike.code, where(bike.fix)].filter(Boolean).join(" · "))))));
  }

  function mark() {
    chart.clear();
    for (const bike of bikes.filter((one) => one.fix)) chart.dot(at(bike.fix), { radius: bike.fix.accuracy_dm / 10, name: bike.label, chosen: () => app.go(app.place("b", bike.code)) });
    if (here) chart.here(here);
    const near = bikes.filter((one) => one.fix).slice(0, here ? 5 : SHOWN).map((one) => at(one.fix));
    chart.fit(here ? [here, ...near] : near);
  }

  async function locate() {
    here = await position();
    tell();
    if (chart) mark();
  }
}

/** How old and how exact a position is. */
export function where(fix) {
  return fix ? t("bikes.seen", { ago: ago(fix.age_s), within: metres(fix.accuracy_dm / 10) }) : t("bikes.nowhere");
}

function position() {
  return new Promise((found, failed) => {
    const no = (error) => failed({ code: error?.code === 1 ? "place_denied" : "place_unknown" });
    if (!navigator.geolocation) return no();
    navigator.geolocation.getCurrentPosition(({ coords }) => found([coords.latitude, coords.longitude]), no, { timeout: 10_000, maximumAge: 60_000 });
  });
}

function now() {
  return Date.now() / 1000;
}
