// A map on Leaflet, drawn on one canvas so that ten thousand bicycles move as one. Tiles are the operator's choice;
// without any there is a plain ground with a scale, on which bicycles, zones and tracks still lie where they are.

import { t } from "./words.js";

const E7 = 1e7;
const COLOURS = { parking: "#0b6b4f", no_parking: "#a3241c", service_area: "#1f6fb2" };
let leaflet = null;

/** The library, or null where it is not installed. */
async function library() {
  leaflet ??= await import("/static/vendor/leaflet.js").catch(() => null);
  return leaflet;
}

/** [lat, lon] in degrees from the API's integers. */
export function at(fix) {
  return [fix.lat / E7, fix.lon / E7];
}

/** A map in this element; null after saying why there is none, or when the element's page was left meanwhile. */
export async function drawMap(element) {
  const L = await library();
  if (!element.isConnected) return null;
  if (!L) {
    element.textContent = t("fleet.no_map");
    element.classList.add("empty");
    return null;
  }
  const said = document.querySelector('meta[name="ringslot-tiles"]');
  const zoomSnap = said?.content ? 1 : 0.25; // tiles are sharp at whole steps only
  const map = L.map(element, { preferCanvas: true, zoomSnap, zoomAnimation: !still(), fadeAnimation: !still(), attributionControl: false });
  if (said?.content) {
    L.control.attribution({ prefix: false }).addTo(map);
    L.tileLayer(said.content, { maxZoom: 20, attribution: text(said.dataset.credit) }).addTo(map);
  }
  L.control.scale({ imperial: false }).addTo(map);
  map.setView([52.09, 5.12], 7); // until there is something to look at
  return new Chart(L, map);
}

class Chart {
  constructor(L, map) {
    Object.assign(this, { L, map, dots: new Map() });
  }

  /** Where a thing is: `look` is a colour and a radius; `name` is shown when pointed at; `chosen` on a click. */
  dot(id, position, look, name, chosen) {
    let dot = this.dots.get(id);
    if (!dot) {
      dot = this.L.circleMarker(position, { weight: 2 }).addTo(this.map);
      this.dots.set(id, dot);
      if (chosen) dot.on("click", chosen);
    }
    dot.setLatLng(position).setStyle(look).setRadius(look.radius);
    dot.unbindTooltip();
    if (name) dot.bindTooltip(text(name));
    return dot;
  }

  remove(id) {
    this.dots.get(id)?.remove();
    this.dots.delete(id);
  }

  line(positions, look) {
    return this.L.polyline(positions, look).addTo(this.map);
  }

  zone({ kind, polygon }, name) {
    const shape = this.L.geoJSON(polygon, { style: { color: COLOURS[kind], weight: 2, fillOpacity: 0.15 } }).addTo(this.map);
    if (name) shape.bindTooltip(text(name));
    return shape;
  }

  /** `heard([lat, lon])` for each click on the ground; returns what ends it. */
  clicked(heard) {
    const tell = (event) => heard([event.latlng.lat, event.latlng.lng]);
    this.map.on("click", tell);
    return () => this.map.off("click", tell);
  }

  /** Moves to what there is. */
  fit(positions) {
    if (positions.length) this.map.fitBounds(positions, { padding: [24, 24], maxZoom: 17, animate: false });
  }

  /** Moves only if it is out of sight. */
  see(position) {
    if (!this.map.getBounds().contains(position)) this.map.panTo(position);
  }

  /** A frame late: Leaflet 1.9.4's canvas loses sight of a frame it has asked for when a move draws at once, and would
   *  draw then on what is gone. That frame comes before this one. */
  end() {
    requestAnimationFrame(() => this.map.remove());
  }
}

/** Leaflet takes HTML; what we give it is text. */
function text(value) {
  const span = document.createElement("span");
  span.textContent = value ?? "";
  return span.innerHTML;
}

function still() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
