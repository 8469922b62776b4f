// Where something was, as a line on a map that grows while one looks.

import { h, show } from "./dom.js";
import { drawMap } from "./map.js";
import { t } from "./words.js";

const LINE = { color: "#0b6b4f", weight: 4 };
const LAST = { color: "#ffffff", fillColor: "#0b6b4f", fillOpacity: 1, radius: 7 };

/** {draw(geometry, name), end()}: GeoJSON as the API gives it; `name` of its last point. One map, whatever comes: who has
 *  moved or zoomed it stays where they are, but for a last point that left the picture. */
export function track(into) {
  let chart = null;
  let line = null;
  return { draw, end: () => chart?.end() };

  async function draw(geometry, name) {
    const way = positions(geometry);
    if (!way.length) return chart || show(into, h("p", { class: "empty" }, t("lock.nowhere")));
    const label = t("lock.track_map", { n: way.length });
    if (line) {
      into.querySelector(".map").setAttribute("aria-label", label);
      line.setLatLngs(way);
      chart.see(way.at(-1));
    } else {
      const ground = h("div", { class: "map", role: "application", "aria-label": label });
      show(into, ground);
      chart = await drawMap(ground);
      if (!chart) return; // the map says why
      line = chart.line(way, LINE);
      chart.fit(way);
    }
    chart.dot("last", way.at(-1), LAST, name);
  }
}

/** [[lat, lon]] of a LineString, a Point or nothing. */
function positions(geometry) {
  const found = geometry?.type === "Point" ? [geometry.coordinates] : (geometry?.coordinates ?? []);
  return found.map(([lon, lat]) => [lat, lon]);
}
