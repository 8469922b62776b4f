// The bicycle that one stands at: is it free, and a claim with one tap.

import { h, show } from "../../console/dom.js";
import { act, soft, way } from "../ui.js";
import { t } from "../words.js";
import { where } from "./bikes.js";

export async function open(into, { code }, app) {
  const mine = (await app.rider.claims()).find((one) => one.code === code && one.status === "open");
  if (mine) return void app.go(app.place("claims", mine.claim_id), { instead: true });
  let bike;
  try {
    bike = await app.rider.bike(code);
  } catch (refused) {
    if (refused.code !== "not_found") throw refused;
    return void show(into, h("h1", {}, t("bike.unknown", { code })), soft(t("bike.unknown_why")), way(t("scan.menu"), app.place("scan")), way(t("bikes.title"), app.place(), "quiet button"));
  }
  show(
    into,
    h("h1", {}, bike.label),
    bike.label !== bike.code && h("p", { class: "plate" }, bike.code),
    bike.state === "free" && soft(where(bike.fix)),
    h("p", { class: bike.state === "free" ? "good" : "note" }, t(`bike.${bike.state}`)),
    bike.state === "free"
      ? act(t("bike.claim"), async () => app.go(app.place("claims", (await app.rider.claim({ code, ...(bike.kind === "pooled" && { mode: "period" }) })).claim_id)), "big")
      : way(t("bike.others"), app.place()),
    bike.state === "free" && soft(t("bike.costs_nothing")),
    h("p", { class: "ways" }, way(t("fault.title"), app.place("fault", code), ""), bike.state === "in_use" && way(t("bike.mine"), app.place("claims"), "")),
  );
}
