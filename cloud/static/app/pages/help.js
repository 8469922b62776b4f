// What works when the phone does not: plainly, for browsers without Bluetooth too.

import { h, show } from "../../console/dom.js";
import { support } from "../link/link.js";
import { soft, way } from "../ui.js";
import { t } from "../words.js";

const MATTERS = ["device", "hand", "technician"];

export async function open(into, _place, app) {
  const radio = await support();
  show(
    into,
    h("h1", {}, t("help.title")),
    h("p", { class: radio === "ready" ? "good" : "note" }, t(`help.${radio}`)),
    MATTERS.map((matter) => [h("h2", {}, t(`help.${matter}`)), soft(t(`help.${matter}_why`))]),
    way(t("claims.title"), app.place("claims")),
    way(t("fault.title"), app.place("fault"), "quiet button"),
  );
}
