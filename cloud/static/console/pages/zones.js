// Zones: where bicycles belong and where not. Drawn by clicking on the map, or by typing corners.

import { all, get, Refused, send } from "../api.js";
import { h, show } from "../dom.js";
import { button, form } from "../form.js";
import { drawMap } from "../map.js";
import { ownerField } from "../owner.js";
import { table } from "../table.js";
import { t, when, word } from "../words.js";

const KINDS = ["parking", "no_parking", "service_area"];
const DIGITS = 6; // of a degree; the last is some ten centimetres

export async function open(_place, into, _heading, me) {
  const mayDraw = me.role === "admin";
  const ground = h("div", { class: "map", role: "application", "aria-label": t("zones.map") });
  const list = h("div");
  const desk = h("div");
  into.append(ground, desk, list);
  const chart = await drawMap(ground);
  const owner = mayDraw ? await ownerField(me) : {};
  let shapes = [];
  let drawing = null; // the form's corners, while there is a form
  const stopClicks = chart?.clicked(([lat, lon]) => drawing?.add(lat, lon));
  if (mayDraw) begin(null);
  const zones = await fill();
  if (zones.length) chart?.fit(zones.flatMap(corners));
  else chart?.fit(await whereBikesAre());
  return () => {
    stopClicks?.();
    chart?.end();
  };

  async function fill() {
    const zones = await Array.fromAsync(all("/zones", "zones"));
    shapes.forEach((shape) => shape.remove());
    shapes = zones.map((zone) => chart?.zone(zone)).filter(Boolean);
    const columns = [
      { head: t("zones.name"), cell: (zone) => zone.name },
      { head: t("zones.kind"), cell: (zone) => word("zone", zone.kind) },
      { head: t("zones.since"), cell: (zone) => when(zone.since) },
      { head: t("frame.actions"), cell: (zone) => acts(zone) },
    ];
    show(list, zones.length ? table(t("zones.title"), mayDraw ? columns : columns.slice(0, -1), zones) : h("p", { class: "empty" }, t("zones.none")));
    return zones;
  }

  function acts(zone) {
    const see = () => chart?.fit(corners(zone));
    return [
      button(t("frame.edit"), async () => (begin(await read(zone.zone_id)), see()), { name: t("zones.edit", zone) }),
      button(t("frame.remove"), async () => (await send("DELETE", `/zones/${zone.zone_id}`), await fill()), { name: t("zones.remove", zone), sure: t("zones.sure", zone) }),
    ];
  }

  /** The zone as it holds now, and what was read for that. */
  async function read(id) {
    const seen = await get(`/zones/${id}`);
    return { ...seen.versions.find((version) => version.until === null), seen };
  }

  /** The form, for a new zone or for this one. */
  function begin(zone) {
    const fields = {
      name: { label: t("zones.name"), required: true, maxlength: 64, value: zone?.name },
      kind: { label: t("zones.kind"), kind: "select", choices: KINDS.map((kind) => [kind, word("zone", kind)]), value: zone?.kind },
      corners: { label: t("zones.corners"), hint: t("zones.how"), kind: "area", rows: 6, required: true, spellcheck: "false", value: zone ? written(corners(zone).slice(0, -1)) : "" },
      ...(zone ? {} : owner),
    };
    const undo = h("button", { type: "button", class: "quiet", onclick: () => drawing.set(drawing.read().slice(0, -1)) }, t("zones.undo"));
    const cancel = h("button", { type: "button", class: "quiet", onclick: () => begin(null) }, t("frame.cancel"));
    const made = form(zone ? t("zones.edit", zone) : t("zones.new"), fields, t("frame.save"), save, {
      before: h("h2", {}, zone ? t("zones.edit", zone) : t("zones.new")),
      after: [undo, cancel],
    });
    drawing?.clear();
    drawing = sketch(chart, made.fields.corners);
    show(desk, made);
    if (zone) made.fields.name.focus();

    async function save(values) {
      const { corners: _text, ...body } = values;
      body.polygon = polygon(typed(made.fields.corners.value), zone?.polygon.coordinates.slice(1));
      if (zone) await send("PATCH", `/zones/${zone.zone_id}`, body, zone.seen);
      else await send("POST", "/zones", body);
      begin(null);
      await fill();
    }
  }
}

/** Corners as they are typed, and the same on the map. */
function sketch(chart, text) {
  let shape = null;
  const read = () => text.value.split("\n").map(position).filter(Boolean);
  const draw = () => {
    shape?.remove();
    const way = read();
    shape = way.length ? chart?.line([...way, way[0]], { color: "#7a5200", weight: 3, dashArray: "6 4" }) : null;
  };
  const set = (way) => ((text.value = written(way)), draw());
  text.addEventListener("input", draw);
  draw();
  return { read, set, add: (lat, lon) => set([...read(), [lat, lon]]), clear: () => shape?.remove() };
}

/** "52.1, 5.1" as [52.1, 5.1]; null if it is no position. */
function position(line) {
  const numbers = line.trim().split(/[\s,;]+/).map(Number);
  return line.trim() && numbers.length === 2 && numbers.every(Number.isFinite) ? numbers : null;
}

function written(way) {
  return way.map(([lat, lon]) => `${lat.toFixed(DIGITS)}, ${lon.toFixed(DIGITS)}`).join("\n");
}

/** The corners, none passed over: what is no position is refused before anything is sent. */
function typed(text) {
  return text.split("\n").filter((line) => line.trim()).map((line) => {
    const found = position(line);
    if (!found) throw new Refused(0, "corner", t("zones.no_corner", { line }));
    return found;
  });
}

/** GeoJSON: longitude first, and closed. Holes stay as somebody else's program drew them. */
function polygon(way, holes = []) {
  const ring = way.map(([lat, lon]) => [lon, lat]);
  return { type: "Polygon", coordinates: [[...ring, ...ring.slice(0, 1)], ...holes] };
}

function corners(zone) {
  return zone.polygon.coordinates[0].map(([lon, lat]) => [lat, lon]);
}

async function whereBikesAre() {
  const { columns, rows } = await get("/fleet");
  const [lat, lon] = [columns.indexOf("lat"), columns.indexOf("lon")];
  return rows.filter((row) => row[lat] != null).map((row) => [row[lat] / 1e7, row[lon] / 1e7]);
}
