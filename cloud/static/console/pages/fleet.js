// The whole fleet: a map, and a table that says the same in words; both follow what changes.

import { all, get } from "../api.js";
import { place, go } from "../app.js";
import { h, show } from "../dom.js";
import { listen } from "../live.js";
import { at, drawMap } from "../map.js";
import { table } from "../table.js";
import { ago, t, volts, word } from "../words.js";

const SHOWN = 100; // rows of the table; the field above it finds the others
const codes = new Intl.Collator(undefined, { numeric: true }); // made once: ten thousand are compared at a keystroke
const SETTLE_MS = 500; // so long changes are gathered before they are asked for
const HEARD = ["lock.state", "lock.moved", "ride.started", "ride.parked", "ride.resumed", "ride.ended", "attention.opened", "attention.closed", "asset.lock"];

const COLUMNS = [
  { head: t("fleet.bike"), cell: (bike) => h("a", { href: place("locks", bike.lock_id) }, bike.bike) },
  { head: t("fleet.state"), cell: (bike) => h("span", { class: `state state-${bike.state}` }, bike.riding ? t("fleet.riding") : word("state", bike.state)) },
  { head: t("fleet.battery"), cell: (bike) => volts(bike.battery_mv), number: true },
  { head: t("fleet.heard"), cell: (bike) => ago(bike.seen_at) },
  { head: t("fleet.attention"), cell: (bike) => (bike.rank == null ? h("span", { class: "soft" }, t("fleet.fine")) : h("a", { class: "tag bad", href: place("attention") }, t("fleet.look"))) },
];

export async function open(_place, into) {
  const bikes = new Map(); // lock id → bicycle
  let newest = await load();
  if (!bikes.size) return void into.append(h("p", { class: "empty" }, t("fleet.empty")));

  const list = h("div");
  const count = h("p", { class: "soft", role: "status" });
  const find = h("input", { type: "search", oninput: tell, autocomplete: "off", spellcheck: "false" });
  const ground = h("div", { class: "map", role: "application", "aria-label": t("fleet.map") });
  into.append(ground, h("div", { class: "tools" }, h("label", {}, t("fleet.find"), find), count), list);
  const chart = await drawMap(ground);
  for (const zone of await Array.fromAsync(all("/zones", "zones"))) chart?.zone(zone, zone.name);
  const placed = () => [...bikes.values()].filter((bike) => bike.lat != null);
  chart?.fit(placed().map(at));
  draw(placed());
  tell();

  async function load(since) {
    const fleet = await get("/fleet", { since });
    const changed = fleet.rows.map((row) => Object.fromEntries(fleet.columns.map((name, index) => [name, row[index]])));
    for (const bike of changed) bikes.set(bike.lock_id, bike);
    if (since != null) draw(changed.filter((bike) => bike.lat != null));
    return fleet.at;
  }

  function draw(changed) {
    for (const bike of changed) chart?.dot(bike.lock_id, at(bike), look(bike), `${bike.bike} · ${volts(bike.battery_mv)}`, () => go(place("locks", bike.lock_id)));
  }

  function tell() {
    const wanted = find.value.trim().toLowerCase();
    const found = [...bikes.values()].filter((bike) => `${bike.bike} ${bike.lock_id}`.toLowerCase().includes(wanted)).sort(gravest);
    count.textContent = t("fleet.count", { n: found.length, riding: found.filter((bike) => bike.riding).length, look: found.filter((bike) => bike.rank != null).length });
    show(list, found.length ? table(t("fleet.caption"), COLUMNS, found.slice(0, SHOWN)) : h("p", { class: "empty" }, t("fleet.nobody")));
  }

  let due = 0;
  const silence = listen([...HEARD, "reset"], () => {
    due ||= setTimeout(async () => {
      due = 0;
      newest = await load(newest - 1).catch(() => newest); // a lost link: the next change asks again
      tell();
    }, SETTLE_MS);
  });
  return () => {
    silence();
    clearTimeout(due);
    chart?.end();
  };
}

/** What needs a person first, then by the code on the sticker. */
function gravest(one, other) {
  return (one.rank ?? 99) - (other.rank ?? 99) || codes.compare(one.bike, other.bike);
}

function look(bike) {
  const colour = bike.rank != null ? "#c0392b" : bike.riding ? "#1f6fb2" : "#0b6b4f";
  return { color: "#ffffff", fillColor: colour, fillOpacity: 1, radius: bike.rank != null ? 8 : 6 };
}
