// A map on Leaflet, loaded only where one is looked at. Tiles are the operator's choice; without any, a plain ground
// with a scale shows where things lie. Lists say the same in words.

import { h } from "../console/dom.js";

const E7 = 1e7;
const GREEN = "#0b6b4f";
const KEYS = ["Enter", " "]; // by which a button is pressed

/** [lat, lon] in degrees from the API's integers. */
export function at(fix) {
  return [fix.lat / E7, fix.lon / E7];
}

/** Metres between two places, near enough for a walk. */
export function between([lat, lon], [other, far]) {
  const east = (far - lon) * Math.cos(((lat + other) * Math.PI) / 360);
  return Math.hypot(other - lat, east) * 111_195;
}

/** A map in this element, or null where the library is not installed. */
export async function drawMap(element) {
  const L = await import("../vendor/leaflet.js").catch(() => null);
  if (!L) return null;
  const map = L.map(element, { attributionControl: false, zoomAnimation: false, fadeAnimation: false, markerZoomAnimation: false });
  const tiles = document.querySelector('meta[name="ringslot-tiles"]');
  if (tiles?.content) {
    const credit = h("span", {}, tiles.dataset.credit).innerHTML; // Leaflet takes HTML; ours is text
    L.control.attribution({ prefix: false }).addTo(map);
    L.tileLayer(tiles.content, { maxZoom: 20, attribution: credit }).addTo(map);
  }
  L.control.scale({ imperial: false }).addTo(map);
  map.setView([52.09, 5.12], 7); // until there is something to look at
  const drawn = L.featureGroup().addTo(map);
  return {
    /** A place, the circle in which it surely lies (m), and what a tap does; a marker is a button for the keyboard too. */
    dot(place, { radius, name, chosen }) {
      if (radius) L.circle(place, { radius, weight: 1, color: GREEN, fillOpacity: 0.12, interactive: false }).addTo(drawn);
      const icon = L.divIcon({ className: "pin", iconSize: [44, 44] });
      const pin = L.marker(place, { icon, title: name, alt: name, keyboard: Boolean(chosen), interactive: Boolean(chosen) }).addTo(drawn);
      if (chosen) pin.on("click", chosen).on("keypress", ({ originalEvent }) => KEYS.includes(originalEvent.key) && chosen());
    },
    here(place) {
      L.circleMarker(place, { radius: 8, color: "#fff", weight: 3, fillColor: "#1f6fb2", fillOpacity: 1, interactive: false }).addTo(drawn);
    },
    line: (places) => L.polyline(places, { color: GREEN, weight: 5, interactive: false }).addTo(drawn),
    clear: () => drawn.clearLayers(),
    fit: (places) => places.length && map.fitBounds(places, { padding: [32, 32], maxZoom: 17 }),
    end: () => map.remove(),
  };
}
